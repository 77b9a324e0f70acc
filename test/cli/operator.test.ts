// What an operator does while the provider runs, on the same SQLite file; each command once in a process of its own.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { jpeg } from '../admin/support.ts';
import { Browser } from '../support/browser.ts';
import { startWorld, type Tokens, WORKFLOWS, type World } from '../support/world.ts';
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
    vendor: { queued: 0 },
  });
  expect(told?.grants).toBeGreaterThan(0);

  await expect(oidc.fetchUserInfo(client, tokens.access_token, id)).rejects.toThrow();
  expect(world.sandbox.session(enrolment).deleted).toBe(true);
  // and the person's entry there, with the face that the vendor kept
  const subject = world.sandbox.session(enrolment).vendorData;
  expect(world.sandbox.users().map(({ vendorData }) => vendorData)).not.toContain(subject);
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

test('what the vendor does not delete now is left to the running provider, which finishes it', async () => {
  await enrolBy(link(), 'vera');
  const { id, vendorData: subject } = world.sandbox.sessions().at(-1) ?? {};
  const isThere = () => world.sandbox.users().some(({ vendorData }) => vendorData === subject);
  expect(isThere()).toBe(true);
  const away = { ...place, env: { ...place.env, DIDIT_BASE_URL: 'http://127.0.0.1:9' } };
  const removal = await here(['accounts', 'remove', 'vera'], away);
  expect(removal.code).toBe(0);
  expect(removal.out).toContain(`2 steps are left of deleting the person (${subject})`);
  for (let tries = 0; tries < 500 && isThere(); tries += 1) await new Promise((next) => setTimeout(next, 10));
  expect(isThere()).toBe(false);
  expect(world.sandbox.session(String(id)).deleted).toBe(true);
});

test('who was imported signs in by a selfie against the face that came along, uninvited and without a document', async () => {
  const file = join(place.cwd, 'people.jsonl');
  await writeFile(join(place.cwd, 'gina.jpg'), jpeg('gina'));
  const line = { identifier: 'gina@example.org', vendor_data: 'user-g', portrait: 'gina.jpg', email_verified: true };
  await writeFile(file, JSON.stringify(line));
  expect(await command('accounts', 'import', file)).toMatchObject({ code: 0, out: 'imported 1, unchanged 0\n' });

  const browser = new Browser();
  const begun = await world.begin(browser, 'Gina@example.org');
  const session = world.sandbox.session(begun.sessionId);
  expect(session).toMatchObject({ vendorData: 'user-g', workflowId: WORKFLOWS.passive });
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'approve');
  const tokens = await world.finish(begun);
  const [gina] = (await ask('accounts', 'show', '--json', 'gina@example.org')).json();
  expect(tokens.claims()).toMatchObject({ sub: gina?.id, amr: ['face'] });
  // asked for at the first login
  expect(gina?.consent).toEqual({ version: expect.any(String), at: expect.any(String) });
});

test('who was taken over from another customer of the vendor signs in the same way', async () => {
  const { shareToken } = await world.sandbox.share();
  const file = join(place.cwd, 'token');
  await writeFile(file, shareToken);
  expect(await command('accounts', 'import-shared', 'hugo', '--token-file', file)).toMatchObject({ code: 0, err: '' });
  const browser = new Browser();
  const begun = await world.begin(browser, 'hugo');
  expect(world.sandbox.session(begun.sessionId)).toMatchObject({ workflowId: WORKFLOWS.passive });
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'approve');
  const tokens = await world.finish(begun);
  const [hugo] = (await ask('accounts', 'show', '--json', 'hugo')).json();
  expect(tokens.claims()).toMatchObject({ sub: hugo?.id });

  // refused afterwards, it takes back what stands on it
  await world.sandbox.review(String(hugo?.verification), 'Declined');
  let standing: unknown;
  for (let tries = 0; standing !== 'withdrawn' && tries < 100; tries += 1) {
    standing = (await ask('accounts', 'show', '--json', 'hugo')).json()[0]?.standing;
  }
  expect(standing).toBe('withdrawn');
});

test('T8: a late refusal that comes while an operator looks into an account is not cleared with what they saw', async () => {
  const { browser } = await enrolBy(link(), 'ruth');
  const begun = await world.begin(browser, undefined, { prompt: 'login' });
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'approve');
  await world.finish(begun);
  const clear = (mark: unknown) => ask('accounts', 'review', 'ruth', '--clear', '--seen', String(mark));
  const shown = async () =>
    (await ask('accounts', 'show', '--json', 'ruth')).json()[0]?.review as { reasons: string[]; mark: string };
  await ask('accounts', 'review', 'ruth', '--set', '--reason', 'called about a lost phone');
  const seen = await shown();
  await world.sandbox.review(begun.sessionId, 'Declined');
  let now = seen;
  for (let tries = 0; now.reasons.length < 2 && tries < 100; tries += 1) now = await shown();
  expect(now.reasons).toEqual(['called about a lost phone', 'late-refusal']);
  expect(await clear(seen.mark)).toMatchObject({
    code: 1,
    err: expect.stringContaining('since you looked came late-refusal'),
  });
  expect(await shown()).toEqual(now);
  expect(await clear(now.mark)).toMatchObject({ code: 0, err: '' });
  expect(await shown()).toBeNull();
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
  expect(sums.out).toMatch(/^reason +outcome +client +opened +billed +free +price$/m);
  expect(sums.out).toMatch(/^enrol +accepted +app +\d+ +\d+ +\d+ +\d+\.\d\d$/m);
  expect(sums.out).toMatch(new RegExp(`^all +${lines.json().length} `, 'm'));
  expect(none.out).toBe('no verification was opened\nsaved by skipping: 0 logins\n');
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
  // ids and hashes are random letters, which may spell a name
  const told = `${lines.out}${people.out}`.replace(/[\w-]{16,}/g, '');
  expect(told).not.toMatch(/rosa|vera|hanna|lena|nina|gina|hugo/);
  expect(people.out).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z  account\.removed +- +by-operator account=/m);
  expect(whole).toMatchObject({ code: 0, out: expect.stringMatching(/^whole: \d+ lines/) });

  const database = new DatabaseSync(world.config.storageUrl.slice('sqlite:'.length));
  database.exec(`UPDATE records SET value = replace(value, 'count=9', 'count=1') WHERE key = 'journal-lines:1'`);
  database.close();
  const broken = await command('journal', 'verify', '--json');
  expect(broken).toMatchObject({ code: 1, out: '{"ok":false,"line":1}\n' });
});

test('keys are listed by id and algorithm, and none is shown', async () => {
  const [people, programs] = await Promise.all([command('keys'), ask('keys', '--json')]);
  expect(people.out).toMatch(/^sig +RS256 +[\w-]{43} +current +\S+ +1 of 1$/m);
  expect(programs.json().map(({ use, alg, state }) => [use, alg, state])).toEqual([
    ['sig', 'RS256', 'current'],
    ['sig', 'ES256', 'current'],
    ['enc', 'A256GCM', 'current'],
    ['cookie', 'HMAC', 'current'],
  ]);
  const secrets = [place.env?.COOKIE_KEYS, place.env?.DATA_KEYS, ...world.config.jwks.keys.map((key) => key.d)];
  for (const secret of secrets) expect(`${people.out}${programs.out}`).not.toContain(secret);
});
