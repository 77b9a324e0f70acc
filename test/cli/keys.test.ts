// Rotation as an operator does it: on files, step by step, beside instances that run.

import { spawn, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { takeLease } from '../../src/admin/lease.ts';
import { openKeyList } from '../../src/cli/key-list.ts';
import { loadDevSecrets, makeCookieKey, makeDataKey, makeSigningKeys } from '../../src/config/dev-secrets.ts';
import { keySourcesOf, readKeySet } from '../../src/config/keys.ts';
import { KEY_KINDS, type KeysHeld } from '../../src/core/key-rotation.ts';
import { FOREVER } from '../../src/login/ports.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createInstances } from '../../src/storage/instances.ts';
import { createKeyHistory } from '../../src/storage/key-history.ts';
import { namesOf } from '../../src/storage/key-names.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { CLI, ended, here, newFolder, type Result } from './support.ts';

const DAY = 86_400;
const clock = { now: () => Math.floor(Date.now() / 1000) };

let folder: string;
let env: Record<string, string>;
const file = (name: string) => join(folder, name);
const keys = (...args: string[]): Promise<Result> => here(['keys', ...args], { cwd: folder, env });
const signing = async (): Promise<string[]> =>
  JSON.parse(await readFile(file('jwks.json'), 'utf8')).keys.map(({ kid }: { kid: string }) => kid);
const listOf = async (name: 'cookie.txt' | 'data.txt') => (await readFile(file(name), 'utf8')).trim().split(',');

const jwks = await makeSigningKeys();
beforeEach(async () => {
  folder = await newFolder();
  await writeFile(file('jwks.json'), JSON.stringify(jwks), { mode: 0o640 });
  await writeFile(file('cookie.txt'), makeCookieKey(), { mode: 0o600 });
  await writeFile(file('data.txt'), makeDataKey(), { mode: 0o600 });
  await writeFile(file('clients.yaml'), '[]');
  env = {
    STORAGE_URL: `sqlite:${file('test.sqlite')}`,
    JWKS_FILE: file('jwks.json'),
    COOKIE_KEYS_FILE: file('cookie.txt'),
    DATA_KEYS_FILE: file('data.txt'),
    CLIENTS_FILE: file('clients.yaml'),
    DIDIT_API_KEY: 'a-key-of-the-vendor',
    DIDIT_WEBHOOK_SECRETS: 'a-secret-of-the-webhook',
    DIDIT_WORKFLOW_ENROL: '11111111-1111-4111-8111-111111111111',
    DIDIT_WORKFLOW_PASSIVE: '22222222-2222-4222-8222-222222222222',
  };
  await beside(async () => undefined);
});

/** The storage, as a running provider has it. */
async function beside<T>(work: (parts: Awaited<ReturnType<typeof openBackend>>) => Promise<T>): Promise<T> {
  const backend = await openBackend(String(env.STORAGE_URL), { clock });
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}

async function heldNow(): Promise<KeysHeld> {
  const dataKeys = (await listOf('data.txt')).map((key) => new Uint8Array(Buffer.from(key, 'base64url')));
  const { keys: all } = JSON.parse(await readFile(file('jwks.json'), 'utf8'));
  return namesOf({ jwks: { keys: all }, cookieKeys: await listOf('cookie.txt'), dataKeys });
}

/** An instance that has these keys and reads no more. */
const announce = (id: string, held: KeysHeld) =>
  beside(({ store }) => createInstances({ store }).announce({ id, startedAt: clock.now(), keys: held }));

const stateOf = async (id: string) => (await keys('--json')).json().find((key) => key.id === id)?.state;

/** As if the key had been replaced so long ago. */
const backdate = (kind: keyof KeysHeld, id: string, seconds: number) =>
  beside(({ store }) => {
    const at = { now: () => clock.now() - seconds };
    return createKeyHistory({ store, clock: at })
      .forget(kind, [id])
      .then(() => createKeyHistory({ store, clock: at }).noteAdded(kind, [id]))
      .then(() =>
        store.update<Record<string, object>, void>('key-history', (history = {}) => ({
          kind: 'write',
          value: { ...history, [`${kind}:${id}`]: { currentAt: 1, replacedAt: at.now() } },
          ttlSeconds: FOREVER,
          result: undefined,
        })),
      );
  });

/** Root may do anything, so whoever else runs it then; nobody can from a folder that only root may enter. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const isPrivate =
  isRoot && spawnSync(process.execPath, ['--version'], { uid: NOBODY, gid: NOBODY }).error !== undefined;
const testAsOther = (name: string, run: () => Promise<void>) =>
  isPrivate ? test.skip(`${name} (skipped: only root may enter this checkout)`, run) : test(name, run);

describe('keys rotate', () => {
  test('signing: a next key for each algorithm first, then it is the current one; the one before stays', async () => {
    const [rs, es] = await signing();
    expect(await keys('rotate', 'signing')).toMatchObject({ code: 0, out: expect.stringContaining('next key') });
    const [, rsNext = '', , esNext = ''] = await signing();
    expect(await signing()).toEqual([rs, rsNext, es, esNext]);
    expect([await stateOf(rs ?? ''), await stateOf(rsNext)]).toEqual(['current', 'next']);
    expect((await keys('rotate', 'signing', '--json')).json()).toEqual([
      { kind: 'signing', step: 'promoted', ids: [rsNext, esNext] },
    ]);
    expect(await signing()).toEqual([rsNext, rs, esNext, es]);
    expect([await stateOf(rs ?? ''), await stateOf(rsNext)]).toEqual(['previous', 'current']);
  });

  test('cookie and data: the same; all of them at once; a third key behind those', async () => {
    const [cookie, data] = [await listOf('cookie.txt'), await listOf('data.txt')];
    await keys('rotate', 'all');
    await keys('rotate', 'all');
    const [newCookie, newData] = [await listOf('cookie.txt'), await listOf('data.txt')];
    expect([newCookie[1], newData[1]]).toEqual([cookie[0], data[0]]);
    await keys('rotate', 'cookie', '--now');
    expect((await listOf('cookie.txt')).slice(1)).toEqual(newCookie);
  });

  test('the file is replaced whole: mode and what a link leads to stay, and nothing is left beside it', async () => {
    await mkdir(file('real'));
    await writeFile(file('real/jwks.json'), JSON.stringify(jwks), { mode: 0o640 });
    await symlink(file('real/jwks.json'), file('link.json'));
    env.JWKS_FILE = file('link.json');
    const before = await stat(file('real/jwks.json'));
    expect((await keys('rotate', 'signing')).code).toBe(0);
    const after = await stat(file('real/jwks.json'));
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(after.ino).not.toBe(before.ino);
    expect(await readdir(file('real'))).toEqual(['jwks.json']);
    expect(JSON.parse(await readFile(file('link.json'), 'utf8')).keys).toHaveLength(4);
  });

  test('an instance that does not know the next key holds up the second step, by name; one that does, does not', async () => {
    const before = await heldNow();
    await announce('behind', before);
    await keys('rotate', 'data');
    const text = await readFile(file('data.txt'), 'utf8');
    await announce('reads', await heldNow());
    const refused = await keys('rotate', 'data');
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/not yet.*instance behind/) });
    expect(refused.err).not.toContain('reads');
    expect(await readFile(file('data.txt'), 'utf8')).toBe(text);
    await announce('behind', await heldNow());
    expect((await keys('rotate', 'data')).code).toBe(0);
    expect(await readFile(file('data.txt'), 'utf8')).not.toBe(text);
  });

  test('all of them again, after one was held up, begins no new rotation of the others', async () => {
    const before = await heldNow();
    await keys('rotate', 'all');
    const next = await heldNow();
    // it has read the others' next keys, and not that of the cookies
    await announce('behind', { ...next, cookie: before.cookie });
    expect(await keys('rotate', 'all')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/not yet.*instance behind/),
    });
    const [data, cookie] = [await listOf('data.txt'), await listOf('cookie.txt')];
    await announce('behind', await heldNow());
    expect((await keys('rotate', 'all')).code).toBe(0);
    expect(await listOf('data.txt')).toEqual(data);
    expect(await listOf('cookie.txt')).toEqual(cookie.toReversed());
  });

  test('--now waits for an instance to read the next key', async () => {
    await announce('running', await heldNow());
    const rotated = keys('rotate', 'cookie', '--now', '--json');
    let held = await heldNow();
    for (let tries = 0; tries < 500 && held.cookie.length < 2; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      held = await heldNow();
    }
    await announce('running', held);
    expect((await rotated).json().map(({ step }) => step)).toEqual(['added', 'promoted']);
  });

  test('--now of all of them tells nobody to run it again', async () => {
    const { code, out } = await keys('rotate', 'all', '--now');
    expect(code).toBe(0);
    expect(out.match(/is the current key/g)).toHaveLength(3);
    expect(out).not.toContain('Run this again');
  });

  test('one operator at a time', async () => {
    const before = await signing();
    await beside(async (backend) => {
      await takeLease({ store: backend.store, clock }, 'lease:keys');
    });
    expect(await keys('rotate', 'signing')).toMatchObject({ code: 1, err: expect.stringContaining('somebody else') });
    expect(await signing()).toEqual(before);
  });

  test('two at once: one does it, and no key is lost', async () => {
    const results = await Promise.all([keys('rotate', 'cookie'), keys('rotate', 'cookie')]);
    expect(results.map(({ code }) => code).toSorted()).toEqual([0, 1]);
    expect(await listOf('cookie.txt')).toHaveLength(2);
  });

  test('keys in the environment are refused with what to do; --print gives the new list, and writes nothing', async () => {
    const { COOKIE_KEYS_FILE: path = '', ...others } = env;
    const text = await readFile(path, 'utf8');
    env = { ...others, COOKIE_KEYS: text };
    const refused = await keys('rotate', 'cookie');
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/move it to a file.*COOKIE_KEYS_FILE/) });
    const first = await keys('rotate', 'cookie', '--print');
    const [current, next] = first.out.trim().split(',');
    expect(current).toBe(text);
    expect(first.err).not.toContain(next);
    env.COOKIE_KEYS = first.out.trim();
    const second = await keys('rotate', 'cookie', '--print');
    expect(second.out.trim().split(',')).toEqual([next, current]);
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  testAsOther('a file that may not be replaced stays as it is, and the way around is told', async () => {
    const places = [file('mount'), file('state')] as const;
    for (const place of places) await mkdir(place);
    env = { ...env, STORAGE_URL: `sqlite:${join(places[1], 's.sqlite')}` };
    await beside(async () => undefined);
    await writeFile(join(places[0], 'jwks.json'), JSON.stringify(jwks));
    await chmod(join(places[0], 'jwks.json'), 0o444);
    const id = isRoot ? NOBODY : (process.getuid?.() ?? 0);
    if (isRoot) {
      await chown(places[1], id, id);
      for (const each of ['state/s.sqlite', 'cookie.txt', 'data.txt', 'clients.yaml']) await chown(file(each), id, id);
      await chmod(folder, 0o755);
    }
    await chmod(places[0], 0o555);
    const child = spawn(process.execPath, [CLI, 'keys', 'rotate', 'signing'], {
      cwd: places[1],
      ...(isRoot ? { uid: id, gid: id } : {}),
      env: {
        ...env,
        PATH: process.env.PATH,
        JWKS_FILE: join(places[0], 'jwks.json'),
      },
    });
    expect(await ended(child)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/may not be replaced by this process \(EACCES\); nothing was changed.*--print/),
    });
    expect(JSON.parse(await readFile(join(places[0], 'jwks.json'), 'utf8'))).toEqual(jwks);
    expect(await readdir(places[0])).toEqual(['jwks.json']);
    await chmod(places[0], 0o755);
  });

  test('keys that were made outside production are rotated where they are kept', async () => {
    const made = await loadDevSecrets(file('data'));
    const source = keySourcesOf({}, folder);
    for (const kind of KEY_KINDS) {
      const list = await openKeyList(
        kind,
        { read: () => readKeySet({}, { cwd: folder }), source: source[kind] },
        undefined,
      );
      await list.write([await list.make(list.keys[0] ?? { id: '', alg: '' }), ...list.keys]);
    }
    const after = await loadDevSecrets(file('data'));
    expect(after.cookieKeys.slice(1)).toEqual(made.cookieKeys);
    expect(after.dataKeys.slice(1)).toEqual(made.dataKeys);
    expect(after.jwks.keys.slice(1)).toEqual(made.jwks.keys);
    expect((await stat(file('data/dev-secrets.json'))).mode & 0o777).toBe(0o600);
  });

  test('a file that somebody changed meanwhile is not written over', async () => {
    const source = keySourcesOf(env, folder).cookie;
    const list = await openKeyList('cookie', { read: () => readKeySet(env, { cwd: folder }), source }, undefined);
    const theirs = makeCookieKey();
    await writeFile(file('cookie.txt'), theirs);
    await expect(list.write(list.keys)).rejects.toThrow(/was changed meanwhile/);
    expect(await listOf('cookie.txt')).toEqual([theirs]);
  });

  test('a faulty list is told and not touched', async () => {
    await writeFile(file('cookie.txt'), 'same,same');
    const { code, err } = await keys('rotate', 'signing');
    expect([code, err]).toEqual([2, expect.stringContaining('repeats an earlier one')]);
    expect(await signing()).toHaveLength(2);
  });
});

test('keys are listed also where the storage cannot be reached, with what is not known then', async () => {
  env.STORAGE_URL = 'redis://127.0.0.1:9/0';
  const { code, out, err } = await keys();
  expect([code, err]).toEqual([1, expect.stringContaining('is not known')]);
  expect(out).toMatch(/^cookie +HMAC +[0-9a-f]{8} +current/m);
});

describe('keys retire', () => {
  const rotated = async (kind: 'signing' | 'cookie' | 'data') => {
    const before = (await heldNow())[kind];
    await keys('rotate', kind, '--now');
    return before[0]?.id ?? '';
  };

  test('a key stays until what it made has ended, unless it is forced', async () => {
    const id = await rotated('signing');
    const early = await keys('retire', 'signing');
    expect(early).toMatchObject({
      code: 1,
      err: expect.stringMatching(/stays: what it made may come back until \d{4}-/),
    });
    expect(await signing()).toHaveLength(4);
    await backdate('signing', id, 14 * DAY + 1);
    const partly = await keys('retire', 'signing', '--json');
    expect(partly.json()).toMatchObject([{ retired: [id], kept: [{ why: { kind: 'until' } }] }]);
    expect(await signing()).not.toContain(id);
    expect((await keys('retire', 'signing', '--force')).code).toBe(0);
    expect(await signing()).toHaveLength(2);
    expect((await keys('retire', 'signing')).out).toContain('there is no previous key');
  });

  test('neither the current nor the next key goes, even when it is forced', async () => {
    await keys('rotate', 'cookie');
    expect(await keys('retire', 'cookie', '--force')).toMatchObject({
      code: 0,
      out: expect.stringContaining('no previous'),
    });
    expect(await listOf('cookie.txt')).toHaveLength(2);
  });

  test('a key that an instance still makes with stays, even when it is forced', async () => {
    const before = await heldNow();
    await rotated('cookie');
    await announce('behind', before);
    expect(await keys('retire', 'cookie', '--force')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/still the current one of instance behind/),
    });
    expect(await listOf('cookie.txt')).toHaveLength(2);
  });

  test('a data key that anything is encrypted with stays, whatever is forced, and how much is told', async () => {
    await keys('rotate', 'data');
    const [old = ''] = await listOf('data.txt');
    const sealer = createSealer([new Uint8Array(Buffer.from(old, 'base64url'))]);
    await beside(async ({ store }) => {
      // also of a kind that nobody thought of
      await store.set('account:1', sealer.seal('{}', 'account:1'), FOREVER);
      await store.set('new-kind:1', { inside: [sealer.seal('{}', 'new-kind:1')] }, FOREVER);
    });
    await keys('rotate', 'data');
    // and the hash keys
    expect(await keys('retire', 'data', '--force')).toMatchObject({
      code: 1,
      err: expect.stringContaining('3 records'),
    });
    expect(await listOf('data.txt')).toHaveLength(2);
    // a provider takes it up again
    expect(
      await beside(({ jobs }) => jobs.claimDue({ nowMs: Date.now() + 60_000, limit: 9, leaseMs: 1 })),
    ).toMatchObject([{ kind: 'reseal' }]);
  });
});
