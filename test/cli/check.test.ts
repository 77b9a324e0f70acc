import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApp } from '../../src/app.ts';
import type { Config } from '../../src/config/config.ts';
import { DEMO_DIDIT } from '../../src/config/demo.ts';
import { makeSigningKeys } from '../../src/config/dev-secrets.ts';
import { faultsOf, formatFaults } from '../../src/config/faults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { CANARY, cli, here, newFolder, type Place } from './support.ts';

const dataKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64url');
const otherKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 99)).toString('base64url');
const apiKey = `${CANARY}-api-key`;
const webhookSecret = `${CANARY}-webhook-secret`;

let place: Place & { env: Record<string, string> };
let standIn: Sandbox;

beforeAll(async () => {
  const { workflows } = DEMO_DIDIT;
  standIn = await startSandbox({
    apiKey,
    webhookSecrets: [webhookSecret],
    webhookUrl: 'https://login.example/webhooks/didit',
    workflows,
  });
  const cwd = await newFolder();
  await writeFile(join(cwd, 'jwks.json'), JSON.stringify(await makeSigningKeys()));
  const client = { client_id: 'shop', client_secret: `${CANARY}-client-secret-of-more-than-32-characters` };
  await writeFile(
    join(cwd, 'clients.json'),
    JSON.stringify([{ ...client, redirect_uris: ['https://shop.example/cb'] }]),
  );
  const env = {
    NODE_ENV: 'production',
    ISSUER: 'https://login.example',
    TRUST_PROXY: '1',
    STORAGE_URL: `sqlite:${cwd}/state/check.sqlite`,
    CLIENTS_FILE: join(cwd, 'clients.json'),
    COOKIE_KEYS: `${CANARY}-cookie-key-of-more-than-32-characters`,
    DATA_KEYS: dataKey,
    JWKS_FILE: join(cwd, 'jwks.json'),
    METRICS_TOKEN: `${CANARY}-metrics-token`,
    DIDIT_API_KEY: apiKey,
    DIDIT_WEBHOOK_SECRETS: webhookSecret,
    DIDIT_BASE_URL: standIn.url,
    DIDIT_WORKFLOW_ENROL: workflows.enrol,
    DIDIT_WORKFLOW_PASSIVE: workflows.passive,
    DIDIT_WORKFLOW_ACTIVE: workflows.active,
  };
  place = { cwd, env };
});
afterAll(() => standIn.close());

const storage = (name: string) => `sqlite:${place.cwd}/state/${name}.sqlite`;
/** that is there already */
async function made(name: string): Promise<string> {
  await (await openBackend(storage(name), { clock: { now: () => Date.now() / 1000 } })).close();
  return storage(name);
}
const elsewhere = (changes: Record<string, string>): Place => ({ ...place, env: { ...place.env, ...changes } });

test('a complete production environment passes, with the vendor asked, and no secret is printed', async () => {
  const [people, programs] = await Promise.all([
    cli(['check', '--vendor'], elsewhere({ STORAGE_URL: await made('check') })),
    cli(['check', '--vendor', '--json'], elsewhere({ STORAGE_URL: await made('json') })),
  ]);
  expect(people).toMatchObject({ code: 0, err: '' });
  for (const subject of ['settings', 'keys', 'storage', 'clients', 'webhook']) {
    expect(people.out).toMatch(new RegExp(`^ok +${subject} `, 'm'));
  }
  expect(people.out).toMatch(/^ISSUER: https:\/\/login\.example$/m);
  expect(people.out).toMatch(/^WORKERS: 1$/m);
  expect(people.out).toContain('DIDIT_API_KEY: "[secret]"');
  expect(programs.code).toBe(0);
  const lines = programs.json();
  expect(lines.at(-1)).toMatchObject({ config: { issuer: 'https://login.example', clients: [{ client_id: 'shop' }] } });
  expect(lines.slice(0, -1).every((line) => 'level' in line && 'subject' in line && 'message' in line)).toBe(true);
  for (const said of [people.out, programs.out, programs.err]) {
    expect(said).not.toContain(CANARY);
    expect(said).not.toContain(dataKey);
    expect(said).not.toMatch(/"?\bd"?: /);
  }
});

test('what the vendor does not know is a fault: exit code 1', async () => {
  const { code, out } = await here(
    ['check', '--vendor'],
    elsewhere({ ISSUER: 'https://other.example', STORAGE_URL: storage('other') }),
  );
  expect(code).toBe(1);
  expect(out).toMatch(/^fault +webhook +no destination has the URL https:\/\/other\.example\/webhooks\/didit$/m);
});

