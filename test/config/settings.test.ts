// Every setting by itself: what it takes, what it refuses, what it is when nobody sets it.

import { describe, expect, test } from '@jest/globals';
import { fileVariable, SETTING_NAMES, SETTINGS, type Setting, type SettingName } from '../../src/config/schema.ts';
import { CANARY, DEVELOPMENT, dataKey, faultsOf, otherDataKey, strongCookieKey } from './support.ts';

const PRODUCTION = { production: true };
const DEVELOPING = { production: false };

function read(name: SettingName, text: string, mode = DEVELOPING) {
  const setting: Setting<unknown> = SETTINGS[name];
  return setting.read(text, mode);
}

describe('a setting takes', () => {
  test.each<[SettingName, string, unknown]>([
    ['NODE_ENV', 'production', 'production'],
    ['ISSUER', 'http://localhost:3000', 'http://localhost:3000'],
    ['ISSUER', 'https://login.example:8443', 'https://login.example:8443'],
    ['HOST', '0.0.0.0', '0.0.0.0'],
    ['HOST', '[::1]', '::1'],
    ['HOST', 'localhost', 'localhost'],
    ['PORT', '65535', 65_535],
    ['STORAGE_URL', 'memory:', 'memory:'],
    ['STORAGE_URL', 'sqlite:/var/x.sqlite', 'sqlite:/var/x.sqlite'],
    ['STORAGE_URL', 'redis://h', 'redis://h'],
    ['STORAGE_URL', 'rediss://user:pass@h:6380/3?prefix=login', 'rediss://user:pass@h:6380/3?prefix=login'],
    ['STORAGE_URL', 'postgres://u:p@h:5432/db?sslmode=require', 'postgres://u:p@h:5432/db?sslmode=require'],
    ['STORAGE_URL', 'postgresql://[::1]/db?schema=login', 'postgresql://[::1]/db?schema=login'],
    ['COOKIE_KEYS', ' one , two ', ['one', 'two']],
    ['DIDIT_BASE_URL', 'https://vendor.example/', 'https://vendor.example'],
    ['DIDIT_BASE_URL', 'http://127.0.0.1:3001', 'http://127.0.0.1:3001'],
    ['DIDIT_BASE_URL', 'http://[::1]:3001', 'http://[::1]:3001'],
    ['DIDIT_ENVIRONMENT', 'sandbox', 'sandbox'],
    ['DIDIT_SEND_WORKFLOW_TYPE', 'false', false],
    ['SMTP_URL', 'smtps://u:p%40@mail.example:465', 'smtps://u:p%40@mail.example:465'],
    ['MAIL_FROM', 'Login <login@mail.example>', 'Login <login@mail.example>'],
    ['OUTGOING_ALLOW', 'Logout.internal, 10.1.2.0/24,fd00::1', ['logout.internal', '10.1.2.0/24', 'fd00::1/128']],
    ['TRUST_PROXY', '2', { hops: 2 }],
    ['TRUST_PROXY', '0', undefined],
    ['TRUST_PROXY', '10.0.0.0/8, 192.0.2.7', { cidrs: ['10.0.0.0/8', '192.0.2.7/32'] }],
    ['LOG_LEVEL', 'debug', 'debug'],
  ])('%s=%s', (name, text, value) => {
    expect(read(name, text)).toMatchObject({ ok: true, value });
  });

  test('data keys of 32 bytes, newest first, with or without padding', () => {
    const reading = read('DATA_KEYS', `${otherDataKey}=,${dataKey}`, PRODUCTION);
    if (!reading.ok) throw new Error(reading.problem);
    const keys = (reading.value as Uint8Array[]).map((key) => Buffer.from(key).toString('base64url'));
    expect(keys).toEqual([otherDataKey, dataKey]);
  });
});

