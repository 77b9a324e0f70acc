// Other ways in than a selfie, over HTTP with several browsers: what they are worth, that none is taken silently (T16), and that nobody
// learns from them who has an account (T26). The passkey has a file of its own.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { approveRecovery, issueRecovery, withdrawRecovery } from '../../src/admin/recovery-codes.ts';
import { setReview } from '../../src/admin/set-standing.ts';
import type { Policy } from '../../src/config/policy.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, buttonsOf, fieldsOf, type Page, wordsOf } from '../support/browser.ts';
import { codeIn, linkIn, type Mailbox, startMailbox } from '../support/mailbox.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  FAR,
  giveUp,
  isAtClient,
  pressOn,
  returnUrl,
  showFace,
  until,
  visit,
  withoutSession,
} from '../support/story.ts';
import {
  type Begun,
  CLIENT_SECRET,
  exchange,
  startWorld,
  type Tokens,
  UNLIMITED,
  type World,
} from '../support/world.ts';

const RECOVERY = 'urn:selfie-oidc:acr:recovery';
const SELFIE = 'urn:selfie-oidc:acr:selfie';
const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
const MINUTE = 60;
const HOUR = 3600;

const CONFIRM = { name: 'confirm', value: 'yes' };
const HERE = { name: 'begin', value: 'here' };
const OTHER = { name: 'begin', value: 'other' };
const RE_ENROL = { name: 'begin', value: 're-enrol' };
const BY_MAIL = { name: 'way', value: 'email' };
const BY_CODE = { name: 'way', value: 'recovery_code' };

const FREE = {
  ...UNLIMITED,
  otherWays: ['email', 'recovery_code'],
  limits: { ...UNLIMITED.limits, otherWaysPerAccountPerHour: 10_000, otherWaysPerAddressPerHour: 10_000 },
} satisfies Parameters<typeof startWorld>[0] extends infer O ? (O extends { policy?: infer P } ? P : never) : never;

function clientEntry(id: string, more: Record<string, unknown> = {}) {
  return {
    client_id: id,
    client_name: 'Example App',
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
    ...more,
  };
}

const wrongFor = (code: string) => (code === '00000000' ? '00000001' : '00000000');

let mailbox: Mailbox;
beforeAll(async () => {
  mailbox = await startMailbox();
});
afterAll(() => mailbox.close());

const smtp = () => ({ url: mailbox.url, from: 'Login <login@op.example>' });
const mailsTo = (address: string) => mailbox.mails.filter(({ to }) => to === address).length;
/** The mail of this sign-in, told by its link: others may still be on their way. */
const mailOf = (begun: Begun, n = 1) =>
  until('the mail of this sign-in', () => mailbox.mails.filter(({ text }) => text.includes(begun.uid))[n - 1]);
/** The next mail to somebody who may have had some already. */
const nextMail = (address: string, had: number) => mailbox.waitFor(address, had + 1);

/** Enrols under an address that is proven by its code. */
async function enrol(world: World, address: string, browser = new Browser()) {
  const had = mailsTo(address);
  const begun = await world.begin(browser, address);
  const page = await browser.follow(begun.page);
  const pressed = await browser.press(page, CONFIRM, { code: codeIn(await nextMail(address, had)) });
  const there = atVendor(world, begun, pressed);
  await showFace(world, there);
  const tokens = await world.finish(there);
  return { browser, tokens, id: String(tokens.claims()?.sub) };
}

function atVendor(world: World, begun: Begun, page: Page): Begun {
  const hostedUrl = page.headers.get('location') ?? '';
  const session = world.sandbox.sessions().find(({ url }) => url === hostedUrl);
  if (!session) throw new Error(`not at the vendor: ${page.status} ${hostedUrl} ${wordsOf(page).slice(0, 300)}`);
  return { ...begun, hostedUrl, sessionId: session.id };
}

/** The first page of a sign-in, and from there to the other ways. */
async function seekWays(
  world: World,
  identifier: string | undefined,
  options: { params?: Record<string, string>; client?: string; browser?: Browser } = {},
) {
  const { params = {}, client = 'app', browser = new Browser() } = options;
  const request = await world.authorize(params, client);
  const first = await browser.get(request.url, (location) => location.startsWith(world.redirectUri));
  const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
  const begun: Begun = { browser, request, uid, page: first, sessionId: '', hostedUrl: '' };
  const page = await pressOn(world, browser, first, OTHER, identifier === undefined ? {} : { identifier });
  return { begun, browser, first, page };
}

async function redeem(world: World, begun: Begun, page: Page): Promise<Tokens> {
  const location = page.headers.get('location') ?? '';
  if (!isAtClient(world, page)) throw new Error(`not at the client: ${page.status} ${page.url} ${wordsOf(page)}`);
  return exchange(await world.client(begun.request.clientId), begun.request, location);
}

/** Signs in by a code that came by mail. */
async function byMail(world: World, address: string, options: Parameters<typeof seekWays>[2] = {}) {
  const { begun, browser, page } = await seekWays(world, address, options);
  const waiting = await pressOn(world, browser, page, BY_MAIL);
  const mail = await mailOf(begun);
  const end = await pressOn(world, browser, waiting, CONFIRM, { code: codeIn(mail) });
  return { begun, browser, end, mail };
}

