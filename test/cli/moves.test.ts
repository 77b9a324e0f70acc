// `export` and `import` as an operator types them: what they print, what they refuse, and a process that is killed in the middle.

import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { createMarks } from '../../src/storage/archive/marks.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { fill } from '../storage/archive-support.ts';
import { freePort } from '../support/ports.ts';
import { CLI, ended, here, newFolder, type Place, type Result, start } from './support.ts';

const clock = { now: () => Math.floor(Date.now() / 1000), advance: () => {} };
const key = () => randomBytes(32).toString('base64url');
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await newFolder();
  await writeFile(join(folder, 'clients.json'), '[]');
  env = {
    PORT: String(await freePort()),
    CLIENTS_FILE: join(folder, 'clients.json'),
    DATA_KEYS: key(),
    DIDIT_API_KEY: 'a-key-of-this-test',
    DIDIT_WEBHOOK_SECRETS: 'a-secret-of-this-test',
    DIDIT_BASE_URL: 'http://127.0.0.1:9',
    DIDIT_WORKFLOW_ENROL: '11111111-1111-4111-8111-111111111111',
    DIDIT_WORKFLOW_PASSIVE: '22222222-2222-4222-8222-222222222222',
    STORAGE_URL: urlOf('source'),
  };
  const backend = await openBackend(env.STORAGE_URL ?? '', { clock });
  await fill({ backend, clock });
  await backend.close();
});

const at = (name: string) => join(folder, name);
const urlOf = (name: string) => `sqlite:${at(`${name}.sqlite`)}`;
const place = (changes: Record<string, string> = {}): Place => ({ cwd: folder, env: { ...env, ...changes } });
const say = (args: readonly string[], changes: Record<string, string> = {}): Promise<Result> =>
  here(args, place(changes));

test('a backup tells what is in it, is checked without a storage, and restores into an empty one', async () => {
  const exported = await say(['export', at('backup')]);
  expect(exported).toMatchObject({ code: 0 });
  expect(exported.out).toMatch(/^kind +exported\n/);
  expect(exported.out).toMatch(/^accounts +8$/m);
  expect(exported.err).toMatch(/backup: [\d.]+ MiB, read again and whole; archive [\w-]{22}\n$/);
  expect(await say(['export', at('backup')])).toMatchObject({
    code: 1,
    err: expect.stringContaining('not overwritten'),
  });

  const checked = await say(['import', '--check', at('backup')], { STORAGE_URL: urlOf('never') });
  expect(checked).toMatchObject({ code: 0, err: expect.stringContaining('whole') });
  expect(existsSync(at('never.sqlite'))).toBe(false);

  const restored = await say(['import', at('backup'), '--keep', 'passkeys'], { STORAGE_URL: urlOf('restored') });
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.out).toMatch(/^accounts +8 +0$/m);
  expect(restored.out).toMatch(/^passkeys +8 +0$/m);
  expect(restored.out).toMatch(/^sessions +0 +8$/m);
  expect(restored.out).toMatch(/^devices +0 +8$/m);
  expect(restored.err).toContain('what was taken back since is not known here');
  const journal = await say(['journal', '--event', 'import.*'], { STORAGE_URL: urlOf('restored') });
  expect(journal.out).toMatch(/import\.finished .* kind=restore keep=passkeys records=\d+ calledOff=0/);
  const again = await say(['import', at('backup'), '--json'], { STORAGE_URL: urlOf('restored') });
  expect(again.json()).toMatchObject([{ result: 'already', as: 'restore' }]);
  const other = await say(['import', at('backup')]);
  expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/is in use \(it holds \w+/) });
});

test('a file of other keys, no file at all, and a backup as a move are refused by what is wrong', async () => {
  await say(['export', at('mine')]);
  const foreign = await say(['import', '--check', at('mine')], { DATA_KEYS: key() });
  expect(foreign).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/DATA_KEYS lacks [0-9a-f]{8}/) });
  expect(await say(['import', at('nothing')])).toMatchObject({
    code: 1,
    err: expect.stringContaining('there is no such file'),
  });
  const asMove = await say(['import', '--move', at('mine')], { STORAGE_URL: urlOf('moved') });
  expect(asMove).toMatchObject({ code: 1, err: expect.stringContaining('import it without --move') });
  expect(await say(['export', at('mine'), '--resume'])).toMatchObject({ code: 1 });
  const nowhere = await say(['export', '/nowhere/at/all']);
  expect(nowhere).toMatchObject({
    code: 1,
    err: expect.stringMatching(/its folder does not exist .*: make it first\n$/),
  });
});

test('no provider starts on a storage that was moved away, until it is called off', async () => {
  const url = urlOf('leaving');
  await say(['import', at('backup')], { STORAGE_URL: url });
  const exported = await say(['export', '--move', at('leaving')], { STORAGE_URL: url });
  expect(exported).toMatchObject({
    code: 0,
    err: expect.stringContaining('no provider starts on this storage any more'),
  });
  const started = await say(['check'], { STORAGE_URL: url });
  expect(started).toMatchObject({ code: 2, err: expect.stringMatching(/STORAGE_URL: this storage was moved away/) });
  const calledOff = await say(['export', '--call-off'], { STORAGE_URL: url });
  expect(calledOff).toMatchObject({ code: 0, out: expect.stringContaining('never import archive') });
  expect((await say(['export', '--call-off'], { STORAGE_URL: url })).code).toBe(1);
  const checked = await say(['check'], { STORAGE_URL: url });
  expect(checked.err + checked.out).not.toContain('moved away');
});

test('killed in the middle, an export goes on with --resume and an import with the same command', async () => {
  const url = urlOf('large');
  const backend = await openBackend(url, { clock });
  const face = randomBytes(900_000).toString('base64url');
  for (let n = 0; n < 10; n += 1) await backend.store.set(`portrait:${n}`, face, 3600);
  await backend.close();
  const killed = async (args: readonly string[], storage: string, isAmid: () => boolean | Promise<boolean>) => {
    const child = start([CLI, ...args], place({ STORAGE_URL: storage }));
    const end = ended(child);
    for (let tries = 0; tries < 4000 && !(await isAmid()) && child.exitCode === null; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    child.kill('SIGKILL');
    // null: by a signal, so it was not done
    expect((await end).code).toBe(null);
  };
  const file = at('large');
  await killed(['export', file], url, () => existsSync(`${file}.part`) && statSync(`${file}.part`).size > 2_000_000);
  expect(existsSync(file)).toBe(false);
  expect(await say(['export', file], { STORAGE_URL: url })).toMatchObject({
    code: 1,
    err: expect.stringContaining('--resume'),
  });
  expect((await say(['export', file, '--resume'], { STORAGE_URL: url })).out).toMatch(/^faces +10$/m);

  const target = urlOf('half');
  const looking = await openBackend(target, { clock });
  const marks = createMarks(looking);
  await killed(['import', file], target, async () => ((await marks.arrival())?.next ?? 0) > 2);
  expect((await marks.standing()).kind).toBe('arriving');
  const soon = await say(['import', file], { STORAGE_URL: target });
  expect(soon).toMatchObject({
    code: 1,
    err: expect.stringMatching(/if it was killed, the same command goes on in ([1-9]|[1-5]\d|60) seconds\n$/),
  });
  // a minute later
  await looking.store.delete('moves:lease');
  await looking.close();
  expect(await say(['check'], { STORAGE_URL: target })).toMatchObject({
    code: 2,
    err: expect.stringContaining('has not wholly arrived'),
  });
  const done = await say(['import', file], { STORAGE_URL: target });
  expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^faces +10 +0$/m) });
});
