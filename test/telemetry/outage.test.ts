// The storage is away for a while: what the log says of it, and how often. The clock is moved.

import { beforeEach, expect, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { JobQueue, Logger } from '../../src/login/ports.ts';
import { hushOutage } from '../../src/telemetry/outage.ts';

const err = new StorageUnavailable('not connected');
const QUEUE = 'the queue of work cannot be read';
let nowMs: number;
let said: [level: string, message: string, fields: object][];
let quiet: ReturnType<typeof hushOutage>;

beforeEach(() => {
  nowMs = 1_900_000_000_000;
  said = [];
  const levels = ['debug', 'info', 'warn', 'error'];
  const write = (level: string) => (fields: object, message: string) => void said.push([level, message, fields]);
  const log = Object.fromEntries(levels.map((level) => [level, write(level)])) as unknown as Logger;
  quiet = hushOutage({ jobs: { claimDue: async () => [] } as unknown as JobQueue, log, nowMs: () => nowMs });
});

const answers = () => quiet.jobs.claimDue({ nowMs, limit: 1, leaseMs: 1 });

/** As the worker does it, once a second. */
function fails(seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    quiet.log.error({ err }, QUEUE);
    nowMs += 1000;
  }
}

test('R7: an outage is told at once, then once a minute with how often it was held back, and when it is over', async () => {
  await answers();
  fails(130);
  await answers();
  await answers();
  expect(said).toEqual([
    ['error', QUEUE, { err }],
    ['error', QUEUE, { err, held_back: 59 }],
    ['error', QUEUE, { err, held_back: 59 }],
    ['info', 'the storage answers again', { seconds: 130 }],
  ]);
});

test('one that comes and goes every second is no line a second either', async () => {
  for (let times = 0; times < 30; times += 1) {
    fails(1);
    await answers();
  }
  expect(said.map(([level]) => level)).toEqual(['error', 'info']);
});

test('each thing has a line of its own; what is not of the storage is always said', () => {
  fails(2);
  quiet.log.warn({ dependency: 'storage', err: new Error('no answer within 1000 ms') }, 'dependency does not answer');
  for (const _ of [1, 2]) quiet.log.warn({ err: new Error('else') }, 'something else');
  expect(said.map(([, message]) => message)).toEqual([
    QUEUE,
    'dependency does not answer',
    'something else',
    'something else',
  ]);
});
