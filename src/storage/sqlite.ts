// SQLite by `node:sqlite`: one file, any number of processes on one machine. WAL lets readers and one writer work side by
// side; every write is part of a group commit (`sqlite-batch.ts`). A commit is in the operating system's hands when its
// promise resolves, so `kill -9` loses nothing (R6); against power loss the log is flushed every second
// (docs/decisions/2026-11-21-storage-port.md).

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { StorageUnavailable } from '../core/errors.ts';
import type { Clock, Logger } from '../login/ports.ts';
import type { Backend, Rows } from './backend.ts';
import { createKeyv } from './keyv-face.ts';
import { createRelayedBus, type Relay } from './shared-bus.ts';
import { createSqliteBatch, type SqliteBatch } from './sqlite-batch.ts';
import { createSqliteBulk } from './sqlite-bulk.ts';
import { createLogFlusher } from './sqlite-flush.ts';
import { createSqliteJobs } from './sqlite-jobs.ts';
import { createStore } from './store.ts';
import { sweep } from './sweep.ts';

/** How long SQLite itself may wait for a lock: it waits in the event loop. The rest of the deadline is waited beside it. */
const BUSY_TIMEOUT_MS = 10;

/** Moves a file from the version that is its index to the next; a release only ever appends. */
const MIGRATIONS = [
  `CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT;
   CREATE INDEX records_by_end ON records (expires_at);
   CREATE TABLE jobs (
     kind TEXT NOT NULL, id TEXT NOT NULL, due_at_ms INTEGER NOT NULL, ready_at_ms INTEGER NOT NULL,
     attempts INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (kind, id)
   ) STRICT;
   CREATE INDEX jobs_by_readiness ON jobs (ready_at_ms);`,
];

interface SqliteOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
  /** to the other processes on this file */
  readonly relay?: Relay | undefined;
}

/**
 * Opens or makes the file: folder 0700, file 0600, as sessions and sealed faces lie in it.
 *
 * @throws StorageUnavailable it cannot be opened, or is held by another process for longer than the deadline
 */
