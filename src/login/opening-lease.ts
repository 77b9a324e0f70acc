// One opening at a time within an attempt: a second press of the button would make the vendor overwrite the first callback (T1). Whoever
// opens holds a lease, and gives it back however it went: when an opening fails the next press is to work, and what it may find at
// the vendor is the session of the first, which is then its own.

import { setTimeout as delay } from 'node:timers/promises';
import { createGivingBack } from './giving-back.ts';
import type { Store } from './ports.ts';
import { newToken } from './tokens.ts';

/** An opening may take as long as the vendor's create, retries and all; one whose process died is over after this (R6). */
const LEASE_SECONDS = 5;
const RENEWED_MS = 1_500;
/** A vendor that answers does so within this. */
const LONGEST_WAIT_MS = 3_000;
const LOOK_AGAIN_MS = 50;

export interface OpeningLease {
  /** @returns what the work gives; undefined when somebody else is at it, and nothing was done */
  alone<T>(uid: string, work: () => Promise<T>): Promise<T | undefined>;
  /** Is somebody at it? Only to be told: what holds at the next moment nobody knows. */
  isHeld(uid: string): Promise<boolean>;
  /** Resolves once nobody is at it any more, or after some seconds all the same. */
  whenFree(uid: string): Promise<void>;
}

export function createOpeningLease({ store }: { store: Store }): OpeningLease {
  const keyOf = (uid: string) => `opening:${uid}`;
  const givingBack = createGivingBack();

  /** One that was given back stays so, however late this comes. What ends early lets a second press through, and both lead to one session. */
  function renew(key: string, owner: string): Promise<void> {
    return store.update<string, void>(key, (holder) =>
      holder === owner
        ? { kind: 'write', value: owner, ttlSeconds: LEASE_SECONDS, result: undefined }
        : { kind: 'keep', result: undefined },
    );
  }

  /** @returns was it there, and is gone? Somebody else's stays */
  function drop(key: string, owner: string): Promise<boolean> {
    return store.update<string, boolean>(key, (holder) =>
      holder === owner ? { kind: 'remove', result: true } : { kind: 'keep', result: false },
    );
  }

  /** @param isWritten is it known to be there? Else its write may be on its way still, and is waited for */
  function giveBack(key: string, owner: string, { isWritten }: { isWritten: boolean }): Promise<void> {
    return givingBack.begin(key, async () => (await drop(key, owner)) || isWritten, LEASE_SECONDS * 1000);
  }

  const lease: OpeningLease = {
    async alone(uid, work) {
      const key = keyOf(uid);
      // whoever presses again here comes after what is owed, and need not be told to wait for it
      await givingBack.settle(key);
      const owner = newToken();
      let isTaken: boolean;
      try {
        isTaken = await store.putIfAbsent(key, owner, LEASE_SECONDS);
      } catch (error) {
        await giveBack(key, owner, { isWritten: false });
        throw error;
      }
      if (!isTaken) return undefined;
      const renewal = setInterval(() => void renew(key, owner).catch(() => {}), RENEWED_MS);
      try {
        return await work();
      } finally {
        clearInterval(renewal);
        await giveBack(key, owner, { isWritten: true });
      }
    },
    isHeld: async (uid) => (await store.get(keyOf(uid))) !== undefined,
    async whenFree(uid) {
      const untilMs = performance.now() + LONGEST_WAIT_MS;
      while ((await lease.isHeld(uid)) && performance.now() < untilMs) await delay(LOOK_AGAIN_MS);
    },
  };
  return lease;
}
