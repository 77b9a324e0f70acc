// Two processes on one SQLite file: of two writers exactly one wins, and what was promised survives a kill.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openBackend } from '../../src/storage/backends.ts';

const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-'));
const clock = { now: () => Math.floor(Date.now() / 1000) };

async function start(...args: readonly string[]): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'fixtures/store-process.ts'), args, { execArgv: ['--no-warnings'] });
  await once(child, 'message');
  return child;
}

afterAll(() => rmSync(folder, { recursive: true }));

interface Result {
  won: boolean[];
  taken: boolean[];
  counts: number[];
  claimed: string[];
}

describe('two processes', () => {
  test('putIfAbsent, take, increment, update and claims: exactly one wins each, and nothing is lost', async () => {
    const path = join(folder, 'conflict.sqlite');
    const { store, jobs, close } = await openBackend(`sqlite:${path}`, { clock });
    const children = await Promise.all([start('conflict', path, 'a'), start('conflict', path, 'b')]);
    for (let round = 0; round < 10; round += 1) {
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
  });

  test('R6: what was told before a kill -9 is there afterwards, and a pair of one turn is there whole or not at all', async () => {
    for (let round = 0; round < 5; round += 1) {
      const path = join(folder, `kill-${round}.sqlite`);
      const child = await start('write', path);
      let last = -1;
      child.on('message', (index) => {
        last = index as number;
        if (last === 20 + 7 * round) child.kill('SIGKILL');
      });
      child.send('go');
      await once(child, 'exit');
      const { store, close } = await openBackend(`sqlite:${path}`, { clock });
      const pairs = await Promise.all(
        Array.from({ length: last + 3 }, async (_, i) => [await store.get(`a:${i}`), await store.get(`b:${i}`)]),
      );
      expect(pairs.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, i) => [i, i]));
      for (const [a, b] of pairs) expect(a).toBe(b);
      await close();
    }
  });
});
