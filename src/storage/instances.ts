// Who runs on this storage: each process that serves says so every few seconds, with the keys it has and none of their secrets. What
// changes keys, or must not be done beside a running provider, asks here.

import type { KeysHeld } from '../core/key-rotation.ts';
import type { Store } from '../login/ports.ts';

export interface RunningInstance {
  /** random, new with each start */
  readonly id: string;
  /** epoch seconds */
  readonly startedAt: number;
  readonly keys: KeysHeld;
}

export interface Instances {
  /** Safe to repeat; what was said last counts for `INSTANCE_SECONDS`. */
  announce(instance: RunningInstance): Promise<void>;
  /** Those that said so lately. One that was killed is still among them for that long; one that stands still is not. */
  list(): Promise<readonly RunningInstance[]>;
  withdraw(id: string): Promise<void>;
}

export const INSTANCE_SECONDS = 30;
const PREFIX = 'instance:';

export function createInstances({ store }: { store: Store }): Instances {
  return {
    announce: (instance) => store.set(`${PREFIX}${instance.id}`, instance, INSTANCE_SECONDS),
    async list() {
      const keys = await store.keys(PREFIX);
      const found = await Promise.all(keys.map((key) => store.get<RunningInstance>(key)));
      return found.filter((instance) => instance !== undefined);
    },
    withdraw: (id) => store.delete(`${PREFIX}${id}`),
  };
}
