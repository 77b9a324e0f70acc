// A table's file as it stands on the disk: its bytes, and a stamp that changes whenever they may have. The stamp is of what a
// name leads to, so a file renamed over another and a link that was turned (as Kubernetes mounts are) change it too.

import { type BigIntStats, constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

export type FileReading = { readonly stamp: string } & (
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly problem: string; readonly fix: string }
);

/** A named pipe that nobody writes to would otherwise keep whoever opens it waiting. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** What is there now; equal stamps mean an untouched file. Never fails: that nothing can be read is a state like any other. */
export async function stampOf(path: string): Promise<string> {
  try {
    return stampFrom(await stat(path, { bigint: true }));
  } catch (error) {
    return `unreadable:${codeOf(error)}`;
  }
}

/**
 * The bytes of a file with the stamp they belong to. Where it was written to meanwhile, they are dropped, and the stamp is
 * that of what came after.
 */
export async function readTableFile(path: string, mostBytes: number): Promise<FileReading> {
  try {
    await using file = await open(path, OPEN_FLAGS);
    const before = await file.stat({ bigint: true });
    const stamp = stampFrom(before);
    if (!before.isFile()) return { stamp, ok: false, problem: 'is not a regular file', fix: 'name a file' };
    if (before.size > BigInt(mostBytes)) {
      return { stamp, ok: false, problem: `is larger than ${mostBytes / 2 ** 20} MiB`, fix: 'name the right file' };
    }
    const bytes = await file.readFile();
    const after = stampFrom(await file.stat({ bigint: true }));
    if (after === stamp) return { stamp, ok: true, bytes };
    return {
      stamp: after,
      ok: false,
      problem: 'was written to while it was read',
      fix: 'write a new file beside it, and rename it over this one',
    };
  } catch (error) {
    // the same words as the next look has for it, or what cannot be opened would seem to change from look to look
    return { stamp: await stampOf(path), ok: false, ...explain(codeOf(error)) };
  }
}

/** The time of the last change of the inode is in it: a copy can keep size and time of the last write, not that one. */
function stampFrom({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function explain(code: string): { problem: string; fix: string } {
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return { problem: 'does not exist', fix: 'make the file, or name the right one' };
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return { problem: 'may not be read by this process', fix: 'let the user this process runs as read it' };
  }
  return { problem: `cannot be read (${code})`, fix: 'name a readable file' };
}

/** Not asked of `instanceof`, which says no to an error of another realm. */
function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
