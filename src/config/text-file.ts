// Reading a small text file that an operator wrote, with faults in words. What the file holds never gets into them.

import { open, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bad, good, type Reading } from './faults.ts';

const MOST_BYTES = 1024 * 1024;

/** What a secret file has that every user of the machine may read. Containers lay theirs so, where there is nobody else. */
const OPEN = 'may be read by every user of this machine; take that from it: chmod o-r';
const LAID_BY_CONTAINERS = /^(?:\/var)?\/run\/secrets\//;

/**
 * The whole text, or why it cannot be read; `missing` tells an absent file from an unreadable one. The warning is for who keeps a secret
 * in it.
 */
export type FileReading = Reading<string> | { ok: false; problem: string; fix: string; missing: true };

/** @param path relative to `cwd`; UTF-8, 1 MiB at most, a byte order mark is dropped */
export async function readTextFile(path: string, cwd: string): Promise<FileReading> {
  try {
    await using file = await open(resolve(cwd, path), 'r');
    const facts = await file.stat();
    if (!facts.isFile()) return bad('is not a regular file', 'name a file');
    if (facts.size > MOST_BYTES) return bad('is larger than 1 MiB', 'name the right file');
    const isOpen = (facts.mode & 0o004) !== 0 && (await canOthersReach(resolve(cwd, path)));
    return good(new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile()), isOpen ? OPEN : undefined);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { ...bad('does not exist', 'make the file, or name the right one'), missing: true };
    if (code === 'EACCES' || code === 'EPERM')
      return bad('may not be read by this process', 'let the user this process runs as read it');
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return bad('is not UTF-8 text', 'save it as UTF-8');
    return bad(`cannot be read (${code})`, 'name a readable file');
  }
}

async function canOthersReach(path: string): Promise<boolean> {
  if (LAID_BY_CONTAINERS.test(path)) return false;
  let folder = dirname(await realpath(path));
  while (((await stat(folder)).mode & 0o001) !== 0) {
    if (folder === dirname(folder)) return true;
    folder = dirname(folder);
  }
  return false;
}

/** The `code` of an error of Node's. Not asked of `instanceof`, which says no to an error of another realm. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
