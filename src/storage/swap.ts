// `Rows.change` by comparing and swapping, for engines across a network: read, decide here, and write only if the row is still
// the one that was read. No lock is held while this process thinks, so one that is paused or killed in between holds up nobody.

import { setTimeout as delay } from 'node:timers/promises';
import type { Decide, RowChange } from './backend.ts';
import { assertInTime, type Turn } from './deadlines.ts';

/** Long enough that two who collide do not collide again, short enough for fifty to have had their turn within the deadline. */
const LONGEST_PAUSE_MS = 3;

/** A row as it was read. `version` names this writing of it, also when its life is over; undefined: there was no row at all. */
export interface SeenRow {
  /** undefined also when its life is over */
  readonly text: string | undefined;
  readonly version: string | undefined;
  readonly expiresAt: number;
}

/**
 * Repeats until nobody was faster. One of those who collide always gets through, and within a process changes of one key
 * come one after the other (`key-order.ts`), so the repeats are bounded by the number of processes, and by the deadline.
 *
 * @param swap returns false when the row is no longer the one seen
 * @throws StorageUnavailable others were faster until the time was over; nothing is changed
 */
export async function changeBySwap<R>(options: {
  readonly engine: string;
  readonly turn: Turn;
  readonly decide: Decide<R>;
  readonly see: () => Promise<SeenRow>;
  readonly swap: (seen: SeenRow, change: Exclude<RowChange<R>, { kind: 'keep' }>) => Promise<boolean>;
}): Promise<R> {
  const { engine, turn, decide, see, swap } = options;
  for (;;) {
    const seen = await see();
    const change = decide(seen.text, seen.expiresAt);
    if (change.kind === 'keep') return change.result;
    if (change.kind === 'remove' && seen.version === undefined) return change.result;
    if (await swap(seen, change)) return change.result;
    await delay(LONGEST_PAUSE_MS * Math.random());
    assertInTime(turn, engine);
  }
}