describe('a setting refuses', () => {
  test.each<[SettingName, string, RegExp]>([
    ['NODE_ENV', 'prod', /not one of production/],
    ['ISSUER', 'login.example', /not an http or https URL/],
    ['ISSUER', 'https:login.example', /not an http or https URL/],
    ['ISSUER', 'ftp://login.example', /not an http or https URL/],
    ['ISSUER', 'https://login.example/', /slash/],
    ['ISSUER', 'https://login.example/oidc', /path/],
    ['ISSUER', 'https://login.example?', /query/],
    ['ISSUER', 'https://login.example#x', /fragment/],
    ['ISSUER', 'https://Login.Example', /lower case/],
    ['ISSUER', 'https://login.example:443', /default port/],
    ['ISSUER', `https://user:${CANARY}@login.example`, /password/],
    ['HOST', 'http://localhost', /neither an address/],
    ['HOST', '127.0.0.1:3000', /neither an address/],
    ['HOST', '300.0.0.1', /neither an address/],
    ['PORT', '0', /from 1 to 65535/],
    ['PORT', '3000.5', /from 1 to 65535/],
    ['PORT', '0x10', /from 1 to 65535/],
    ['STORAGE_URL', 'data/x.sqlite', /names no kind/],
    ['STORAGE_URL', 'mysql://x', /does not exist/],
    ['STORAGE_URL', `redis://:${CANARY}@`, /names no host/],
    ['STORAGE_URL', 'redis://h/name', /number of a database/],
    ['STORAGE_URL', `redis://h?password=${CANARY}`, /does not know/],
    ['STORAGE_URL', 'redis://h?prefix=a%20b', /prefix/],
    ['STORAGE_URL', `redis://:${CANARY}#x@h`, /names no host/],
    ['STORAGE_URL', 'redis+cluster://h', /does not exist/],
    ['STORAGE_URL', 'postgres://h', /names no database/],
    ['STORAGE_URL', 'postgres://h/db?schema=Public', /schema/],
    ['STORAGE_URL', 'postgres://h/db?connections=0', /connections/],
    ['STORAGE_URL', 'postgres://h/db?sslmode=prefer', /sslmode/],
    ['STORAGE_URL', 'postgres://h/db?host=elsewhere', /does not know/],
    ['STORAGE_URL', 'sqlite:', /names no file/],
    ['STORAGE_URL', 'sqlite::memory:', /names no file/],
    ['STORAGE_URL', 'sqlite://data/x', /two slashes/],
    ['STORAGE_URL', 'sqlite:x?mode=ro', /options/],
    ['STORAGE_URL', 'memory:x', /more than memory:/],
    ['COOKIE_KEYS', ',', /holds no entry/],
    ['COOKIE_KEYS', 'a,b,a', /repeats an earlier one in entry 3/],
    ['DATA_KEYS', `${CANARY}!`, /not base64url in entry 1/],
    ['DATA_KEYS', `${dataKey},${CANARY}`, /not exactly 32 bytes in entry 2/],
    ['DIDIT_API_KEY', `${CANARY} x`, /spaces/],
    ['DIDIT_BASE_URL', 'http://vendor.example', /not this machine/],
    ['DIDIT_BASE_URL', 'https://vendor.example/v3/', /ends in \/v3/],
    ['DIDIT_BASE_URL', 'vendor.example', /not an https URL/],
    ['DIDIT_BASE_URL', 'https://vendor.example/?a', /query/],
    ['DIDIT_BASE_URL', `https://u:${CANARY}@vendor.example`, /password/],
    ['DIDIT_WORKFLOW_ENROL', 'my workflow', /not a workflow id/],
    ['DIDIT_ENVIRONMENT', 'Live', /not one of live, sandbox/],
    ['DIDIT_SEND_WORKFLOW_TYPE', '1', /neither true nor false/],
    ['SMTP_URL', `https://u:${CANARY}@mail.example`, /not an smtp or smtps URL/],
    ['MAIL_FROM', 'nobody', /not a mail address/],
    ['OUTGOING_ALLOW', '*', /neither host name nor address range/],
    ['OUTGOING_ALLOW', 'http://x', /neither host name nor address range/],
    ['OUTGOING_ALLOW', 'a.example,0.0.0.0/0', /every address/],
    ['OUTGOING_ALLOW', '::/0', /every address/],
    ['METRICS_TOKEN', `${CANARY} x`, /spaces/],
    ['TRUST_PROXY', 'true', /neither a number of proxies/],
    ['TRUST_PROXY', '10.0.0.0/8,nginx', /in entry 2/],
    ['TRUST_PROXY', '0.0.0.0/0', /believes every address/],
    ['TRUST_PROXY', '99', /more than 16/],
    ['TRUST_PROXY', ',', /holds no entry/],
    ['LOG_LEVEL', 'verbose', /not one of/],
    ['DEMO_VENDOR_PORT', 'x', /from 1 to 65535/],
  ])('%s=%s', (name, text, problem) => {
    const reading = read(name, text);
    if (reading.ok) throw new Error('accepted');
    expect(reading.problem).toMatch(problem);
    expect(reading.fix).not.toBe('');
    expect(`${reading.problem} ${reading.fix}`).not.toContain(CANARY);
  });

  test.each<[SettingName, string, RegExp]>([
    ['ISSUER', 'http://localhost:3000', /https in production/],
    ['COOKIE_KEYS', `${strongCookieKey},${CANARY}`, /fewer than 32 characters in entry 2/],
    ['DATA_KEYS', 'A'.repeat(43), /not random/],
    ['DIDIT_WEBHOOK_SECRETS', `${CANARY}-1`, /fewer than 16 characters in entry 1/],
    ['DIDIT_WEBHOOK_SECRETS', 'demo-webhook-secret-not-a-real-secret-00001', /published example/],
    ['DIDIT_API_KEY', 'demo-api-key-not-a-secret', /published example/],
    ['METRICS_TOKEN', CANARY, /fewer than 16 characters/],
  ])('in production only: %s', (name, text, problem) => {
    expect(read(name, text, DEVELOPING).ok).toBe(true);
    const reading = read(name, text, PRODUCTION);
    if (reading.ok) throw new Error('accepted');
    expect(reading.problem).toMatch(problem);
    expect(`${reading.problem} ${reading.fix}`).not.toContain(CANARY);
  });
});

