// The bench itself, not how fast anything is: it runs to its end with next to nothing to do, prints every figure, and leaves
// nothing behind.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeSetting, type Figure, type Setting } from '../../bench/figures.ts';
import { BadUsage, readOptions } from '../../bench/options.ts';
import { SHIPPED_FLAGS } from '../../bench/processes.ts';
import { type Comparison, comparisonOf } from '../../bench/ratios.ts';
import { median, quantile } from '../../bench/statistics.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const RUN = join(ROOT, 'bench/run.ts');
const TINY =
  '--quick --json --storage memory --rounds 1 --people 2 --logins 2 --webhooks 4 --decisions 1 --streams 2 --waiting 3';

const TINY_COMPARISON =
  '--compare --json --storage memory --rounds 1 --people 2 --logins 2 --clients 2 --only login,refresh,jwks';

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
  'login.vendor',
  'login.rate.1',
  'login.cpu.16',
  'login.rate.16',
  'login.failures.64',
  'login.rate.64',
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
  'memory.stream.none',
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

describe('with next to nothing to do', () => {
  let folder = '';
  let outputs: unknown[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-bench-test-'));
    // most of each is waiting, so they wait together
    outputs = await Promise.all([TINY, TINY_COMPARISON].map(run));
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function run(options: string): Promise<unknown> {
    const { stdout } = await promisify(execFile)(process.execPath, [RUN, ...options.split(' ')], {
      env: { PATH: process.env.PATH, TMPDIR: folder },
    });
    return JSON.parse(stdout);
  }

  test('a run leaves nothing behind', async () => {
    expect(await readdir(folder)).toEqual([]);
  });

  test('a run prints every figure as a number', () => {
    const { setting, figures } = outputs[0] as { setting: Setting; figures: Figure[] };
    expect(setting).toMatchObject({ storage: 'memory', rounds: 1 });
    expect(figures.map(({ name }) => name)).toEqual(FIGURES);
    const bad = figures.filter(({ median, least, greatest }) => ![median, least, greatest].every(Number.isFinite));
    expect(bad).toEqual([]);
  });

  test('a comparison does the same work at a bare provider, and a login at the floor', () => {
    const { ratios, sizes } = outputs[1] as Comparison;
    // a login has seven, and some more where a browser was back before its verdict, as it may be on a busy machine
    const least = (label: string, requests: number) => (label.startsWith('whole') ? Math.min(requests, 7) : requests);
    const work = ratios.map(({ label, contender, requests, yardRequests }) => [
      label,
      contender,
      contender === 'floor' ? requests : least(label, requests),
      yardRequests,
    ]);
    expect(work).toEqual([
      ['whole login, 1 at once', 'floor', 6, 4],
      ['whole login, 1 at once', 'memory', 7, 4],
      ['whole login, 16 at once', 'floor', 6, 4],
      ['whole login, 16 at once', 'memory', 7, 4],
      ['refresh, 16 at once', 'memory', 1, 1],
      ['JWKS, 16 at once', 'memory', 1, 1],
    ]);
    const bad = ratios.filter(({ ratio, p99Ms }) => ![ratio.median, p99Ms].every((value) => value > 0));
    expect(bad).toEqual([]);
    expect(sizes.map(({ contender }) => contender)).toEqual(['bare', 'floor', 'memory']);
  });
});

test('what the storage is asked is counted by operation and kind of record, unknown to who asks', async () => {
  const program = `
    const { openBackend } = await import(${JSON.stringify(`file://${ROOT}/src/storage/backends.ts`)});
    const { readCounts } = await import(${JSON.stringify(`file://${ROOT}/bench/counters.ts`)});
    const { store, close } = await openBackend('sqlite:' + process.argv[1], { clock: { now: () => 1000 } });
    await store.set('oidc:Session:one', {}, 60);
    await store.get('oidc:Session:one');
    await store.get('attempt:two');
    await close();
    process.stdout.write(JSON.stringify(readCounts()));`;
  const folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-bench-test-'));
  const flags = ['--import', join(ROOT, 'bench/count-storage.ts'), '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, join(folder, 'store.sqlite')]);
  await rm(folder, { recursive: true });
  expect(JSON.parse(stdout)).toMatchObject({
    'store.set oidc:Session': 1,
    'store.get oidc:Session': 1,
    'store.get attempt': 1,
    'engine COMMIT': expect.any(Number),
  });
});

test('a ratio is one of a round, and its median and spread are over the rounds', () => {
  const showing = (cpuMs: number) => {
    const result = { label: 'login', cpuMs, p50Ms: 1, p99Ms: 1, requests: 1 };
    return { readyMs: 1, idleMiB: 1, endMiB: 1, results: [result] };
  };
  // a round on a busy machine is dear for both
  const rounds = [
    [2, 1],
    [30, 10],
    [10, 2],
  ].map(([ours, bare]) => new Map([['sqlite', showing(ours ?? 0)] as const, ['bare', showing(bare ?? 0)] as const]));
  const { ratios } = comparisonOf(describeSetting(readOptions([]), 3, 1), rounds, 'bare');
  expect(ratios).toMatchObject([{ contender: 'sqlite', ratio: { median: 3, least: 2, greatest: 5 } }]);
});

test('an option that makes no sense is refused', () => {
  expect(() => readOptions(['--storage', 'floppy'])).toThrow(BadUsage);
  expect(() => readOptions(['--logins', '0'])).toThrow(BadUsage);
  expect(() => readOptions(['--fast'])).toThrow(BadUsage);
  expect(() => readOptions(['--storage', 'sqlite,redis'])).toThrow(BadUsage);
  expect(() => readOptions(['--compare', '--count'])).toThrow(BadUsage);
  expect(() => readOptions(['--compare', '--only', 'logout'])).toThrow(BadUsage);
});

test('median and quantile are what one expects', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile([7], 0.99)).toBe(7);
  expect(() => median([])).toThrow(RangeError);
});

test('the provider is measured with the flags that npm start and the image give it', async () => {
  const flags = SHIPPED_FLAGS.join(' ');
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  expect(scripts.start).toBe(`node ${flags} src/main.ts`);
  expect(await readFile(join(ROOT, 'Dockerfile'), 'utf8')).toContain(`exec node ${flags} /app/src/cli/cli.ts`);
});
