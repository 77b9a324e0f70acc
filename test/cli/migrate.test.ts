// `migrate`: what it says, what it leaves alone, and the exit codes that a deployment goes by.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, expect, test } from '@jest/globals';
import { makeSigningKeys } from '../../src/config/dev-secrets.ts';
import { here, newFolder } from './support.ts';

let env: Record<string, string>;
let path: string;
const migrate = (...args: string[]) => here(['migrate', ...args], { cwd: '', env });

beforeAll(async () => {
  const cwd = await newFolder();
  path = join(cwd, 'state/store.sqlite');
  await writeFile(join(cwd, 'jwks.json'), JSON.stringify(await makeSigningKeys()));
  await writeFile(join(cwd, 'clients.json'), '[]');
  await writeFile(join(cwd, 'policy.yaml'), '');
  env = {
    STORAGE_URL: `sqlite:${path}`,
    COOKIE_KEYS: 'a-cookie-key-of-more-than-32-characters',
    DATA_KEYS: Buffer.alloc(32, 7).toString('base64url'),
    JWKS_FILE: join(cwd, 'jwks.json'),
    CLIENTS_FILE: join(cwd, 'clients.json'),
    POLICY_FILE: join(cwd, 'policy.yaml'),
  };
});

test('--check tells that it is due and makes nothing; migrating says what it did, and then that nothing is to do', async () => {
  expect(await migrate('--check')).toMatchObject({
    code: 1,
    out: `sqlite ${path}: nothing is to become schema 2\n`,
    err: '',
  });
  expect(existsSync(path)).toBe(false);
  const done = await migrate('--json');
  expect([done.code, done.json()]).toEqual([0, [{ storage: `sqlite ${path}`, from: 0, to: 2, result: 'migrated' }]]);
  expect(await migrate('--check')).toMatchObject({ code: 0, out: `sqlite ${path}: schema 2, nothing to do\n` });
  expect((await migrate('--json')).json()).toMatchObject([{ from: 2, to: 2, result: 'nothing-to-do' }]);
});

test('storage of a newer version, and storage that no other process sees, are refused with the reason', async () => {
  await migrate();
  const file = new DatabaseSync(path);
  file.exec('PRAGMA user_version = 3');
  const refused = await migrate();
  file.exec('PRAGMA user_version = 2');
  file.close();
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toMatch(/^migrate: cannot open .*: the records have schema 3, this program knows 2/);
  env = { ...env, STORAGE_URL: 'memory:' };
  expect(await migrate()).toMatchObject({ code: 1, err: expect.stringMatching(/the process of the provider alone/) });
});

test('wrong arguments are 2', async () => {
  expect((await migrate('--chekc')).err).toContain('did you mean --check?');
  expect((await migrate('now')).code).toBe(2);
});
