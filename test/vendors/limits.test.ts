// The shared request budget: a sliding minute across processes, and the vendor's own wishes (section 7 of its contract).

import { describe, expect, test } from '@jest/globals';
import { createLimiter, type Limiter, readRetryAfter } from '../../src/vendors/didit/limits.ts';
import { NOW } from './deliveries.ts';
import { type FakeTiming, fakeCounters, fakeNotes, fakeTiming } from './didit.ts';

const perMinute = { create: 600, decision: 100, read: 300, write: 300 };

function limiters(count = 1): { timing: FakeTiming; limiters: Limiter[]; counts: Map<string, number> } {
  const timing = fakeTiming();
  const counters = fakeCounters();
  return {
    timing,
    limiters: Array.from({ length: count }, () =>
      createLimiter({ perMinute, counters, notes: fakeNotes(timing), timing }),
    ),
    counts: counters.counts,
  };
}

function one(): { timing: FakeTiming; limiter: Limiter } {
  const { timing, limiters: made } = limiters();
  return { timing, limiter: made[0] as Limiter };
}

async function takeUntilFull(limiter: Limiter, budget: 'create' | 'decision' = 'decision'): Promise<number> {
  for (let taken = 0; ; taken++) {
    if ((await limiter.take(budget)) !== undefined) return taken;
  }
}

describe('the documented rates', () => {
  test('a hundred decisions in a minute, then a time to come back', async () => {
    const { limiter, timing } = one();
    expect(await takeUntilFull(limiter)).toBe(100);
    const full = await limiter.take('decision');
    expect(full?.retryAfterSeconds).toBeGreaterThan(0);
    timing.advance((full?.retryAfterSeconds ?? 0) * 1000);
    expect(await limiter.take('decision')).toBeUndefined();
  });

  test('budgets are apart', async () => {
    const { limiter } = one();
    await takeUntilFull(limiter);
    expect(await takeUntilFull(limiter, 'create')).toBe(600);
  });

  test('processes share one budget', async () => {
    const {
      limiters: [first, second],
    } = limiters(2);
    let taken = 0;
    for (let i = 0; i < 150; i++) {
      for (const limiter of [first, second]) {
        if ((await limiter?.take('decision')) === undefined) taken++;
      }
    }
    expect(taken).toBe(100);
  });

  test('fifty calls at once take fifty', async () => {
    const {
      limiters: [limiter],
      counts,
    } = limiters();
    const results = await Promise.all(Array.from({ length: 150 }, () => limiter?.take('decision')));
    expect(results.filter((full) => full === undefined).length).toBe(100);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(150);
  });

  test('no sixty seconds hold more than the limit, wherever they begin', async () => {
    const { limiter, timing } = one();
    const taken: number[] = [];
    for (let step = 0; step < 2000; step++) {
      timing.advance(150 + ((step * 37) % 300));
      // a burst now and then, as when many come back at once
      for (let i = 0; i < (step % 40 === 0 ? 60 : 1); i++) {
        if ((await limiter.take('decision')) === undefined) taken.push(timing.nowMs());
      }
    }
    // the approximation takes the last minute as even; a burst inside it lets a little more through
    const most = Math.max(...taken.map((from) => taken.filter((at) => at >= from && at < from + 60_000).length));
    expect(most).toBeLessThanOrEqual(150);
    expect(taken.length).toBeGreaterThan(600);
  });

  test('asking again and again does not keep the door shut', async () => {
    const { limiter, timing } = one();
    await takeUntilFull(limiter);
    for (let i = 0; i < 600; i++) {
      timing.advance(100);
      await limiter.take('decision');
    }
    timing.advance(60_000);
    expect(await limiter.take('decision')).toBeUndefined();
  });

  test('a store that cannot count stops the call', async () => {
    const counters = { increment: () => Promise.reject(new Error('down')) };
    const timing = fakeTiming();
    const limiter = createLimiter({ perMinute, counters, notes: fakeNotes(timing), timing });
    await expect(limiter.take('create')).rejects.toThrow('down');
  });
});

describe('what the vendor wishes', () => {
  const low = { status: 200, headers: { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '89' } };
  const enough = { status: 200, headers: { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '90' } };

  test('a 429 pauses its budget for Retry-After', async () => {
    const { limiter, timing } = one();
    limiter.heed('create', { status: 429, headers: { 'retry-after': '20' } });
    expect(await limiter.take('create', 2000)).toEqual({ retryAfterSeconds: 20 });
    expect(await limiter.take('decision')).toBeUndefined();
    timing.advance(20_001);
    expect(await limiter.take('create')).toBeUndefined();
  });

  test.each([
    ['a date', { 'retry-after': new Date((NOW + 30) * 1000).toUTCString() }, 30],
    ['the reset as a moment', { 'x-ratelimit-reset': String(NOW + 40) }, 40],
    ['the reset as a distance', { 'x-ratelimit-reset': '50' }, 50],
    ['nothing', {}, 10],
    ['nonsense', { 'retry-after': 'soon' }, 10],
    ['zero', { 'retry-after': '0' }, 1],
    ['a year', { 'retry-after': '31536000' }, 3600],
  ])('a 429 with %s', async (_what, headers, seconds) => {
    const { limiter } = one();
    limiter.heed('create', { status: 429, headers });
    expect(await limiter.take('create')).toEqual({ retryAfterSeconds: seconds });
  });

  test('below 15 % we go at half the pace: a create waits its turn, a poll comes back', async () => {
    const { limiter, timing } = one();
    limiter.heed('create', low);
    for (let i = 0; i < 3; i++) expect(await limiter.take('create', 2000)).toBeUndefined();
    expect(timing.slept).toEqual([200, 200, 200]);
    expect(await limiter.take('create')).toEqual({ retryAfterSeconds: 1 });
  });

  test('many creates at once line up, and the line has an end', async () => {
    // a clock that stands still while all of them wait
    const timing = { ...fakeTiming(), nowMs: () => NOW * 1000, sleep: async () => {} };
    const limiter = createLimiter({ perMinute, counters: fakeCounters(), notes: fakeNotes(timing), timing });
    limiter.heed('create', low);
    const results = await Promise.all(Array.from({ length: 30 }, () => limiter.take('create', 2000)));
    expect(results.filter((full) => full === undefined).length).toBe(10);
    expect(results.at(-1)?.retryAfterSeconds).toBeGreaterThan(0);
  });

  test('with enough left nothing is slowed', async () => {
    const { limiter, timing } = one();
    limiter.heed('create', low);
    limiter.heed('create', enough);
    limiter.heed('create', { status: 200, headers: { 'x-ratelimit-remaining': '1' } });
    timing.advance(200);
    for (let i = 0; i < 5; i++) expect(await limiter.take('create')).toBeUndefined();
    expect(timing.slept).toEqual([]);
  });
});

test.each([
  [{ 'retry-after': '5' }, 5],
  [{ 'retry-after': ' 5 ' }, 5],
  [{ 'retry-after': new Date((NOW - 5) * 1000).toUTCString() }, 0],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': ['5'] }, undefined],
  [{}, undefined],
])('Retry-After in %j is %s seconds', (headers, seconds) => {
  const read = readRetryAfter(headers, NOW * 1000);
  // "-5" is a year to some date parsers: long past
  expect(seconds === undefined ? (read ?? 0) : read).toBe(seconds ?? 0);
});
