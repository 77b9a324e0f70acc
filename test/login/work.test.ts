// The worker on a queue in memory: what becomes of a job that cannot be done, now or here. The clock is moved.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { JobQueue, Logger } from '../../src/login/ports.ts';
import { createWorker, type Handler } from '../../src/login/work.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';

let nowMs: number;
let backend: Backend;
let jobs: JobQueue;
let logged: string[];

beforeEach(async () => {
  nowMs = 1_900_000_000_000;
  logged = [];
  backend = await openBackend('memory:', { clock: { now: () => Math.floor(nowMs / 1000) } });
  ({ jobs } = backend);
});
afterEach(() => backend.close());

/** A process that can do these kinds of work. */
function worker(handlers: Record<string, Handler>) {
  const log = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [level, () => void logged.push(level)]),
  ) as unknown as Logger;
  return createWorker({ jobs, handlers, log, nowMs: () => nowMs });
}

test('R7: a job that this process does not know is left to one that does, and told of once', async () => {
  await jobs.schedule({ kind: 'mail', id: 'one', dueAtMs: nowMs });
  await jobs.schedule({ kind: 'mail', id: 'other', dueAtMs: nowMs });
  const old = worker({});
  await old.runDue();
  nowMs += 60_000;
  await old.runDue();
  expect(logged).toEqual(['warn']);
  const done: string[] = [];
  nowMs += 120_000;
  await worker({
    mail: async ({ kind, id }) => {
      done.push(id);
      await jobs.cancel(kind, id);
    },
  }).runDue();
  expect(done.toSorted()).toEqual(['one', 'other']);
  expect(await jobs.nextDueAtMs()).toBeUndefined();
});

/** Seconds between the tries of the one job, for as many as there are to be. */
async function waits(count: number, process: ReturnType<typeof worker>): Promise<number[]> {
  const seconds: number[] = [];
  while (seconds.length < count) {
    await process.runDue();
    const next = Number(await jobs.nextDueAtMs());
    seconds.push((next - nowMs) / 1000);
    nowMs = next;
  }
  return seconds;
}

const fail = async () => {
  throw new Error('cannot be opened');
};

test('a job that fails each time waits twice as long each time, up to an hour, and stays', async () => {
  await jobs.schedule({ kind: 'delivery', id: 'x', dueAtMs: nowMs, payload: { sealed: 's' } });
  expect(await waits(9, worker({ delivery: fail }))).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
  expect(await jobs.claimDue({ nowMs, limit: 1, leaseMs: 1 })).toMatchObject([{ id: 'x', payload: { sealed: 's' } }]);
});

test('a job that this process does not know waits longer each time as well', async () => {
  await jobs.schedule({ kind: 'mail', id: 'x', dueAtMs: nowMs });
  expect(await waits(3, worker({}))).toEqual([30, 60, 120]);
});

test('one failure after many runs that went well is soon made up for, and so is the next', async () => {
  let runs = 0;
  const look: Handler = async (job) => {
    runs += 1;
    if (runs === 50 || runs === 52) throw new Error('odd');
    await jobs.schedule({ kind: job.kind, id: job.id, dueAtMs: nowMs + 15_000 });
  };
  await jobs.schedule({ kind: 'look', id: 'v', dueAtMs: nowMs });
  expect((await waits(53, worker({ look }))).slice(48)).toEqual([15, 30, 15, 30, 15]);
});

test('R7: what storage that was away cut short is done again soon, each time', async () => {
  await jobs.schedule({ kind: 'look', id: 'v', dueAtMs: nowMs });
  const look = async () => {
    throw new StorageUnavailable('away');
  };
  expect(await waits(4, worker({ look }))).toEqual([1, 1, 1, 1]);
});

test('R7: where it stays away, that is as soon as it answers, and not when the lease is over', async () => {
  await jobs.schedule({ kind: 'look', id: 'v', dueAtMs: nowMs, payload: { step: 3 } });
  const away = () => Promise.reject(new StorageUnavailable('away'));
  const { claimDue, giveBack } = jobs;
  const seen: unknown[] = [];
  const process = worker({
    look: async ({ payload, kind, id }) => {
      seen.push(payload);
      if (seen.length === 1) return away();
      await jobs.cancel(kind, id);
    },
  });
  jobs.giveBack = away;
  await process.runDue();
  jobs.claimDue = away;
  nowMs += 5_000;
  await expect(process.runDue()).rejects.toThrow('away');
  Object.assign(jobs, { claimDue, giveBack });
  await process.runDue();
  nowMs += 1_000;
  await process.runDue();
  expect(seen).toEqual([{ step: 3 }, { step: 3 }]);
  expect(await jobs.nextDueAtMs()).toBeUndefined();
});

test('R7: one that was planned anew before it was cut short is due when that says', async () => {
  await jobs.schedule({ kind: 'look', id: 'v', dueAtMs: nowMs });
  const look: Handler = async ({ kind, id }) => {
    await jobs.schedule({ kind, id, dueAtMs: nowMs + 15_000 });
    throw new StorageUnavailable('away');
  };
  expect(await waits(3, worker({ look }))).toEqual([15, 15, 15]);
});

test('a job that was planned anew before it failed is due when that says', async () => {
  await jobs.schedule({ kind: 'look', id: 'v', dueAtMs: nowMs });
  const look: Handler = async ({ kind, id }) => {
    await jobs.schedule({ kind, id, dueAtMs: nowMs + 1000 });
    throw new Error('odd');
  };
  expect(await waits(3, worker({ look }))).toEqual([1, 1, 1]);
});