const strengthOf = (tokens: Tokens) => {
  const claims = tokens.claims();
  return { acr: claims?.acr, amr: claims?.amr, auth_time: claims?.auth_time };
};

/** What a page is, without what may differ from one sign-in to another. */
function essence(page: Page, begun: Begun, identifier: string) {
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? 'none';
  const clean = (text: string) =>
    text.replaceAll(begun.uid, 'UID').replaceAll(csrf, 'CSRF').replaceAll(identifier, 'IDENTIFIER');
  const headers = [...page.headers.entries()]
    .filter(([name]) => !['date', 'x-request-id', 'set-cookie', 'keep-alive', 'connection'].includes(name))
    .map(([name, value]) => [name, clean(value)]);
  const cookies = page.headers.getSetCookie().map((line) =>
    clean(line)
      .replace(/=[^;]*/, '=')
      .replace(/expires=[^;]*/i, ''),
  );
  return {
    status: page.status,
    at: clean(page.url),
    headers,
    cookies,
    text: clean(page.text).replace(/(Reference for support: <code>)[^<]*/, '$1'),
  };
}

describe('a code or link by mail', () => {
  let world: World;
  beforeAll(async () => {
    // the notice of each of these sign-ins would stand between their codes
    world = await startWorld({ policy: { ...FREE, notices: [] }, config: { smtp: smtp() } });
    await enrol(world, 'anna@example.org');
  });
  afterAll(() => world.close());

  test('a code that is typed signs in, now, and is called what it is: weak', async () => {
    const before = creates(world);
    world.clock.move(60);
    const { begun, end, mail } = await byMail(world, 'anna@example.org');
    const tokens = await redeem(world, begun, end);
    expect(strengthOf(tokens)).toEqual({ acr: RECOVERY, amr: ['otp'], auth_time: expect.any(Number) });
    expect(world.clock.now() - Number(tokens.claims()?.auth_time)).toBeLessThan(5);
    expect(codeIn(mail)).toMatch(/^\d{8}$/);
    expect(creates(world)).toBe(before);
  });

  test('a link signs in by its button, in the browser that asked; looking at it changes nothing', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    const waiting = await pressOn(world, browser, page, BY_MAIL);
    const link = linkIn(await mailOf(begun));
    // a scanner of mail, without cookies, as often as it likes
    for (const method of ['GET', 'HEAD', 'GET']) await new Browser().request(link, { method });
    await browser.request(link, { method: 'HEAD' });
    const looked = await browser.get(link);
    expect((await browser.get(link)).text).toBe(looked.text);
    expect(buttonsOf(looked)).toEqual(['confirm=yes', 'abort=yes']);
    // in particular it has not counted as the code
    expect((await browser.press(waiting, CONFIRM, { code: '00' })).status).toBe(422);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    const tokens = await redeem(world, begun, await pressOn(world, browser, looked, CONFIRM));
    expect(strengthOf(tokens)).toMatchObject({ acr: RECOVERY, amr: ['otp'] });
  });

  test('in another browser a link does nothing, and the page says where it would', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    const waiting = await pressOn(world, browser, page, BY_MAIL);
    const mail = await mailOf(begun);
    const link = linkIn(mail);
    const thief = new Browser();
    const looked = await thief.get(link);
    expect(looked.status).toBe(403);
    expect(wordsOf(looked)).toContain('If you started in another browser, go back to it');
    expect(buttonsOf(looked)).toEqual([]);
    expect((await thief.request(link, { form: { confirm: 'yes' } })).status).toBe(403);
    // even with the form of the other one
    const form = await browser.get(link);
    expect((await thief.press(form, CONFIRM)).status).toBe(403);
    // and in a sign-in of the thief's own neither link nor code is worth anything
    const own = await seekWays(world, 'anna@example.org', { browser: thief });
    const theirs = await pressOn(world, thief, own.page, BY_MAIL);
    expect((await thief.press(theirs, CONFIRM, { code: codeIn(mail) })).status).toBe(422);
    const moved = String(link).replace(begun.uid, own.begun.uid);
    expect(buttonsOf(await thief.get(moved))).not.toContain('abort=yes confirm=yes');
    const csrf = /name="csrf" value="([^"]+)"/.exec(theirs.text)?.[1] ?? '';
    expect((await thief.request(moved, { form: { csrf, confirm: 'yes' } })).status).toBe(422);
    for (const path of ['', '/waiting', '/finish'])
      expect(isAtClient(world, await visit(world, own.begun, path))).toBe(false);
    await redeem(world, begun, await pressOn(world, browser, waiting, CONFIRM, { code: codeIn(mail) }));
  });

  test('neither code nor link works twice, and after the one the other does not', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    const waiting = await pressOn(world, browser, page, BY_MAIL);
    const mail = await mailOf(begun);
    const form = await browser.get(linkIn(mail));
    const end = await pressOn(world, browser, waiting, CONFIRM, { code: codeIn(mail) });
    await redeem(world, begun, end);
    for (const again of [
      await browser.press(waiting, CONFIRM, { code: codeIn(mail) }),
      await browser.press(form, CONFIRM),
      await browser.get(linkIn(mail)),
    ]) {
      expect([403, 410]).toContain(again.status);
      expect(isAtClient(world, again)).toBe(false);
    }
  });

  test('a new code makes the one before it, and its link, worthless', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    const waiting = await pressOn(world, browser, page, BY_MAIL);
    const first = await mailOf(begun);
    const again = await pressOn(world, browser, waiting, 'resend');
    const second = await mailOf(begun, 2);
    expect((await browser.press(again, CONFIRM, { code: codeIn(first) })).status).toBe(422);
    const old = await browser.get(linkIn(first));
    expect(wordsOf(old)).toContain('no longer good');
    expect(buttonsOf(old)).toContain('resend=yes');
    await redeem(world, begun, await pressOn(world, browser, again, CONFIRM, { code: codeIn(second) }));
  });

  test('five wrong codes end the code, and the link beside it', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    const waiting = await pressOn(world, browser, page, BY_MAIL);
    const mail = await mailOf(begun);
    const form = await browser.get(linkIn(mail));
    for (let times = 0; times < 5; times += 1)
      expect((await browser.press(waiting, CONFIRM, { code: wrongFor(codeIn(mail)) })).status).toBe(422);
    expect((await browser.press(waiting, CONFIRM, { code: codeIn(mail) })).status).toBe(422);
    expect((await browser.press(form, CONFIRM)).status).toBe(422);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });

  test('a link is as long-lived as its code: not beyond ten minutes, and not beyond its sign-in', async () => {
    const { begun, browser, page } = await seekWays(world, 'anna@example.org');
    await pressOn(world, browser, page, BY_MAIL);
    const link = linkIn(await mailOf(begun));
    const form = await browser.get(link);
    world.clock.move(11 * MINUTE);
    expect((await browser.press(form, CONFIRM)).status).toBe(410);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });

  test('no device becomes known by it: the next sign-in there asks for a selfie, and for who it is', async () => {
    const { begun, browser, end } = await byMail(world, 'anna@example.org');
    await redeem(world, begun, end);
    expect(browser.cookie('selfie_device')).toBeUndefined();
    const device = withoutSession(browser);
    const request = await world.authorize();
    const page = await device.get(request.url, (location) => location.startsWith(world.redirectUri));
    expect(fieldsOf(page)).toContain('identifier');
  });

  test('one that was known before stays known, with the time of its selfie', async () => {
    const { browser } = await enrol(world, 'berta@example.org');
    const known = withoutSession(browser);
    const device = known.cookie('selfie_device');
    const { begun, page } = await seekWays(world, undefined, { browser: known });
    const waiting = await pressOn(world, known, page, BY_MAIL);
    const code = codeIn(await mailOf(begun));
    expect(
      (await redeem(world, begun, await pressOn(world, known, waiting, CONFIRM, { code }))).id_token,
    ).toBeDefined();
    expect(known.cookie('selfie_device')).toBe(device);
  });

  test('T16: a session begun by a code does for no client that asks for more', async () => {
    const { begun, browser, end } = await byMail(world, 'anna@example.org');
    await redeem(world, begun, end);
    const again = await world.authorize({ prompt: 'none' });
    const silent = await browser.get(again.url, (location) => location.startsWith(world.redirectUri));
    expect(answerOf(world, silent).has('code')).toBe(true);
    const essential = JSON.stringify({ id_token: { acr: { essential: true, value: SELFIE } } });
    const more = await world.authorize({ prompt: 'none', claims: essential });
    const refused = await browser.get(more.url, (location) => location.startsWith(world.redirectUri));
    expect(answerOf(world, refused).get('error')).toBe('unmet_authentication_requirements');
  });
});

