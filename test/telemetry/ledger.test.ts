import { beforeEach, describe, expect, test } from '@jest/globals';
import { openBackend } from '../../src/storage/backends.ts';
import { createLedger, type KeptLedger, type LedgerLine } from '../../src/telemetry/ledger.ts';
import { createFakeStore, type FakeStore } from './fake-store.ts';

let store: FakeStore;
let ledger: KeptLedger;
let now: number;

beforeEach(() => {
  store = createFakeStore();
  now = 1_700_000_000;
  ledger = createLedger({ store, clock: { now: () => now }, price: 0.1 });
});

const entry = (verificationId: string) => ({ verificationId, client: 'shop', account: 'h4sh', reason: 'login' });

async function lines(): Promise<LedgerLine[]> {
  const all: LedgerLine[] = [];
  for await (const line of ledger.entries()) all.push(line);
  return all;
}

test('invariant 10: each opened verification is one line of the published form', async () => {
  await ledger.open(entry('v1'));
  expect(await lines()).toEqual([
    { at: 1_700_000_000, client: 'shop', account: 'h4sh', reason: 'login', outcome: null, price: 0.1, billed: false },
  ]);
  expect(Object.keys((await lines())[0] ?? {})).toEqual([
    'at',
    'client',
    'account',
    'reason',
    'outcome',
    'price',
    'billed',
  ]);
});

test('opening twice, also later, is one line', async () => {
  await ledger.open(entry('v1'));
  now += 60;
  await ledger.open(entry('v1'));
  expect(await lines()).toHaveLength(1);
});

test('opening twice at once is one line', async () => {
  await Promise.all([ledger.open(entry('v1')), ledger.open(entry('v1'))]);
  expect(await lines()).toHaveLength(1);
});

test('an outcome is written to the line of its verification', async () => {
  await ledger.open(entry('v1'));
  await ledger.open(entry('v2'));
  await ledger.settle('v2', 'declined');
  expect((await lines()).map(({ outcome, billed }) => ({ outcome, billed }))).toEqual([
    { outcome: null, billed: false },
    { outcome: 'declined', billed: true },
  ]);
});

test('who left before showing a face is not billed', async () => {
  await ledger.open(entry('v1'));
  await ledger.settle('v1', 'abandoned');
  expect((await lines())[0]).toMatchObject({ outcome: 'abandoned', billed: false });
});

test('the last word counts, and what was billed once stays billed', async () => {
  await ledger.open(entry('v1'));
  await ledger.settle('v1', 'approved');
  await ledger.settle('v1', 'declined');
  expect((await lines())[0]).toMatchObject({ outcome: 'declined', billed: true });
  await ledger.settle('v1', 'dropped');
  expect((await lines())[0]).toMatchObject({ outcome: 'dropped', billed: true });
});

test('settling what was never opened changes nothing', async () => {
  await ledger.settle('unknown', 'approved');
  expect(await lines()).toEqual([]);
});

test('a price nobody knows is null', async () => {
  ledger = createLedger({ store, clock: { now: () => now } });
  await ledger.open(entry('v1'));
  expect((await lines())[0]).toMatchObject({ price: null });
});

test('lines come by time, over more than a page', async () => {
  for (let number = 1200; number > 0; number -= 1) {
    now = 1_700_000_000 + number;
    await ledger.open(entry(`v${number}`));
  }
  const times = (await lines()).map(({ at }) => at);
  expect(times).toHaveLength(1200);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('a document check has a price of its own, and that of a selfie where none is said', async () => {
  const priced = createLedger({ store, clock: { now: () => now }, price: 0.1, enrolmentPrice: 1.5 });
  await priced.open({ ...entry('v1'), reason: 'enrol' });
  await priced.open({ ...entry('v2'), reason: 're-enrol' });
  await priced.open(entry('v3'));
  await ledger.open({ ...entry('v4'), reason: 'enrol' });
  expect((await lines()).map(({ reason, price }) => [reason, price])).toEqual([
    ['enrol', 1.5],
    ['re-enrol', 1.5],
    ['login', 0.1],
    ['enrol', 0.1],
  ]);
});

test('what was opened for an account is found under any of its hashes, once each, and nothing of others', async () => {
  await ledger.open(entry('v1'));
  await ledger.open(entry('v1'));
  await ledger.open({ ...entry('v2'), account: 'older' });
  await ledger.open({ ...entry('v3'), account: 'h4sh-of-another' });
  expect([...(await ledger.verificationsOf(['h4sh', 'older']))].sort()).toEqual(['v1', 'v2']);
  expect(await ledger.verificationsOf(['nobody'])).toEqual([]);
});

describe('what skipping saved', () => {
  const clock = { now: () => now };
  const DAY = 86_400;

  test('is counted a day at the price of the day', async () => {
    const backend = await openBackend('memory:', { clock });
    const at = (price?: number) => createLedger({ store: backend.store, clock, price, enrolmentPrice: 5 });
    expect(await at(0.1).savings()).toEqual({ skipped: 0, saved: null });
    await at(0.1).skip();
    await at(0.1).skip();
    const first = now - (now % DAY);
    now += DAY;
    await at(0.25).skip();
    await at().skip();
    const ledger = at(9);
    expect(await ledger.savings()).toEqual({ skipped: 4, saved: expect.closeTo(0.45) });
    expect(await ledger.savings((day) => day <= first)).toEqual({ skipped: 2, saved: expect.closeTo(0.2) });
    expect(await ledger.savings((day) => day > first)).toEqual({ skipped: 2, saved: expect.closeTo(0.25) });
    expect(await ledger.savings((day) => day > first + DAY)).toEqual({ skipped: 0, saved: null });
    // no line of the bill
    const all = [];
    for await (const line of ledger.entries()) all.push(line);
    expect(all).toEqual([]);
  });

  test('is neither lost among fifty at once, nor forgotten in a year', async () => {
    const backend = await openBackend('memory:', { clock });
    const ledger = createLedger({ store: backend.store, clock, price: 1 });
    await Promise.all(Array.from({ length: 50 }, () => ledger.skip()));
    now += 400 * DAY;
    expect(await ledger.savings()).toEqual({ skipped: 50, saved: 50 });
  });
});
