// The audit journal: who may sign in as whom was decided here, and this is the proof. Each line carries the hash of the
// one before it, so that a line changed, removed or slipped in later shows. It lives in the store, beside what it tells
// about, so that the chain holds across processes and a crash.
//
// One `update` of the head record appends: the new lines and the head's hash are written as one step, so no line is ever
// announced and then lost. Eight at a time, lines move from the head to a record of their own (`journal-lines:<number of the first>`)
// afterwards, outside the login path; until the next append trims them there, both places say the same. Appends of one process
// wait for each other and share one update, so that a busy hour is no fight over one record.
//
// What a chain cannot show: that its last lines were cut off together with the head, or all of it written anew. Whoever
// needs that keeps the newest hash elsewhere (`journal --json | tail -1`).

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { type Clock, FOREVER, type Journal, type JournalEntry, type Store } from '../login/ports.ts';
import { canonicalJson } from './canonical-json.ts';

/** One line as it is stored, hashed and printed. */
export interface JournalLine {
  /** epoch seconds */
  readonly at: number;
  readonly event: string;
  /** null for events of no login */
  readonly attempt: string | null;
  /** why, and what else belongs to the event as `name=value` */
  readonly reasons: readonly string[];
  /** hash of the line before; 64 zeros for the first */
  readonly previous: string;
  /** SHA-256, hex, of this line's canonical JSON without `hash` */
  readonly hash: string;
}

export type ChainReading =
  | { readonly kind: 'whole'; readonly ok: true; readonly count: number; readonly hash: string }
  /** `at` is the number of the first line that does not fit, from 1 */
  | { readonly kind: 'broken'; readonly ok: false; readonly at: number };

export interface ChainedJournal extends Journal {
  /** Every line, oldest first. A line that is missing is left out here and found by `verify`. */
  entries(): AsyncIterable<JournalLine>;
  /** Reads the whole chain and recomputes it. */
  verify(): Promise<ChainReading>;
  /** Resolves when what this process appended is written, and what makes whole records lies there. For SIGTERM and tests. */
  flush(): Promise<void>;
}

interface Head {
  readonly count: number;
  readonly hash: string;
  /** the newest lines, of which the earlier ones may also lie in records of their own already */
  readonly tail: readonly JournalLine[];
}

const HEAD_KEY = 'journal:head';
const EMPTY: Head = { count: 0, hash: '0'.repeat(64), tail: [] };
/** Lines of one record: from the one after a multiple of this to the next multiple. */
const BLOCK = 8;
const BLOCKS_AT_ONCE = 8;
/** With so many lines unmoved the store takes updates but no writes: appending waits, or the head grows for ever. */
const TAIL_LIMIT = 128;

interface Waiting {
  readonly entry: JournalEntry & { readonly at: number };
  readonly resolve: () => void;
  readonly reject: (fault: unknown) => void;
}

