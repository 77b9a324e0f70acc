// All that a storage engine must do, in one: the suites of its three ports, and two processes on the same records, of which of two
// writers exactly one wins, and of which what was promised survives a kill.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openBackend } from '../../src/storage/backends.ts';
import type { Room } from '../support/servers.ts';
import { bulkContract } from './bulk.ts';
import { busContract } from './bus.ts';
import { jobsContract } from './jobs.ts';
import { type Opening, storeContract } from './store.ts';

const clock = { now: () => Math.floor(Date.now() / 1000) };
/** Long: that an answer comes in time is shown elsewhere, and a busy machine must not fail what is shown here. */
const deadlineMs = 10_000;

export function portContracts(engine: string, opening: Opening): void {
  storeContract(engine, opening);
  jobsContract(engine, opening);
  busContract(engine, opening);
  bulkContract(engine, opening);
}

/** The same records, opened twice as by two processes. */
export function openingIn(makeRoom: () => Promise<Room>): Opening {
  return {
    async open(clock) {
      const { url, remove } = await makeRoom();
      const one = await openBackend(url, { clock, deadlineMs });
      const other = await openBackend(url, { clock, deadlineMs });
      return {
        one,
        other,
        async close() {
          await Promise.all([one.close(), other.close()]);
          await remove();
        },
      };
    },
  };
}

interface Result {
  won: boolean[];
  taken: boolean[];
  counts: number[];
  claimed: string[];
}

async function start(...args: readonly string[]): Promise<ChildProcess> {
  const file = join(import.meta.dirname, '../storage/fixtures/store-process.ts');
  const child = fork(file, args, { execArgv: ['--no-warnings'] });
  await once(child, 'message');
  return child;
}

/** @param rounds how often they race */
export function twoProcessesRace(makeRoom: () => Promise<Room>, rounds: number): void {
  test('putIfAbsent, take, increment, update and claims: exactly one wins each, and nothing is lost', async () => {
    const room = await makeRoom();
    const { store, jobs, close } = await openBackend(room.url, { clock, deadlineMs });
    const children = await Promise.all([start('conflict', room.url, 'a'), start('conflict', room.url, 'b')]);
    for (let round = 0; round < rounds; round += 1) {
      const twenty = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(twenty.map((i) => store.set(`take:${round}:${i}`, 1, 60)));
      await Promise.all(twenty.map((i) => jobs.schedule({ kind: 'race', id: `${round}:${i}`, dueAtMs: 0 })));
      const replies = children.map((child) => once(child, 'message'));
      for (const child of children) child.send(String(round));
      const [a, b] = (await Promise.all(replies)).map(([reply]) => reply as Result) as [Result, Result];
      for (const what of ['won', 'taken'] as const) {
        expect(twenty.filter((i) => a[what][i] === b[what][i])).toEqual([]);
      }
      expect([...a.counts, ...b.counts].toSorted((x, y) => x - y)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      expect(new Set(await store.get<string[]>(`list:${round}`)).size).toBe(40);
      const claimed = [...a.claimed, ...b.claimed];
      expect([claimed.length, new Set(claimed).size]).toEqual([20, 20]);
    }
    for (const child of children) child.disconnect();
    await close();
    await room.remove();
  });
}

/** @param pairsWhole whether what is asked in one turn is one transaction */
export function aKilledProcess(makeRoom: () => Promise<Room>, rounds: number, pairsWhole: boolean): void {
  test('R6: what was told before a kill -9 is there afterwards; in SQLite a pair of one turn whole or not at all', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const room = await makeRoom();
      const child = await start('write', room.url);
      let last = -1;
      child.on('message', (index) => {
        last = index as number;
        if (last === 20 + 7 * round) child.kill('SIGKILL');
      });
      child.send('go');
      await once(child, 'exit');
      const { store, close } = await openBackend(room.url, { clock, deadlineMs });
      const pairs = await Promise.all(
        Array.from({ length: last + 3 }, async (_, i) => [await store.get(`a:${i}`), await store.get(`b:${i}`)]),
      );
      expect(pairs.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, i) => [i, i]));
      if (pairsWhole) for (const [a, b] of pairs) expect(a).toBe(b);
      await close();
      await room.remove();
    }
  });
}
