// What every storage engine must do for `Store`, run against each of them. The clock is moved, never slept on. The
// conflict group runs over two openings of the same records: two connections where an engine has them.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Clock, Store } from '../../src/login/ports.ts';
import { FOREVER } from '../../src/login/ports.ts';
import type { Backend } from '../../src/storage/backend.ts';

export interface MovableClock extends Clock {
  advance(seconds: number): void;
}

export function movableClock(at = 1_900_000_000): MovableClock {
  let now = at;
  return {
    now: () => now,
    advance: (seconds) => {
      now += seconds;
    },
  };
}

export interface Opening {
  /** opens the same records twice; memory gives the same backend two times */
  open(clock: Clock): Promise<{ one: Backend; other: Backend; close(): Promise<void> }>;
}

export function storeContract(engine: string, { open }: Opening): void {
  describe(`Store on ${engine}`, () => {
    const clock = movableClock();
    let opened: Awaited<ReturnType<Opening['open']>>;
    let store: Store;
    let other: Store;
    let serial = 0;
    const fresh = () => {
      serial += 1;
      return `contract:${serial}`;
    };

    beforeAll(async () => {
      opened = await open(clock);
      store = opened.one.store;
      other = opened.other.store;
    });
    afterAll(() => opened.close());

    test('what was set is read, by this opening and the other', async () => {
      const key = fresh();
      const value = { text: 'ü \u{1F600} "\\', list: [1, null, true], nested: { empty: {} } };
      await store.set(key, value, 60);
      expect(await store.get(key)).toEqual(value);
      expect(await other.get(key)).toEqual(value);
    });

    test('null, false, 0 and "" are values, not "missing"', async () => {
      for (const value of [null, false, 0, '']) {
        const key = fresh();
        await store.set(key, value, 60);
        expect(await store.get(key)).toBe(value);
        expect(await store.putIfAbsent(key, 'other', 60)).toBe(false);
      }
    });

    test('undefined is refused: it would come back as "missing"', async () => {
      await expect(store.set(fresh(), undefined, 60)).rejects.toThrow(TypeError);
      await expect(store.putIfAbsent(fresh(), undefined, 60)).rejects.toThrow(TypeError);
    });

    test('what is read is a copy', async () => {
      const key = fresh();
      const value = { n: 1 };
      await store.set(key, value, 60);
      value.n = 2;
      const read = await store.get<{ n: number }>(key);
      if (read !== undefined) read.n = 3;
      expect(await store.get(key)).toEqual({ n: 1 });
    });

    test('what is asked in one turn happens in the order asked', async () => {
      const key = fresh();
      const asked = [
        store.set(key, 1, 60),
        store.get(key),
        store.delete(key),
        store.get(key),
        store.set(key, 2, 60),
        store.take(key),
        store.putIfAbsent(key, 3, 60),
        store.keys(key),
      ];
      expect(await Promise.all(asked)).toEqual([undefined, 1, undefined, undefined, undefined, 2, true, [key]]);
    });

    test('a record ends with its life, to the second, for every operation', async () => {
      const [read, put, taken, updated, counted] = [fresh(), fresh(), fresh(), fresh(), fresh()] as const;
      for (const key of [read, put, taken, updated]) await store.set(key, 'old', 10);
      await store.increment(counted, 10, 7);
      clock.advance(9);
      expect(await store.get(read)).toBe('old');
      clock.advance(1);
      expect(await store.get(read)).toBeUndefined();
      expect(await store.putIfAbsent(put, 'new', 10)).toBe(true);
      expect(await store.take(taken)).toBeUndefined();
      expect(await store.update(updated, (value) => ({ kind: 'keep', result: value }))).toBeUndefined();
      expect(await store.increment(counted, 10)).toBe(1);
    });

    test('a new life replaces the old one', async () => {
      const key = fresh();
      await store.set(key, 1, 10);
      await store.set(key, 2, 100);
      clock.advance(50);
      expect(await store.get(key)).toBe(2);
    });

    test('a life of 0, NaN or less is an error, never "for ever"; FOREVER is FOREVER', async () => {
      for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(store.set(fresh(), 1, ttl)).rejects.toThrow(RangeError);
        await expect(store.putIfAbsent(fresh(), 1, ttl)).rejects.toThrow(RangeError);
        await expect(store.increment(fresh(), ttl)).rejects.toThrow(RangeError);
      }
      const key = fresh();
      await store.set(key, 'stays', FOREVER);
      clock.advance(86_400 * 365);
      expect(await store.get(key)).toBe('stays');
    });

    test('an impossible key is an error', async () => {
      for (const key of ['', 'a\0b', 'x'.repeat(401)]) await expect(store.get(key)).rejects.toThrow(RangeError);
    });

    test('a deleted record is gone, and deleting nothing is fine', async () => {
      const key = fresh();
      await store.set(key, 1, 60);
      await store.delete(key);
      await store.delete(key);
      expect(await store.get(key)).toBeUndefined();
    });

    test('update writes, keeps and removes as it is told', async () => {
      const key = fresh();
      const add = (n: number) => (current: number | undefined) =>
        ({ kind: 'write', value: (current ?? 0) + n, ttlSeconds: 60, result: current }) as const;
      expect(await store.update(key, add(1))).toBeUndefined();
      expect(await store.update(key, add(2))).toBe(1);
      expect(await store.update<number, string>(key, () => ({ kind: 'keep', result: 'kept' }))).toBe('kept');
      expect(await store.get(key)).toBe(3);
      await store.update<number, void>(key, () => ({ kind: 'remove', result: undefined }));
      expect(await store.get(key)).toBeUndefined();
    });

    test('what is replaced ends when it would have ended; there is nothing to replace where nothing is', async () => {
      const key = fresh();
      const replace = (value: string) =>
        store.update<string, string | undefined>(key, (result) => ({ kind: 'replace', value, result }));
      await expect(replace('nothing')).rejects.toThrow(TypeError);
      await store.set(key, 'first', 60);
      clock.advance(40);
      expect(await replace('second')).toBe('first');
      clock.advance(19);
      expect(await store.get(key)).toBe('second');
      clock.advance(1);
      expect(await store.get(key)).toBeUndefined();
      await expect(replace('over')).rejects.toThrow(TypeError);
    });

    test('a change that throws fails alone: its neighbours of the same turn are written', async () => {
      const [before, failing, after] = [fresh(), fresh(), fresh()] as const;
      await store.set(failing, 'untouched', 60);
      const results = await Promise.allSettled([
        store.set(before, 1, 60),
        store.update(failing, () => {
          throw new Error('of its own');
        }),
        store.update<number, void>(fresh(), () => ({ kind: 'write', value: 1, ttlSeconds: 0, result: undefined })),
        store.set(after, 2, 60),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
      expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ message: 'of its own' });
      expect(await store.get(before)).toBe(1);
      expect(await store.get(failing)).toBe('untouched');
      expect(await store.get(after)).toBe(2);
    });

    test('take gives the value once', async () => {
      const key = fresh();
      await store.set(key, { a: 1 }, 60);
      expect(await store.take(key)).toEqual({ a: 1 });
      expect(await store.take(key)).toBeUndefined();
    });

    test('a count begins at the first and keeps the end of its window', async () => {
      const key = fresh();
      expect(await store.increment(key, 10)).toBe(1);
      clock.advance(6);
      expect(await store.increment(key, 10, 4)).toBe(5);
      expect(await store.increment(key, 10, -1)).toBe(4);
      expect(await store.get(key)).toBe(4);
      clock.advance(4);
      expect(await store.increment(key, 10)).toBe(1);
    });

    test('a count is taken back in its own window, and nowhere else', async () => {
      const key = fresh();
      const first = await store.countIn(key, 10, 1);
      clock.advance(6);
      const more = await store.countIn(key, 10, 4);
      expect([first, more]).toEqual([
        { count: 1, windowEndsAt: clock.now() + 4 },
        { count: 5, windowEndsAt: clock.now() + 4 },
      ]);
      await store.countBack(key, 1, first);
      expect((await store.countIn(key, 10, 0)).count).toBe(4);
      clock.advance(4);
      await store.countBack(key, 4, more);
      expect(await store.get(key)).toBeUndefined();
      await store.countIn(key, 10, 2);
      await store.countBack(key, 4, more);
      expect(await store.get(key)).toBe(2);
    });

    test('keys lists the living by prefix, in order and in pages', async () => {
      const prefix = `list:${fresh()}:`;
      for (const name of ['b', 'a', 'c']) await store.set(`${prefix}${name}`, 1, 60);
      await store.set(`${prefix}dead`, 1, 1);
      await store.set(`list:${fresh()}`, 1, 60);
      clock.advance(1);
      expect(await store.keys(prefix)).toEqual([`${prefix}a`, `${prefix}b`, `${prefix}c`]);
      expect(await store.keys(prefix, { limit: 2 })).toEqual([`${prefix}a`, `${prefix}b`]);
      expect(await store.keys(prefix, { after: `${prefix}a`, limit: 1 })).toEqual([`${prefix}b`]);
    });

    test('keyv sees the same records, wants a life, and refuses to clear', async () => {
      const { keyv } = opened.one;
      const key = fresh();
      await keyv.set(key, { n: 1 }, 10_000);
      expect(await store.get(key)).toEqual({ n: 1 });
      expect(await store.putIfAbsent(key, 2, 60)).toBe(false);
      expect(await keyv.getMany([key, fresh()])).toEqual([{ n: 1 }, undefined]);
      expect([await keyv.has(key), await keyv.has(fresh())]).toEqual([true, false]);
      clock.advance(10);
      expect(await keyv.get(key)).toBeUndefined();
      for (const ttl of [undefined, 0]) await expect(keyv.set(fresh(), 1, ttl)).rejects.toThrow(RangeError);
      await expect(keyv.clear()).rejects.toThrow(/refused/);
    });

    test('sweeping removes the expired and nothing else', async () => {
      await opened.one.sweepExpired();
      const kept = fresh();
      await store.set(kept, 1, 100);
      await Promise.all(Array.from({ length: 1200 }, () => store.set(fresh(), 1, 5)));
      clock.advance(5);
      expect(await opened.one.sweepExpired()).toBe(1200);
      expect(await opened.one.sweepExpired()).toBe(0);
      expect(await store.get(kept)).toBe(1);
    });

    test('a ping answers', async () => {
      await opened.one.ping();
    });

    describe('what another one changed behind its back', () => {
      const behind: readonly (readonly [string, (one: Store, key: string) => Promise<unknown>, unknown])[] = [
        ['written', (one, key) => one.set(key, 'theirs', 60), 'theirs'],
        [
          'changed',
          (one, key) => one.update(key, () => ({ kind: 'write', value: 'theirs', ttlSeconds: 60, result: undefined })),
          'theirs',
        ],
        ['removed', (one, key) => one.delete(key), undefined],
        [
          'taken, and made again',
          async (one, key) => void ((await one.take(key)) && (await one.set(key, 'new', 60))),
          'new',
        ],
      ];

      test.each(behind)('%s: is what a change is told, and what it changes', async (_name, change, expected) => {
        const key = fresh();
        await store.set(key, 'ours', 60);
        await store.update(key, () => ({ kind: 'replace', value: 'ours', result: undefined }));
        await change(other, key);
        const told = await store.update<unknown, unknown>(key, (value) => {
          if (value === 'ours') throw new Error('this is not there any more');
          return { kind: 'write', value: [value ?? 'nothing'], ttlSeconds: 60, result: value };
        });
        expect(told).toEqual(expected);
        expect(await store.get(key)).toEqual([expected ?? 'nothing']);
      });

      test.each(behind)('%s: is what is told where nothing is to be changed', async (_name, change, expected) => {
        const key = fresh();
        await store.set(key, 'ours', 60);
        expect(await store.get(key)).toBe('ours');
        await change(other, key);
        expect(await store.update<unknown, unknown>(key, (value) => ({ kind: 'keep', result: value }))).toEqual(
          expected,
        );
        expect(await store.get(key)).toEqual(expected);
      });

      test('given a longer life: a change leaves it that', async () => {
        const key = fresh();
        await store.set(key, 'ours', 60);
        await other.set(key, 'ours', 600);
        await store.update(key, () => ({ kind: 'replace', value: 'changed', result: undefined }));
        clock.advance(100);
        expect(await store.get(key)).toBe('changed');
      });
    });

    describe('two writers at once', () => {
      /** alternates between the openings, so that both work on the key at the same time */
      const race = <T>(count: number, step: (one: Store, index: number) => Promise<T>) =>
        Promise.all(Array.from({ length: count }, (_, index) => step(index % 2 === 0 ? store : other, index)));

      test('putIfAbsent: exactly one wins, and its value stays', async () => {
        for (let round = 0; round < 20; round += 1) {
          const key = fresh();
          const won = await race(10, (one, index) => one.putIfAbsent(key, index, 60));
          expect(won.filter(Boolean)).toHaveLength(1);
          expect(await store.get(key)).toBe(won.indexOf(true));
        }
      });

      test('take: exactly one gets it', async () => {
        for (let round = 0; round < 20; round += 1) {
          const key = fresh();
          await store.set(key, 'only', 60);
          const got = await race(10, (one) => one.take(key));
          expect(got.filter((value) => value !== undefined)).toEqual(['only']);
        }
      });

      test('update: no change is lost', async () => {
        const key = fresh();
        await race(100, (one, index) =>
          one.update<number[], void>(key, (list = []) => ({
            kind: 'write',
            value: [...list, index],
            ttlSeconds: 60,
            result: undefined,
          })),
        );
        const list = await store.get<number[]>(key);
        expect(list?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
      });

      test('increment: every count is given once', async () => {
        const key = fresh();
        const counts = await race(100, (one) => one.increment(key, 60));
        expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
      });
    });
  });
}