export async function openSqlite({ path, clock, deadlineMs, log, relay }: SqliteOptions): Promise<Backend> {
  let database: DatabaseSync | undefined;
  try {
    makePrivateFile(path, log);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    await prepareFile(database, deadlineMs);
  } catch (error) {
    database?.close();
    throw new StorageUnavailable(`cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
  const logFlusher = createLogFlusher(`${path}-wal`, log);
  const backend = assembleSqlite({ database, clock, deadlineMs, log, relay, onCommit: logFlusher.touch });
  return {
    ...backend,
    close: async () => {
      logFlusher.stop();
      await backend.close();
    },
    description: `sqlite ${path}`,
  };
}

/** A backend on a connection whose file is ready. Apart from `openSqlite` so that a test can break the connection. */
export function assembleSqlite(options: {
  database: DatabaseSync;
  clock: Clock;
  deadlineMs: number;
  log?: Logger | undefined;
  relay?: Relay | undefined;
  onCommit?: () => void;
}): Backend {
  const { database, clock, deadlineMs, log, relay, onCommit } = options;
  const batch = createSqliteBatch({ database, deadlineMs, ...(onCommit && { onCommit }) });
  const rows = createSqliteRows(database, batch);
  return {
    store: createStore({ rows, clock }),
    jobs: createSqliteJobs(database, batch),
    bus: createRelayedBus({ relay, log }),
    bulk: createSqliteBulk(database, batch),
    keyv: createKeyv({ rows, clock }),
    ping: () => rows.write('backend:ping', 'true', clock.now() + 60),
    sweepExpired: () => sweep(rows, clock),
    close: async () => {
      batch.close();
      if (database.isOpen) database.close();
    },
    description: 'sqlite',
  };
}

function createSqliteRows(database: DatabaseSync, batch: SqliteBatch): Rows {
  const select = database.prepare('SELECT value, expires_at FROM records WHERE key = ? AND expires_at > ?');
  const upsert = database.prepare(
    `INSERT INTO records (key, value, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
  );
  const insert = database.prepare(
    `INSERT INTO records (key, value, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
     WHERE records.expires_at <= ?`,
  );
  const remove = database.prepare('DELETE FROM records WHERE key = ? RETURNING value, expires_at');
  const add = database.prepare(
    // numbers are bound as REAL: without the casts a count would be kept as 1.0, which other engines do not read as a whole number
    `INSERT INTO records (key, value, expires_at) VALUES (:key, CAST(:by AS INTEGER), :end)
     ON CONFLICT (key) DO UPDATE SET
       value = CASE WHEN expires_at > :now THEN CAST(value AS INTEGER) ELSE 0 END + CAST(:by AS INTEGER),
       expires_at = CASE WHEN expires_at > :now THEN expires_at ELSE :end END
     RETURNING value`,
  );
  const list = database.prepare(
    `SELECT key FROM records
     WHERE key >= :prefix AND key < :prefix || char(1114111) AND key > :after AND expires_at > :now
     ORDER BY key LIMIT :limit`,
  );
  const removeExpired = database.prepare(
    'DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE expires_at <= ? LIMIT ?)',
  );

  const find = (key: string, now: number) => select.get(key, now) as { value: string; expires_at: number } | undefined;

  function removeNow(key: string, now: number): string | undefined {
    const row = remove.get(key) as { value: string; expires_at: number } | undefined;
    return row !== undefined && row.expires_at > now ? row.value : undefined;
  }

  return {
    read: (key, now) => batch.read(key, () => find(key, now)?.value),
    write: (key, text, expiresAt) => batch.write(key, () => void upsert.run(key, text, expiresAt)),
    remove: (key, now) => batch.write(key, () => removeNow(key, now) !== undefined),
    insert: (key, text, expiresAt, now) => batch.write(key, () => insert.run(key, text, expiresAt, now).changes === 1),
    change: (key, now, decide) =>
      batch.write(key, () => {
        const row = find(key, now);
        const change = decide(row?.value, row?.expires_at ?? 0);
        if (change.kind === 'write') upsert.run(key, change.text, change.expiresAt);
        if (change.kind === 'remove') remove.get(key);
        return change.result;
      }),
    take: (key, now) => batch.write(key, () => removeNow(key, now)),
    add: (key, by, end, now) => batch.write(key, () => Number(add.get({ key, by, end, now })?.value)),
    list: (prefix, after, limit, now) =>
      batch.read(undefined, () => list.all({ prefix, after, limit, now }).map(({ key }) => key as string)),
    removeExpired: (now, limit) => batch.write('', () => Number(removeExpired.run(now, limit).changes)),
  };
}

function makePrivateFile(path: string, log: Logger | undefined): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // Never opened when it exists: closing any descriptor of the file would drop SQLite's locks in this process.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if ((statSync(path).mode & 0o077) === 0) return;
    try {
      chmodSync(path, 0o600);
    } catch {
      log?.warn({ path }, 'others on this machine may read the storage file, and its mode cannot be changed');
    }
  }
}

/** Sets the modes and brings the schema up to date, under SQLite's write lock: two processes may start at once. */
async function prepareFile(database: DatabaseSync, deadlineMs: number): Promise<void> {
  const giveUpAtMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000');
      database.exec('BEGIN IMMEDIATE');
      migrate(database);
      database.exec('COMMIT');
      return;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      if (!/locked|busy/.test((error as Error).message) || performance.now() > giveUpAtMs) throw error;
      await delay(20);
    }
  }
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version > MIGRATIONS.length) {
    throw new Error(
      `the file has schema ${version}, this program knows ${MIGRATIONS.length}: it was written by a newer one`,
    );
  }
  for (const step of MIGRATIONS.slice(version)) database.exec(step);
  database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
}