describe('lengths are exact', () => {
  const random = (length: number) => 'abcdefghijkl'.repeat(20).slice(0, length);

  test.each<[SettingName, number]>([
    ['COOKIE_KEYS', 32],
    ['DIDIT_WEBHOOK_SECRETS', 16],
    ['METRICS_TOKEN', 16],
  ])('%s: %i characters are enough in production, one fewer is not', (name, least) => {
    expect(read(name, random(least), PRODUCTION).ok).toBe(true);
    expect(read(name, random(least - 1), PRODUCTION).ok).toBe(false);
  });

  test.each([31, 33, 64])('DATA_KEYS: %i bytes are refused everywhere', (length) => {
    expect(read('DATA_KEYS', Buffer.from(random(length)).toString('base64url')).ok).toBe(false);
  });
});

describe('the list of settings', () => {
  test('has a meaning and an example for each, and the example is accepted', () => {
    for (const name of SETTING_NAMES) {
      expect(SETTINGS[name].about).toMatch(/\.$/);
      if (SETTINGS[name].secret !== true)
        expect([name, read(name, SETTINGS[name].example, PRODUCTION).ok]).toEqual([name, true]);
    }
  });

  test('gives no default to a secret', () => {
    for (const name of SETTING_NAMES)
      if (SETTINGS[name].secret === true) expect(SETTINGS[name].fallback).toBeUndefined();
  });

  test('lets every secret, and only a secret, be read from a file', () => {
    const readable = SETTING_NAMES.filter((name) => fileVariable(name) !== undefined);
    expect(readable).toEqual([
      'STORAGE_URL',
      'COOKIE_KEYS',
      'DATA_KEYS',
      'DIDIT_API_KEY',
      'DIDIT_WEBHOOK_SECRETS',
      'SMTP_URL',
      'METRICS_TOKEN',
    ]);
  });
});

describe('a variable nobody knows', () => {
  test.each([
    ['DIDIT_WEBHOOK_SECRET', 'DIDIT_WEBHOOK_SECRETS'],
    ['DIDIT_APIKEY', 'DIDIT_API_KEY'],
    ['SELFIE_OIDC_ISSUER', undefined],
    ['OUTGOING_ALLOWED', 'OUTGOING_ALLOW'],
    ['DEMO_VENDOR', undefined],
    ['ISSEUR', 'ISSUER'],
    ['issuer', 'ISSUER'],
    ['TRUST_PROXYS', 'TRUST_PROXY'],
    ['COOKIE_KEY', 'COOKIE_KEYS'],
    ['DATA_KEY_FILE', 'DATA_KEYS_FILE'],
    ['LOGLEVEL', 'LOG_LEVEL'],
  ])('%s is a fault when it looks like ours', async (variable, meant) => {
    const text = await faultsOf({ [variable]: CANARY });
    expect(text).toContain(`${variable}: is not a setting`);
    if (meant) expect(text).toContain(`did you mean ${meant}?`);
  });

  test('is nobody else’s business otherwise', async () => {
    const others = {
      HOME: '/root',
      PATH: '/bin',
      HOSTNAME: 'x',
      TERM: 'x',
      PWD: '/',
      NODE_OPTIONS: '',
      DATABASE_URL: 'x',
    };
    await expect(faultsOf(others)).rejects.toThrow('accepted');
  });

  test('may be what Kubernetes sets for a service of our name', async () => {
    const links = {
      SELFIE_OIDC_SERVICE_HOST: '10.0.0.1',
      SELFIE_OIDC_SERVICE_PORT: '80',
      SELFIE_OIDC_PORT: 'tcp://10.0.0.1:80',
      SELFIE_OIDC_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    await expect(faultsOf(links)).rejects.toThrow('accepted');
    expect(await faultsOf({ SELFIE_OIDC_PORT: '80' })).toContain('SELFIE_OIDC_PORT: is not a setting');
  });

  test('is a setting that has no file variant, with one', async () => {
    for (const name of ['ISSUER', 'DIDIT_BASE_URL'])
      expect(await faultsOf({ ...DEVELOPMENT, [`${name}_FILE`]: '/x' })).toContain(
        `${name}_FILE: is not read: only a secret may lie in a file\n    → set ${name}`,
      );
  });
});
