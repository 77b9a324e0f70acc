// The worker: takes due jobs and runs their handlers, a few at a time. A job stays until its handler cancels or reschedules it, so
// a crash or a throw only means that it is handed out again when its lease is over; one that fails again and again waits longer, and what
// the storage cut short is done again as soon as it answers.

import { AsyncLocalStorage } from 'node:async_hooks';
import { StorageUnavailable } from '../core/errors.ts';
import type { Job, JobQueue, Logger } from './ports.ts';

export type Handler = (job: Job) => Promise<void>;

export interface Worker {
  start(): void;
  /** Something is due now: do not wait for the next tick. */
  poke(): void;
  /** Runs what is due until nothing is: for tests and for the drain. */
  runDue(): Promise<void>;
  stop(): Promise<void>;
}

/** Jobs under way at once: a vendor that hangs must not hold up a webhook that waits behind it. */
const MOST_AT_ONCE = 64;
const LEASE_MS = 30_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Jobs whose failures are remembered: beyond that the earliest is forgotten, and tried as if for the first time. */
const MOST_FAILING = 10_000;
const SLOWEST_TICK_MS = 1_000;
const STORE_DOWN_MS = 1_000;

export function createWorker(parts: {
  jobs: JobQueue;
  handlers: Readonly<Record<string, Handler>>;
  log: Logger;
  nowMs: () => number;
}): Worker {
  const { jobs, handlers, log, nowMs } = parts;
  // who pokes is inside a request: without this every later job would log that request's id, and keep what hangs on it alive
  const outside = AsyncLocalStorage.snapshot();
  /** how often each has failed here, one time after the other */
  const failures = new Map<string, number>();
  /** kinds that were told of */
  const unknown = new Set<string>();
  /** by a storage that was away: they are nobody else's until their lease is over */
  const cutShort = new Set<Job>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isAgain = false;
  let isStopped = true;

  async function runOne(job: Job): Promise<void> {
    const handler = handlers[job.kind];
    try {
      if (!handler) return await leave(job);
      await handler(job);
      failures.delete(nameOf(job));
    } catch (error) {
      log.error({ kind: job.kind, err: error, attempts: job.attempts }, 'a job failed and is tried again');
      // storage that was away is no fault of the job
      const isCutShort = error instanceof StorageUnavailable;
      if (isCutShort) cutShort.add(job);
      await (isCutShort ? handBack() : putOff(job)).catch(() => undefined);
    }
  }

  /** Somebody may be waiting for them: a lease is for processes that die. */
  async function handBack(): Promise<void> {
    for (const job of cutShort) {
      await jobs.giveBack(job, { dueAtMs: nowMs() + STORE_DOWN_MS, payload: job.payload });
      cutShort.delete(job);
    }
  }

  /** Another process may know it: one of a newer version, or one that sends mail when this one does not yet. It is handed out again. */
  async function leave(job: Job): Promise<void> {
    const { kind } = job;
    if (!unknown.has(kind))
      log.warn({ kind }, 'jobs of this kind are left to other processes: this one does not know it');
    unknown.add(kind);
    await putOff(job);
  }

  /**
   * At first until the lease is over, then twice as long each time. Counted here and not by `attempts`, which grows as well with what is
   * planned again and again and has never failed.
   */
  async function putOff(job: Job): Promise<void> {
    const name = nameOf(job);
    const before = failures.get(name) ?? 0;
    failures.delete(name);
    failures.set(name, before + 1);
    const [earliest] = failures.keys();
    if (failures.size > MOST_FAILING && earliest !== undefined) failures.delete(earliest);
    if (before === 0) return;
    const dueAtMs = nowMs() + Math.min(LEASE_MS * 2 ** before, LONGEST_WAIT_MS);
    await jobs.giveBack(job, { dueAtMs, payload: job.payload });
  }

  const underWay = new Set<Promise<void>>();

  /** Starts what is due, as far as there is room. */
  async function startDue(): Promise<void> {
    await handBack();
    for (let room = MOST_AT_ONCE - underWay.size; room > 0; room = MOST_AT_ONCE - underWay.size) {
      const due = await jobs.claimDue({ nowMs: nowMs(), limit: room, leaseMs: LEASE_MS });
      for (const job of due) {
        const run = runOne(job).finally(() => underWay.delete(run));
        underWay.add(run);
      }
      if (due.length < room) return;
    }
  }

  async function runDue(): Promise<void> {
    do {
      await startDue();
      await Promise.all(underWay);
    } while (((await jobs.nextDueAtMs()) ?? Number.POSITIVE_INFINITY) <= nowMs());
  }

  async function tick(): Promise<void> {
    let waitMs = SLOWEST_TICK_MS;
    try {
      await startDue();
      const nextMs = await jobs.nextDueAtMs();
      if (nextMs !== undefined) waitMs = Math.min(waitMs, Math.max(5, nextMs - nowMs()));
    } catch (error) {
      log.error({ err: error }, 'the queue of work cannot be read');
      waitMs = STORE_DOWN_MS;
    }
    if (isStopped) return;
    timer = setTimeout(wake, waitMs);
    timer.unref();
  }

  function wake(): void {
    if (timer) clearTimeout(timer);
    timer = undefined;
    if (running) {
      isAgain = true;
      return;
    }
    running = tick().finally(() => {
      running = undefined;
      if (isAgain && !isStopped) {
        isAgain = false;
        wake();
      }
    });
  }

  return {
    start() {
      isStopped = false;
      wake();
    },
    poke() {
      if (!isStopped) outside(wake);
    },
    runDue,
    async stop() {
      isStopped = true;
      if (timer) clearTimeout(timer);
      await running;
      await Promise.all(underWay);
    },
  };
}

function nameOf({ kind, id }: Job): string {
  return `${kind}\0${id}`;
}
