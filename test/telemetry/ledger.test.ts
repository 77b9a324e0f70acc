import { beforeEach, expect, test } from '@jest/globals';
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
