// The bench itself, not how fast anything is: it runs to its end with next to nothing to do, prints every figure, and leaves
// nothing behind.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Figure, Setting } from '../../bench/figures.ts';
import { BadUsage, readOptions } from '../../bench/options.ts';
import { median, quantile } from '../../bench/statistics.ts';

const RUN = resolve(import.meta.dirname, '../../bench/run.ts');
const TINY =
  '--quick --json --storage memory --rounds 1 --people 2 --logins 2 --webhooks 4 --decisions 1 --streams 2 --waiting 3';

/** Every figure the bench promises (docs/performance.md). */
const FIGURES = [
  'start.ready',
  'memory.idle',
  'memory.idle.heap',
  'enrolment.cpu',
  'login.cpu',
  'login.requests',
  'login.time.p50',
  'login.time.p99',
  'login.rate.1',
  'login.cpu.16',
  'login.rate.16',
  'session.cpu',
  'session.time.p50',
  'session.time.p99',
  'session.rate.1',
  'session.cpu.16',
  'session.rate.16',
  'webhook.acknowledged.p50',
  'webhook.acknowledged.p99',
  'webhook.histogram.p99',
  'webhook.cpu',
  'memory.stream',
  'memory.stream.rss',
  'decision.script.p50',
  'decision.script.p99',
  'decision.reload.p50',
  'decision.reload.p99',
  'decision.reload.every',
  'memory.waiting.0.rss',
  'memory.waiting.3',
  'memory.waiting.3.rss',
];

describe('a run with next to nothing to do', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-bench-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('prints every figure as a number and leaves nothing behind', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [RUN, ...TINY.split(' ')], {
      env: { PATH: process.env.PATH, TMPDIR: folder },
    });
    const { setting, figures } = JSON.parse(stdout) as { setting: Setting; figures: Figure[] };
    expect(setting).toMatchObject({ storage: 'memory', rounds: 1 });
    expect(figures.map(({ name }) => name)).toEqual(FIGURES);
    const bad = figures.filter(({ median, least, greatest }) => ![median, least, greatest].every(Number.isFinite));
    expect(bad).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });
});

test('an option that makes no sense is refused', () => {
  expect(() => readOptions(['--storage', 'floppy'])).toThrow(BadUsage);
  expect(() => readOptions(['--logins', '0'])).toThrow(BadUsage);
  expect(() => readOptions(['--fast'])).toThrow(BadUsage);
});

test('median and quantile are what one expects', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile([7], 0.99)).toBe(7);
  expect(() => median([])).toThrow(RangeError);
});
