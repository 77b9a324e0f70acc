// Reading a small text file that an operator wrote, with faults in words. What the file holds never gets into them.

import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { bad, good, type Reading } from './faults.ts';

const MOST_BYTES = 1024 * 1024;

/** The whole text, or why it cannot be read; `missing` tells an absent file from an unreadable one. */
export type FileReading = Reading<string> | { ok: false; problem: string; fix: string; missing: true };

/** @param path relative to `cwd`; UTF-8, 1 MiB at most, a byte order mark is dropped */
export async function readTextFile(path: string, cwd: string): Promise<FileReading> {
  try {
    await using file = await open(resolve(cwd, path), 'r');
    const facts = await file.stat();
    if (!facts.isFile()) return bad('is not a regular file', 'name a file');
    if (facts.size > MOST_BYTES) return bad('is larger than 1 MiB', 'name the right file');
    return good(new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile()));
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

/** The `code` of an error of Node's. Not asked of `instanceof`, which says no to an error of another realm. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
