// What the log says while the storage is away: each thing once, then once a minute with how often it was held back, and one line when
// the storage answers again. Otherwise the worker's look at its queue is a line a second, and every look of a balancer another.

import { StorageUnavailable } from '../core/errors.ts';
import type { JobQueue, Logger } from '../login/ports.ts';

const REPEAT_MS = 60_000;

/**
 * A log for what goes on beside requests, and the queue by which it is noticed that the storage is back: the worker asks it every second.
 * Lines that are not about the storage pass as they are.
 */
export function hushOutage(parts: { readonly jobs: JobQueue; readonly log: Logger; readonly nowMs: () => number }): {
  readonly jobs: JobQueue;
  readonly log: Logger;
} {
  const { jobs, log, nowMs } = parts;
  /** by message: these are ours, and few */
  const said = new Map<string, { readonly atMs: number; heldBack: number }>();
  let outage: { readonly sinceMs: number; isTold: boolean } | undefined;

  function hush(level: 'warn' | 'error', fields: object, message: string): void {
    if (!isOfStorage(fields)) return log[level](fields, message);
    const now = nowMs();
    outage ??= { sinceMs: now, isTold: false };
    const last = said.get(message);
    if (last !== undefined && now - last.atMs < REPEAT_MS) {
      last.heldBack += 1;
      return;
    }
    said.set(message, { atMs: now, heldBack: 0 });
    outage.isTold = true;
    log[level](last?.heldBack ? { ...fields, held_back: last.heldBack } : fields, message);
  }

  /** One that was held back as a whole, because another had just been told, ends in silence, too. */
  function end(): void {
    if (outage === undefined) return;
    const seconds = Math.round((nowMs() - outage.sinceMs) / 1000);
    if (outage.isTold) log.info({ seconds }, 'the storage answers again');
    outage = undefined;
  }

  return {
    log: {
      debug: log.debug,
      info: log.info,
      warn: (fields, message) => hush('warn', fields, message),
      error: (fields, message) => hush('error', fields, message),
    },
    jobs: {
      schedule: (job) => jobs.schedule(job),
      cancel: (kind, id) => jobs.cancel(kind, id),
      giveBack: (job, next) => jobs.giveBack(job, next),
      hasten: (kind, at) => jobs.hasten(kind, at),
      nextDueAtMs: () => jobs.nextDueAtMs(),
      async claimDue(wanted) {
        const due = await jobs.claimDue(wanted);
        end();
        return due;
      },
    },
  };
}

function isOfStorage(fields: object): boolean {
  const { err, dependency } = fields as { err?: unknown; dependency?: unknown };
  return err instanceof StorageUnavailable || dependency === 'storage';
}
