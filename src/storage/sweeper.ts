// Removes expired rows every minute, in one process of all that share a storage: whoever comes first in a minute does it for the others.
// The first time is soon after the start, or a process that is restarted again and again would never come to it.

import type { Logger, Store } from '../login/ports.ts';
import type { Backend } from './backend.ts';

const EVERY_MS = 60_000;
/** The first time is between half of this and the whole: processes that start together do not ask together. */
const FIRST_MS = 10_000;
/** A little less than the interval: nobody's turn is missed because a timer fired early. */
const TURN_SECONDS = 55;
const TURN_KEY = 'sweep:expired';

export interface Sweeper {
  start(): void;
  /** Takes the turn if it is free. Never throws: what is left now goes the next time. */
  sweep(): Promise<void>;
  stop(): void;
}

export function createSweeper(parts: {
  readonly backend: Pick<Backend, 'sweepExpired'>;
  readonly store: Pick<Store, 'putIfAbsent'>;
  readonly log: Logger;
}): Sweeper {
  const { backend, store, log } = parts;
  let timer: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    try {
      if (await store.putIfAbsent(TURN_KEY, true, TURN_SECONDS)) await backend.sweepExpired();
    } catch (error) {
      log.warn({ err: error }, 'expired rows could not be removed');
    }
  }

  function sweepAfter(ms: number): void {
    timer = setTimeout(() => {
      sweepAfter(EVERY_MS);
      void sweep();
    }, ms);
    timer.unref();
  }

  return {
    start: () => sweepAfter(FIRST_MS * (0.5 + Math.random() / 2)),
    sweep,
    stop: () => clearTimeout(timer),
  };
}
