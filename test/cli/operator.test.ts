// What an operator does while the provider runs, on the same SQLite file; each command once in a process of its own.

import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { startWorld, type Tokens, type World } from '../support/world.ts';
import { cli, here, type Place, placeOf, type Result } from './support.ts';

let world: World;
let place: Place;
let links: string[];
/** in a process of its own */
const command = (...args: string[]): Promise<Result> => cli(args, place);
/** on a connection of its own */
const ask = (...args: string[]): Promise<Result> => here(args, place);

beforeAll(async () => {
  world = await startWorld({ storage: 'sqlite', policy: { enrolment: 'invite' } });
  place = await placeOf(world);
  const made = await command('invite', '--count', '9');
  expect(made).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^one use each, until \d{4}-\d\d-\d\dT[\d:]+Z\n$/),
  });
  links = made.out.trim().split('\n');
}, 20_000);
afterAll(() => world.close());

/** A link nobody has used yet. */
function link(): string {
  return links.shift() ?? '';
}

async function enrolBy(link: string, identifier: string): Promise<{ browser: Browser; tokens: Tokens }> {
  const browser = new Browser();
  expect((await browser.get(link)).status).toBe(200);
  return world.enrol(identifier, browser);
}

test('an invitation lets one person enrol, once, and only the one it is for', async () => {
  const first = link();
  expect(first).toMatch(new RegExp(`^${world.issuer}/invite/[\\w-]{22}$`));
  await enrolBy(first, 'ivy');
  await expect(enrolBy(first, 'ian')).rejects.toThrow('no session was opened');

  const bound = (await ask('invite', '--identifier', 'IDA', '--ttl', '12h')).out.trim();
  await expect(enrolBy(bound, 'ines')).rejects.toThrow('no session was opened');
  await enrolBy(bound, 'ida');

  const taken = await ask('invite', '--identifier', 'Ida');
  expect(taken).toMatchObject({ code: 1, out: '' });
  expect(taken.err).toContain('has an account already');
});

test('many invitations at once, as JSON: each its own, none with its token kept', async () => {
  const { code, json } = await ask('invite', '--count', '3', '--ttl', '1h', '--json');
  expect(code).toBe(0);
  const tokens = json().map((line) => String(line.link).split('/').at(-1));
  expect(new Set(tokens).size).toBe(3);
  expect(json()[0]).toEqual({ link: expect.any(String), expires: expect.stringMatching(/Z$/), identifier: null });
  const database = new DatabaseSync(world.config.storageUrl.slice('sqlite:'.length), { readOnly: true });
  const rows = database.prepare('SELECT key, value FROM records').all();
  database.close();
  for (const token of tokens) expect(JSON.stringify(rows)).not.toContain(token);
});

test('accounts are listed and shown by identifier or id', async () => {
  const { tokens } = await enrolBy(link(), 'Lena');
  const id = String(tokens.claims()?.sub);
  const [list, listJson, byName, byId, nobody] = await Promise.all([
    command('accounts'),
    ask('accounts', 'list', '--json'),
    ask('accounts', 'show', 'LENA'),
    ask('accounts', 'show', '--json', '--', id),
    ask('accounts', 'show', 'nobody'),
  ]);
  expect(list).toMatchObject({ code: 0, err: '' });
  expect(list.out).toMatch(new RegExp(`^lena +${id} +\\d{4}-\\d\\d-\\d\\dT[\\d:]+Z  good +here`, 'm'));
  expect(listJson.json().filter((account) => account.identifier === 'lena')).toHaveLength(1);
  expect(byName.out).toContain(id);
  expect(byId.json()).toEqual([
    expect.objectContaining({ id, identifier: 'lena', standing: 'good', face: 'local', claims: expect.any(Object) }),
  ]);
  expect(nobody).toMatchObject({ code: 1, out: '', err: 'accounts: there is no such account\n' });
});

test('accounts and sessions outlive a restart', async () => {
  const { browser, tokens } = await enrolBy(link(), 'nina');
  await world.restart();
  const page = await browser.get((await world.authorize()).url, (location) => location.startsWith(world.redirectUri));
  expect(page.headers.get('location')).toContain('code=');
  expect((await ask('accounts', 'show', '--json', 'nina')).json()).toEqual([
    expect.objectContaining({ id: tokens.claims()?.sub }),
  ]);
});

test('a removed account is gone: sessions, tokens, consents, devices, face, and the session at the vendor', async () => {
  const { browser, tokens } = await enrolBy(link(), 'rosa');
  const enrolment = world.sandbox.sessions().at(-1)?.id ?? '';
  const id = String(tokens.claims()?.sub);
  const client = await world.client();
  await oidc.fetchUserInfo(client, tokens.access_token, id);

  const removal = await command('accounts', 'remove', '--json', 'Rosa');
  expect(removal).toMatchObject({ code: 0, err: '' });
  const [told] = removal.json();
  expect(told).toMatchObject({
    id,
    identifier: 'rosa',
    sessions: 1,
    devices: 1,
    vendor: { enrolment: 'deleted', queued: 0 },
  });
  expect(told?.grants).toBeGreaterThan(0);

  await expect(oidc.fetchUserInfo(client, tokens.access_token, id)).rejects.toThrow();
  expect(world.sandbox.session(enrolment).deleted).toBe(true);
  // the browser is a stranger again: it is asked who it is
  const first = await browser.get((await world.authorize()).url);
  expect(first.text).toContain('name="identifier"');
  expect(first.text).not.toContain('rosa');
  const database = new DatabaseSync(world.config.storageUrl.slice('sqlite:'.length), { readOnly: true });
  const keys = database.prepare('SELECT key FROM records WHERE key GLOB ? OR key GLOB ?');
  expect(keys.all(`account:${id}*`, `consent:${id}*`)).toEqual([]);
  database.close();

  const again = await ask('accounts', 'remove', 'rosa');
  expect(again).toMatchObject({ code: 1, err: 'accounts: there is no such account\n' });
  // the name is free, and whoever takes it is somebody else
  const next = await enrolBy(link(), 'rosa');
  expect(next.tokens.claims()?.sub).not.toBe(id);
});

