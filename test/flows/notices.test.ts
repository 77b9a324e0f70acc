// What a person is told of by mail, and what "this was not me" in it ends: over HTTP, with the browsers of the person, of somebody who
// should not be there, and of whatever reads mail.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import * as oidc from 'openid-client';
import { issueRecovery } from '../../src/admin/recovery-codes.ts';
import { Browser, buttonsOf, type Page, PHONE_SAFARI, wordsOf } from '../support/browser.ts';
import { codeIn, linkIn, type Mailbox, startMailbox } from '../support/mailbox.ts';
import {
  awaitPage,
  comeBack,
  FAR,
  isAtClient,
  pressOn,
  returnUrl,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import { type Begun, exchange, startWorld, type Tokens, UNLIMITED, WORKFLOWS, type World } from '../support/world.ts';

const OFFLINE = { scope: 'openid profile offline_access', prompt: 'login consent' };
const CONFIRM = { name: 'confirm', value: 'yes' };
const NEW_DEVICE = 'New browser signed in to Example App';
const HAND_OFF = 'Signed in to Example App with a selfie from another device';
const WEAK = 'Signed in to Example App without a selfie';
const REPLACED = 'The face of your account was replaced';
const CODE = /^Your code/;
const DAY = 86_400;

const FREE = {
  ...UNLIMITED,
  limits: { ...UNLIMITED.limits, otherWaysPerAccountPerHour: 10_000, otherWaysPerAddressPerHour: 10_000 },
};

let mailbox: Mailbox;
let markers = 0;
let people = 0;
beforeAll(async () => {
  mailbox = await startMailbox();
});
afterAll(() => mailbox.close());

const startWithMail = (policy: NonNullable<Parameters<typeof startWorld>[0]>['policy'] = {}) =>
  startWorld({
    policy: { ...FREE, otherWays: ['email', 'recovery_code'], ...policy },
    config: { smtp: { url: mailbox.url, from: 'Login <login@op.example>' } },
  });

const noticesTo = (address: string) => mailbox.mails.filter(({ to, subject }) => to === address && !CODE.test(subject));

/** What somebody was told, once all that was queued before has gone out: a mail that was queued later is there. */
async function toldTo(world: World, address: string): Promise<string[]> {
  markers += 1;
  const marker = `marker-${markers}@example.org`;
  await world.begin(new Browser(), marker);
  await mailbox.waitFor(marker);
  return noticesTo(address).map(({ subject }) => subject);
}

const notice = (address: string, n = 1) => until('a notice', () => noticesTo(address)[n - 1]);

interface Person {
  readonly address: string;
  readonly browser: Browser;
  readonly id: string;
  readonly tokens: Tokens;
}

async function newPerson(world: World): Promise<Person> {
  people += 1;
  const address = `person-${people}@example.org`;
  const browser = new Browser();
  const begun = await world.begin(browser, address, OFFLINE);
  const page = await browser.follow(begun.page);
  const code = codeIn(await mailbox.waitFor(address));
  const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
  await showFace(world, there);
  const tokens = await world.finish(there);
  return { address, browser, id: String(tokens.claims()?.sub), tokens };
}

function atVendor(world: World, begun: Begun, page: Page): Begun {
  const hostedUrl = page.headers.get('location') ?? '';
  const session = world.sandbox.sessions().find(({ url }) => url === hostedUrl);
  if (!session) throw new Error(`not at the vendor: ${page.status} ${hostedUrl} ${wordsOf(page).slice(0, 300)}`);
  return { ...begun, hostedUrl, sessionId: session.id };
}

/** A selfie in the browser that is given, or in one that was never seen. */
async function bySelfie(world: World, { address }: Person, browser = new Browser()): Promise<Tokens> {
  const isKnown = browser.cookie('selfie_device') !== undefined;
  const begun = await world.begin(browser, isKnown ? undefined : address, OFFLINE);
  await showFace(world, begun);
  return world.finish(begun);
}

async function byRecovery(world: World, { address, id }: Person, browser = new Browser()) {
  const order = { account: { id }, reason: 'x', by: 'Olga', minutes: 60, needsApproval: false };
  const { code } = await issueRecovery(world.app.parts, order);
  const { request, page } = await seekWays(world, address, browser);
  const end = await pressOn(world, browser, page, { name: 'way', value: 'recovery_code' }, { code });
  return { browser, tokens: await exchange(await world.client(), request, end.headers.get('location') ?? '') };
}

async function seekWays(world: World, address: string, browser: Browser) {
  const request = await world.authorize(OFFLINE);
  const first = await browser.get(request.url);
  const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
  const fields = first.text.includes('name="identifier"') ? { identifier: address } : {};
  const page = await pressOn(world, browser, first, { name: 'begin', value: 'other' }, fields);
  return { request, uid, page };
}

/** The face on a phone, the sign-in on a desk, the number typed there. */
async function byHandOff(world: World, { address }: Person, desk = new Browser()): Promise<Tokens> {
  const phone = new Browser({ userAgent: PHONE_SAFARI });
  const begun = await world.begin(desk, address, OFFLINE);
  await showFace(world, begun, { by: phone, address: FAR });
  const shown = await phone.get(returnUrl(world, begun));
  const number = parse(shown.text).querySelector('output[name=number]')?.getAttribute('data-number') ?? '';
  const asked = await awaitPage(world, begun, 'the number', (page) => /data-settled="true"/.test(page.text));
  const end = await pressOn(world, desk, asked, CONFIRM, { number });
  const last = isAtClient(world, end) ? end : await visit(world, begun, '/finish');
  return exchange(await world.client(), begun.request, last.headers.get('location') ?? '');
}

/** A new document check, from a device that is known. */
async function byDocument(world: World, { browser }: Person): Promise<Tokens> {
  const known = withoutSession(browser);
  const { request, uid, page } = await seekWays(world, '', known);
  const begun = { browser: known, request, uid, page, sessionId: '', hostedUrl: '' };
  const there = atVendor(world, begun, await pressOn(world, known, page, { name: 'begin', value: 're-enrol' }));
  await showFace(world, there);
  return world.finish(there);
}

async function isAlive(world: World, tokens: Tokens): Promise<{ access: boolean; refresh: boolean }> {
  const client = await world.client();
  const answers = (call: Promise<unknown>) =>
    call.then(
      () => true,
      () => false,
    );
  const access = await answers(oidc.fetchUserInfo(client, tokens.access_token, String(tokens.claims()?.sub)));
  return { access, refresh: await answers(oidc.refreshTokenGrant(client, tokens.refresh_token ?? '')) };
}

/** Is there a session in this browser that answers by itself? */
async function hasSession(world: World, browser: Browser): Promise<boolean> {
  const { url } = await world.authorize({ prompt: 'none' });
  const page = await browser.get(url, (location) => location.startsWith(world.redirectUri));
  return new URL(page.headers.get('location') ?? '').searchParams.has('code');
}

describe('what is told', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWithMail();
  });
  afterAll(() => world.close());

  test('a selfie on a new device is told once; the first enrolment and a device that is known are not', async () => {
    const person = await newPerson(world);
    expect(await toldTo(world, person.address)).toEqual([]);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    await bySelfie(world, person, stranger);
    const mail = await notice(person.address);
    expect(mail.subject).toBe(NEW_DEVICE);
    expect(mail.text).toContain('Safari on iOS');
    expect(mail.text).toContain('127.0.0.1');
    await bySelfie(world, person, withoutSession(stranger));
    await bySelfie(world, person, withoutSession(person.browser));
    expect(await toldTo(world, person.address)).toEqual([NEW_DEVICE]);
  });

  test('T2: a hand-off that was confirmed by its number is told, and with it the device', async () => {
    const person = await newPerson(world);
    await byHandOff(world, person);
    expect(await toldTo(world, person.address)).toEqual([HAND_OFF]);
    expect((await notice(person.address)).text).toContain('Chrome on Windows');
  });

  test('T16: a code from support, or by mail, is told, whatever browser it was used in', async () => {
    const person = await newPerson(world);
    await byRecovery(world, person);
    expect((await notice(person.address)).text).toContain('with a recovery code');
    const browser = withoutSession(person.browser);
    const { request, page } = await seekWays(world, person.address, browser);
    const had = mailbox.mails.filter(({ to }) => to === person.address).length;
    const form = await pressOn(world, browser, page, { name: 'way', value: 'email' });
    const code = codeIn(await mailbox.waitFor(person.address, had + 1));
    const end = await pressOn(world, browser, form, CONFIRM, { code });
    await exchange(await world.client(), request, end.headers.get('location') ?? '');
    expect(await toldTo(world, person.address)).toEqual([WEAK, WEAK]);
    expect((await notice(person.address, 2)).text).toContain('sent by e-mail');
  });

  test('T14: a face that was replaced is told', async () => {
    const person = await newPerson(world);
    await byDocument(world, person);
    expect(await toldTo(world, person.address)).toEqual([REPLACED]);
  });

  test('nobody is told at an address that was never confirmed', async () => {
    const person = await newPerson(world);
    await world.app.parts.accounts.change(person.id, ({ email: _, ...account }) => account);
    await bySelfie(world, person);
    await byRecovery(world, person);
    await byDocument(world, person);
    expect(await toldTo(world, person.address)).toEqual([]);
  });
});