describe.each(['open', 'invite', 'closed'] as const)('T26: enrolment %s', (enrolment) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ policy: { ...FREE, enrolment: 'open' }, config: { smtp: smtp() }, storage: 'sqlite' });
    for (const who of ['known', 'plain', 'redo2']) await enrol(world, `${who}@${enrolment}.example`);
    const { accounts } = world.app.parts;
    const change = async (who: string, to: Parameters<typeof accounts.change>[1]) => {
      const account = await accounts.findByIdentifier(`${who}@${enrolment}.example`);
      await accounts.change(account?.id ?? '', to);
    };
    await change('plain', ({ email: _, ...account }) => account);
    await change('redo2', (account) => ({ ...account, standing: 'must-re-enrol' }));
    await world.restart({ policy: { ...world.config.policy, enrolment } });
  });
  afterAll(() => world.close());

  /** All that can be tried without a mailbox, page by page. */
  async function walk(who: string) {
    const address = `${who}@${enrolment}.example`;
    const { begun, browser, first, page } = await seekWays(world, address);
    const seen: [string, Page][] = [['ways', page]];
    const raw = await browser.request(first.url);
    seen.push(['first again', raw]);
    const chosen = await browser.press(page, BY_MAIL);
    seen.push(['chosen', chosen]);
    const waiting = await browser.follow(chosen);
    seen.push(['waiting for the code', waiting]);
    seen.push(['a wrong code', await browser.press(waiting, CONFIRM, { code: '12' })]);
    seen.push(['a wrong link', await browser.get(`${world.issuer}/interaction/${begun.uid}/link/${'A'.repeat(22)}`)]);
    seen.push(['sent again', await browser.press(waiting, 'resend')]);
    for (let times = 0; times < 5; times += 1)
      seen.push([`wrong ${times}`, await browser.press(waiting, CONFIRM, { code: '13' })]);
    seen.push(['a wrong recovery code', await browser.press(page, BY_CODE, { code: 'AAAA-BBBB-CCCC-DDDD' })]);
    seen.push(['no recovery code', await browser.press(page, BY_CODE)]);
    seen.push(['no such way', await browser.press(page, BY_CODE, { way: 'nonsense' })]);
    for (const path of ['', '/other', '/code', '/waiting', '/finish', '/passkey'])
      seen.push([path, await visit(world, begun, path)]);
    const end = await browser.press(await visit(world, begun, '/other'), 'abort');
    const gone = await browser.follow(end, (location) => location.startsWith(world.redirectUri));
    seen.push(['given up', { ...gone, text: '', headers: new Headers(), url: '' }]);
    const answer = answerOf(world, gone);
    return {
      seen: seen.map(([step, each]) => [step, essence(each, begun, address)]),
      error: answer.get('error'),
      cookies: browser
        .cookies()
        .map(({ name, path }) => [name, path.replace(begun.uid, 'UID')])
        .sort(),
    };
  }

  test('an account, one without a confirmed address, one that has to be renewed and nobody at all are answered alike', async () => {
    const calls = creates(world);
    const nobody = await walk('nobod');
    expect(nobody.error).toBe('access_denied');
    for (const who of ['known', 'plain', 'redo2']) expect(await walk(who)).toEqual(nobody);
    expect(creates(world)).toBe(calls);
    // and it was the right one who was mailed
    await mailbox.waitFor(`known@${enrolment}.example`, 3);
    expect(mailsTo(`plain@${enrolment}.example`)).toBe(1);
    expect(mailsTo(`nobod@${enrolment}.example`)).toBe(0);
  });
});

