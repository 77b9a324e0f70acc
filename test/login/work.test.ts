// The worker on a queue in memory: what becomes of a job that cannot be done, now or here. The clock is moved.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
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
  nowMs += 60_000;
  await worker({
    mail: async ({ kind, id }) => {
      done.push(id);
      await jobs.cancel(kind, id);
    },
  }).runDue();
  expect(done.toSorted()).toEqual(['one', 'other']);
  expect(await jobs.nextDueAtMs()).toBeUndefined();
});