/** A journal kept in `store`. `record` costs one store update, and rejects with `StorageUnavailable` as the store does. */
export function createJournal(options: { readonly store: Store; readonly clock: Clock }): ChainedJournal {
  const { store, clock } = options;
  // who tells first writes for all who tell meanwhile: in a request of its own its impatience would be everybody's (R7)
  const outside = AsyncLocalStorage.snapshot();
  let waiting: Waiting[] = [];
  let appending: Promise<void> | undefined;
  let moving: Promise<void> | undefined;
  /** lines up to this number lie in records of their own, as far as this process knows */
  let movedTo = 0;

  async function appendWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const trimTo = movedTo;
        const { head, isOther } = await store.update<Head, { head: Head; isOther: boolean }>(
          HEAD_KEY,
          (current = EMPTY) => {
            const value = append(current, batch, trimTo);
            const result = { head: value, isOther: current.count < trimTo };
            return { kind: 'write', value, ttlSeconds: FOREVER, result };
          },
        );
        // a backup was put back: nothing of this chain is known to be moved
        if (isOther) movedTo = 0;
        const moved = move(head);
        if (head.tail.length > TAIL_LIMIT) await moved;
        for (const { resolve } of batch) resolve();
      } catch (fault) {
        for (const { reject } of batch) reject(fault);
      }
    }
    appending = undefined;
  }

  /** Copies what is whole of the head's blocks to their records. Safe to repeat and to do in two processes: same number, same lines. */
  function move(head: Head): Promise<void> {
    const end = head.count - (head.count % BLOCK);
    if (end <= movedTo) return moving ?? Promise.resolve();
    const work = (moving ?? Promise.resolve()).then(async () => {
      const first = head.count - head.tail.length + 1;
      const unmoved = Math.max(first, movedTo + 1);
      const writes: Promise<void>[] = [];
      for (let start = startOfBlock(unmoved); start < end; start += BLOCK) {
        const lines = head.tail.slice(Math.max(0, start - first), start - first + BLOCK);
        // the earlier lines of a block that an older program has begun lie in a record each, and so do the others then
        if (start < first) writes.push(...lines.map((line, index) => store.set(lineKey(first + index), line, FOREVER)));
        else writes.push(store.set(blockKey(start), lines, FOREVER));
      }
      try {
        await Promise.all(writes);
        movedTo = Math.max(movedTo, end);
      } catch {
        // they stay in the head, which is as durable; the next append tries again
      }
    });
    moving = work;
    return work;
  }

  async function* entries(): AsyncGenerator<JournalLine> {
    for await (const { line } of numbered(store)) if (line !== undefined) yield line;
  }

  return {
    record(entry) {
      return new Promise<void>((resolve, reject) => {
        waiting.push({ entry: { ...entry, at: clock.now() }, resolve, reject });
        // what is told in one turn is one update
        appending ??= outside(() => Promise.resolve().then(appendWaiting));
      });
    },
    entries,
    async verify() {
      let hash = EMPTY.hash;
      let count = 0;
      for await (const { number, line, headHash } of numbered(store)) {
        const { hash: claimed, ...rest } = line ?? { hash: '', previous: '' };
        if (rest.previous !== hash || hashOf(rest) !== claimed) return { kind: 'broken', ok: false, at: number };
        if (headHash !== undefined && headHash !== claimed) return { kind: 'broken', ok: false, at: number };
        hash = claimed;
        count = number;
      }
      return { kind: 'whole', ok: true, count, hash };
    },
    async flush() {
      await appending;
      await moving;
    },
  };
}

/** Pure, as the store may run it twice. */
function append(head: Head, batch: readonly Waiting[], trimTo: number): Head {
  const first = head.count - head.tail.length + 1;
  // a count below what was moved is another chain
  const tail = head.tail.slice(trimTo > head.count ? 0 : Math.max(0, trimTo - first + 1));
  let { hash } = head;
  for (const { entry } of batch) {
    const { at, event, attempt, reasons, ...details } = entry;
    const told = Object.entries(details)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`);
    const line = { at, event, attempt: attempt ?? null, reasons: [...(reasons ?? []), ...told], previous: hash };
    hash = hashOf(line);
    tail.push({ ...line, hash });
  }
  return { count: head.count + batch.length, hash, tail };
}

function hashOf(line: object): string {
  return createHash('sha256').update(canonicalJson(line)).digest('hex');
}

function blockKey(firstNumber: number): string {
  return `journal-lines:${firstNumber}`;
}

/** Of a line that has a record to itself, as an older program kept them. */
function lineKey(number: number): string {
  return `journal:${number}`;
}

function startOfBlock(number: number): number {
  return number - ((number - 1) % BLOCK);
}

async function readBlock(store: Store, start: number): Promise<readonly (JournalLine | undefined)[]> {
  const lines = await store.get<readonly JournalLine[]>(blockKey(start));
  if (lines !== undefined) return lines;
  return Promise.all(Array.from({ length: BLOCK }, (_, index) => store.get<JournalLine>(lineKey(start + index))));
}

interface Numbered {
  readonly number: number;
  readonly line: JournalLine | undefined;
  /** what the head says the hash is; with the last line only */
  readonly headHash?: string;
}

/** Lines by number up to the head as it was at the start, from their own records, or from the head if not moved yet. */
async function* numbered(store: Store): AsyncGenerator<Numbered> {
  const head = (await store.get<Head>(HEAD_KEY)) ?? EMPTY;
  const firstInTail = head.count - head.tail.length + 1;
  for (let from = 1; from <= head.count; from += BLOCK * BLOCKS_AT_ONCE) {
    const starts = Array.from({ length: BLOCKS_AT_ONCE }, (_, index) => from + index * BLOCK);
    const blocks = await Promise.all(starts.map((start) => (start < firstInTail ? readBlock(store, start) : [])));
    for (let number = from; number <= Math.min(head.count, from + BLOCK * BLOCKS_AT_ONCE - 1); number += 1) {
      const index = number - from;
      const stored = blocks[Math.floor(index / BLOCK)]?.[index % BLOCK];
      const line = number >= firstInTail ? head.tail[number - firstInTail] : stored;
      yield { number, line, ...(number === head.count ? { headHash: head.hash } : {}) };
    }
  }
}
