// What every storage engine must do for `Bulk`: everything it holds comes out in order, in bounded pages and with its ends, and goes in
// again bit for bit, never over what is there.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FOREVER } from '../../src/login/ports.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { compareBytes, PAGE_BYTES, PAGE_ENTRIES, type StoredJob, type StoredRow } from '../../src/storage/bulk.ts';
import { type MovableClock, movableClock, type Opening } from './store.ts';

const NOW = 1_900_000_000;

export async function allRows({ bulk }: Pick<Backend, 'bulk'>, now: number, after = ''): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  for await (const page of bulk.rows(after, now)) rows.push(...page);
  return rows;
}

export async function allJobs({ bulk }: Pick<Backend, 'bulk'>): Promise<StoredJob[]> {
  const jobs: StoredJob[] = [];
  for await (const page of bulk.jobs()) jobs.push(...page);
  return jobs;
}

export function bulkContract(engine: string, { open }: Opening): void {
  describe(`Bulk on ${engine}`, () => {
    let opened: Awaited<ReturnType<Opening['open']>>;
    let clock: MovableClock;
    beforeAll(async () => {
      clock = movableClock(NOW);
      opened = await open(clock);
    });
    afterAll(() => opened.close());

    test('what single operations wrote comes out whole, in order and with its end, and what is over does not', async () => {
      const { store } = opened.one;
      const keys = Array.from({ length: PAGE_ENTRIES * 2 + 7 }, (_, n) => `bulk:${n.toString(36)}:ü-${n % 7}`);
      await Promise.all(keys.map((key, n) => store.set(key, { n, text: 'ä \u{1F600} "\\\n' }, 60 + n)));
      await store.set('bulk:over', 1, 1);
      await store.increment('bulk:sum', FOREVER, 41);
      clock.advance(1);
      const rows = await allRows(opened.other, clock.now());
      expect(rows.map(({ key }) => key)).toEqual([...keys, 'bulk:sum'].sort(compareBytes));
      const byKey = new Map(rows.map((row) => [row.key, row]));
      for (const [n, key] of keys.entries()) {
        const text = JSON.stringify({ n, text: 'ä \u{1F600} "\\\n' });
        expect(byKey.get(key)).toEqual({ key, text, expiresAt: NOW + 60 + n });
      }
      expect(byKey.get('bulk:sum')).toEqual({ key: 'bulk:sum', text: '41', expiresAt: NOW + FOREVER });
      const behind = await allRows(opened.one, clock.now(), rows[700]?.key);
      expect(behind).toEqual(rows.slice(701));
    });

    test('a count that an old file kept as 1.0 goes on', async () => {
      const { store, bulk } = opened.one;
      await bulk.addRows([{ key: 'count:old', text: '41.0', expiresAt: clock.now() + 60 }], clock.now());
      expect(await store.increment('count:old', 60)).toBe(42);
      expect((await allRows(opened.other, clock.now(), 'count:')).find(({ key }) => key === 'count:old')?.text).toBe(
        '42',
      );
    });

    test('a page holds as much as is good for everybody, and one row at least', async () => {
      const { store, bulk } = opened.one;
      const large = 'x'.repeat(PAGE_BYTES / 2);
      for (const name of ['a', 'b', 'c', 'd']) await store.set(`large:${name}`, large, 60);
      await store.set('large:e', `${large}${large}${large}`, 60);
      const sizes: number[] = [];
      for await (const page of bulk.rows('large:', clock.now())) {
        sizes.push(page.filter(({ key }) => key.startsWith('large:')).length);
        expect(page.length).toBeLessThanOrEqual(PAGE_ENTRIES);
      }
      expect(sizes).toEqual([2, 2, 1]);
      for (const name of ['a', 'b', 'c', 'd', 'e']) await store.delete(`large:${name}`);
    });

    test('rows are added where there are none, once, and single operations find them', async () => {
      const { store, bulk } = opened.one;
      await store.set('add:there', 'mine', 60);
      await store.set('add:over', 'old', 1);
      clock.advance(1);
      const end = clock.now() + 30;
      const rows = ['add:new', 'add:over', 'add:there', 'add:ü'].map((key) => ({
        key,
        text: '"theirs"',
        expiresAt: end,
      }));
      expect(await bulk.addRows(rows, clock.now())).toBe(3);
      expect(await opened.other.bulk.addRows(rows, clock.now())).toBe(0);
      expect(await opened.other.store.get('add:there')).toBe('mine');
      for (const key of ['add:new', 'add:over', 'add:ü']) expect(await opened.other.store.get(key)).toBe('theirs');
      expect(await store.keys('add:')).toHaveLength(4);
      clock.advance(30);
      expect(await store.keys('add:')).toEqual(['add:there']);
    });

    test('jobs come out by kind and id with lease and count, and are added where there are none', async () => {
      const { jobs, bulk } = opened.one;
      const due = NOW * 1000;
      await jobs.schedule({ kind: 'b', id: 'x y', dueAtMs: due + 5, payload: { a: ['ü\n'] } });
      await jobs.schedule({ kind: 'a', id: '2', dueAtMs: due });
      await jobs.schedule({ kind: 'a', id: '1', dueAtMs: due + 9 });
      await jobs.claimDue({ nowMs: due, limit: 1, leaseMs: 700 });
      const found = await allJobs(opened.other);
      expect(found).toEqual([
        { kind: 'a', id: '1', dueAtMs: due + 9, readyAtMs: due + 9, attempts: 0, payloadText: 'null' },
        { kind: 'a', id: '2', dueAtMs: due, readyAtMs: due + 700, attempts: 1, payloadText: 'null' },
        { kind: 'b', id: 'x y', dueAtMs: due + 5, readyAtMs: due + 5, attempts: 0, payloadText: '{"a":["ü\\n"]}' },
      ]);
      const rest: string[] = [];
      for await (const page of bulk.jobs({ kind: 'a', id: '1' })) rest.push(...page.map(({ id }) => id));
      expect(rest).toEqual(['2', 'x y']);

      for (const { kind, id } of found) await jobs.cancel(kind, id);
      await jobs.schedule({ kind: 'a', id: '1', dueAtMs: due, payload: 'mine' });
      expect(await bulk.addJobs(found)).toBe(2);
      expect(await opened.other.bulk.addJobs(found)).toBe(0);
      expect(await allJobs(opened.one)).toEqual([
        { kind: 'a', id: '1', dueAtMs: due, readyAtMs: due, attempts: 0, payloadText: '"mine"' },
        ...found.slice(1),
      ]);
      await jobs.hasten('b', due - 1);
      expect(await jobs.nextDueAtMs()).toBe(due - 1);
      const claimed = await jobs.claimDue({ nowMs: due + 700, limit: 9, leaseMs: 1 });
      const told = claimed.map(({ id, attempts, payload }) => [id, attempts, payload] as const);
      expect(told.sort(([one], [other]) => one.localeCompare(other))).toEqual([
        ['1', 0, 'mine'],
        ['2', 1, null],
        ['x y', 0, { a: ['ü\n'] }],
      ]);
      for (const { kind, id } of found) await jobs.cancel(kind, id);
      expect(await allJobs(opened.one)).toEqual([]);
    });
  });
}
