// R7: a request is answered within two seconds also by an engine that answers each of its questions in time, but late.

import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Store } from '../../src/login/ports.ts';
import { createDeadlines, type Deadlines } from '../../src/storage/deadlines.ts';
import { countWait, inRequest, seeThrough } from '../../src/storage/request-patience.ts';
import { createJournal } from '../../src/telemetry/journal.ts';

const LATE_MS = 700;
let deadlines: Deadlines;
let response: EventEmitter & { headersSent: boolean };

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  const loop = () => ({ idle: globalThis.performance.now(), active: 0, utilization: 0 });
  jest.spyOn(performance, 'eventLoopUtilization').mockImplementation(loop);
  deadlines = createDeadlines({ engine: 'engine', deadlineMs: 1500 });
  response = Object.assign(new EventEmitter(), { headersSent: false });
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const answeredAfter = (ms: number) => () => new Promise<string>((resolve) => setTimeout(resolve, ms, 'here'));

/** Lets the time go by until it has settled. */
async function elapse<T>(promise: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = promise.finally(() => {
    isOver = true;
  });
  watched.catch(() => {});
  while (!isOver) {
    jest.advanceTimersByTime(10);
    await new Promise(setImmediate);
  }
  return watched;
}

interface Outcome {
  readonly tookMs: number;
  readonly answers: number;
  readonly refused: number;
}

/** So many questions one after the other, whatever becomes of each. */
async function ask(questions: number, between: (answers: number) => void = () => {}, ms = LATE_MS): Promise<Outcome> {
  const begunAtMs = globalThis.performance.now();
  const outcome = { answers: 0, refused: 0 };
  const asking = async () => {
    for (let left = questions; left > 0; left -= 1) {
      await deadlines.run(answeredAfter(ms)).then(
        () => {
          outcome.answers += 1;
        },
        (error) => {
          expect(error.code).toBe('storage_unavailable');
          outcome.refused += 1;
        },
      );
      between(outcome.answers);
    }
  };
  await elapse(asking());
  return { ...outcome, tookMs: globalThis.performance.now() - begunAtMs };
}

test('what a request asks one after the other is refused when all of it takes too long', async () => {
  const { answers, refused, tookMs } = await inRequest(response, () => ask(10));
  expect({ answers, refused }).toEqual({ answers: 2, refused: 8 });
  expect(tookMs).toBeLessThan(1_800);
});

test('what it asks at once is one wait', async () => {
  const whole = await inRequest(response, async () => {
    const [one, other] = await Promise.all([ask(2), ask(2)]);
    return one.refused + other.refused;
  });
  expect(whole).toBe(0);
});

test('another request begins anew, and what goes on beside requests takes its time', async () => {
  await inRequest(response, () => ask(3));
  expect(await inRequest(Object.assign(new EventEmitter(), { headersSent: false }), () => ask(2))).toMatchObject({
    refused: 0,
  });
  expect(await ask(5)).toMatchObject({ answers: 5 });
});

test.each([
  ['its answer has begun, as of an event stream', () => void (response.headersSent = true)],
  ['its browser is gone', () => void response.emit('close')],
  ['something was used up that is good once', seeThrough],
])('goes on once %s', async (_why, happen) => {
  const between = (answers: number) => answers === 1 && happen();
  expect(await inRequest(response, () => ask(5, between))).toMatchObject({ answers: 5 });
});

test('a line of the journal is written in no request, and what one waits for it is counted', async () => {
  const update = (_key: string, change: (value: unknown) => { result: unknown }) =>
    deadlines.run(async () => {
      await answeredAfter(LATE_MS)();
      return change(undefined).result;
    });
  const journal = createJournal({ store: { update } as unknown as Store, clock: { now: () => 0 } });
  const { refused } = await inRequest(response, async () => {
    await ask(2);
    // others may have joined: it is not cut off when whoever told first has no time left
    await elapse(countWait(() => journal.record({ event: 'something' })));
    return ask(1, undefined, 200);
  });
  expect(refused).toBe(1);
});

test('an engine some way off is asked as often as need be', async () => {
  expect(await inRequest(response, () => ask(40, undefined, 80))).toMatchObject({ answers: 40 });
});

test('a process that is behind with its own work has not waited for the engine', async () => {
  jest.mocked(performance.eventLoopUtilization).mockReturnValue({ idle: 0, active: 1, utilization: 1 });
  expect(await inRequest(response, () => ask(5))).toMatchObject({ answers: 5 });
});
