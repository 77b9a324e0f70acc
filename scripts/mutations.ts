// Breaks one rule at a time in a copy of the tree and runs the tests that guard it: each must go red. `npm run mutations` prints a line
// for each; a mutation that survives is a rule that nobody would miss, and the exit code is 1.

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MUTATIONS, type Mutation } from './mutation-list.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const COPIED = ['src', 'test', 'views', 'config', 'docs', 'package.json', 'jest.config.js'];
const TIMEOUT_MS = 60_000;
/** A rule that many table rows hold fails in as many places, each with its diff. */
const MOST_OUTPUT_BYTES = 256 * 1024 * 1024;
const run = promisify(execFile);

async function isCaught(copy: string, mutation: Mutation): Promise<boolean> {
  const file = join(copy, mutation.file);
  const original = await readFile(file, 'utf8');
  if (original.split(mutation.find).length !== 2)
    throw new Error(`${mutation.name}: its text must stand exactly once in ${mutation.file}`);
  await writeFile(
    file,
    original.replace(mutation.find, () => mutation.replace),
  );
  try {
    await run(
      process.execPath,
      ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--bail', ...mutation.tests],
      {
        cwd: copy,
        timeout: TIMEOUT_MS,
        maxBuffer: MOST_OUTPUT_BYTES,
      },
    );
    return false;
  } catch (error) {
    // jest ends with 1 when a test failed; anything else is a fault of this script
    if ((error as { code?: unknown }).code === 1) return true;
    throw error;
  } finally {
    await writeFile(file, original);
  }
}

const copy = await mkdtemp(join(tmpdir(), 'selfie-oidc-mutations-'));
try {
  for (const each of COPIED) await cp(join(root, each), join(copy, each), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  let survived = 0;
  for (const mutation of MUTATIONS) {
    const caught = await isCaught(copy, mutation);
    if (!caught) survived += 1;
    process.stdout.write(`${caught ? 'caught  ' : 'SURVIVED'} ${mutation.name}\n`);
  }
  process.stdout.write(`${MUTATIONS.length - survived} caught, ${survived} survived\n`);
  process.exitCode = survived === 0 ? 0 : 1;
} finally {
  await rm(copy, { recursive: true, force: true });
}
