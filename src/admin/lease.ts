// The right to do something that only one process may do at a time, for as long as it goes on asking: what a crash leaves behind ends
// by itself.

import type { Clock, Store } from '../login/ports.ts';
import { newToken } from '../login/tokens.ts';

export interface Lease {
  /** Call before each step. @returns false when somebody else has it now: this process stood still for too long */
  keep(): Promise<boolean>;
  release(): Promise<void>;
}

export const LEASE_SECONDS = 60;

/** @returns undefined when somebody else has it */
export async function takeLease(parts: { store: Store; clock: Clock }, key: string): Promise<Lease | undefined> {
  const { store, clock } = parts;
  const token = newToken();
  if (!(await store.putIfAbsent(key, token, LEASE_SECONDS))) return undefined;
  let keptAt = clock.now();
  return {
    async keep() {
      if (clock.now() - keptAt < LEASE_SECONDS / 3) return true;
      const isOurs = await store.update<string, boolean>(key, (holder) =>
        holder === token
          ? { kind: 'write', value: token, ttlSeconds: LEASE_SECONDS, result: true }
          : { kind: 'keep', result: false },
      );
      if (isOurs) keptAt = clock.now();
      return isOurs;
    },
    release: () =>
      store.update<string, void>(key, (holder) => ({ kind: holder === token ? 'remove' : 'keep', result: undefined })),
  };
}
