// What settings say together: production needs and refuses, the demo needs nothing and stays at home.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEMO_DIDIT } from '../../src/config/demo.ts';
import { CANARY, CLIENT, configOf, DEVELOPMENT, faultsOf, PRODUCTION } from './support.ts';

describe('production', () => {
  test('starts with what it needs, and makes nothing up', async () => {
    const { config, warnings, folder } = await configOf(PRODUCTION);
    expect(config).toMatchObject({
      production: true,
      demo: false,
      issuer: 'https://login.example',
      host: '0.0.0.0',
      port: 3000,
      storageUrl: `sqlite:${join(folder, 'data/selfie-oidc.sqlite')}`,
      didit: {
        baseUrl: 'https://verification.didit.me',
        environment: 'live',
        sendWorkflowType: true,
        workflows: { enrol: PRODUCTION.DIDIT_WORKFLOW_ENROL, passive: PRODUCTION.DIDIT_WORKFLOW_PASSIVE },
      },
      trustProxy: { hops: 1 },
      outgoingAllow: [],
      clientsFile: join(folder, 'config/clients.yaml'),
      policy: { enrolment: 'invite' },
      logLevel: 'info',
    });
    expect(config.didit.workflows).not.toHaveProperty('active');
    expect(config).not.toHaveProperty('smtp');
    expect(config).not.toHaveProperty('metricsToken');
    expect(config.jwks.keys.map((key) => key.alg)).toEqual(['RS256', 'ES256']);
    expect(config.clients.map((client) => client.client_id)).toEqual(['shop']);
    expect(warnings).toEqual([
      expect.stringMatching(/^DIDIT_WORKFLOW_ACTIVE: is not set, so .* a passive selfie instead/),
    ]);
    expect((await readdir(folder)).sort()).toEqual(['config', 'jwks.json']);
  });

  test.each([
    'ISSUER',
    'COOKIE_KEYS',
    'DATA_KEYS',
    'JWKS_FILE',
    'DIDIT_API_KEY',
    'DIDIT_WEBHOOK_SECRETS',
    'DIDIT_WORKFLOW_ENROL',
    'DIDIT_WORKFLOW_PASSIVE',
  ])('does not start without %s', async (name) => {
    const text = await faultsOf({ ...PRODUCTION, [name]: '' });
    expect(text).toContain('1 fault');
    expect(text).toContain(`${name}: is not set, and production needs it`);
  });

  test('does not start on memory: storage', async () => {
    expect(await faultsOf({ ...PRODUCTION, STORAGE_URL: 'memory:' })).toContain(
      'STORAGE_URL: memory: loses every account',
    );
  });

  test('holds clients to secrets of 32 characters', async () => {
    const clients = CLIENT.replace(/client_secret: .*/, `client_secret: ${CANARY}`);
    expect(await faultsOf(PRODUCTION, { 'config/clients.yaml': clients })).toContain(
      'client_secret has fewer than 32 characters',
    );
    const exact = CLIENT.replace(/client_secret: .*/, `client_secret: ${'abcdefgh'.repeat(4)}`);
    await configOf(PRODUCTION, { 'config/clients.yaml': exact });
    expect(await faultsOf(PRODUCTION, { 'config/clients.yaml': exact.replace('abcdefgh', 'abcdefg') })).toContain(
      'client_secret',
    );
    await configOf(DEVELOPMENT, { 'config/clients.yaml': clients });
  });

  test('is not left by misspelling it', async () => {
    const text = await faultsOf({ NODE_ENV: 'prodution' });
    expect(text).toContain('did you mean production?');
    expect(text).toContain('COOKIE_KEYS: is not set, and production needs it');
  });

  test('warns of what is allowed and probably not meant', async () => {
    const { warnings } = await configOf({
      ...PRODUCTION,
      TRUST_PROXY: '',
      DIDIT_ENVIRONMENT: 'sandbox',
      DIDIT_WORKFLOW_ACTIVE: 'active',
    });
    const about = warnings.map((warning) => warning.split(':')[0]);
    expect(about.sort()).toEqual(['DIDIT_ENVIRONMENT', 'DIDIT_WORKFLOW_ACTIVE', 'TRUST_PROXY']);
  });
});

describe('the demo', () => {
  test('needs nothing, listens on loopback, and brings values of its own', async () => {
    const { config } = await configOf({}, { 'config/clients.yaml': '', 'jwks.json': '' });
    expect(config).toMatchObject({
      production: false,
      demo: true,
      issuer: 'http://localhost:3000',
      host: '127.0.0.1',
      clients: [],
      workers: 1,
      demoVendorPort: 3001,
      demoClientPort: 3002,
      policy: { enrolment: 'open' },
      didit: { apiKey: DEMO_DIDIT.apiKey, baseUrl: 'http://localhost:3001', workflows: DEMO_DIDIT.workflows },
    });
  });

  test('has an issuer that follows the port', async () => {
    const { config } = await configOf({ PORT: '4000', DEMO_VENDOR_PORT: '4001' });
    expect(config).toMatchObject({
      issuer: 'http://localhost:4000',
      didit: { baseUrl: 'http://localhost:4001' },
    });
  });

  test.each([
    ['ISSUER', 'https://login.example'],
    ['HOST', '0.0.0.0'],
    ['HOST', '::'],
  ])('refuses %s=%s', async (name, value) => {
    expect(await faultsOf({ [name]: value })).toMatch(new RegExp(`${name}: is not .*loopback`));
  });

  test.each([
    ['ISSUER', 'http://127.0.0.1:3000'],
    ['HOST', 'localhost'],
    ['HOST', '::1'],
  ])('takes %s=%s', async (name, value) => {
    await configOf({ [name]: value });
  });

  test('is one process', async () => {
    expect(await faultsOf({ WORKERS: '2' })).toContain('WORKERS: is 2, and the demo (no DIDIT_API_KEY) is one process');
  });

  test('refuses two explicit ports that are the same', async () => {
    expect(await faultsOf({ PORT: '4000', DEMO_CLIENT_PORT: '4000' })).toContain(
      'DEMO_CLIENT_PORT: is the same port as PORT',
    );
  });

  test('refuses a clients file that was named and is not there', async () => {
    expect(await faultsOf({ CLIENTS_FILE: 'other.yaml' })).toContain('CLIENTS_FILE other.yaml: does not exist');
  });

  test('says which settings of the vendor it ignores', async () => {
    const { warnings } = await configOf({ DIDIT_WEBHOOK_SECRETS: CANARY });
    expect(warnings).toEqual([expect.stringContaining('DIDIT_WEBHOOK_SECRETS: ignored')]);
  });
});

describe('several processes', () => {
  test('are one unless told otherwise', async () => {
    expect((await configOf(PRODUCTION)).config.workers).toBe(1);
    expect((await configOf({ ...PRODUCTION, WORKERS: '64' })).config.workers).toBe(64);
  });

  test.each(['0', '65', '2.5', 'auto'])('are not %s', async (WORKERS) => {
    expect(await faultsOf({ ...PRODUCTION, WORKERS })).toContain('is not a whole number from 1 to 64');
  });

  test('do not share memory: the fault names both settings', async () => {
    const text = await faultsOf({ ...DEVELOPMENT, WORKERS: '2', STORAGE_URL: 'memory:' });
    expect(text).toContain('WORKERS: is 2, and STORAGE_URL is memory:, which one process alone can see');
    await configOf({ ...DEVELOPMENT, WORKERS: '1', STORAGE_URL: 'memory:' });
  });
});