describe('T26: where there are few guesses', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      policy: { ...FREE, enrolment: 'open', limits: { ...FREE.limits, sessionsPerAddressPerHour: 6 } },
      config: { smtp: smtp() },
      storage: 'sqlite',
    });
    await enrol(world, 'known@few.example');
    await world.restart({ policy: { ...world.config.policy, enrolment: 'closed' } });
  });
  afterAll(() => world.close());

  test('the limit on guesses does not tell who is known: other ways are open to everybody, however many have asked', async () => {
    for (let times = 0; times < 8; times += 1)
      expect((await seekWays(world, `guess${times}@few.example`)).page.url).toMatch(/\/other$/);
    expect((await seekWays(world, 'known@few.example')).page.url).toMatch(/\/other$/);
  });

  test('from there the selfie is a guess like any other, and counted', async () => {
    const statuses: number[] = [];
    for (let times = 0; times < 8; times += 1) {
      const { browser, page } = await seekWays(world, `guess${times}@few.example`);
      statuses.push((await pressOn(world, browser, page, HERE, { biometric_consent: 'yes' })).status);
    }
    expect(statuses[0]).toBe(403);
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.filter((status) => status === 403).length).toBeLessThan(6);
  });
});

describe('recovery codes', () => {
  let world: World;
  let people = 0;
  beforeAll(async () => {
    world = await startWorld({ policy: { ...FREE, otherWays: ['recovery_code'] } });
  });
  afterAll(() => world.close());

  async function newPerson() {
    people += 1;
    const name = `person-${people}`;
    const { tokens } = await world.enrol(name);
    return { name, id: String(tokens.claims()?.sub) };
  }

  function issue(id: string, more: { minutes?: number; needsApproval?: boolean } = {}) {
    return issueRecovery(world.app.parts, {
      account: { id },
      reason: 'lost the phone',
      by: 'Olga',
      minutes: 60,
      needsApproval: false,
      ...more,
    });
  }

  async function use(name: string, code: string) {
    const { begun, browser, page } = await seekWays(world, name);
    return { begun, browser, end: await pressOn(world, browser, page, BY_CODE, { code }) };
  }

  test('T14: a code that was made before the account came under review goes no way around it; one made since does', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    world.clock.move(60);
    await setReview(world.app.parts, id, 'denied-by-person');
    expect(isAtClient(world, (await use(name, code)).end)).toBe(false);
    world.clock.move(60);
    const later = await issue(id);
    expect(isAtClient(world, (await use(name, later.code)).end)).toBe(true);
  });

  test('T14: nor does one that was made during a review go around what was found since', async () => {
    const { name, id } = await newPerson();
    await setReview(world.app.parts, id, 'asked for');
    world.clock.move(60);
    const { code } = await issue(id);
    world.clock.move(60);
    await setReview(world.app.parts, id, 'denied-by-person');
    expect(isAtClient(world, (await use(name, code)).end)).toBe(false);
    world.clock.move(60);
    const later = await issue(id);
    expect(isAtClient(world, (await use(name, later.code)).end)).toBe(true);
  });

  const isWrong = (page: Page) =>
    page.status === 422 && wordsOf(page).includes('This code is not right, or no longer good.');

  test('one signs in once, however it is written, and weakly', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    const { begun, end } = await use(name, ` ${code.toLowerCase().replaceAll('-', ' ')} `);
    expect(strengthOf(await redeem(world, begun, end))).toMatchObject({ acr: RECOVERY, amr: ['otp'] });
    expect(isWrong((await use(name, code)).end)).toBe(true);
  });

  test('wrong, expired, withdrawn, replaced, not yet approved, of somebody else or of nobody: the same answer', async () => {
    const [mine, theirs] = [await newPerson(), await newPerson()];
    const replaced = await issue(mine.id);
    const expired = await issue(mine.id, { minutes: 5 });
    world.clock.move(5 * MINUTE + 1);
    const foreign = await issue(theirs.id);
    const pages = [
      await use(mine.name, 'AAAA-BBBB-CCCC-DDDD'),
      await use(mine.name, replaced.code),
      await use(mine.name, expired.code),
      await use(mine.name, foreign.code),
      await use('nobody-at-all', foreign.code),
    ];
    const waiting = await issue(mine.id, { needsApproval: true });
    pages.push(await use(mine.name, waiting.code));
    const withdrawn = await issue(mine.id);
    expect((await withdrawRecovery(world.app.parts, withdrawn.name)).kind).toBe('done');
    pages.push(await use(mine.name, withdrawn.code));
    expect(pages.map(({ end }) => isWrong(end))).toEqual(pages.map(() => true));
    for (const { begun } of pages) expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    await redeem(world, ...(await used(theirs.name, foreign.code)));
  });

  async function used(name: string, code: string): Promise<[Begun, Page]> {
    const { begun, end } = await use(name, code);
    return [begun, end];
  }

  test('where a second operator is needed, the second makes it good, and the first cannot', async () => {
    const { name, id } = await newPerson();
    const issued = await issue(id, { needsApproval: true });
    expect((await approveRecovery(world.app.parts, { name: issued.name, by: ' olga ' })).kind).toBe('same-operator');
    expect(isWrong((await use(name, issued.code)).end)).toBe(true);
    expect((await approveRecovery(world.app.parts, { name: issued.name, by: 'Piet' })).kind).toBe('done');
    await redeem(world, ...(await used(name, issued.code)));
  });

  test('R7: the storage was away as it was used: sent again in the same browser, it signs in, and nowhere else', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    const { begun, browser, page } = await seekWays(world, name);
    const { attempts } = world.app.parts;
    const { change } = attempts;
    attempts.change = () => {
      attempts.change = change;
      return Promise.reject(new StorageUnavailable('away'));
    };
    expect((await browser.press(page, BY_CODE, { code })).status).toBe(503);
    expect(isWrong((await use(name, code)).end)).toBe(true);
    await redeem(world, begun, await pressOn(world, browser, page, BY_CODE, { code }));
  });

  test('R1: ten browsers with one code at once: one is let in', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    const all = await Promise.all(Array.from({ length: 10 }, () => seekWays(world, name)));
    const ends = await Promise.all(all.map(({ browser, page }) => pressOn(world, browser, page, BY_CODE, { code })));
    expect(ends.filter((end) => isAtClient(world, end))).toHaveLength(1);
    expect(ends.filter(isWrong)).toHaveLength(9);
    const later = await Promise.all(all.map(({ begun }) => visit(world, begun, '/finish')));
    expect(later.filter((page) => isAtClient(world, page)).length).toBeLessThanOrEqual(1);
  });

  test('R1: one browser that sends it ten times at once is signed in once', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    const { begun, browser, page } = await seekWays(world, name);
    const sent = await Promise.all(Array.from({ length: 10 }, () => browser.press(page, BY_CODE, { code })));
    expect(sent.filter(({ status }) => status >= 500)).toEqual([]);
    await redeem(world, begun, await visit(world, begun, '/finish'));
  });

  test('no device becomes known by it', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    const { begun, browser, end } = await use(name, code);
    await redeem(world, begun, end);
    expect(browser.cookie('selfie_device')).toBeUndefined();
    const again = await world.begin(withoutSession(browser), name);
    expect(again.page.headers.get('location')).toContain(world.sandbox.url);
  });

  test('T18: no log line holds a code', async () => {
    const { name, id } = await newPerson();
    const { code } = await issue(id);
    await redeem(world, ...(await used(name, code)));
    expect(world.log.filter((line) => line.includes(code) || line.includes(code.replaceAll('-', '')))).toEqual([]);
  });
});

