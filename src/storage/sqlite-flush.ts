// Hands SQLite's write-ahead log to the disk once a second, in a thread of Node's own and not in the event loop. With
// `synchronous = NORMAL` SQLite leaves that to the next checkpoint, which at night may be an hour away: a power cut would
// then undo logouts and revocations that people were told of.

import { close, fdatasync, openSync } from 'node:fs';
import type { Logger } from '../login/ports.ts';

const EVERY_MS = 1000;

/**
 * @param path the log beside the database; SQLite keeps no lock on it, so opening and closing it here is safe
 * @returns `touch`, to be called after each commit, and `stop`
 */
export function createLogFlusher(path: string, log: Logger | undefined): { touch(): void; stop(): void } {
  let dirty = false;
  let flushing = false;
  let stopped = false;
  let descriptor: number | undefined;

  function flush(): void {
    if (!dirty || flushing) return;
    dirty = false;
    try {
      descriptor ??= openSync(path, 'r');
    } catch (error) {
      complain(error);
      return;
    }
    flushing = true;
    fdatasync(descriptor, (error) => {
      flushing = false;
      if (error) complain(error);
      if (stopped) letGo();
    });
  }

  function complain(error: unknown): void {
    dirty = true;
    log?.error({ err: error }, 'the storage log could not be flushed to disk; a power cut would lose what it holds');
  }

  function letGo(): void {
    if (descriptor !== undefined) close(descriptor);
    descriptor = undefined;
  }

  const timer = setInterval(flush, EVERY_MS).unref();
  return {
    touch: () => {
      dirty = true;
    },
    stop: () => {
      stopped = true;
      clearInterval(timer);
      // What is left, SQLite syncs itself when the last connection closes.
      if (!flushing) letGo();
    },
  };
}
