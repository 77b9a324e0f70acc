// Keys made outside production: once, kept, and the same for processes that start together.

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { DEV_SECRETS_FILE, findDevSecrets, loadDevSecrets } from '../../src/config/dev-secrets.ts';
import { CANARY, configOf, faultsOf, folderWith, load } from './support.ts';

test('keys are made once and kept, readable by their owner only', async () => {
  const folder = join(await folderWith(), 'data');
  expect(await findDevSecrets(folder)).toEqual({ ok: true, secrets: undefined });
  const first = await loadDevSecrets(folder);
  expect(await loadDevSecrets(folder)).toEqual(first);
  expect((await stat(join(folder, DEV_SECRETS_FILE))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual([DEV_SECRETS_FILE]);

  expect(first.dataKeys.map((key) => key.length)).toEqual([32]);
  expect(first.jwks.keys.map((key) => [key.alg, key.use])).toEqual([
    ['RS256', 'sig'],
    ['ES256', 'sig'],
  ]);
  for (const key of first.jwks.keys) expect(key.kid).toBe(await calculateJwkThumbprint(key));
});

test('processes that start at once agree', async () => {
  const folder = join(await folderWith(), 'data');
  const all = await Promise.all(Array.from({ length: 6 }, () => loadDevSecrets(folder)));
  expect(new Set(all.map((secrets) => JSON.stringify(secrets))).size).toBe(1);
  expect(await readdir(folder)).toEqual([DEV_SECRETS_FILE]);
});

test('a file that is not ours is a fault, and is left alone', async () => {
  const text = `{"cookie_keys":["${CANARY}"`;
  expect(await faultsOf({}, { 'data/dev-secrets.json': text })).toContain('is not what was once written here');
  const folder = await folderWith({ [DEV_SECRETS_FILE]: text });
  await expect(loadDevSecrets(folder)).rejects.toThrow('could not be made');
  expect(await readFile(join(folder, DEV_SECRETS_FILE), 'utf8')).toBe(text);
});

test('a data folder that cannot be one is a fault', async () => {
  const folder = await folderWith();
  await mkdir(join(folder, 'x'));
  await writeFile(join(folder, 'x', 'data'), 'a file');
  await expect(loadDevSecrets(join(folder, 'x', 'data'))).rejects.toThrow();
  expect(await faultsOf({}, { data: 'a file' })).toContain('keys could not be made and kept here');
});

test('nothing is written when all keys are given, or beside a fault', async () => {
  const env = { COOKIE_KEYS: 'x', DATA_KEYS: Buffer.alloc(32, 'k').toString('base64url'), JWKS_FILE: 'jwks.json' };
  expect(await readdir((await configOf(env)).folder)).not.toContain('data');
  const faulty = await load({ PORT: 'x' });
  expect(faulty.ok).toBe(false);
  expect(await readdir(faulty.folder)).not.toContain('data');
});
