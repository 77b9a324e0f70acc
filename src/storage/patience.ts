// How long an operation waits for an engine that has just kept another one waiting in vain. A request asks the storage several times, the
// library even after it was refused, and is answered in time all the same (R7): only the first waits as long as an operation may.

/** Enough for an engine that answers again, also some way off. */
const SHORT_MS = 200;
/** What one request asks one after the other falls within this. */
const LOST_MS = 500;

export interface Patience {
  /** @returns milliseconds, for an operation that begins now */
  take(): number;
  /** An operation that had so long got no answer. */
  lose(ms: number): void;
  /** The engine does what it is asked. */
  regain(): void;
}

/** @param wholeMs as long as an operation may take */
export function createPatience(wholeMs: number): Patience {
  const shortMs = Math.min(SHORT_MS, wholeMs);
  let isLost = false;
  let shortUntilMs = 0;
  return {
    take() {
      if (!isLost) return wholeMs;
      const now = performance.now();
      if (now < shortUntilMs) return shortMs;
      // one at a time is given all of it: the engine may only have become slow
      shortUntilMs = now + wholeMs;
      return wholeMs;
    },
    lose(ms) {
      if (ms < wholeMs) return;
      isLost = true;
      shortUntilMs = performance.now() + LOST_MS;
    },
    regain() {
      isLost = false;
    },
  };
}
