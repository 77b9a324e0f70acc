// Files and environment together: secrets from files, every fault at once, nothing secret ever shown.

import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { toPrintable, toWritten } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { POLICY_KEYS } from '../../src/config/policy-keys.ts';
import { SETTING_NAMES } from '../../src/config/schema.ts';
import {
  CANARY,
  CLIENT,
  configOf,
  DEVELOPMENT,
  dataKey,
  faultsOf,
  folderWith,
  load,
  PRODUCTION,
  signingKeys,
  strongCookieKey,
} from './support.ts';

describe('outside production with the real vendor', () => {
  test('keys are made and kept; settings that are given win', async () => {
    const { config } = await configOf({ ...DEVELOPMENT, COOKIE_KEYS: 'short', DATA_KEYS: dataKey });
    expect(config).toMatchObject({ demo: false, host: '0.0.0.0', cookieKeys: ['short'] });
    expect(config.dataKeys.map((key) => Buffer.from(key).toString('base64url'))).toEqual([dataKey]);
    expect(config.jwks.keys).toHaveLength(2);
  });

  test.each(['DIDIT_WEBHOOK_SECRETS', 'DIDIT_WORKFLOW_ENROL', 'DIDIT_WORKFLOW_PASSIVE'])(
    '%s is needed',
    async (name) => {
      expect(await faultsOf({ ...DEVELOPMENT, [name]: undefined })).toContain(
        `${name}: is not set, and DIDIT_API_KEY needs it`,
      );
    },
  );

  test('a missing clients file is a fault that says how to make one', async () => {
    expect(await faultsOf(DEVELOPMENT, { 'config/clients.yaml': '' })).toMatch(
      /CLIENTS_FILE config\/clients\.yaml: does not exist\n.*clients\.example\.yaml/,
    );
  });

  test('an ID token algorithm without a key is a fault', async () => {
    const clients = `${CLIENT}  id_token_signed_response_alg: EdDSA\n`;
    expect(await faultsOf(DEVELOPMENT, { 'config/clients.yaml': clients })).toContain(
      'is EdDSA, for which there is no key',
    );
  });
});

describe('files', () => {
  test('a file of secrets that every user of the machine may read is warned of, and read all the same', async () => {
    const names = { cookie: 'cookie_keys', jwks: 'keys.json', clients: 'config/clients.yaml' };
    const cwd = await folderWith({
      [names.cookie]: strongCookieKey,
      [names.jwks]: await signingKeys(),
      [names.clients]: CLIENT,
    });
    const env = { ...PRODUCTION, COOKIE_KEYS: undefined, COOKIE_KEYS_FILE: names.cookie, JWKS_FILE: names.jwks };
    const told = async (folderMode: number, fileMode: number) => {
      await chmod(cwd, folderMode);
      await chmod(join(cwd, 'config'), 0o755);
      for (const name of Object.values(names)) await chmod(join(cwd, name), fileMode);
      const reading = await loadConfig(env, { cwd });
      if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
      return reading.warnings.filter((warning) => warning.includes('every user of this machine'));
    };
    expect(await told(0o755, 0o644)).toEqual([
      expect.stringMatching(/^COOKIE_KEYS_FILE: the file may be read .*chmod o-r$/),
      expect.stringMatching(/^CLIENTS_FILE config\/clients\.yaml: may be read/),
      expect.stringMatching(/^JWKS_FILE keys\.json: may be read/),
    ]);
    expect(await told(0o755, 0o640)).toEqual([]);
    expect(await told(0o700, 0o644)).toEqual([]);
  });

  test('a secret is read from the file that NAME_FILE names, without the line end', async () => {
    const env = { ...PRODUCTION, COOKIE_KEYS: undefined, COOKIE_KEYS_FILE: 'cookie_keys', METRICS_TOKEN_FILE: 'token' };
    const files = {
      cookie_keys: `${'first-'.repeat(6)}\n${'second-'.repeat(6)}\n`,
      token: 'a-token-of-twenty-chars\n',
    };
    const { config } = await configOf(env, files);
    expect(config.cookieKeys).toEqual(['first-'.repeat(6), 'second-'.repeat(6)]);
    expect(config.metricsToken).toBe('a-token-of-twenty-chars');
  });

  test('a key from a file is a key: no demo, even when the file is missing', async () => {
    const text = await faultsOf({ DIDIT_API_KEY_FILE: 'missing' });
    expect(text).toContain('DIDIT_API_KEY_FILE: the file it names does not exist');
    expect(text).toContain('DIDIT_WEBHOOK_SECRETS: is not set');
  });

  test.each([
    ['both set', { COOKIE_KEYS_FILE: 'k' }, { k: 'x' }, 'COOKIE_KEYS_FILE: is set, and so is COOKIE_KEYS'],
    ['empty', { COOKIE_KEYS: '', COOKIE_KEYS_FILE: 'k' }, { k: ' \n' }, 'COOKIE_KEYS_FILE: the file it names is empty'],
    [
      'a folder',
      { COOKIE_KEYS: '', COOKIE_KEYS_FILE: 'config' },
      {},
      'COOKIE_KEYS_FILE: the file it names is not a regular file',
    ],
    [
      'weak',
      { COOKIE_KEYS: '', COOKIE_KEYS_FILE: 'k' },
      { k: CANARY },
      'COOKIE_KEYS_FILE: has fewer than 32 characters in entry 1',
    ],
  ])('a secret’s file is refused: %s', async (_why, env, files, expected) => {
    expect(await faultsOf({ ...PRODUCTION, ...env }, files as Record<string, string>)).toContain(expected);
  });

  test('a value between quotes is told as such, wherever it came from', async () => {
    const env = { NODE_ENV: '"production"', ISSUER: "'https://login.example'", DATA_KEYS: '', DATA_KEYS_FILE: '"k"' };
    const told = await faultsOf(
      { ...PRODUCTION, ...env, COOKIE_KEYS: '', COOKIE_KEYS_FILE: 'k' },
      { k: `"${CANARY}"` },
    );
    for (const name of ['NODE_ENV', 'ISSUER', 'DATA_KEYS_FILE', 'COOKIE_KEYS_FILE'])
      expect(told).toContain(`${name}: is between quotes`);
  });

  test('a policy file that was named must be there; the default one need not', async () => {
    expect(await faultsOf({ POLICY_FILE: 'mine.yaml' })).toContain('POLICY_FILE mine.yaml: does not exist');
    const { config } = await configOf({}, { 'config/policy.yaml': 'attempt: { tries: 5 }\n' });
    expect(config.policy.attempt.tries).toBe(5);
  });

  test('text that is no UTF-8 is told as such', async () => {
    const folder = await folderWith({ 'config/clients.yaml': CLIENT });
    await writeFile(join(folder, 'policy.bin'), Buffer.from([0x61, 0xff, 0xfe]));
    expect(await loadConfig({ POLICY_FILE: 'policy.bin' }, { cwd: folder })).toMatchObject({
      ok: false,
      faults: [{ where: 'POLICY_FILE policy.bin', problem: 'is not UTF-8 text' }],
    });
    expect(await readdir(folder)).not.toContain('data');
  });

  test('one above 1 MiB is not read', async () => {
    expect(await faultsOf({ POLICY_FILE: 'big' }, { big: '#'.repeat(1024 * 1024 + 1) })).toContain(
      'is larger than 1 MiB',
    );
  });
});