describe('what the policy leaves out', () => {
  test('is not told', async () => {
    const world = await startWithMail({ notices: [] });
    try {
      const person = await newPerson(world);
      await bySelfie(world, person);
      await byRecovery(world, person);
      await byHandOff(world, person);
      await byDocument(world, person);
      expect(await toldTo(world, person.address)).toEqual([]);
    } finally {
      await world.close();
    }
  });

  test('does not hide what it does tell: a weak sign-in, or a hand-off, in a new browser is one in a new browser', async () => {
    const world = await startWithMail({ notices: ['new_device'] });
    try {
      const person = await newPerson(world);
      await byRecovery(world, person);
      await byHandOff(world, person);
      expect(await toldTo(world, person.address)).toEqual([NEW_DEVICE, NEW_DEVICE]);
      await byRecovery(world, person, withoutSession(person.browser));
      expect(await toldTo(world, person.address)).toHaveLength(2);
    } finally {
      await world.close();
    }
  });
});

describe('“this was not me”', () => {
  let world: World;
  let person: Person;
  let stranger: Browser;
  let stolen: Tokens;
  let link: URL;

  beforeAll(async () => {
    world = await startWithMail();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    person = await newPerson(world);
    world.clock.move(60);
    stranger = new Browser({ userAgent: PHONE_SAFARI });
    stolen = await bySelfie(world, person, stranger);
    link = linkIn(await notice(person.address));
  });

  test('looking changes nothing, however often and by whatever method', async () => {
    for (const method of ['GET', 'HEAD', 'GET']) {
      const looked = await new Browser().request(link, { method });
      expect(looked.status).toBe(200);
      expect(looked.headers.getSetCookie()).toEqual([]);
      expect(looked.headers.get('cache-control')).toMatch(/no-store/);
    }
    const page = await new Browser().get(link);
    expect(wordsOf(page)).toContain('Example App');
    expect(buttonsOf(page)).toEqual(['deny=yes']);
    // who is meant is not told to whoever finds the link
    expect(page.text).not.toContain(person.address);
    expect(await isAlive(world, stolen)).toEqual({ access: true, refresh: true });
    expect(await hasSession(world, stranger)).toBe(true);
    expect((await world.app.parts.accounts.find(person.id))?.review).toBeUndefined();
  });

  test('one press, without any cookie, ends that sign-in with all it allowed, and nothing else', async () => {
    const browser = new Browser();
    const done = await browser.press(await browser.get(link), 'deny');
    expect([done.status, wordsOf(done).includes('It is ended')]).toEqual([200, true]);
    expect(done.headers.getSetCookie()).toEqual([]);
    expect(await isAlive(world, stolen)).toEqual({ access: false, refresh: false });
    expect(await hasSession(world, stranger)).toBe(false);
    // the person's own sign-in, session and device are as they were
    expect(await isAlive(world, person.tokens)).toEqual({ access: true, refresh: true });
    expect(await hasSession(world, person.browser)).toBe(true);
    const devices = (await world.app.parts.devices.list(person.id)).map(({ browser: label }) => label);
    expect(devices).toEqual(['Chrome on Windows']);
    // the device of the stranger has to say who it is, and is asked for more
    const first = await withoutSession(stranger).get((await world.authorize()).url);
    expect(first.text).toContain('name="identifier"');
    const account = await world.app.parts.accounts.find(person.id);
    expect(account?.review?.reasons).toEqual(['denied-by-person']);
    const again = await world.begin(new Browser(), person.address);
    const create = world.sandbox.calls().findLast((call) => call.call === 'create') as {
      body?: { workflow_id?: string };
    };
    expect(create.body?.workflow_id).toBe(WORKFLOWS.active);
    await pressOn(world, again.browser, await visit(world, again, '/waiting'), 'abort');
  });

  test('the list of sign-ins shows it, and no second mail comes of it', async () => {
    const browser = new Browser();
    await browser.press(await browser.get(link), 'deny');
    const signIns = await world.app.parts.activity.signIns(person.id);
    expect(signIns.map(({ deniedAt }) => deniedAt !== undefined)).toEqual(
      signIns.map(({ browser: label }) => label === 'Safari on iOS'),
    );
    expect(signIns.filter(({ deniedAt }) => deniedAt !== undefined)).toHaveLength(1);
    expect(await toldTo(world, person.address)).toEqual([NEW_DEVICE]);
  });

  test('the second press finds nothing, and neither does looking again', async () => {
    const browser = new Browser();
    const page = await browser.get(link);
    await browser.press(page, 'deny');
    const later = await bySelfie(world, person, withoutSession(person.browser));
    for (const again of [await browser.press(page, 'deny'), await browser.get(link)]) {
      expect(again.status).toBe(410);
      expect(buttonsOf(again)).toEqual([]);
      expect(wordsOf(again)).toContain('If it was used, that sign-in has ended');
    }
    // in particular what was signed in since
    expect(await isAlive(world, later)).toEqual({ access: true, refresh: true });
  });

  test('ten presses at once are one', async () => {
    const browser = new Browser();
    const page = await browser.get(link);
    const all = await Promise.all(Array.from({ length: 10 }, () => new Browser().press(page, 'deny')));
    expect(all.filter(({ status }) => status !== 200 && status !== 410)).toEqual([]);
    expect(all.some(({ status }) => status === 200)).toBe(true);
    expect(await isAlive(world, stolen)).toEqual({ access: false, refresh: false });
  });

  test('T23: another site cannot press it, by form or by script', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': '', origin: 'https://evil.example' },
      { origin: 'null', 'sec-fetch-site': 'cross-site' },
    ] as Record<string, string>[]) {
      const refused = await new Browser().request(link, { form: { deny: 'yes' }, headers });
      expect(refused.status).toBe(403);
    }
    expect(await isAlive(world, stolen)).toEqual({ access: true, refresh: true });
    // from mail, an old browser says nothing of where it comes from
    const bare = await fetch(link, { method: 'POST' });
    expect(bare.status).toBe(200);
    expect(await isAlive(world, stolen)).toEqual({ access: false, refresh: false });
  });

  test('the token is long, and near misses are nobody’s', async () => {
    const token = link.pathname.split('/').at(-1) ?? '';
    expect(token).toMatch(/^[\w-]{22}$/);
    const other = `${token.slice(0, -2)}${token.endsWith('AA') ? 'QQ' : 'AA'}`;
    for (const guess of [
      other,
      token.slice(0, -1),
      `${token}A`,
      'A'.repeat(22),
      '..%2f..',
      '%00',
      token.toUpperCase(),
    ]) {
      const page = await new Browser().request(`${world.issuer}/not-me/${guess}`, { form: { deny: 'yes' } });
      expect([guess, [404, 410].includes(page.status)]).toEqual([guess, true]);
    }
    expect(await isAlive(world, stolen)).toEqual({ access: true, refresh: true });
    expect(world.log.filter((line) => line.includes(token))).toEqual([]);
  });

  test('it is good for thirty days', async () => {
    world.clock.move(30 * DAY + 1);
    expect((await new Browser().get(link)).status).toBe(410);
    expect((await new Browser().request(link, { form: { deny: 'yes' } })).status).toBe(410);
  });
});