test('removing tells what stays at the vendor, and leaves what cannot be deleted now to the provider', async () => {
  await enrolBy(link(), 'vera');
  const subject = world.sandbox.sessions().at(-1)?.vendorData ?? '';
  const away = { ...place, env: { ...place.env, DIDIT_BASE_URL: 'http://127.0.0.1:9' } };
  const removal = await here(['accounts', 'remove', 'vera'], away);
  expect(removal.code).toBe(0);
  expect(removal.out).toContain('the running provider tries again');
  expect(removal.out).toContain(`the user ${subject} with its face template`);
});

test('a login that waits for a review is shown until it is over', async () => {
  expect((await ask('attempts', '--held')).out).toBe('no login is held\n');
  const { browser } = await enrolBy(link(), 'hanna');
  const begun = await world.begin(browser, undefined, { prompt: 'login' });
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'in_review');
  let held: Record<string, unknown>[] = [];
  for (let tries = 0; held.length === 0 && tries < 5; tries += 1)
    held = (await command('attempts', '--held', '--json')).json();
  expect(held).toEqual([
    {
      attempt: begun.uid,
      client: 'app',
      status: 'in-review',
      since: expect.stringMatching(/Z$/),
      waits_until: expect.stringMatching(/Z$/),
      verification: begun.sessionId,
    },
  ]);
  expect((await ask('attempts', '--held')).out).toMatch(new RegExp(`^${begun.uid}  app  +in-review `, 'm'));
});

test('costs are one line a verification for programs, and sums for people', async () => {
  const [lines, sums, none] = await Promise.all([
    command('costs', '--json'),
    ask('costs'),
    ask('costs', '--until', '2020-01-01'),
  ]);
  expect(lines.code).toBe(0);
  expect(lines.json().length).toBeGreaterThan(3);
  for (const line of lines.json()) {
    expect(Object.keys(line)).toEqual(['at', 'client', 'account', 'reason', 'outcome', 'price', 'billed']);
  }
  expect(sums.out).toMatch(/^reason +outcome +client +opened +billed +price$/m);
  expect(sums.out).toMatch(/^enrol +accepted +app +\d+ +\d+ +\d+\.\d\d$/m);
  expect(sums.out).toMatch(new RegExp(`^all +${lines.json().length} `, 'm'));
  expect(none.out).toBe('no verification was opened\n');
});

test('the journal is printed as it was hashed, tells no identifier, and shows when a line was changed', async () => {
  const [lines, people, whole] = await Promise.all([
    command('journal', '--json'),
    ask('journal'),
    ask('journal', 'verify'),
  ]);
  const events = lines.json();
  for (const [index, line] of events.entries()) {
    expect(Object.keys(line)).toEqual(['at', 'event', 'attempt', 'reasons', 'previous', 'hash']);
    if (index > 0) expect(line.previous).toBe(events[index - 1]?.hash);
  }
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['invitation.made', 'account.enrolled', 'account.removed', 'login.begun']),
  );
  expect(`${lines.out}${people.out}`).not.toMatch(/rosa|vera|hanna|lena|nina/);
  expect(people.out).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z  account\.removed +- +by-operator account=/m);
  expect(whole).toMatchObject({ code: 0, out: expect.stringMatching(/^whole: \d+ lines/) });

  const database = new DatabaseSync(world.config.storageUrl.slice('sqlite:'.length));
  database.exec(`UPDATE records SET value = replace(value, 'count=9', 'count=1') WHERE key = 'journal:1'`);
  database.close();
  const broken = await command('journal', 'verify', '--json');
  expect(broken).toMatchObject({ code: 1, out: '{"ok":false,"line":1}\n' });
});

test('keys are listed by id and algorithm, and none is shown', async () => {
  const [people, programs] = await Promise.all([command('keys'), ask('keys', '--json')]);
  expect(people.out).toMatch(/^sig +RS256 +[\w-]{43} +current$/m);
  expect(programs.json().map(({ use, alg, state }) => [use, alg, state])).toEqual([
    ['sig', 'RS256', 'current'],
    ['sig', 'ES256', 'current'],
    ['enc', 'A256GCM', 'current'],
    ['cookie', 'HMAC', 'current'],
  ]);
  const secrets = [place.env?.COOKIE_KEYS, place.env?.DATA_KEYS, ...world.config.jwks.keys.map((key) => key.d)];
  for (const secret of secrets) expect(`${people.out}${programs.out}`).not.toContain(secret);
});
