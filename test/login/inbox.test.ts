// When a delivery is answered: its effect is stored by then, or the delivery itself is. The vendor waits five seconds, whatever the storage
// needs.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { createInbox, DELIVERY, type Inbox } from '../../src/login/inbox.ts';
import type { Job, Logger, VendorEvent } from '../../src/login/ports.ts';
import type { Settlement } from '../../src/login/settle.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;
const event = { kind: 'verification', verdict: { verificationId: 'v', status: 'approved' } } as unknown as VendorEvent;
let scheduled: string[];
let noted: string[];
let cancelled: string[];
let schedule: (job: Job) => Promise<void>;
let settleAtOnce: Settlement['settleAtOnce'];
let inbox: Inbox;
let eventKeys: Iterator<number>;

beforeEach(() => {
  jest.useFakeTimers();
  scheduled = [];
  noted = [];
  cancelled = [];
  schedule = async ({ id }) => void scheduled.push(id);
  eventKeys = [...Array.from({ length: 200 }).keys()][Symbol.iterator]();
  inbox = createInbox({
    sealer: createSealer([new Uint8Array(32)]),
    vendor: { readDelivery: () => ({ kind: 'believed', eventKey: `e${eventKeys.next().value}`, event }) },
    attempts: { ownerOf: async () => undefined },
    store: { get: async () => undefined, set: async (key: string) => void noted.push(key) },
    jobs: {
      schedule: (job: Job) => schedule(job),
      cancel: async (kind: string, id: string) => void cancelled.push(`${kind} ${id}`),
    },
    settlement: {
      settleAtOnce: (...asked: Parameters<Settlement['settleAtOnce']>) => settleAtOnce(...asked),
      settle: async () => ({ kind: 'moved' }),
    },
    log: silent,
    nowMs: () => 0,
    poke: () => {},
  } as unknown as Parameters<typeof createInbox>[0]);
});
afterEach(() => {
  jest.useRealTimers();
});

const receive = () => inbox.receive({ headers: {}, body: Buffer.from('{}') });

test('an effect that is stored needs no job', async () => {
  settleAtOnce = async () => ({ kind: 'moved' });
  expect(await receive()).toEqual({ status: 202, result: 'accepted' });
  expect([noted, scheduled]).toEqual([['event:e0'], []]);
});

test('looks at what it concludes are called off, when all that follows is stored; else they go on', async () => {
  settleAtOnce = async () => {
    expect(cancelled).toEqual([]);
    return { kind: 'moved' };
  };
  await receive();
  expect(cancelled).toEqual(['look v']);
  settleAtOnce = async () => ({ kind: 'unchanged' });
  await receive();
  expect(cancelled).toEqual(['look v']);
});

test.each(['left', 'unowned'] as const)('what is %s waits as a job, and is not noted yet', async (kind) => {
  settleAtOnce = async () => ({ kind });
  expect((await receive()).status).toBe(202);
  expect([noted, scheduled]).toEqual([[], ['e0']]);
});

test('an effect that takes longer than a second goes on beside a job, and its failure then is nobody’s', async () => {
  let fail: (reason: Error) => void = () => {};
  settleAtOnce = () => new Promise((_, reject) => (fail = reject));
  const answer = receive();
  await jest.advanceTimersByTimeAsync(1_000);
  expect((await answer).status).toBe(202);
  expect([noted, scheduled]).toEqual([[], ['e0']]);
  fail(new StorageUnavailable('too late'));
  await jest.advanceTimersByTimeAsync(0);
});

test('T8: a delivery that nobody owns yet is due at once when it was sent again while it was worked on', async () => {
  const backend = await openBackend('memory:', { clock: { now: () => 0 } });
  const { jobs } = backend;
  const sealer = createSealer([new Uint8Array(32)]);
  const payload = { sealed: sealer.seal(JSON.stringify(event), 'event:e') };
  const plan = () => jobs.schedule({ kind: DELIVERY, id: 'e', dueAtMs: 0, payload });
  const claim = () => jobs.claimDue({ nowMs: 0, limit: 1, leaseMs: 30_000 });
  let settle = async () => {};
  const parts = { sealer, jobs, log: silent, nowMs: () => 0 };
  const settlement = { settle: async () => (await settle(), { kind: 'unowned' }) };
  const { process } = createInbox({ ...parts, settlement } as unknown as Parameters<typeof createInbox>[0]);
  await plan();
  for (const job of await claim()) await process(job);
  expect(await jobs.nextDueAtMs()).toBe(500);
  settle = plan;
  await plan();
  for (const job of await claim()) await process(job);
  expect(await claim()).toMatchObject([{ id: 'e' }]);
  await backend.close();
});

test('R7: a storage that keeps both waiting is told of as soon as one of them hears', async () => {
  let fail: (reason: Error) => void = () => {};
  settleAtOnce = () => new Promise((_, reject) => (fail = reject));
  schedule = () => new Promise(() => {});
  const answer = receive();
  const refused = expect(answer).rejects.toThrow('away');
  await jest.advanceTimersByTimeAsync(1_500);
  fail(new StorageUnavailable('away'));
  await refused;
});

test('in a burst those beyond sixty-four at once wait as jobs, and room comes back', async () => {
  const waiting: (() => void)[] = [];
  settleAtOnce = () => new Promise((resolve) => waiting.push(() => resolve({ kind: 'moved' })));
  const answers = Array.from({ length: 70 }, receive);
  await jest.advanceTimersByTimeAsync(0);
  expect([waiting.length, scheduled.length]).toEqual([64, 6]);
  for (const end of waiting) end();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array.from({ length: 70 }, () => 202));
  settleAtOnce = async () => ({ kind: 'moved' });
  await receive();
  expect([noted.length, scheduled.length]).toEqual([65, 6]);
});

test('R7: a storage that is away has the vendor send again; a fault of ours has the delivery wait', async () => {
  settleAtOnce = async () => Promise.reject(new StorageUnavailable('away'));
  await expect(receive()).rejects.toThrow('away');
  expect([noted, scheduled]).toEqual([[], []]);
  settleAtOnce = async () => Promise.reject(new TypeError('a fault'));
  expect((await receive()).status).toBe(202);
  expect([noted, scheduled]).toEqual([[], ['e1']]);
});
