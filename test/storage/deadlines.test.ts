// The time that an operation on a server may take, and those after it, when the first one was not answered.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { assertInTime, createDeadlines, type Deadlines, type Turn } from '../../src/storage/deadlines.ts';

const DEADLINE_MS = 1500;
let deadlines: Deadlines;
/** connections that were thrown away */
let abandoned: number;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  deadlines = createDeadlines({ engine: 'engine', deadlineMs: DEADLINE_MS });
  abandoned = 0;
});
afterEach(() => {
  jest.useRealTimers();
});

const answer = (value: string) => deadlines.run(async () => value);

/** An operation that gets no answer. @returns milliseconds until it was refused */
async function ask(): Promise<number> {
  const begunAt = performance.now();
  let isOver = false;
  const asked = deadlines
    .run((turn) => {
      turn.unanswered.set(() => {
        abandoned += 1;
      }, performance.now());
      return new Promise(() => {});
    })
    .catch((error) => {
      expect(error.code).toBe('storage_unavailable');
      isOver = true;
    });
  while (!isOver) {
    jest.advanceTimersByTime(10);
    await new Promise(setImmediate);
  }
  await asked;
  return performance.now() - begunAt;
}

test('R7: of three that a request asks one after the other, only the first waits as long as one may', async () => {
  const waits = [await ask(), await ask(), await ask()];
  expect(waits[0]).toBeGreaterThanOrEqual(DEADLINE_MS);
  expect(waits.reduce((sum, ms) => sum + ms)).toBeLessThan(2000);
});

test('a connection is thrown away only when it gave no answer for as long as one may take', async () => {
  await ask();
  expect(abandoned).toBe(1);
  const took = await ask();
  expect(took).toBeLessThan(DEADLINE_MS);
  jest.advanceTimersByTime(DEADLINE_MS - took - 50);
  expect(abandoned).toBe(1);
  jest.advanceTimersByTime(100);
  expect(abandoned).toBe(2);
});

test('nor when it was asked late, by an operation that had waited for something else', async () => {
  const asked = deadlines.run(async (turn) => {
    await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS - 100));
    turn.unanswered.set(() => {
      abandoned += 1;
    }, performance.now());
    return new Promise(() => {});
  });
  const refused = expect(asked).rejects.toThrow('did not answer');
  jest.advanceTimersByTime(DEADLINE_MS - 100);
  await new Promise(setImmediate);
  jest.advanceTimersByTime(100);
  await refused;
  expect(abandoned).toBe(0);
  jest.advanceTimersByTime(DEADLINE_MS - 150);
  expect(abandoned).toBe(0);
  jest.advanceTimersByTime(100);
  expect(abandoned).toBe(1);
});

test('whoever answers again is waited for again, also if the answer came too late for whoever asked', async () => {
  await ask();
  expect(await answer('here')).toBe('here');
  expect(await ask()).toBeGreaterThanOrEqual(DEADLINE_MS);
  let late = (_value: string) => {};
  const slow = deadlines.run(() => new Promise<string>((resolve) => void (late = resolve))).catch(() => 'refused');
  jest.advanceTimersByTime(DEADLINE_MS);
  await new Promise(setImmediate);
  expect(await slow).toBe('refused');
  late('after all');
  expect(await ask()).toBeGreaterThanOrEqual(DEADLINE_MS);
});

test('of an engine that may only have become slow one operation at a time has the whole time', async () => {
  await ask();
  jest.advanceTimersByTime(500);
  const both = await Promise.all([ask(), ask()]);
  expect(both.map((ms) => ms >= DEADLINE_MS).toSorted()).toEqual([false, true]);
});

test('R7: what was refused a moment early is not sent in that moment', async () => {
  let theTurn: Turn | undefined;
  const asked = deadlines.run((turn) => {
    theTurn = turn;
    return new Promise(() => {});
  });
  const refused = expect(asked).rejects.toThrow('did not answer');
  const now = jest.spyOn(performance, 'now').mockReturnValue(0);
  jest.advanceTimersByTime(DEADLINE_MS);
  await refused;
  expect(() => assertInTime(theTurn as Turn, 'engine')).toThrow('no time was left');
  now.mockRestore();
});