test('a storage that does not open is a fault: exit code 1', async () => {
  const result = await here(['check'], elsewhere({ STORAGE_URL: `sqlite:${place.cwd}/clients.json/x.sqlite` }));
  expect(result.code).toBe(1);
  expect(result.out).toMatch(/^fault +storage +cannot open /m);
  expect(result.out).toMatch(/^ok +clients +1 accepted/m);
});

test('what is wrong with the storage, the tables of networks and the mail templates is told at once', async () => {
  const templates = join(place.cwd, 'mails');
  await mkdir(templates);
  await writeFile(join(templates, 'no-such-mail.ejs'), '');
  const policy = { 'networks.tor': [join(place.cwd, 'no-list')], mail_templates: templates };
  await writeFile(join(place.cwd, 'policy.json'), JSON.stringify(policy));
  const env = {
    STORAGE_URL: `sqlite:${place.cwd}/clients.json/x.sqlite`,
    POLICY_FILE: join(place.cwd, 'policy.json'),
    SMTP_URL: 'smtps://mail.example',
    MAIL_FROM: 'login@example.org',
  };
  const { code, err } = await here(['check'], elsewhere(env));
  expect(code).toBe(2);
  expect(err).toContain('has 3 faults');
  for (const word of ['STORAGE_URL: cannot open', 'no-list', 'no-such-mail.ejs']) expect(err).toContain(word);
});

test('a storage that nobody has made is told of, and stays unmade; all else is judged', async () => {
  const { code, out } = await here(['check', '--vendor'], elsewhere({ STORAGE_URL: storage('mistyped') }));
  expect(out).toMatch(/^warning +storage +sqlite .+mistyped\.sqlite: there is no storage here; see that STORAGE_URL/m);
  expect(out).toMatch(/^ok +clients +1 accepted/m);
  expect(out).toMatch(/^ok +webhook /m);
  expect(code).toBe(0);
  expect(existsSync(storage('mistyped').slice('sqlite:'.length))).toBe(false);
});

test('data keys that do not open what is stored are a fault of the configuration', async () => {
  const env = { STORAGE_URL: await made('keys') };
  expect((await here(['check'], elsewhere(env))).code).toBe(0);
  const [lost, rotated] = await Promise.all([
    here(['check'], elsewhere({ ...env, DATA_KEYS: otherKey })),
    here(['check'], elsewhere({ ...env, DATA_KEYS: `${otherKey},${dataKey}` })),
  ]);
  expect(lost).toMatchObject({ code: 2, out: '' });
  expect(lost.err).toContain('DATA_KEYS: does not open what is stored');
  expect(rotated.code).toBe(0);
});

test('a client that only the finished provider refuses is a fault of the configuration, with every other', async () => {
  const reading = await loadConfig({ STORAGE_URL: 'memory:' }, { cwd: await newFolder() });
  if (!reading.ok) throw new Error(formatFaults(reading.faults));
  const entry = (client_id: string) => ({ client_id, client_secret: CANARY, redirect_uris: ['no address'] });
  const clients = [entry('one'), entry('two')] as unknown as Config['clients'];
  const refusal = await createApp({ ...reading.config, clients }).catch((error: unknown) => error);
  const faults = faultsOf(refusal) ?? [];
  expect(faults.map(({ where }) => where)).toEqual([
    expect.stringMatching(/clients\.yaml \(client "one"\)$/),
    expect.stringMatching(/clients\.yaml \(client "two"\)$/),
  ]);
  expect(formatFaults(faults)).toContain('redirect_uris');
  expect(formatFaults(faults)).not.toContain(CANARY);
});

test('the empty file of a secret is a fault like every other, told as lines of JSON too', async () => {
  await writeFile(join(place.cwd, 'empty-key'), '');
  const { DIDIT_API_KEY: _key, ...rest } = place.env;
  const result = await here(['check', '--json'], {
    ...place,
    env: { ...rest, DIDIT_API_KEY_FILE: join(place.cwd, 'empty-key'), PRT: '1' },
  });
  expect(result.code).toBe(2);
  expect(result.json().map(({ where }) => where)).toEqual(expect.arrayContaining(['DIDIT_API_KEY_FILE', 'PRT']));
});