describe('“this was not me”, said of more than a device', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWithMail();
  });
  afterAll(() => world.close());

  const press = async (address: string, n = 1) => {
    const browser = new Browser();
    return browser.press(await browser.get(linkIn(await notice(address, n))), 'deny');
  };

  test('a weak sign-in ends', async () => {
    const person = await newPerson(world);
    const { browser, tokens } = await byRecovery(world, person);
    expect(wordsOf(await press(person.address))).toContain('It is ended');
    expect(await isAlive(world, tokens)).toEqual({ access: false, refresh: false });
    expect(await hasSession(world, browser)).toBe(false);
    expect(await isAlive(world, person.tokens)).toEqual({ access: true, refresh: true });
  });

  test('T2: a hand-off ends, and the browser it went on in is forgotten', async () => {
    const person = await newPerson(world);
    world.clock.move(60);
    const desk = new Browser({ userAgent: PHONE_SAFARI.replace('iPhone', 'iPad') });
    const tokens = await byHandOff(world, person, desk);
    await press(person.address);
    expect(await isAlive(world, tokens)).toEqual({ access: false, refresh: false });
    expect(await hasSession(world, desk)).toBe(false);
    expect(await world.app.parts.devices.list(person.id)).toHaveLength(1);
  });

  test('T14: a face that was replaced does not count: the next sign-in is a document check', async () => {
    const person = await newPerson(world);
    const tokens = await byDocument(world, person);
    const browser = new Browser();
    const page = await browser.get(linkIn(await notice(person.address)));
    expect(wordsOf(page)).toContain('A new picture of your face came with it');
    const done = await browser.press(page, 'deny');
    expect(wordsOf(done)).toContain('The new picture of your face does not count');
    expect(await isAlive(world, tokens)).toEqual({ access: false, refresh: false });
    const begun = await world.begin(new Browser(), person.address);
    const create = world.sandbox.calls().findLast((call) => call.call === 'create') as {
      body?: { workflow_id?: string };
    };
    expect(create.body?.workflow_id).toBe(WORKFLOWS.enrol);
    await showFace(world, begun);
    await comeBack(world, begun);
    expect((await world.app.parts.accounts.find(person.id))?.standing).toBe('good');
  });

  test('said of one, the next notice is still answered', async () => {
    const person = await newPerson(world);
    const one = await bySelfie(world, person);
    const first = await notice(person.address);
    const two = await bySelfie(world, person, new Browser({ userAgent: PHONE_SAFARI }));
    await notice(person.address, 2);
    const browser = new Browser();
    await browser.press(await browser.get(linkIn(first)), 'deny');
    expect([await isAlive(world, one), await isAlive(world, two)]).toEqual([
      { access: false, refresh: false },
      { access: true, refresh: true },
    ]);
    expect((await press(person.address, 2)).status).toBe(200);
    expect(await isAlive(world, two)).toEqual({ access: false, refresh: false });
  });
});
