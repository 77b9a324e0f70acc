// Removes what has expired. Reads never see an expired record, so this is about space only (R13); it works in small steps
// with a turn of the event loop between them, so that no login waits behind a day's rubbish.

import type { Clock } from '../login/ports.ts';
import type { Rows } from './backend.ts';

const STEP = 500;

/** @returns how many records went; those that expire meanwhile are left for the next time */
export async function sweep(rows: Rows, clock: Clock): Promise<number> {
  const now = clock.now();
  let total = 0;
  for (;;) {
    const removed = await rows.removeExpired(now, STEP);
    total += removed;
    if (removed < STEP) return total;
    await new Promise(setImmediate);
  }
}
