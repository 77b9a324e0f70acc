// The lease of an opening, between two processes on one storage. Its clock stands still unless it is moved, so that nothing ends by itself.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { createOpeningLease, type OpeningLease } from '../../src/login/opening-lease.ts';
import { movableClock } from '../contract/store.ts';
import { openTwice, type TwoBackends } from '../storage/fixtures/two-backends.ts';
import { until } from '../support/story.ts';

let clock: ReturnType<typeof movableClock>;
let both: TwoBackends;
let one: OpeningLease;
let other: OpeningLease;

beforeEach(async () => {
  clock = movableClock();
  both = await openTwice('sqlite', clock);
  one = createOpeningLease({ store: both.one.store });
  other = createOpeningLease({ store: both.two.store });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await both.close();
});

const done = async () => 'done';
const gone = () => Promise.reject(new StorageUnavailable('gone for the test'));

test('one works at a time, whoever else comes hears so, and the next one gets it', async () => {
  const held = Promise.withResolvers<string>();
  const working = one.alone('a', () => held.promise);
  await until('it to be held', () => other.isHeld('a'));
  expect([await other.alone('a', done), await one.alone('a', done)]).toEqual([undefined, undefined]);
  expect(await other.alone('b', done)).toBe('done');
  held.resolve('first');
  expect([await working, await other.alone('a', done)]).toEqual(['first', 'done']);
});

test('R7: what could not be given back is given back as soon as the storage answers, also for another process', async () => {
  const { store } = both.one;
  const kept = { ...store };
  const failing = one.alone('a', async () => {
    Object.assign(store, { update: gone });
    throw new StorageUnavailable('the work as well');
  });
  await expect(failing).rejects.toThrow('the work as well');
  expect(await other.alone('a', done)).toBeUndefined();
  Object.assign(store, kept);
  await until('the other process to get it', () => other.alone('a', done));
});

test('R7: neither is a lease left that was written although its answer was lost', async () => {
  const { store } = both.one;
  const { putIfAbsent } = store;
  jest.spyOn(store, 'putIfAbsent').mockImplementationOnce(async (...asked) => {
    await putIfAbsent(...asked);
    return gone();
  });
  await expect(one.alone('a', done)).rejects.toThrow(StorageUnavailable);
  expect(await other.alone('a', done)).toBe('done');
});

test('whoever stood still for too long does not give back what another one holds by then', async () => {
  const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const stoodStill = one.alone('a', () => first.promise);
  await until('it to be held', () => other.isHeld('a'));
  clock.advance(6);
  const working = other.alone('a', () => second.promise);
  await until('it to be held again', () => other.isHeld('a'));
  first.resolve('late');
  expect(await stoodStill).toBe('late');
  expect(await one.isHeld('a')).toBe(true);
  second.resolve('done');
  expect(await working).toBe('done');
  expect(await one.isHeld('a')).toBe(false);
});

test('a renewal that is carried out late brings back nothing', async () => {
  const { store } = both.one;
  const { update } = store;
  const late: (() => Promise<unknown>)[] = [];
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
  try {
    jest.spyOn(store, 'update').mockImplementationOnce(async (...asked: Parameters<typeof update>) => {
      late.push(() => update(...asked));
      return undefined as never;
    });
    const held = Promise.withResolvers<string>();
    const isTaken = Promise.withResolvers<void>();
    const working = one.alone('a', () => {
      isTaken.resolve();
      return held.promise;
    });
    await isTaken.promise;
    jest.advanceTimersByTime(2_000);
    held.resolve('done');
    await working;
  } finally {
    jest.useRealTimers();
  }
  expect(late).toHaveLength(1);
  for (const renew of late) await renew();
  expect(await other.isHeld('a')).toBe(false);
});
