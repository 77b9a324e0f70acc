// What processes of ours have in common from the first line to the last: how a start that fails is told, and how one that has failed
// beyond repair ends.

import type { Config } from './config/config.ts';
import { type Fault, faultsOf } from './config/faults.ts';
import { createLogger } from './telemetry/log.ts';

/** Exit code: the configuration cannot be served. */
export const MISCONFIGURED = 2;
/** Exit code: something else failed: a taken port, a storage that does not open, a fault of our own. */
export const FAILED = 1;
/** A stop may take this long; what is left then is on disk, and goes on after the next start. */
export const STOP_MS = 9_500;

/** Why a process could not start: faults of the configuration, or one line. Plain data: it may come from another process. */
export interface StartFailure {
  readonly exitCode: number;
  readonly faults?: readonly Fault[];
  readonly message?: string;
  /** the storage did not answer: no fault of the process, and over when it does */
  readonly isOutage?: true;
}

export function startFailureOf(error: unknown, config: Config): StartFailure {
  const faults = faultsOf(error);
  if (faults) return { exitCode: MISCONFIGURED, faults };
  const isOutage = (error as NodeJS.ErrnoException).code === 'storage_unavailable';
  return { exitCode: FAILED, message: explain(error, config), ...(isOutage && { isOutage }) };
}

function explain(error: unknown, config: Config): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${config.host}:${config.port}`;
  if (code === 'EADDRINUSE') return `PORT: ${where} is taken; set PORT to a free one, or stop what listens there`;
  if (code === 'EACCES') return `PORT: ${where} may not be listened on by this user; set PORT to one above 1023`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `HOST: ${config.host} is no address of this machine`;
  if (code === 'storage_unavailable') return `STORAGE_URL: ${message}`;
  return `could not start: ${message}`;
}

/**
 * Ends this process once `close` is done. It exits by itself, as a library's timer or socket may hold it open: with 0 also when the time is
 * over, since what is left is on disk and goes on after the next start.
 *
 * @param options.afterMs  how long it goes on as before first
 * @param options.withinMs how long it may take in all
 * @param options.atLast   when the time is over
 */
export function endProcess(
  close: () => Promise<unknown>,
  options: { readonly afterMs?: number; readonly withinMs?: number; readonly atLast?: (() => void) | undefined } = {},
): void {
  const { afterMs = 0, withinMs = STOP_MS, atLast } = options;
  setTimeout(() => {
    process.stderr.write('stopped before all work had ended; what is left goes on after the next start\n');
    atLast?.();
    process.exit(0);
  }, withinMs);
  const end = () =>
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`could not stop cleanly: ${String(error)}\n`);
        process.exit(FAILED);
      },
    );
  if (afterMs === 0) void end();
  else setTimeout(end, afterMs);
}

/**
 * Gives back what the start alone needed: what was read and compiled once, and the room that young objects took for it. Node 24 does so
 * by itself after minutes of quiet at the earliest. It takes 50 to 100 ms in which nothing else runs, so it is for the moment before
 * anybody is let in; and it is done only in a process that was started with --expose-gc.
 */
export function letGoOfStart(): void {
  // "last-resort" also makes the room for young objects small again
  globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
}

/** A fault nobody caught leaves the process in no known state: it is told, and whoever watches starts another. */
export function dieLoudly(base?: object): void {
  const log = createLogger({ level: 'error', base });
  const die = (message: string) => (error: unknown) => {
    try {
      log.error({ err: error }, message);
    } finally {
      // also where the line could not be written: what nobody caught may have left anything half done, and such a process serves nobody
      process.exit(FAILED);
    }
  };
  // what cannot be told there, as its disk is full, is no such fault
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', die('a fault that nobody caught'));
  process.on('unhandledRejection', die('a failure that nobody waited for'));
}