test('faults of settings, clients, policy and keys come all at once, with lines, and without secrets', async () => {
  const reading = await load(
    {
      ...PRODUCTION,
      ISSUER: 'http://login.example/',
      COOKIE_KEYS: CANARY,
      DIDIT_WEBHOK: 'x',
      SMTP_URL: `smtp://u:${CANARY}@m`,
    },
    {
      'config/clients.yaml': `- client_id: a\n  client_secret: ${CANARY}\n  redirect_uris: ["http://a.example/cb"]\n- client_id: a\n  nam: x\n`,
      'config/policy.yaml': 'attempt:\n  tries: none\nenrolment: opne\n',
      'jwks.json': JSON.stringify({ keys: [{ kty: 'oct', k: CANARY, kid: 'x', alg: 'HS256', use: 'sig' }] }),
    },
  );
  if (reading.ok) throw new Error('accepted');
  expect(reading.faults.map((fault) => fault.where)).toEqual([
    'DIDIT_WEBHOK',
    'ISSUER',
    'COOKIE_KEYS',
    'MAIL_FROM',
    'JWKS_FILE jwks.json keys[0] (kid "x")',
    'JWKS_FILE jwks.json',
    'config/policy.yaml:2',
    'config/policy.yaml:3',
    'config/clients.yaml:2, client "a"',
    'config/clients.yaml:3, client "a"',
    'config/clients.yaml:4, client "a"',
    'config/clients.yaml:4, client "a"',
    'config/clients.yaml:4, client "a"',
    'config/clients.yaml:5, client "a"',
  ]);
  expect(JSON.stringify(reading.faults)).not.toContain(CANARY);
  for (const fault of reading.faults) expect(fault.fix).not.toBe('');
  expect((await readdir(reading.folder)).sort()).toEqual(['config', 'jwks.json']);
});

test.each(['smtp://m?ignoreTLS=true', 'smtps://m/path', 'smtps://m:465#x', 'http://m'])(
  'SMTP_URL %s is told with all other faults, and before anything starts',
  async (url) => {
    const reading = await load({ ...PRODUCTION, SMTP_URL: url, MAIL_FROM: 'login@mail.example', LOG_LEVEL: 'loud' });
    expect(reading.ok ? [] : reading.faults.map(({ where }) => where).sort()).toEqual(['LOG_LEVEL', 'SMTP_URL']);
  },
);

test('the printable configuration holds no secret', async () => {
  const { config } = await configOf({
    ...PRODUCTION,
    METRICS_TOKEN: `${CANARY}-metrics-token`,
    SMTP_URL: `smtps://user:${CANARY}@mail.example:465/`,
    MAIL_FROM: 'login@mail.example',
  });
  for (const printed of [JSON.stringify(toPrintable(config)), JSON.stringify(toWritten(config))]) {
    expect(printed).not.toContain(CANARY);
    for (const key of config.jwks.keys) expect(printed).not.toContain(String(key.d));
    expect(printed).not.toContain(dataKey);
    expect(printed).toContain('smtps://user:[secret]@mail.example:465/');
    expect(printed).toContain('"client_secret":"[secret]"');
  }
});

test('people are shown every setting and policy key under the name that the documents have', async () => {
  const { config } = await configOf(PRODUCTION);
  const { clients: _, policy, ...settings } = toWritten(config);
  expect(Object.keys(settings).filter((name) => name !== 'NODE_ENV')).toEqual(
    expect.arrayContaining(SETTING_NAMES.filter((name) => name !== 'NODE_ENV')),
  );
  for (const name of Object.keys(settings)) expect(['NODE_ENV', ...SETTING_NAMES]).toContain(name);
  const shown = (value: unknown, path: string): string[] =>
    typeof value !== 'object' || value === null || Array.isArray(value) || path === 'scopes' || path === 'clients'
      ? [path]
      : Object.entries(value).flatMap(([name, inner]) => shown(inner, path === '' ? name : `${path}.${name}`));
  for (const path of shown(policy, '')) expect(Object.keys(POLICY_KEYS)).toContain(path);
});
