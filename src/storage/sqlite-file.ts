// The SQLite file itself: private to its owner, and its tables up to date before anybody reads or writes.

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import type { Migration } from './schema-version.ts';
import { EMPTY_FILE, prepareFile, readMigration } from './sqlite-schema.ts';

/** How long SQLite itself may wait for a lock: it waits in the event loop. The rest of the deadline is waited beside it. */
const BUSY_TIMEOUT_MS = 10;

interface FileOptions {
  readonly path: string;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}

/**
 * Opens or makes the file: folder 0700, file 0600, as sessions and sealed faces lie in it.
 *
 * @throws StorageUnavailable it cannot be opened, or is held by another process for longer than the deadline
 */
export async function openFile({ path, deadlineMs, log }: FileOptions) {
  let database: DatabaseSync | undefined;
  try {
    makePrivateFile(path, deadlineMs, log);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    return { database, migration: await prepareFile(database, deadlineMs) };
  } catch (error) {
    database?.close();
    throw unavailable(path, error);
  }
}

/** What opening would do; makes and changes nothing. @throws StorageUnavailable */
export async function lookAtFile({ path, deadlineMs }: FileOptions): Promise<Migration> {
  let database: DatabaseSync | undefined;
  try {
    if (!existsSync(path)) {
      assertFolderCanBeMade(dirname(path));
      return EMPTY_FILE;
    }
    assertFile(path);
    database = new DatabaseSync(path, { readOnly: true, timeout: deadlineMs });
    return readMigration(database);
  } catch (error) {
    throw unavailable(path, error);
  } finally {
    database?.close();
  }
}

/** @throws Error it is something else, and what would be right */
function assertFile(path: string): Stats {
  const found = statSync(path);
  if (found.isFile()) return found;
  const what = found.isDirectory() ? 'a folder' : 'no file';
  throw new Error(`it is ${what}; name a file in STORAGE_URL, as in sqlite:${join(path, 'selfie-oidc.sqlite')}`);
}

/** @throws Error what making it would fail with */
function assertFolderCanBeMade(folder: string): void {
  let nearest = folder;
  while (!existsSync(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory()) throw new Error(`${nearest} is no folder`);
  accessSync(nearest, constants.W_OK | constants.X_OK);
}

function unavailable(path: string, error: unknown): StorageUnavailable {
  return new StorageUnavailable(`cannot open ${path}: ${(error as Error).message}`, { cause: error });
}

function makePrivateFile(path: string, deadlineMs: number, log: Logger | undefined): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // Never opened when it exists: closing any descriptor of the file would drop SQLite's locks in this process.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const found = assertFile(path);
    if ((found.mode & 0o077) !== 0) closeToOthers(path, deadlineMs, log);
  }
}

/** Nothing is touched but a database: a mistyped path may name anything. @throws Error when it is none */
function closeToOthers(path: string, deadlineMs: number, log: Logger | undefined): void {
  const database = new DatabaseSync(path, { readOnly: true, timeout: deadlineMs });
  try {
    readMigration(database);
  } finally {
    database.close();
  }
  try {
    for (const each of ['', '-wal', '-shm'].map((suffix) => `${path}${suffix}`))
      if (existsSync(each)) chmodSync(each, 0o600);
  } catch {
    log?.warn({ path }, 'others on this machine may read the storage file, and its mode cannot be changed');
  }
}
