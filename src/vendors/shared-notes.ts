// What one process learns of a vendor and all should know: it wants a pause, it does not answer. A few notes, each with an end, in one
// record; the bus says that there is something new, and whoever hears it reads. What is known here is read without waiting, so a
// login pays nothing for it; a note that could not be written, or of which nobody heard, costs a call too many and no login.

import type { Bus, Logger, Store } from '../login/ports.ts';

export interface Note {
  /** when it was made, epoch milliseconds by the clock here: never later than it was first seen */
  readonly sinceMs: number;
  /** in milliseconds; the end is that long after `sinceMs` */
  readonly lastsMs: number;
  /** what it says beside that it is there */
  readonly value: number;
}

export interface SharedNotes {
  /** What is known here now; nothing of a note that has ended. */
  find(name: string): Note | undefined;
  /** Known here at once, and to all others soon. Settles when it is written, or could not be; never rejects. */
  put(name: string, note: Omit<Note, 'sinceMs'>): Promise<void>;
  /** The same, of a note that does not hold any more. */
  remove(name: string): Promise<void>;
}

/** As stored: `sinceMs` by the clock of whoever wrote it. */
type Written = Readonly<Record<string, Note>>;

interface Known {
  /** as stored, to tell a note that was seen before from a new one */
  readonly written: Note;
  /** as it counts here */
  readonly note: Note;
  /** made here, and not yet in the record: a record without it says nothing of it */
  readonly isUntold?: boolean;
}

/** The longest note there may be. */
const LONGEST_MS = 3_600_000;
/** Clocks may differ by minutes: the record outlives its notes, which each reader ends by itself. */
const RECORD_SECONDS = 2 * (LONGEST_MS / 1000);
/** How old what is known here may be before it is read anew beside the call that asks: a message may have been lost. */
const REREAD_MS = 10_000;

/** @param options.name of the vendor; its processes share a record and a channel of this name */
export function createSharedNotes(options: {
  readonly name: string;
  readonly store: Pick<Store, 'get' | 'update'>;
  readonly bus: Bus;
  readonly nowMs: () => number;
  readonly log?: Logger | undefined;
}): SharedNotes {
  const { store, bus, nowMs, log } = options;
  const key = `vendor-notes:${options.name}`;
  const known = new Map<string, Known>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: 'no' | 'yes' | 'once more' = 'no';
  /** grows with every change made here: what was read before it is older */
  let changes = 0;

  function learn(record: Written): void {
    const now = nowMs();
    for (const [name, { isUntold }] of known) if (!isUntold && !(name in record)) known.delete(name);
    for (const [name, written] of Object.entries(record)) {
      const before = known.get(name);
      if (before?.isUntold && !isSame(before.written, written)) continue;
      const note = isSame(before?.written, written)
        ? (before as Known).note
        : // a clock that is ahead of ours must not make it last longer than it was meant to
          { ...written, sinceMs: Math.min(written.sinceMs, now) };
      known.set(name, { written, note });
    }
  }

  async function read(): Promise<void> {
    readAtMs = nowMs();
    if (reading !== 'no') {
      reading = 'once more';
      return;
    }
    do {
      reading = 'yes';
      const before = changes;
      try {
        const record = (await store.get<Written>(key)) ?? {};
        if (before === changes) learn(record);
      } catch (error) {
        log?.debug({ err: error }, 'what other processes know of the vendor could not be read');
      }
    } while ((reading as string) === 'once more');
    reading = 'no';
  }

  async function change(name: string, written: Note | undefined): Promise<void> {
    changes += 1;
    if (written) known.set(name, { written, note: written, isUntold: true });
    else known.delete(name);
    try {
      const now = nowMs();
      const record = await store.update<Written, Written>(key, (current = {}) => {
        const others = Object.entries(current).filter(([other, note]) => other !== name && !hasEnded(note, now));
        const value = Object.fromEntries(written ? [...others, [name, written]] : others);
        return { kind: 'write', value, ttlSeconds: RECORD_SECONDS, result: value };
      });
      learn(record);
      await bus.publish(key);
    } catch (error) {
      log?.warn({ err: error }, 'what was learnt of the vendor could not be told to other processes');
    }
  }

  bus.subscribe(key, () => void read());
  void read();

  return {
    find(name) {
      const now = nowMs();
      if (now - readAtMs >= REREAD_MS) void read();
      const note = known.get(name)?.note;
      return note && !hasEnded(note, now) ? note : undefined;
    },
    put: (name, { lastsMs, value }) =>
      change(name, { sinceMs: nowMs(), lastsMs: Math.min(lastsMs, LONGEST_MS), value }),
    remove: (name) => change(name, undefined),
  };
}

function hasEnded({ sinceMs, lastsMs }: Note, now: number): boolean {
  return now >= sinceMs + lastsMs;
}

function isSame(a: Note | undefined, b: Note): boolean {
  return a !== undefined && a.sinceMs === b.sinceMs && a.lastsMs === b.lastsMs && a.value === b.value;
}
