// Group commit for SQLite: what is asked in one turn of the event loop is written in one transaction, and nobody hears of
// success before that transaction is committed. Each write is one statement or decides before it writes, so that one that
// fails leaves the others alone. While another process holds the file, writes wait here, not in SQLite: its own waiting
// would stop the event loop.

import type { DatabaseSync } from 'node:sqlite';
import { StorageUnavailable } from '../core/errors.ts';
import { createPatience } from './patience.ts';
import { type Share, takeShare } from './request-patience.ts';

/** SQLite's result codes (https://www.sqlite.org/rescode.html), primary part. */
const BUSY = 5;
const PROTOCOL = 15;
/** An operation's own fault: it fails alone, the transaction goes on. */
const OWN_FAULTS = new Set([18 /* TOOBIG */, 19 /* CONSTRAINT */, 20 /* MISMATCH */, 25 /* RANGE */]);

const RETRY_MS = 10;
/** Refused this much before the deadline, as the next try may come that much later. */
const MARGIN_MS = 30;

interface Waiting {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly sinceMs: number;
  readonly patienceMs: number;
  readonly share: Share;
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: unknown };

export interface SqliteBatch {
  /** Runs inside the next transaction. @throws StorageUnavailable, or what `run` throws of its own */
  write<T>(key: string, run: () => T): Promise<T>;
  /** Runs at once on committed state, or after this process's own waiting writes to the same key (undefined: to any). */
  read<T>(key: string | undefined, run: () => T): Promise<T>;
  /** Commits what waits, if it can be had at once; then every call throws. */
  close(): void;
}

/**
 * @param options.assertKept throws where what is read and written would be of no use; asked before each
 * @param options.onCommit   told after every transaction that was committed
 */
export function createSqliteBatch(options: {
  database: DatabaseSync;
  deadlineMs: number;
  assertKept?: (() => void) | undefined;
  onCommit?: (() => void) | undefined;
}): SqliteBatch {
  const { database, deadlineMs, assertKept, onCommit } = options;
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const pendingKeys = new Set<string>();
  const patience = createPatience(deadlineMs);
  let waiting: Waiting[] = [];
  let flushing = false;
  let closed = false;

  function enqueue<T>(key: string | undefined, run: () => T): Promise<T> {
    if (closed) return Promise.reject(new StorageUnavailable('the storage is closed'));
    return new Promise<T>((resolve, reject) => {
      const share = takeShare();
      // without time for another try there is still the first one
      const patienceMs = Math.min(patience.take(), share.leftMs);
      const sinceMs = performance.now();
      waiting.push({ run, resolve: resolve as (value: unknown) => void, reject, sinceMs, patienceMs, share });
      if (key !== undefined) pendingKeys.add(key);
      if (flushing) return;
      flushing = true;
      setImmediate(flush);
    });
  }

  function flush(): void {
    flushing = false;
    if (waiting.length === 0) return;
    try {
      assertKept?.();
      begin.run();
    } catch (error) {
      if (isBusy(error)) waitForTheFile(error);
      else refuse(takeWaiting(), error);
      return;
    }
    const batch = takeWaiting();
    let outcomes: readonly Outcome[];
    try {
      outcomes = batch.map(runAlone);
      commit.run();
    } catch (error) {
      rollBack();
      refuse(batch, error);
      return;
    }
    patience.regain();
    onCommit?.();
    for (const [index, { resolve, reject, share }] of batch.entries()) {
      const outcome = outcomes[index] as Outcome;
      share.end();
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.reason);
    }
  }

  /** Keeps what still has time, refuses the rest: what was refused is never written later (R7). */
  function waitForTheFile(error: unknown): void {
    const now = performance.now();
    const isLate = ({ sinceMs, patienceMs }: Waiting) => sinceMs + patienceMs - MARGIN_MS <= now;
    const late = waiting.filter(isLate);
    if (late.length > 0) {
      waiting = waiting.filter((operation) => !isLate(operation));
      if (waiting.length === 0) pendingKeys.clear();
      for (const { patienceMs } of late) patience.lose(patienceMs);
      refuse(late, error);
    }
    if (waiting.length === 0 || flushing) return;
    flushing = true;
    setTimeout(flush, RETRY_MS * (0.5 + Math.random()));
  }

  function takeWaiting(): readonly Waiting[] {
    const batch = waiting;
    waiting = [];
    pendingKeys.clear();
    return batch;
  }

  function rollBack(): void {
    try {
      // After a full disk or a failed write SQLite has already rolled back by itself.
      if (database.isTransaction) database.exec('ROLLBACK');
    } catch {
      // The next BEGIN says what is wrong; nothing of this batch was committed either way.
    }
  }

  return {
    write: enqueue,
    read(key, run) {
      const behind = key === undefined ? pendingKeys.size > 0 : pendingKeys.has(key);
      if (behind || closed) return enqueue(key, run);
      try {
        assertKept?.();
        return Promise.resolve(run());
      } catch (error) {
        return isBusy(error) ? enqueue(key, run) : Promise.reject(asStorageError(error));
      }
    },
    close() {
      flush();
      refuse(takeWaiting(), new Error('closing'));
      closed = true;
    },
  };
}

function runAlone({ run }: Waiting): Outcome {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    const code = sqliteCode(error);
    if (code !== undefined && !OWN_FAULTS.has(code)) throw error;
    return { ok: false, reason: error };
  }
}

function refuse(batch: readonly Waiting[], cause: unknown): void {
  for (const { reject, share } of batch) {
    share.end();
    reject(asStorageError(cause));
  }
}

/** @returns the failure as callers of the port know it, with SQLite's own as `cause` */
export function asStorageError(error: unknown): StorageUnavailable {
  if (error instanceof StorageUnavailable) return error;
  // SQLite's own words for the code, which hold nothing of ours; not its message
  const { errstr } = (error ?? {}) as { errstr?: unknown };
  const why = typeof errstr === 'string' ? `: ${errstr}` : '';
  return new StorageUnavailable(`sqlite did not answer in time or could not write${why}`, { cause: error });
}

function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === BUSY || code === PROTOCOL;
}

function sqliteCode(error: unknown): number | undefined {
  const errcode = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}