describe('T16: the ways share one limit', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      policy: { ...FREE, limits: { ...FREE.limits, otherWaysPerAccountPerHour: 4, otherWaysPerAddressPerHour: 11 } },
      config: { smtp: smtp() },
    });
  });
  afterAll(() => world.close());

  test('a code by mail counts with the codes from support, the right one too; then 429 and when to come back', async () => {
    const { id } = await enrol(world, 'carl@example.org');
    const { code } = await issueRecovery(world.app.parts, {
      account: { id },
      reason: 'x',
      by: 'Olga',
      minutes: 600,
      needsApproval: false,
    });
    // the code of the enrolment opens nothing, and is counted apart
    const { begun, browser, page } = await seekWays(world, 'carl@example.org');
    await pressOn(world, browser, page, BY_MAIL);
    for (let times = 0; times < 3; times += 1)
      expect((await browser.press(page, BY_CODE, { code: 'AAAA-AAAA-AAAA-AAAA' })).status).toBe(422);
    for (const pressed of [await browser.press(page, BY_CODE, { code }), await browser.press(page, BY_MAIL)]) {
      expect(pressed.status).toBe(429);
      expect(Number(pressed.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(buttonsOf(pressed)).toContain('abort=yes');
    }
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    // a fresh sign-in is no fresh start, nor is another spelling
    const again = await seekWays(world, 'CARL@example.org');
    expect((await again.browser.press(again.page, BY_CODE, { code })).status).toBe(429);
    // the client is told that it may be tried later; and the selfie is as open as ever
    expect((await giveUp(world, browser, await visit(world, begun, '/other'))).get('error')).toBe(
      'temporarily_unavailable',
    );
    expect((await world.begin(new Browser(), 'carl@example.org')).page.headers.get('location')).toContain(
      world.sandbox.url,
    );
    world.clock.move(HOUR + 1);
    const later = await seekWays(world, 'carl@example.org');
    await redeem(world, later.begun, await pressOn(world, later.browser, later.page, BY_CODE, { code }));
  });

  test('T17: strangers who use up the tries of a person leave a device that is known its own', async () => {
    const { browser } = await enrol(world, 'dora@example.org');
    const stranger = await seekWays(world, 'dora@example.org');
    for (let times = 0; times < 4; times += 1)
      await stranger.browser.press(stranger.page, BY_CODE, { code: 'AAAA-AAAA-AAAA-AAAA' });
    const refused = await stranger.browser.press(stranger.page, BY_CODE, { code: 'AAAA-AAAA-AAAA-AAAA' });
    expect(refused.status).toBe(429);
    const own = await seekWays(world, undefined, { browser: withoutSession(browser) });
    expect((await own.browser.press(own.page, BY_CODE, { code: 'AAAA-AAAA-AAAA-AAAA' })).status).toBe(422);
    world.clock.move(HOUR + 1);
  });

  test('T26: an unknown name meets the limit as a known one does', async () => {
    world.clock.move(HOUR + 1);
    const statuses: number[] = [];
    for (let times = 0; times < 5; times += 1) {
      const { browser, page } = await seekWays(world, 'nobody@example.org');
      statuses.push((await browser.press(page, BY_CODE, { code: 'AAAA' })).status);
    }
    expect(statuses).toEqual([422, 422, 422, 422, 429]);
  });

  test('one address has so many tries, whoever is named', async () => {
    world.clock.move(HOUR + 1);
    const statuses: number[] = [];
    for (let times = 0; times < 12; times += 1) {
      const { browser, page } = await seekWays(world, `anybody${times}@example.org`);
      statuses.push((await browser.press(page, BY_CODE, { code: 'AAAA' })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 11 }, () => 422), 429]);
  });
});

