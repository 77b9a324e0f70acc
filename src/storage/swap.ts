// `Rows.change` by comparing and swapping, for engines across a network: read, decide here, and write only if the row is still
// the one that was read. No lock is held while this process thinks, so one that is paused or killed in between holds up nobody.

import { setTimeout as delay } from 'node:timers/promises';
import type { Decide, RowChange } from './backend.ts';
import { assertInTime, type Turn } from './deadlines.ts';
import type { Row, SeenRows } from './seen-rows.ts';

/** Long enough that two who collide do not collide again, short enough for fifty to have had their turn within the deadline. */
const LONGEST_PAUSE_MS = 3;

type Swap<R> = Exclude<RowChange<R>, { kind: 'keep' }>;

/**
 * Begins with the row as it was seen last, where it is known, or with none, where it is new, and looks at it only if it is another one by
 * now, or is to stay as it is. Repeats until nobody was faster: one of those who collide always gets through, and within a process changes of one key come one
 * after the other (`key-order.ts`), so the repeats are bounded by the number of processes, and by the deadline.
 *
 * @param see the row as it is, also when its life is over; undefined: there is none
 * @param swap returns false when the row is no longer the one seen, in text and end
 * @throws StorageUnavailable others were faster until the time was over; nothing is changed
 */
export async function changeBySwap<R>(options: {
  readonly engine: string;
  readonly turn: Turn;
  readonly key: string;
  readonly now: number;
  readonly decide: Decide<R>;
  /** there is probably no row: one is made before anybody has looked, where none was seen */
  readonly isNew: boolean;
  readonly seenRows: SeenRows;
  readonly see: () => Promise<Row | undefined>;
  readonly swap: (seen: Row | undefined, change: Swap<R>) => Promise<boolean>;
}): Promise<R> {
  const { engine, turn, key, now, decide, isNew, seenRows, see, swap } = options;
  const decideOn = (row: Row | undefined) =>
    row !== undefined && row.expiresAt > now ? decide(row.text, row.expiresAt) : decide(undefined, 0);

  async function swapAndNote(seen: Row | undefined, change: Swap<R>): Promise<boolean> {
    if (!(await swap(seen, change))) return false;
    if (change.kind === 'remove') seenRows.forget(key);
    else seenRows.note(key, change);
    return true;
  }

  const recalled = seenRows.recall(key);
  if (recalled !== undefined) {
    const change = attempt(() => decideOn(recalled));
    if (change !== undefined && change.kind !== 'keep') {
      if (await swapAndNote(recalled, change)) return change.result;
      seenRows.distrust(key);
    }
  } else if (isNew) {
    const change = attempt(() => decideOn(undefined));
    if (change?.kind === 'write' && (await swapAndNote(undefined, change))) return change.result;
  }
  for (;;) {
    const seen = await see();
    const change = decideOn(seen);
    if (change.kind === 'keep') return change.result;
    if (change.kind === 'remove' && seen === undefined) return change.result;
    if (await swapAndNote(seen, change)) return change.result;
    await delay(LONGEST_PAUSE_MS * Math.random());
    assertInTime(turn, engine);
  }
}

/** What is decided on a row that may be another one by now may fail for that alone: it is decided again on the row as it is. */
function attempt<T>(decide: () => T): T | undefined {
  try {
    return decide();
  } catch {
    return undefined;
  }
}
