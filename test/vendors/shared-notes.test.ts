// What processes tell each other of a vendor: pauses, a slower pace, and that it does not answer. Two of them are two vendors on one
// store and one bus; a lost message, a store that fails and clocks that differ cost calls, never logins.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openMemory } from '../../src/storage/memory.ts';
import { createLimiter, type Limiter } from '../../src/vendors/didit/limits.ts';
import { createSharedNotes } from '../../src/vendors/shared-notes.ts';
import { SESSION } from './deliveries.ts';
import { diditAt, type FakeTiming, fakeCounters, fakeShared, fakeTiming, type TestVendor, WORKFLOWS } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

/** All that is published now is heard: the bus wakes in the next turns of the event loop, and who is woken reads. */
async function heard(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

const silent = { publish: async () => {}, subscribe: () => () => {} };

describe('notes', () => {
  const open = () => {
    const timing = fakeTiming();
    const { store, bus } = fakeShared(timing);
    let reads = 0;
    const counting = {
      ...store,
      get: (key: string) => {
        reads += 1;
        return store.get(key);
      },
    } as typeof store;
    const on = (changes: object = {}) =>
      createSharedNotes({ name: 'test', store: counting, bus, nowMs: timing.nowMs, ...changes });
    return { timing, store: counting, bus, on, reads: () => reads };
  };

  test('are known to all who share a store, and end', async () => {
    const { timing, on } = open();
    const [one, other] = [on(), on()];
    await one.put('a', { lastsMs: 5_000, value: 7 });
    await heard();
    expect(other.find('a')).toEqual({ sinceMs: timing.nowMs(), lastsMs: 5_000, value: 7 });
    timing.advance(4_999);
    expect(other.find('a')).toBeDefined();
    timing.advance(1);
    expect([one.find('a'), other.find('a')]).toEqual([undefined, undefined]);
  });

  test('that are taken back are taken back for all; others stay', async () => {
    const { on } = open();
    const [one, other] = [on(), on()];
    await Promise.all([one.put('a', { lastsMs: 5_000, value: 1 }), other.put('b', { lastsMs: 5_000, value: 2 })]);
    await other.remove('a');
    await heard();
    expect([one.find('a'), one.find('b')?.value, other.find('a'), other.find('b')?.value]).toEqual([
      undefined,
      2,
      undefined,
      2,
    ]);
  });

  test('are found by who starts later, and by who heard no message, a little later', async () => {
    const { timing, on } = open();
    const deaf = on({ bus: silent });
    await on({ bus: silent }).put('a', { lastsMs: 60_000, value: 1 });
    await heard();
    expect(deaf.find('a')).toBeUndefined();
    const later = on();
    await heard();
    expect(later.find('a')).toBeDefined();
    timing.advance(10_000);
    deaf.find('a');
    await heard();
    expect(deaf.find('a')).toBeDefined();
  });

  test('are read from memory: a thousand looks cost no read of the store', async () => {
    const { on, reads } = open();
    const notes = on();
    await heard();
    const before = reads();
    for (let look = 0; look < 1_000; look += 1) notes.find('a');
    expect(reads()).toBe(before);
  });

  test('that cannot be written hold here all the same, also when the store is read again', async () => {
    const { timing, store, on } = open();
    const notes = on({ store: { ...store, update: () => Promise.reject(new Error('read-only')) } });
    await notes.put('a', { lastsMs: 60_000, value: 1 });
    timing.advance(10_000);
    notes.find('a');
    await heard();
    expect(notes.find('a')).toBeDefined();
  });

  test('a store that cannot be read changes nothing of what is known', async () => {
    const { timing, store, on } = open();
    let isDown = false;
    const notes = on({
      store: { ...store, get: (key: string) => (isDown ? Promise.reject(new Error('down')) : store.get(key)) },
    });
    await on().put('a', { lastsMs: 60_000, value: 1 });
    await heard();
    isDown = true;
    timing.advance(20_000);
    notes.find('a');
    await heard();
    expect(notes.find('a')).toBeDefined();
  });

  test('R10 a clock that is ahead by minutes makes none last longer than it should', async () => {
    const { timing, on } = open();
    const here = on();
    await on({ nowMs: () => timing.nowMs() + 300_000 }).put('a', { lastsMs: 20_000, value: 1 });
    await heard();
    expect(here.find('a')).toMatchObject({ sinceMs: timing.nowMs(), lastsMs: 20_000 });
    timing.advance(19_000);
    here.find('a');
    await heard();
    timing.advance(1_000);
    expect(here.find('a')).toBeUndefined();
  });
});

describe('two limiters', () => {
  const perMinute = { create: 600, decision: 100, read: 300, write: 300 };
  let timing: FakeTiming;
  let one: Limiter;
  let other: Limiter;
  beforeEach(() => {
    timing = fakeTiming();
    const shared = fakeShared(timing);
    const counters = fakeCounters();
    const make = () =>
      createLimiter({
        perMinute,
        counters,
        notes: createSharedNotes({ name: 'test', nowMs: timing.nowMs, ...shared }),
        timing,
      });
    [one, other] = [make(), make()];
  });

  test('a 429 to one holds back the other', async () => {
    one.heed('create', { status: 429, headers: { 'retry-after': '20' } });
    await heard();
    expect(await other.take('create', 2_000)).toEqual({ retryAfterSeconds: 20 });
    expect(await other.take('decision')).toBeUndefined();
    timing.advance(20_001);
    expect(await other.take('create')).toBeUndefined();
  });

  test('while the vendor runs low both together go at half its pace', async () => {
    const low = { status: 200, headers: { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '80' } };
    one.heed('create', low);
    await heard();
    const fromMs = timing.nowMs();
    let taken = 0;
    while (timing.nowMs() < fromMs + 20_000) {
      for (const limiter of [one, other]) if ((await limiter.take('create')) === undefined) taken += 1;
      timing.advance(10);
    }
    // one every 200 ms; each of two may be one ahead
    expect(taken).toBeGreaterThanOrEqual(95);
    expect(taken).toBeLessThanOrEqual(103);
    other.heed('create', { status: 200, headers: { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '300' } });
    await heard();
    for (let call = 0; call < 5; call += 1) expect(await one.take('create')).toBeUndefined();
  });
});

describe('two breakers', () => {
  let server: LocalServer;
  let timing: FakeTiming;
  let shared: ReturnType<typeof fakeShared>;
  let one: TestVendor;
  let other: TestVendor;
  let before = 0;
  beforeAll(async () => {
    server = await startLocalServer();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    timing = fakeTiming();
    shared = fakeShared(timing);
    [one, other] = [diditAt(server.url, { timing, ...shared }), diditAt(server.url, { timing, ...shared })];
    before = server.asked.length;
  });

  const created = {
    status: 201,
    body: { session_id: SESSION, url: 'https://verify.didit.me/session/x', status: 'Not Started' },
  };
  const asked = () => server.asked.length - before;
  const open = ({ vendor }: TestVendor) =>
    vendor.openVerification({
      workflowId: WORKFLOWS.passive,
      subject: 'user-42',
      returnUrl: 'https://id.example/r',
      metadata: {},
    });
  const fail = async (vendor: TestVendor) => {
    server.answer({ status: 500 });
    for (let call = 0; call < 3; call += 1) await open(vendor).catch(() => {});
    await heard();
    before = server.asked.length;
  };

  test('what one has found dead the other leaves alone', async () => {
    await fail(one);
    await expect(open(other)).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 3 });
    expect(asked()).toBe(0);
  });

  test('one probe goes out of all, and its success lets all go', async () => {
    await fail(one);
    timing.advance(3_000);
    server.answer(created);
    const results = await Promise.allSettled([open(one), open(other), open(other), open(one)]);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(asked()).toBe(1);
    await heard();
    await Promise.all([open(one), open(other)]);
    expect(asked()).toBe(3);
  });

  test('after the probe of one has failed, the other waits as long', async () => {
    await fail(one);
    timing.advance(3_000);
    await open(one).catch(() => {});
    await heard();
    await expect(open(other)).rejects.toMatchObject({ retryAfterSeconds: 3 });
    expect(asked()).toBe(1);
    timing.advance(3_000);
    server.answer(created);
    await open(other);
  });

  test('a success of another ends the row of failures here too: one more failure opens nothing', async () => {
    await fail(one);
    timing.advance(3_000);
    server.answer(created);
    await open(other);
    await heard();
    server.answer({ status: 500 });
    await open(one).catch(() => {});
    server.answer(created);
    await expect(open(one)).resolves.toMatchObject({ verificationId: SESSION });
  });

  test('a probe that died with its process keeps the next one from going for seconds, not for ever', async () => {
    await fail(one);
    timing.advance(3_000);
    await shared.store.putIfAbsent('vendor-probe:didit:create', true, 12);
    await expect(open(other)).rejects.toMatchObject({ retryAfterSeconds: 1 });
    timing.advance(13_000);
    server.answer(created);
    await open(other);
  });

  test('a store that takes no notes makes no call fail: each process has a breaker of its own', async () => {
    const { store } = openMemory({ clock: { now: () => Math.floor(timing.nowMs() / 1000) } });
    const refuse = () => Promise.reject(new Error('read-only'));
    const readOnly = { ...store, update: refuse, putIfAbsent: refuse, delete: refuse } as typeof store;
    [one, other] = [
      diditAt(server.url, { timing, ...shared, store: readOnly }),
      diditAt(server.url, { timing, ...shared, store: readOnly }),
    ];
    await fail(one);
    await expect(open(one)).rejects.toMatchObject({ retryAfterSeconds: 3 });
    server.answer(created);
    await open(other);
    timing.advance(3_000);
    await open(one);
    expect(asked()).toBe(2);
  });
});