describe('T16: never silently, never weaker than wanted', () => {
  let world: World;
  let dora: { id: string };
  beforeAll(async () => {
    const clients: Policy['clients'] = Object.assign(Object.create(null), {
      alone: { rules: [], otherWays: [], crossDevice: 'confirm', verdict: { refuseWarnings: [] } },
    });
    world = await startWorld({
      policy: { ...FREE, notices: [], scopes: { payments: ACTIVE } },
      clients: [clientEntry('app'), clientEntry('strict', { minimum_acr: SELFIE }), clientEntry('alone')],
      config: { smtp: smtp() },
      storage: 'sqlite',
    });
    await world.restart({ policy: { ...world.config.policy, clients } });
    dora = await enrol(world, 'dora@example.org');
  });
  afterAll(() => world.close());

  const essential = JSON.stringify({ id_token: { acr: { essential: true, values: [SELFIE, ACTIVE] } } });

  test.each([
    ['a client’s minimum_acr', 'strict', {}],
    ['an essential acr', 'app', { claims: essential }],
    ['a scope that requires one', 'app', { scope: 'openid payments' }],
    ['a policy of no other ways for this client', 'alone', {}],
  ] as [string, string, Record<string, string>][])(
    '%s: none is offered, and forged posts to all of them are refused',
    async (_what, client, params) => {
      const { code } = await issueRecovery(world.app.parts, {
        account: dora,
        reason: 'x',
        by: 'Olga',
        minutes: 60,
        needsApproval: false,
      });
      const browser = new Browser();
      const request = await world.authorize(params, client);
      const first = await browser.get(request.url);
      expect(buttonsOf(first)).not.toContain('begin=other');
      const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
      const csrf = /name="csrf" value="([^"]+)"/.exec(first.text)?.[1] ?? '';
      const begun: Begun = { browser, request, uid, page: first, sessionId: '', hostedUrl: '' };
      const post = (path: string, form: Record<string, string>) =>
        browser.request(`${world.issuer}/interaction/${uid}${path}`, { form: { csrf, ...form } });
      const had = mailsTo('dora@example.org');
      const forged = await browser.follow(await post('/begin', { begin: 'other', identifier: 'dora@example.org' }));
      expect(buttonsOf(forged).filter((each) => each.startsWith('way='))).toEqual([]);
      expect(wordsOf(forged)).toContain('accepts nothing but a selfie here');
      for (const [path, form] of [
        ['/other', { way: 'email' }],
        ['/other', { way: 'recovery_code', code }],
        ['/other', { way: 'device' }],
        ['/code', { code: '12345678', confirm: 'yes' }],
        ['/code', { resend: 'yes' }],
        [`/link/${'A'.repeat(22)}`, { confirm: 'yes' }],
      ] as [string, Record<string, string>][]) {
        const page = await browser.follow(await post(path, form));
        expect([path, isAtClient(world, page)]).toEqual([path, false]);
        expect(page.status).toBeLessThan(500);
      }
      for (const path of ['', '/waiting', '/finish'])
        expect(isAtClient(world, await visit(world, begun, path))).toBe(false);
      // nothing was sent, and the code is as good as before where it may be used
      const allowed = await seekWays(world, 'dora@example.org');
      await redeem(world, allowed.begun, await pressOn(world, allowed.browser, allowed.page, BY_CODE, { code }));
      expect((await world.app.parts.attempts.find(uid))?.mailed).toBeUndefined();
      expect(mailsTo('dora@example.org')).toBe(had);
      // the selfie is still open to whoever went astray
      const there = atVendor(
        world,
        begun,
        await pressOn(world, browser, await visit(world, begun, '/other'), HERE, { biometric_consent: 'yes' }),
      );
      expect(there.sessionId).not.toBe('');
      await giveUp(world, browser, await visit(world, begun, '/waiting'));
    },
  );

  test('an acr that a client would merely like does not close them, and the truth is told', async () => {
    const { begun, end } = await byMail(world, 'dora@example.org', { params: { acr_values: ACTIVE } });
    expect(strengthOf(await redeem(world, begun, end)).acr).toBe(RECOVERY);
  });

  test('failing the selfie offers other ways, and takes none', async () => {
    const begun = await world.begin(new Browser(), 'dora@example.org');
    const had = mailsTo('dora@example.org');
    await showFace(world, begun, { scenario: 'decline_face_match_low_similarity' });
    const page = await awaitPage(world, begun, 'the word of it', ({ text }) => text.includes('Try again'));
    expect(wordsOf(page)).toContain('We could not confirm that it is you');
    expect(buttonsOf(page)).toContain('begin=other');
    for (const path of ['', '/waiting', '/finish'])
      expect(isAtClient(world, await visit(world, begun, path))).toBe(false);
    expect(mailsTo('dora@example.org')).toBe(had);
    const ways = await pressOn(world, begun.browser, page, OTHER);
    expect(buttonsOf(ways)).toEqual(expect.arrayContaining(['way=email', 'way=recovery_code', 'begin=here']));
    const waiting = await pressOn(world, begun.browser, ways, BY_MAIL);
    const code = codeIn(await mailOf(begun));
    const end = await pressOn(world, begun.browser, waiting, CONFIRM, { code });
    expect(strengthOf(await redeem(world, begun, end))).toMatchObject({ acr: RECOVERY, amr: ['otp'] });
  });

  test('failing it at a client without other ways leaves nothing but another try', async () => {
    const begun = await world.begin(new Browser(), 'dora@example.org', {}, 'alone');
    await showFace(world, begun, { scenario: 'decline_face_match_low_similarity' });
    const page = await awaitPage(world, begun, 'the word of it', ({ text }) => text.includes('Try again'));
    expect(buttonsOf(page)).not.toContain('begin=other');
    await giveUp(world, begun.browser, page);
  });

  test.each([
    ['app', true],
    ['alone', false],
    ['strict', false],
  ])(
    'a vendor that does not answer: at client %s other ways are offered: %s; none is taken',
    async (client, offered) => {
      world.sandbox.fault('create', { status: 503, times: 3 });
      const begun = await world.begin(new Browser(), 'dora@example.org', {}, client);
      world.sandbox.clearFaults();
      expect(begun.page.status).toBe(503);
      expect(buttonsOf(begun.page).includes('begin=other')).toBe(offered);
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
      world.clock.move(MINUTE);
      if (!offered) return;
      const ways = await pressOn(world, begun.browser, begun.page, OTHER);
      expect(ways.url).toMatch(/\/other$/);
      expect(wordsOf(ways)).toContain('dora@example.org');
    },
  );
});

