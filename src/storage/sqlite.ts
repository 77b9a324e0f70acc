// SQLite by `node:sqlite`: one file, any number of processes on one machine. WAL lets readers and one writer work side by
// side; every write is part of a group commit (`sqlite-batch.ts`). A commit is in the operating system's hands when its
// promise resolves, so `kill -9` loses nothing (R6); against power loss the log is flushed every second
// (docs/decisions/2026-11-21-storage-port.md).

import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Logger } from '../login/ports.ts';
import type { Backend, Rows } from './backend.ts';
import { createKeyv } from './keyv-face.ts';
import type { Migration } from './schema-version.ts';
import { createRelayedBus, type Relay } from './shared-bus.ts';
import { createSqliteBatch, type SqliteBatch } from './sqlite-batch.ts';
import { createSqliteBulk } from './sqlite-bulk.ts';
import { lookAtFile, openFile } from './sqlite-file.ts';
import { createLogFlusher } from './sqlite-flush.ts';
import { createSqliteJobs } from './sqlite-jobs.ts';
import { assertSameFile, watchSqlitePlace } from './sqlite-place.ts';
import { LATEST_END } from './sqlite-schema.ts';
import { createStore } from './store.ts';
import { sweep } from './sweep.ts';

interface SqliteOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
  /** to the other processes on this file */
  readonly relay?: Relay | undefined;
  /** the `file` of those it joins */
  readonly file?: string | undefined;
}

/**
 * Opens or makes the file, and brings its tables up to date.
 *
 * @throws StorageUnavailable it cannot be opened, is held by another process for longer than the deadline, or is not the file it should be
 */
export async function openSqlite({ path, clock, deadlineMs, log, relay, file }: SqliteOptions): Promise<Backend> {
  if (file !== undefined) assertSameFile(path, file);
  const { database } = await openFile({ path, deadlineMs, log });
  const place = watchSqlitePlace({ path, log });
  const logFlusher = createLogFlusher(`${path}-wal`, log);
  const { touch: onCommit } = logFlusher;
  const backend = assembleSqlite({ database, clock, deadlineMs, log, relay, assertKept: place.assertKept, onCommit });
  return {
    ...backend,
    file: place.file,
    async ping() {
      place.look();
      await backend.ping();
    },
    close: async () => {
      logFlusher.stop();
      await backend.close();
    },
    description: `sqlite ${path}`,
  };
}

/** Makes the file and its tables or brings them up to date, or only looks. @throws as `openSqlite` */
export async function migrateSqlite({
  onlyLook,
  ...options
}: Omit<SqliteOptions, 'clock'> & { onlyLook: boolean }): Promise<Migration & { description: string }> {
  const description = `sqlite ${options.path}`;
  if (onlyLook) return { ...(await lookAtFile(options)), description };
  const { database, migration } = await openFile(options);
  database.close();
  return { ...migration, description };
}

/** A backend on a connection whose file is ready. Apart from `openSqlite` so that a test can break the connection. */
export function assembleSqlite(options: {
  database: DatabaseSync;
  clock: Clock;
  deadlineMs: number;
  log?: Logger | undefined;
  relay?: Relay | undefined;
  assertKept?: (() => void) | undefined;
  onCommit?: (() => void) | undefined;
}): Backend {
  const { database, clock, deadlineMs, log, relay, assertKept, onCommit } = options;
  const batch = createSqliteBatch({ database, deadlineMs, assertKept, onCommit });
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
  const select = database.prepare('SELECT value FROM records WHERE key = ? AND expires_at > ?');
  const see = database.prepare('SELECT rowid, value, expires_at FROM records WHERE key = ?');
  // by the row's number, which is one search less; and without the end where it stays, as its index then stays too
  const replaceText = database.prepare('UPDATE records SET value = ? WHERE rowid = ?');
  const replace = database.prepare('UPDATE records SET value = ?, expires_at = ? WHERE rowid = ?');
  const removeSeen = database.prepare('DELETE FROM records WHERE rowid = ?');
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
     RETURNING value, expires_at`,
  );
  const list = database.prepare(
    `SELECT key FROM records
     WHERE key >= :prefix AND key < :prefix || char(1114111) AND key > :after AND expires_at > :now
     ORDER BY key LIMIT :limit`,
  );
  const removeExpired = database.prepare(
    `DELETE FROM records WHERE rowid IN (
       SELECT rowid FROM records WHERE expires_at <= ? AND expires_at < ${LATEST_END} LIMIT ?
     )`,
  );

  function removeNow(key: string, now: number): string | undefined {
    const row = remove.get(key) as { value: string; expires_at: number } | undefined;
    return row !== undefined && row.expires_at > now ? row.value : undefined;
  }

  return {
    read: (key, now) => batch.read(key, () => select.get(key, now)?.value as string | undefined),
    write: (key, text, expiresAt) => batch.write(key, () => void upsert.run(key, text, expiresAt)),
    remove: (key, now) => batch.write(key, () => removeNow(key, now) !== undefined),
    insert: (key, text, expiresAt, now) => batch.write(key, () => insert.run(key, text, expiresAt, now).changes === 1),
    change: (key, now, decide) =>
      batch.write(key, () => {
        const row = see.get(key) as { rowid: number; value: string; expires_at: number } | undefined;
        const isLiving = row !== undefined && row.expires_at > now;
        const change = decide(isLiving ? row.value : undefined, isLiving ? row.expires_at : 0);
        if (change.kind === 'write') {
          const { text, expiresAt } = change;
          if (row === undefined) upsert.run(key, text, expiresAt);
          else if (row.expires_at === expiresAt) replaceText.run(text, row.rowid);
          else replace.run(text, expiresAt, row.rowid);
        }
        if (change.kind === 'remove' && row !== undefined) removeSeen.run(row.rowid);
        return change.result;
      }),
    take: (key, now) => batch.write(key, () => removeNow(key, now)),
    add: (key, by, end, now) =>
      batch.write(key, () => {
        const row = add.get({ key, by, end, now }) as { value: string; expires_at: number };
        return { sum: Number(row.value), expiresAt: row.expires_at };
      }),
    list: (prefix, after, limit, now) =>
      batch.read(undefined, () => list.all({ prefix, after, limit, now }).map(({ key }) => key as string)),
    removeExpired: (now, limit) => batch.write('', () => Number(removeExpired.run(now, limit).changes)),
  };
}
