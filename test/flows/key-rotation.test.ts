// R11: keys rotate under a provider that runs, and nobody notices: not who is signing in, not who signed in before, not a client that
// verifies a token. The commands are the operator's, the files are read again as a running process reads them.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { type App, createApp } from '../../src/app.ts';
import { readKeySet } from '../../src/config/keys.ts';
import { countSealedUnder } from '../../src/storage/sealed-records.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { here, type Place, placeOf } from '../cli/support.ts';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import { showFace, until } from '../support/story.ts';
import { startWorld, type Tokens, UNLIMITED, type World } from '../support/world.ts';

const HOUR = 3600;
const OFFLINE = { scope: 'openid profile offline_access', prompt: 'consent' };

let world: World;
let place: Place;
let apps: App[];
const file = (name: string) => join(place.cwd, name);
const keys = (...args: string[]) => here(['keys', ...args], place);
const reloadAll = () => Promise.all(apps.map((app) => app.reloadKeys()));

/** One step of the rotation, read by everybody. */
async function step(kind: string): Promise<void> {
  const { code, err } = await keys('rotate', kind);
  if (code !== 0) throw new Error(err);
  await reloadAll();
}

async function open(port: number): Promise<App> {
  const log = createLogger({ level: 'debug', destination: { write: (line) => void world.log.push(line) } });
  const options = { clock: world.clock, log, readKeys: () => readKeySet(place.env ?? {}, { cwd: place.cwd }) };
  const app = await createApp({ ...world.config, port }, options);
  await app.listen(port, '127.0.0.1');
  return app;
}

const jwksOf = async (issuer = world.issuer): Promise<JSONWebKeySet> => (await fetch(`${issuer}/jwks`)).json() as never;
const verifies = async (tokens: Tokens, issuer = world.issuer): Promise<boolean> =>
  jwtVerify(String(tokens.id_token), createLocalJWKSet(await jwksOf(issuer))).then(
    () => true,
    () => false,
  );
const kidOf = (tokens: Tokens) => decodeProtectedHeader(String(tokens.id_token)).kid;

beforeAll(async () => {
  world = await startWorld({ storage: 'sqlite', policy: UNLIMITED });
  const { cwd, env } = await placeOf(world);
  const { COOKIE_KEYS: cookieKeys = '', DATA_KEYS: dataKeys = '', ...others } = env ?? {};
  await writeFile(join(cwd, 'cookie.txt'), cookieKeys);
  await writeFile(join(cwd, 'data.txt'), dataKeys);
  const files = { COOKIE_KEYS_FILE: join(cwd, 'cookie.txt'), DATA_KEYS_FILE: join(cwd, 'data.txt') };
  place = { cwd, env: { ...others, ...files } };
  await world.app.close();
  world.app = await open(world.config.port);
  apps = [world.app];
});
afterAll(() => world.close());

test('signing and cookie keys: who was signed in stays so, a login under way ends well, old tokens verify', async () => {
  const { browser, tokens } = await world.enrol('before@example.org');
  const granted = await world.begin(new Browser(), 'granted@example.org', OFFLINE);
  await showFace(world, granted);
  const refreshed = await world.finish(granted);
  const begun = await world.begin(new Browser(), 'under-way@example.org');

  for (const kind of ['signing', 'cookie']) await step(kind);
  const next = (await jwksOf()).keys.map(({ kid }) => kid);
  await showFace(world, begun);
  for (const kind of ['signing', 'cookie']) await step(kind);

  const after = await world.finish(begun);
  expect(kidOf(after)).not.toBe(kidOf(tokens));
  // it was published before it signed
  expect(next).toContain(kidOf(after));
  expect([await verifies(tokens), await verifies(after)]).toEqual([true, true]);
  const again = await browser.get((await world.authorize()).url, (location) => location.startsWith(world.redirectUri));
  expect(new URL(String(again.headers.get('location'))).searchParams.has('code')).toBe(true);
  const client = await world.client();
  const fresh = await oidc.refreshTokenGrant(client, String(refreshed.refresh_token));
  expect(kidOf(fresh)).toBe(kidOf(after));
  expect((await oidc.fetchUserInfo(client, tokens.access_token, String(tokens.claims()?.sub))).sub).toBeDefined();
});

test('a page that was open while cookie keys rotated can still be sent', async () => {
  const browser = new Browser();
  const first = await browser.get((await world.authorize()).url);
  for (let each = 0; each < 2; each += 1) await step('cookie');
  const fields = { identifier: 'open-page@example.org', biometric_consent: 'yes' };
  const begun = await browser.press(first, { name: 'begin', value: 'here' }, fields);
  expect(begun.headers.get('location')).toContain(world.sandbox.url);
});

test('a page that showed who is signing in while data keys rotated can still be sent', async () => {
  const { browser } = await world.enrol('shown@example.org');
  const first = await browser.get((await world.authorize({ prompt: 'login' })).url);
  expect(first.text).toContain('name="person"');
  for (let each = 0; each < 2; each += 1) await step('data');
  const begun = await browser.press(first, { name: 'begin', value: 'here' }, { biometric_consent: 'yes' });
  expect(begun.headers.get('location')).toContain(world.sandbox.url);
});

