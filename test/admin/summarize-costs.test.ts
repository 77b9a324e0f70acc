import { expect, test } from '@jest/globals';
import { type CostLine, summarizeCosts } from '../../src/admin/summarize-costs.ts';

const line: CostLine = { client: 'app', reason: 'login', outcome: 'accepted', price: 0.1, billed: true };

async function* lines(...changes: Partial<CostLine>[]): AsyncGenerator<CostLine> {
  for (const change of changes) yield { ...line, ...change };
}

test('sums are by reason, outcome and client; only what is billed costs', async () => {
  const sums = await summarizeCosts(
    lines({}, {}, { client: 'shop' }, { outcome: 'abandoned', billed: false }, { reason: 'enrol', price: null }),
  );
  expect(sums).toEqual([
    { reason: 'enrol', outcome: 'accepted', client: 'app', opened: 1, billed: 1, free: 0, price: 0 },
    { reason: 'login', outcome: 'abandoned', client: 'app', opened: 1, billed: 0, free: 1, price: 0 },
    { reason: 'login', outcome: 'accepted', client: 'app', opened: 2, billed: 2, free: 0, price: 0.2 },
    { reason: 'login', outcome: 'accepted', client: 'shop', opened: 1, billed: 1, free: 0, price: 0.1 },
  ]);
});

test('what is not settled yet is open, neither billed nor free, and nothing sums to nothing', async () => {
  expect(await summarizeCosts(lines({ outcome: null, billed: false }))).toMatchObject([
    { outcome: 'open', opened: 1, billed: 0, free: 0 },
  ]);
  expect(await summarizeCosts(lines())).toEqual([]);
});
