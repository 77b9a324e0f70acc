// What every storage engine must do for `JobQueue`: work is handed to one at a time and never forgotten.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { JobQueue } from '../../src/login/ports.ts';
import { movableClock, type Opening } from './store.ts';

const NOW = 1_900_000_000_000;

export function jobsContract(engine: string, { open }: Opening): void {
  describe(`JobQueue on ${engine}`, () => {
    let opened: Awaited<ReturnType<Opening['open']>>;
    let jobs: JobQueue;
    const claim = (nowMs: number, limit = 100) => jobs.claimDue({ nowMs, limit, leaseMs: 1000 });

    beforeAll(async () => {
      opened = await open(movableClock());
      jobs = opened.one.jobs;
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const { kind, id } of await claim(Number.MAX_SAFE_INTEGER - 1_000_000, 10_000)) await jobs.cancel(kind, id);
    });

    test('hands out what is due, earliest first, with its payload, and no more than asked for', async () => {
      await jobs.schedule({ kind: 'poll', id: 'late', dueAtMs: NOW + 2, payload: { a: [1] } });
      await jobs.schedule({ kind: 'poll', id: 'early', dueAtMs: NOW + 1 });
      await jobs.schedule({ kind: 'sweep', id: 'early', dueAtMs: NOW });
      await jobs.schedule({ kind: 'poll', id: 'future', dueAtMs: NOW + 3 });
      expect(await claim(NOW + 2, 2)).toMatchObject([
        { kind: 'sweep', id: 'early', dueAtMs: NOW, attempts: 0 },
        { kind: 'poll', id: 'early', dueAtMs: NOW + 1, attempts: 0 },
      ]);
      expect(await claim(NOW + 2)).toEqual([
        { kind: 'poll', id: 'late', dueAtMs: NOW + 2, attempts: 0, payload: { a: [1] } },
      ]);
    });

    test('a claimed job is nobody else’s until its lease runs out, and then counts its attempts', async () => {
      await jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: NOW });
      expect(await claim(NOW)).toHaveLength(1);
      expect(await opened.other.jobs.claimDue({ nowMs: NOW + 999, limit: 9, leaseMs: 1000 })).toEqual([]);
      expect(await jobs.nextDueAtMs()).toBe(NOW + 1000);
      expect(await claim(NOW + 1000)).toMatchObject([{ id: 'a', dueAtMs: NOW, attempts: 1 }]);
    });

    test('a cancelled job is gone, while it waits and while it is claimed', async () => {
      await jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: NOW });
      await claim(NOW);
      await jobs.cancel('poll', 'a');
      await jobs.cancel('poll', 'never was');
      expect(await claim(NOW + 10_000)).toEqual([]);
      expect(await jobs.nextDueAtMs()).toBeUndefined();
    });

    test('scheduling again replaces due time and payload, ends the lease and keeps the count', async () => {
      await jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: NOW, payload: 1 });
      await claim(NOW);
      await jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: NOW + 5, payload: 2 });
      expect(await claim(NOW + 4)).toEqual([]);
      expect(await claim(NOW + 5)).toEqual([{ kind: 'poll', id: 'a', dueAtMs: NOW + 5, attempts: 1, payload: 2 }]);
    });

    describe('a job that is given back', () => {
      const again = { dueAtMs: NOW + 5, payload: { again: [2] } };

      async function claimOne() {
        await jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: NOW, payload: 1 });
        const [job] = await claim(NOW + 1);
        if (!job) throw new Error('nothing was due');
        return job;
      }

      test('is gone when it is done, and waits when it is to be done again', async () => {
        await jobs.giveBack(await claimOne());
        expect(await jobs.nextDueAtMs()).toBeUndefined();
        await jobs.giveBack(await claimOne(), again);
        expect(await claim(NOW + 4)).toEqual([]);
        expect(await claim(NOW + 5)).toEqual([{ kind: 'poll', id: 'a', attempts: 1, ...again }]);
      });

      test.each([
        ['done', undefined],
        ['to be done again', again],
      ])('stays as it was planned meanwhile, by another process too, or cancelled: %s', async (_what, next) => {
        for (const dueAtMs of [NOW, NOW + 7]) {
          const job = await claimOne();
          await opened.other.jobs.schedule({ kind: 'poll', id: 'a', dueAtMs, payload: 'meanwhile' });
          await jobs.giveBack(job, next);
          expect(await jobs.nextDueAtMs()).toBe(dueAtMs);
          expect(await claim(NOW + 7)).toMatchObject([{ dueAtMs, payload: 'meanwhile' }]);
          await jobs.cancel('poll', 'a');
        }
        const job = await claimOne();
        await opened.other.jobs.cancel('poll', 'a');
        await jobs.giveBack(job, next);
        expect(await jobs.nextDueAtMs()).toBeUndefined();
      });

      test('is left to whoever it was handed to when its lease was over', async () => {
        const slow = await claimOne();
        const [taken] = await claim(NOW + 1001);
        await jobs.giveBack(slow);
        await jobs.giveBack(slow, again);
        expect(await jobs.nextDueAtMs()).toBe(NOW + 2001);
        if (taken) await jobs.giveBack(taken);
        expect(await jobs.nextDueAtMs()).toBeUndefined();
      });
    });

    test('hasten makes every job of the kind due, claimed ones too, and delays none', async () => {
      await jobs.schedule({ kind: 'poll', id: 'leased', dueAtMs: NOW - 7 });
      await claim(NOW - 5);
      await jobs.schedule({ kind: 'poll', id: 'future', dueAtMs: NOW + 9000 });
      await jobs.schedule({ kind: 'poll', id: 'overdue', dueAtMs: NOW - 9 });
      await jobs.schedule({ kind: 'mail', id: 'other', dueAtMs: NOW + 9000 });
      await jobs.hasten('poll', NOW);
      expect(await jobs.nextDueAtMs()).toBe(NOW - 9);
      expect((await claim(NOW)).map(({ id }) => id)).toEqual(['overdue', 'leased', 'future']);
    });

    test('of two that claim at once each job goes to one', async () => {
      for (let round = 0; round < 10; round += 1) {
        await Promise.all(
          Array.from({ length: 20 }, (_, n) => jobs.schedule({ kind: 'race', id: `${round}-${n}`, dueAtMs: NOW })),
        );
        const claims = await Promise.all(
          [opened.one, opened.other, opened.one, opened.other].map((backend) =>
            backend.jobs.claimDue({ nowMs: NOW, limit: 7, leaseMs: 1000 }),
          ),
        );
        const ids = claims.flat().map(({ id }) => id);
        expect(ids).toHaveLength(20);
        expect(new Set(ids).size).toBe(20);
        for (const id of ids) await jobs.cancel('race', id);
      }
    });
  });
}