test('data keys: all is readable before, between and after; encrypted anew, the old key can go for good', async () => {
  const { tokens } = await world.enrol('kept@example.org');
  const old = world.app.parts.sealer.currentId;
  const begun = await world.begin(new Browser(), 'kept@example.org');
  await step('data');
  await showFace(world, begun);
  await step('data');
  expect((await world.finish(begun)).claims()?.sub).toBe(tokens.claims()?.sub);

  const early = await keys('retire', 'data');
  expect([early.code, early.err]).toEqual([1, expect.stringMatching(/stays/)]);
  world.clock.move(7 * HOUR);
  await until('everything to be encrypted anew', () => world.log.some((line) => line.includes('present data key')));
  expect(await countSealedUnder(world.app.parts.store, old)).toBe(0);
  expect(await keys('retire', 'data')).toMatchObject({ code: 0 });
  expect((await readFile(file('data.txt'), 'utf8')).trim().split(',')).toHaveLength(1);
  await reloadAll();
  expect(world.app.parts.sealer.ids).not.toContain(old);

  // whoever is known under a hash of the key that is gone is still found, by this process and a new one
  const again = await world.begin(new Browser(), 'kept@example.org');
  await showFace(world, again);
  expect((await world.finish(again)).claims()?.sub).toBe(tokens.claims()?.sub);
  await world.app.close();
  const reading = await readKeySet(place.env ?? {}, { cwd: place.cwd });
  if (!reading.ok) throw new Error('the keys have faults');
  const { jwks, cookieKeys, dataKeys } = reading.keys;
  world.config = {
    ...world.config,
    jwks: { keys: [...jwks.keys] },
    cookieKeys: [...cookieKeys],
    dataKeys: [...dataKeys],
  };
  world.app = await open(world.config.port);
  apps = [world.app];
  await until('the provider to be up again', () =>
    fetch(`${world.issuer}/livez`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const last = await world.begin(new Browser(), 'kept@example.org');
  await showFace(world, last);
  expect((await world.finish(last)).claims()?.sub).toBe(tokens.claims()?.sub);
});

test('a faulty list is told, and the keys before stay in use', async () => {
  const before = await jwksOf();
  const written = await readFile(file('jwks.json'), 'utf8');
  await writeFile(file('jwks.json'), '{"keys":[');
  const from = world.log.length;
  expect(await world.app.reloadKeys()).toMatchObject({ ok: false });
  const lines = world.log.slice(from).map((line) => JSON.parse(line));
  expect(lines).toContainEqual(expect.objectContaining({ level: 'error', problem: 'is not JSON' }));
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'error', msg: expect.stringContaining('stay in use') }),
  );
  expect(await jwksOf()).toEqual(before);
  await writeFile(file('jwks.json'), written);
  expect(await world.app.reloadKeys()).toEqual({ ok: true, changed: false });
});

describe('two instances', () => {
  let other: App;
  let otherIssuer: string;
  beforeAll(async () => {
    const port = await freePort();
    otherIssuer = `http://127.0.0.1:${port}`;
    other = await open(port);
  });
  afterAll(() => other.close());

  test('one that has not read the next key holds up the second step; while they differ, each accepts what the other makes', async () => {
    const id = (await world.app.parts.instances.list()).length;
    expect(id).toBe(2);
    // only the first one reads
    await step('signing');
    expect(await keys('rotate', 'signing')).toMatchObject({ code: 1, err: expect.stringContaining('not yet') });
    await other.reloadKeys();
    const { tokens: before } = await world.enrol('two-before@example.org');
    await step('signing');
    const { tokens: after } = await world.enrol('two-after@example.org');
    expect(kidOf(after)).not.toBe(kidOf(before));
    // the other still signs with the one before, and publishes both
    expect([await verifies(after, otherIssuer), await verifies(before, world.issuer)]).toEqual([true, true]);
    // so it does not go, whatever is forced
    const refused = await keys('retire', 'signing', '--force', '--json');
    expect(refused.json()[0]?.kept).toContainEqual(
      expect.objectContaining({ id: kidOf(before), why: expect.objectContaining({ kind: 'in-use' }) }),
    );
    await other.reloadKeys();
  });

  test('retired, a key vouches for nothing any more, also not for a logout', async () => {
    const { browser, tokens } = await world.enrol('retired@example.org');
    apps = [world.app, other];
    for (let each = 0; each < 2; each += 1) await step('signing');
    const hint = `${world.issuer}/session/end?id_token_hint=${tokens.id_token}`;
    expect((await browser.get(hint)).status).toBe(200);
    expect((await keys('retire', 'signing', '--force')).code).toBe(0);
    await reloadAll();
    expect(await verifies(tokens)).toBe(false);
    expect((await browser.get(hint)).status).toBe(400);
    expect((await jwksOf()).keys).toHaveLength(2);
  });

  test('one that ends is no longer among those that run', async () => {
    await other.close();
    expect(await world.app.parts.instances.list()).toHaveLength(1);
  });
});

test('what was rotated stands in the journal, and no secret in the log', async () => {
  const events = (await here(['journal', '--event', 'keys.*', '--json'], place)).json();
  expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['keys.added', 'keys.promoted', 'keys.retired']));
  const { d } = JSON.parse(await readFile(file('jwks.json'), 'utf8')).keys[0];
  const all = world.log.join('\n');
  for (const secret of [d, ...(await readFile(file('cookie.txt'), 'utf8')).trim().split(',')])
    expect(all).not.toContain(secret);
});
