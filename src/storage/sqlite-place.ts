// Is the file that was opened still the one that its path names? Where it was removed or replaced, SQLite goes on with what has no name any
// more: all is told as done, no other process sees it, and it is gone with this process.

import { statSync } from 'node:fs';
import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';

const LOOK_EVERY_MS = 1000;
/** The file, what was written since its last checkpoint, and the locks on it: without one of them processes part ways. */
const SUFFIXES = ['', '-wal', '-shm'];

export interface SqlitePlace {
  /** of the file that was opened: no other has it while that one is open */
  readonly file: string | undefined;
  /** Looks once a second at most. @throws StorageUnavailable what is written now would be lost */
  assertKept(): void;
  /** Looks now. @throws the same */
  look(): void;
}

/** To be made once the file is open. */
export function watchSqlitePlace({
  path,
  log,
}: {
  readonly path: string;
  readonly log?: Logger | undefined;
}): SqlitePlace {
  const opened = SUFFIXES.flatMap((suffix) => {
    const at = `${path}${suffix}`;
    const file = identify(at);
    return file === undefined ? [] : [{ at, file }];
  });
  let lost: string | undefined;
  let lookedAtMs = performance.now();

  function look(): void {
    lookedAtMs = performance.now();
    const gone = opened.find(({ at, file }) => !isSame(at, file))?.at;
    if (gone !== lost) {
      if (gone === undefined) log?.info({ path }, 'the storage file is in its place again');
      else log?.error({ path: gone }, `${whatIsWrong(gone)}; nothing is served from it`);
    }
    lost = gone;
    if (lost !== undefined) throw new StorageUnavailable(whatIsWrong(lost));
  }

  return {
    file: opened[0]?.at === path ? opened[0].file : undefined,
    look,
    assertKept() {
      if (performance.now() - lookedAtMs >= LOOK_EVERY_MS) look();
      else if (lost !== undefined) throw new StorageUnavailable(whatIsWrong(lost));
    },
  };
}

/** @returns undefined where there is none */
export function identify(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/** For whoever joins others: a path without their file is not made, and another file not opened. @throws StorageUnavailable */
export function assertSameFile(path: string, file: string): void {
  if (!isSame(path, file)) throw new StorageUnavailable(whatIsWrong(path));
}

function isSame(path: string, file: string): boolean {
  try {
    return identify(path) === file;
  } catch {
    // a folder that may not be looked into just now takes nothing away
    return true;
  }
}

function whatIsWrong(path: string): string {
  return `${path} was removed or replaced while it was in use: put it back, or restart all of the provider to begin with what is there now`;
}
