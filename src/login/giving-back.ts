// What was taken and must be given back, although the storage may falter just then (R7): a request that has waited for it long enough is
// refused every further question, this one as well. So it is tried again beside the answer, until it is given back or its time is over.

import { setTimeout as delay } from 'node:timers/promises';

/** As long as the answer waits: a storage that is well again has taken it by then. */
const ANSWER_WAITS_MS = 250;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 400;

export interface GivingBack {
  /**
   * Resolves soon, and goes on beside it.
   *
   * @param give tries once. @returns nothing is left to be done
   * @param triedForMs after this it is given up
   */
  begin(key: string, give: () => Promise<boolean>, triedForMs: number): Promise<void>;
  /** Whoever asks for what stands under the key comes after what this process owes. @throws what a try throws: it could not be given back yet */
  settle(key: string): Promise<void>;
}

export function createGivingBack(): GivingBack {
  /** by key: tries of one debt each */
  const owed = new Map<string, Set<() => Promise<void>>>();

  return {
    async begin(key, give, triedForMs) {
      const begunAtMs = performance.now();
      const looks = owed.get(key) ?? new Set();
      owed.set(key, looks);
      const end = () => {
        looks.delete(look);
        if (looks.size === 0 && owed.get(key) === looks) owed.delete(key);
      };
      const look = async () => {
        if (await give()) end();
      };
      looks.add(look);
      const goOn = async () => {
        let pauseMs = FIRST_PAUSE_MS;
        while (looks.has(look)) {
          await delay(pauseMs, undefined, { ref: false });
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
          if (looks.has(look)) await look().catch(() => {});
          if (performance.now() - begunAtMs > triedForMs) end();
        }
      };
      const first = look().catch(() => {});
      void first.then(goOn);
      await Promise.race([first, delay(ANSWER_WAITS_MS, undefined, { ref: false })]);
    },
    async settle(key) {
      for (const look of owed.get(key) ?? []) await look();
    },
  };
}
