// The tables in a SQLite file, made and brought up to date under SQLite's write lock: any number of processes may start at once, and
// the first does it.

import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { assertKnown, type Migration } from './schema-version.ts';

/** The year 2100, in epoch seconds: what ends later is kept for ever (`FOREVER`), and in no index of ends. */
export const LATEST_END = 4_102_444_800;

/** Moves a file from the version that is its index to the next; a release only ever appends. */
const MIGRATIONS = [
  `CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT;
   CREATE INDEX records_by_end ON records (expires_at);
   CREATE TABLE jobs (
     kind TEXT NOT NULL, id TEXT NOT NULL, due_at_ms INTEGER NOT NULL, ready_at_ms INTEGER NOT NULL,
     attempts INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (kind, id)
   ) STRICT;
   CREATE INDEX jobs_by_readiness ON jobs (ready_at_ms);`,
  // what is kept for ever is never looked for by its end, and a fifth of what a login writes is
  `DROP INDEX records_by_end;
   CREATE INDEX records_by_end ON records (expires_at) WHERE expires_at < ${LATEST_END};`,
];

/**
 * How long the log grows, 16 MiB, before its pages go to their places. That is done in the event loop, with two waits for the disk: four
 * times as seldom as SQLite would, and a page that was written many times meanwhile goes there once.
 */
const CHECKPOINT_PAGES = 4000;

/** For waiting until another process has made or changed the tables. */
const MIGRATION_TIMEOUT_MS = 15_000;

/**
 * Sets the modes and brings the tables up to date.
 *
 * @param deadlineMs how long a file that needs no change may be locked by others
 * @throws Error a file of a newer program, or what SQLite says
 */
export async function prepareFile(database: DatabaseSync, deadlineMs: number): Promise<Migration> {
  const begunAtMs = performance.now();
  let timeoutMs = deadlineMs;
  for (;;) {
    try {
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000;
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      const { from, to } = readMigration(database);
      if (from === to) return { from, to };
      timeoutMs = MIGRATION_TIMEOUT_MS;
      database.exec('BEGIN IMMEDIATE');
      const migration = migrate(database);
      database.exec('COMMIT');
      return migration;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      const isLocked = /locked|busy/.test((error as Error).message);
      if (!isLocked || performance.now() - begunAtMs > timeoutMs) throw error;
      await delay(20);
    }
  }
}

/** What opening the file would do to it. @throws Error it was written by a newer program */
export function readMigration(database: DatabaseSync): Migration {
  const from = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  assertKnown(from, MIGRATIONS.length);
  return { from, to: MIGRATIONS.length };
}

export const EMPTY_FILE: Migration = { from: 0, to: MIGRATIONS.length };

function migrate(database: DatabaseSync): Migration {
  // Once more, now that nobody else can: another process may have done it meanwhile.
  const migration = readMigration(database);
  for (const step of MIGRATIONS.slice(migration.from)) database.exec(step);
  database.exec(`PRAGMA user_version = ${migration.to}`);
  return migration;
}