describe('from there back to the selfie', () => {
  let world: World;
  let people = 0;
  beforeAll(async () => {
    world = await startWorld({ policy: FREE, config: { smtp: smtp() }, storage: 'sqlite' });
  });
  afterAll(() => world.close());

  const newPerson = async () => {
    people += 1;
    const address = `back-${people}@example.org`;
    return { address, ...(await enrol(world, address)) };
  };

  test('consent is asked of whoever was typed in, and the selfie begins with it', async () => {
    const { address } = await newPerson();
    const before = creates(world);
    const { begun, browser, page } = await seekWays(world, address);
    expect(fieldsOf(page)).toContain('biometric_consent');
    const without = await pressOn(world, browser, page, HERE);
    expect(wordsOf(without)).toContain('Your consent to the face check is needed');
    expect(creates(world)).toBe(before);
    const there = atVendor(world, begun, await pressOn(world, browser, without, HERE, { biometric_consent: 'yes' }));
    await showFace(world, there);
    expect(strengthOf(await world.finish(there)).acr).toBe(SELFIE);
  });

  test('a known device, whose consent is on record, is not asked again', async () => {
    const { browser } = await newPerson();
    const known = withoutSession(browser);
    const { begun, page } = await seekWays(world, undefined, { browser: known });
    expect(fieldsOf(page)).not.toContain('biometric_consent');
    const there = atVendor(world, begun, await pressOn(world, known, page, HERE));
    await showFace(world, there);
    expect(strengthOf(await world.finish(there)).acr).toBe(SELFIE);
  });

  test('T12: a selfie under way when another way is chosen is deleted at the end, and its late approval has no effect', async () => {
    const { address, id } = await newPerson();
    const begun = await world.begin(new Browser(), address);
    await world.sandbox.open(begun.sessionId, { userAgent: begun.browser.userAgent });
    const waiting = await visit(world, begun, '/waiting');
    const ways = await visit(world, begun, '/other');
    expect(waiting.status).toBe(200);
    const form = await pressOn(world, begun.browser, ways, BY_MAIL);
    const code = codeIn(await mailOf(begun));
    expect(world.sandbox.session(begun.sessionId).deleted).toBe(false);
    const end = await pressOn(world, begun.browser, form, CONFIRM, { code });
    const tokens = await redeem(world, begun, end);
    expect(strengthOf(tokens).acr).toBe(RECOVERY);
    expect(world.sandbox.session(begun.sessionId).deleted).toBe(true);
    await world.sandbox.settle(begun.sessionId, 'approve');
    await world.sandbox.idle();
    expect((await begun.browser.get(returnUrl(world, begun))).status).toBeGreaterThanOrEqual(400);
    expect((await world.app.parts.devices.list(id)).length).toBe(1);
    // the claim was given back with it: the next selfie need not wait
    expect((await world.begin(new Browser(), address)).page.headers.get('location')).toContain(world.sandbox.url);
  });

  test('T2: a face shown elsewhere neither helps nor hinders the code that is typed here', async () => {
    const { address } = await newPerson();
    const begun = await world.begin(new Browser(), address);
    const ways = await visit(world, begun, '/other');
    const form = await pressOn(world, begun.browser, ways, BY_MAIL);
    const code = codeIn(await mailOf(begun));
    await showFace(world, begun, {
      by: new Browser({ userAgent: 'Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0' }),
      address: FAR,
    });
    await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
    const end = await pressOn(world, begun.browser, form, CONFIRM, { code });
    expect(strengthOf(await redeem(world, begun, end)).acr).toBe(RECOVERY);
    expect((await comeBack(world, begun)).status).toBeGreaterThanOrEqual(400);
  });

  test('giving up, and the end of its time, end it like any other sign-in', async () => {
    const { address } = await newPerson();
    const { browser, page } = await seekWays(world, address);
    expect((await giveUp(world, browser, page)).get('error')).toBe('access_denied');
    const second = await seekWays(world, address);
    const form = await pressOn(world, second.browser, second.page, BY_MAIL);
    const code = codeIn(await mailOf(second.begun));
    world.clock.move(11 * MINUTE);
    expect((await second.browser.press(form, CONFIRM, { code })).status).toBe(410);
    for (const path of ['', '/other', '/code', '/finish'])
      expect((await visit(world, second.begun, path)).status).toBe(410);
    expect((await giveUp(world, second.browser, await visit(world, second.begun, '/other'))).get('error')).toBe(
      'access_denied',
    );
  });

  test.each([
    ['closed', HERE],
    ['closed', RE_ENROL],
    ['invite', HERE],
    ['invite', RE_ENROL],
  ] as const)(
    'T26: enrolment %s: a stranger who presses %j is told what the policy says, and the vendor is not asked',
    async (enrolment, button) => {
      const policy = { ...world.config.policy, enrolment };
      await world.restart({ policy });
      const before = creates(world);
      const { browser, page } = await seekWays(world, 'stranger@example.org');
      const refused = await pressOn(world, browser, page, button, { biometric_consent: 'yes' });
      expect(refused.status).toBe(403);
      expect(wordsOf(refused)).toContain(
        enrolment === 'invite' ? 'A first sign-in needs an invitation' : 'There is no account with this name',
      );
      expect(creates(world)).toBe(before);
      expect((await giveUp(world, browser, refused)).get('error')).toBe('access_denied');
      await world.restart({ policy: { ...policy, enrolment: 'open' } });
    },
  );

  test('T14: a new face that is begun without the old one waits, the person is told, and may object', async () => {
    const { address, id } = await newPerson();
    const { accounts } = world.app.parts;
    const face = (await accounts.find(id))?.portrait;
    const had = mailsTo(address);
    const { begun, browser, page } = await seekWays(world, address);
    const there = atVendor(world, begun, await pressOn(world, browser, page, RE_ENROL, { biometric_consent: 'yes' }));
    await showFace(world, there);
    const end = await until('the end of it', async () => {
      const last = await visit(world, there, '/finish');
      return last.status === 410 && last;
    });
    expect(wordsOf(end)).toContain('Your new picture is waiting');
    const mail = await nextMail(address, had);
    expect(mail.subject).toBe('A new face for your account is waiting');
    expect((await accounts.find(id))?.portrait).toEqual(face);
    expect((await accounts.find(id))?.pending).toBeDefined();
    // signing in weakly does not hurry it
    const weak = await byMail(world, address);
    expect(strengthOf(await redeem(world, weak.begun, weak.end)).acr).toBe(RECOVERY);
    expect((await accounts.find(id))?.portrait).toEqual(face);
    const look = await new Browser().get(linkIn(mail));
    expect((await accounts.find(id))?.pending).toBeDefined();
    const done = await new Browser().press(look, 'deny');
    expect(wordsOf(done)).toContain('It is ended');
    expect((await accounts.find(id))?.pending).toBeUndefined();
    expect((await accounts.find(id))?.standing).toBe('good');
    world.clock.move(80 * HOUR);
    await world.begin(new Browser(), address);
    expect((await accounts.find(id))?.portrait).toEqual(face);
  });
});
