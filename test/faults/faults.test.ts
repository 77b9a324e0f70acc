// The run of faults itself, not what it finds: the smallest run comes to its end, shows its table and leaves nothing behind.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BadUsage } from '../../bench/options.ts';
import { Failures } from '../../faults/check.ts';
import { readOptions } from '../../faults/options.ts';
import { createRandom } from '../../faults/random.ts';
import { asTable } from '../../faults/table.ts';

const RUN = resolve(import.meta.dirname, '../../faults/run.ts');
const SMALLEST = ['--tiny', '--only', 'R6', '--engine', 'sqlite', '--seed', '1'];

describe('the smallest run', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-faults-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('kills a provider once, prints its table and leaves nothing behind', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', RUN, ...SMALLEST], {
      env: { PATH: process.env.PATH, TMPDIR: folder },
    });
    expect(stdout).toMatch(/^fault +what +engine +rounds +checked +result +seconds$/m);
    expect(stdout).toMatch(/^R6 +kill -9 at a named point +sqlite +1 .* held +\d+\.\d$/m);
    expect(stdout).toContain('seed 1,');
    expect(await readdir(folder)).toEqual([]);
    // three processes start in it, each with a second of work of its own
  }, 90_000);
});

test('an option that makes no sense is refused', () => {
  for (const bad of [['--only', 'R14'], ['--only', 'T1'], ['--engine', 'floppy'], ['--seed', 'x'], ['--fast']]) {
    expect(() => readOptions(bad)).toThrow(BadUsage);
  }
});

test('one seed and one name make one row of choices, another name another', () => {
  const choices = (name: string) => {
    const random = createRandom(7, name);
    return Array.from({ length: 20 }, () => random.below(1000));
  };
  expect(choices('R6 sqlite')).toEqual(choices('R6 sqlite'));
  expect(choices('R6 sqlite')).not.toEqual(choices('R6 redis'));
});

test('a broken promise is in the table and told below it, many of one kind a few times and counted', () => {
  const failures = new Failures();
  failures.expect(true, 'held');
  for (let time = 0; time < 5; time += 1) failures.expect(false, 'good once', `time ${time}`);
  const row = { fault: 'R1', name: 'a code', engine: 'redis', rounds: 5, checked: 'codes', seconds: 1 };
  const table = asTable([{ ...row, failures: failures.all() }]);
  expect(table).toMatch(/^R1 +a code +redis +5 +codes +BROKEN +1\.0$/m);
  expect(table).toContain('R1 a code, redis: good once: time 2');
  expect(table).not.toContain('time 3');
  expect(table).toContain('good once: 2 times more');
});
