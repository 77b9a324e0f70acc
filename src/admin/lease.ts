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
  const written = () => `${token}.${clock.now() + LEASE_SECONDS}`;
  const isOurs = (holder: string | undefined) => holder?.split('.')[0] === token;
  if (!(await store.putIfAbsent(key, written(), LEASE_SECONDS))) return undefined;
  let keptAt = clock.now();
  return {
    async keep() {
      if (clock.now() - keptAt < LEASE_SECONDS / 3) return true;
      const isKept = await store.update<string, boolean>(key, (holder) =>
        isOurs(holder)
          ? { kind: 'write', value: written(), ttlSeconds: LEASE_SECONDS, result: true }
          : { kind: 'keep', result: false },
      );
      if (isKept) keptAt = clock.now();
      return isKept;
    },
    release: () =>
      store.update<string, void>(key, (holder) => ({ kind: isOurs(holder) ? 'remove' : 'keep', result: undefined })),
  };
}

/** How long what somebody else has lasts from now on, unless it is kept on: in so many seconds a crash has left nothing of it. */
export async function findLeaseSeconds(parts: { store: Store; clock: Clock }, key: string): Promise<number> {
  const endsAt = Number((await parts.store.get<string>(key))?.split('.')[1]);
  const left = endsAt - parts.clock.now();
  return left >= 1 && left <= LEASE_SECONDS ? left : LEASE_SECONDS;
}
