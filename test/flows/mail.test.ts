// Mail in a login, over HTTP with several browsers: whose address it is, proven before anything is paid for (T15), at a mail server that
// may be down, and nothing of it where it does not belong (T18, T27).

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as oidc from 'openid-client';
import { hashToken, newToken } from '../../src/login/tokens.ts';
import { MAIL } from '../../src/mail/mailer.ts';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import { codeIn, linkIn, type Mailbox, startMailbox } from '../support/mailbox.ts';
import { creates, giveUp, isAtClient, pressOn, showFace, until, untilDone, visit } from '../support/story.ts';
import { type Begun, CLIENT_SECRET, startWorld, type Tokens, UNLIMITED, type World } from '../support/world.ts';

const FROM = 'Login <login@op.example>';
const MINUTE = 60;
const EMAIL_SCOPE = { scope: 'openid profile email' };
/** Limits far away, those of other ways too. */
const FREE = {
  ...UNLIMITED,
  limits: { ...UNLIMITED.limits, otherWaysPerAccountPerHour: 10_000, otherWaysPerAddressPerHour: 10_000 },
};
const CONFIRM = { name: 'confirm', value: 'yes' };

const wrongFor = (code: string) => (code === '00000000' ? '00000001' : '00000000');

/** Types a name and stops at what comes: the page for the code, where one is owed. */
async function start(world: World, address: string, params: Record<string, string> = {}, browser = new Browser()) {
  const begun = await world.begin(browser, address, params);
  return { begun, browser, page: await browser.follow(begun.page, (at) => at.startsWith(world.sandbox.url)) };
}

/** The vendor's session behind a redirect to it. */
function atVendor(world: World, begun: Begun, page: Page): Begun {
  const hostedUrl = page.headers.get('location') ?? '';
  const session = world.sandbox.sessions().find(({ url }) => url === hostedUrl);
  if (!session) throw new Error(`not at the vendor: ${page.status} ${hostedUrl} ${wordsOf(page).slice(0, 300)}`);
  return { ...begun, hostedUrl, sessionId: session.id };
}

async function enrol(world: World, mailbox: Mailbox, address: string, params = EMAIL_SCOPE): Promise<Tokens> {
  const { begun, browser, page } = await start(world, address, params);
  const code = codeIn(await mailbox.waitFor(address));
  const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
  await showFace(world, there);
  return world.finish(there);
}

async function userinfo(world: World, tokens: Tokens) {
  return oidc.fetchUserInfo(await world.client(), tokens.access_token, String(tokens.claims()?.sub));
}

describe('an enrolment under an e-mail address', () => {
  let world: World;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    world = await startWorld({
      // a sign-in that lives longer than its code
      policy: { ...FREE, otherWays: ['email'], attempt: { ttlSeconds: 40 * MINUTE } },
      config: { smtp: { url: mailbox.url, from: FROM } },
    });
  });
  afterAll(async () => {
    await world.close();
    await mailbox.close();
  });

  test('T15: is asked for the mailed code before anything is paid for, and the claims say that it was', async () => {
    const before = creates(world);
    const { begun, browser, page } = await start(world, 'Alice@Example.org', EMAIL_SCOPE);
    expect(page.url).toMatch(/\/code$/);
    expect(wordsOf(page)).toContain('alice@example.org');
    const mail = await mailbox.waitFor('alice@example.org');
    expect(mail.from).toBe('login@op.example');
    expect(mail.text).toContain('Example App');
    expect(mail.text).not.toMatch(/https?:/);
    expect(codeIn(mail)).toMatch(/^\d{8}$/);
    expect(creates(world)).toBe(before);
    const code = codeIn(mail).replace(/(.{4})/, '$1-');
    const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code: ` ${code} ` }));
    expect(creates(world)).toBe(before + 1);
    await showFace(world, there);
    const tokens = await world.finish(there);
    expect(await userinfo(world, tokens)).toMatchObject({ email: 'alice@example.org', email_verified: true });
    expect(mailbox.mails.filter(({ to }) => to === 'alice@example.org')).toHaveLength(1);
  });

  test('the address is released to nobody who did not ask for it', async () => {
    const tokens = await enrol(world, mailbox, 'quiet@example.org', { scope: 'openid profile' });
    const claims = await userinfo(world, tokens);
    expect(claims).not.toHaveProperty('email');
    expect(claims).not.toHaveProperty('email_verified');
    expect(tokens.claims()).not.toHaveProperty('email');
  });

  test.each(['dora', 'dora@localhost'])('%j is a user name: no code, and no email claim', async (name) => {
    const mails = mailbox.mails.length;
    const begun = await world.begin(new Browser(), name, EMAIL_SCOPE);
    expect(begun.page.headers.get('location')).toContain(world.sandbox.url);
    await showFace(world, begun);
    const claims = await userinfo(world, await world.finish(begun));
    expect(claims).not.toHaveProperty('email');
    expect(claims).not.toHaveProperty('email_verified');
    expect(mailbox.mails).toHaveLength(mails);
  });

  test('five wrong codes are the end of a code: the right one comes too late, and a new one is sent when asked for', async () => {
    const { begun, browser, page } = await start(world, 'guess@example.org');
    const code = codeIn(await mailbox.waitFor('guess@example.org'));
    const before = creates(world);
    for (let times = 1; times <= 4; times += 1) {
      const wrong = await browser.press(page, CONFIRM, { code: wrongFor(code) });
      expect([wrong.status, wordsOf(wrong).includes('This is not the code')]).toEqual([422, true]);
    }
    // whoever has used up the last try is not told to look again
    const fifth = await browser.press(page, CONFIRM, { code: '' });
    expect(fifth.status).toBe(422);
    expect(wordsOf(fifth)).toContain('no longer good');
    expect((await browser.press(page, CONFIRM, { code })).status).toBe(422);
    expect(creates(world)).toBe(before);

    const again = await browser.follow(await browser.press(page, 'resend'));
    const second = codeIn(await mailbox.waitFor('guess@example.org', 2));
    expect((await browser.press(again, CONFIRM, { code })).status).toBe(422);
    atVendor(world, begun, await browser.press(again, CONFIRM, { code: second }));
  });

  test('ten wrong codes at once count ten: the right one does not slip through behind them', async () => {
    const { browser, page } = await start(world, 'flood@example.org');
    const code = codeIn(await mailbox.waitFor('flood@example.org'));
    await Promise.all(Array.from({ length: 10 }, () => browser.press(page, CONFIRM, { code: wrongFor(code) })));
    expect((await browser.press(page, CONFIRM, { code })).status).toBe(422);
  });

  test('a code is good for ten minutes, and for as long as no other was sent', async () => {
    const { begun, browser, page } = await start(world, 'slow@example.org');
    const code = codeIn(await mailbox.waitFor('slow@example.org'));
    await untilDone(world, MAIL);
    world.clock.move(10 * MINUTE);
    const late = await browser.press(page, CONFIRM, { code });
    expect([late.status, wordsOf(late).includes('no longer good')]).toEqual([422, true]);
    await browser.press(page, 'resend');
    const second = codeIn(await mailbox.waitFor('slow@example.org', 2));
    await untilDone(world, MAIL);
    world.clock.move(9 * MINUTE);
    const again = await browser.follow(await browser.press(page, 'resend'));
    const third = codeIn(await mailbox.waitFor('slow@example.org', 3));
    expect((await browser.press(again, CONFIRM, { code: second })).status).toBe(422);
    atVendor(world, begun, await browser.press(again, CONFIRM, { code: third }));
  });

  test('R11: a code that was mailed before the data keys changed is good', async () => {
    const { begun, browser, page } = await start(world, 'rotated@example.org');
    const code = codeIn(await mailbox.waitFor('rotated@example.org'));
    const { sealer } = world.app.parts;
    const other = new Uint8Array(randomBytes(32));
    sealer.useKeys([other, ...world.config.dataKeys]);
    atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
    sealer.useKeys([...world.config.dataKeys, other]);
  });

  test('three codes are sent in one sign-in, and then the page says how it goes on', async () => {
    const { browser, page } = await start(world, 'more@example.org');
    expect(buttonsOf(page)).toContain('resend=yes');
    const second = await browser.follow(await browser.press(page, 'resend'));
    expect(buttonsOf(second)).toContain('resend=yes');
    const third = await browser.follow(await browser.press(second, 'resend'));
    expect(buttonsOf(third)).not.toContain('resend=yes');
    const forged = await browser.press(page, 'resend');
    expect(forged.status).toBe(422);
    expect(wordsOf(forged)).toContain('no more codes are sent');
    await mailbox.waitFor('more@example.org', 3);
    expect(mailbox.mails.filter(({ to }) => to === 'more@example.org')).toHaveLength(3);
  });

  test('a code counts in the sign-in and the browser that asked for it, and nowhere else', async () => {
    const mine = await start(world, 'mine@example.org');
    const code = codeIn(await mailbox.waitFor('mine@example.org'));
    const other = await start(world, 'mine@example.org');
    await mailbox.waitFor('mine@example.org', 2);
    const before = creates(world);
    expect((await other.browser.press(other.page, CONFIRM, { code })).status).toBe(422);
    // the form of the one browser, sent by the other
    const thief = await other.browser.press(mine.page, CONFIRM, { code });
    expect(thief.status).toBe(403);
    expect(wordsOf(thief)).toContain('cannot go on here');
    expect(creates(world)).toBe(before);
    atVendor(world, mine.begun, await mine.browser.press(mine.page, CONFIRM, { code }));
  });

  test('without the code no other address of the sign-in leads to the camera, and all lead back to the code', async () => {
    const { begun, browser, page } = await start(world, 'detour@example.org');
    const before = creates(world);
    for (const path of ['', '/waiting', '/finish']) expect((await visit(world, begun, path)).url).toMatch(/\/code$/);
    for (const value of ['here', 'phone', 're-enrol'])
      expect((await pressOn(world, browser, await formTo(browser, begun, page), { name: 'begin', value })).url).toMatch(
        /\/code$/,
      );
    expect(creates(world)).toBe(before);
    // pressing again sends nothing again
    await mailbox.waitFor('detour@example.org');
    await world.app.parts.journal.flush();
    expect(mailbox.mails.filter(({ to }) => to === 'detour@example.org')).toHaveLength(1);
  });

  /** The form of the first page, as whoever kept it would send it again. */
  async function formTo(_browser: Browser, begun: Begun, page: Page): Promise<Page> {
    return {
      ...page,
      text: page.text
        .replaceAll(`/interaction/${begun.uid}/code`, `/interaction/${begun.uid}/begin`)
        .replace(
          /<button class="main"[^>]*>/,
          '<button name="begin" value="here"></button><button name="begin" value="phone"></button><button name="begin" value="re-enrol">',
        ),
    };
  }

  test('T11: who is enrolled cannot be changed once a code was sent: not by typing another name, nor by the proof of one', async () => {
    const { begun, browser, page } = await start(world, 'first@example.org', EMAIL_SCOPE);
    const code = codeIn(await mailbox.waitFor('first@example.org'));
    const changed = await pressOn(
      world,
      browser,
      await formTo(browser, begun, page),
      { name: 'begin', value: 'here' },
      { identifier: 'victim@example.org', biometric_consent: 'yes' },
    );
    expect(changed.url).toMatch(/\/code$/);
    expect(wordsOf(changed)).toContain('first@example.org');
    const pressed = await browser.press(page, CONFIRM, { code, identifier: 'victim@example.org' });
    const there = atVendor(world, begun, pressed);
    await showFace(world, there);
    expect(await userinfo(world, await world.finish(there))).toMatchObject({ email: 'first@example.org' });
    expect(mailbox.mails.filter(({ to }) => to === 'victim@example.org')).toHaveLength(0);
  });

  test('T15: of two who enrol one address at once, one has it', async () => {
    const address = 'twins@example.org';
    const [one, other] = await Promise.all([start(world, address), start(world, address)]);
    const codes = [await mailbox.waitFor(address), await mailbox.waitFor(address, 2)].map(codeIn);
    // each page takes one of the two, and only its own
    const ends: Begun[] = [];
    let refused = 0;
    for (const { begun, browser, page } of [one, other]) {
      for (const code of codes) {
        const pressed = await browser.press(page, CONFIRM, { code });
        if (pressed.status === 303 && pressed.headers.get('location')?.startsWith(world.sandbox.url))
          ends.push(atVendor(world, begun, pressed));
        else if (pressed.status === 409) refused += 1;
        if (pressed.status !== 422) break;
      }
    }
    expect([ends.length, refused]).toEqual([1, 1]);
    for (const end of ends) await showFace(world, end);
    await Promise.all(ends.map((end) => world.finish(end)));
    const begun = await world.begin(new Browser(), address);
    // it is an account now: a selfie, and no code
    expect(begun.page.headers.get('location')).toContain(world.sandbox.url);
    await showFace(world, begun);
    expect((await world.finish(begun)).claims()?.acr).toBe('urn:selfie-oidc:acr:selfie');
  });

  test('T15: whoever proves the address after somebody else has enrolled it takes nothing over', async () => {
    const address = 'late@example.org';
    const late = await start(world, address, EMAIL_SCOPE);
    const lateCode = codeIn(await mailbox.waitFor(address));
    const first = await start(world, address, EMAIL_SCOPE);
    const code = codeIn(await mailbox.waitFor(address, 2));
    const there = atVendor(world, first.begun, await first.browser.press(first.page, CONFIRM, { code }));
    await showFace(world, there);
    const { sub } = (await world.finish(there)).claims() ?? {};
    const pressed = await late.browser.press(late.page, CONFIRM, { code: lateCode });
    const second = atVendor(world, late.begun, pressed);
    await showFace(world, second);
    const end = await until('the end of it', async () => {
      const page = await visit(world, second, '/finish');
      return page.status === 410 && page;
    });
    expect(wordsOf(end)).toContain('the name was taken meanwhile');
    expect((await world.app.parts.accounts.findByIdentifier(address))?.id).toBe(sub);
  });

  test('a code that nobody typed lapses with the sign-in: 410, and the client hears of it', async () => {
    const { begun, browser, page } = await start(world, 'gone@example.org');
    const code = codeIn(await mailbox.waitFor('gone@example.org'));
    world.clock.move(41 * MINUTE);
    const pressed = await browser.press(page, CONFIRM, { code });
    expect(pressed.status).toBe(410);
    expect((await giveUp(world, browser, await visit(world, begun, '/code'))).get('error')).toBe('access_denied');
  });

  test('a code that is sent late promises no more than the sign-in has left', async () => {
    const { browser, page } = await start(world, 'late-code@example.org');
    expect(wordsOf(page)).toContain('good for 10 minutes after');
    world.clock.move(36 * MINUTE);
    const again = await browser.follow(await browser.press(page, { name: 'resend', value: 'yes' }));
    expect(wordsOf(again)).toMatch(/good for [34] minutes after/);
    expect((await mailbox.waitFor('late-code@example.org', 2)).text).toMatch(/works for [34] minutes/);
  });

  test('giving up on the page of the code ends it: the code is good no more', async () => {
    const { browser, page } = await start(world, 'cancel@example.org');
    const code = codeIn(await mailbox.waitFor('cancel@example.org'));
    expect((await giveUp(world, browser, page)).get('error')).toBe('access_denied');
    const before = creates(world);
    expect((await browser.press(page, CONFIRM, { code })).status).toBeGreaterThanOrEqual(400);
    expect(creates(world)).toBe(before);
  });

  test('whoever looked at the other ways first is sent a code as well, once the camera is wanted', async () => {
    const request = await world.authorize(EMAIL_SCOPE);
    const browser = new Browser();
    const first = await browser.get(request.url);
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    const ways = await pressOn(
      world,
      browser,
      first,
      { name: 'begin', value: 'other' },
      { identifier: 'back@example.org' },
    );
    // and even whoever has asked for a code to sign in with, which nobody got
    const waiting = await pressOn(world, browser, ways, { name: 'way', value: 'email' });
    expect(waiting.url).toMatch(/\/code$/);
    const before = creates(world);
    const begun: Begun = { browser, request, uid, page: ways, sessionId: '', hostedUrl: '' };
    const owed = await pressOn(world, browser, ways, { name: 'begin', value: 'here' });
    expect(owed.url).toContain('/other');
    expect(wordsOf(owed)).toContain('Your consent to the face check is needed');
    const page = await pressOn(world, browser, owed, { name: 'begin', value: 'here' }, { biometric_consent: 'yes' });
    expect(page.url).toMatch(/\/code$/);
    expect(wordsOf(page)).toContain('We have sent a code');
    expect(creates(world)).toBe(before);
    const code = codeIn(await mailbox.waitFor('back@example.org'));
    const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
    await showFace(world, there);
    expect(await userinfo(world, await world.finish(there))).toMatchObject({ email: 'back@example.org' });
  });

  test('T23: the form of the code takes nothing without our token, or from another site', async () => {
    const { begun, browser, page } = await start(world, 'forged@example.org');
    const code = codeIn(await mailbox.waitFor('forged@example.org'));
    const at = `${world.issuer}/interaction/${begun.uid}/code`;
    expect((await browser.request(at, { form: { code, confirm: 'yes' } })).status).toBe(403);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const crossSite = { 'sec-fetch-site': 'cross-site' };
    expect((await browser.request(at, { form: { code, csrf, confirm: 'yes' }, headers: crossSite })).status).toBe(403);
    atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
  });
});

describe('where an invitation is needed', () => {
  let world: World;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    world = await startWorld({
      policy: { ...FREE, enrolment: 'invite' },
      config: { smtp: { url: mailbox.url, from: FROM } },
    });
  });
  afterAll(async () => {
    await world.close();
    await mailbox.close();
  });

  async function invite(identifier?: string): Promise<string> {
    const token = newToken();
    const now = world.clock.now();
    await world.app.parts.invitations.create(hashToken(token), {
      createdAt: now,
      expiresAt: now + 3600,
      ...(identifier === undefined ? {} : { identifier }),
    });
    return token;
  }

  async function startWith(address: string, invitation?: string) {
    const request = await world.authorize(EMAIL_SCOPE);
    const browser = new Browser();
    const first = await browser.get(request.url);
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    const fields = { identifier: address, biometric_consent: 'yes', ...(invitation ? { invitation } : {}) };
    const page = await pressOn(world, browser, first, { name: 'begin', value: 'here' }, fields);
    return { browser, page, begun: { browser, request, uid, page, sessionId: '', hostedUrl: '' } };
  }

  test('T15: without one no mail goes out; with one the code is asked for all the same', async () => {
    const uninvited = await startWith('eve@example.org');
    expect(uninvited.page.status).toBe(422);
    const wrong = await startWith('eve@example.org', await invite('somebody@else.example'));
    expect(wrong.page.status).toBe(403);
    const before = creates(world);
    const { begun, browser, page } = await startWith('frank@example.org', await invite('frank@example.org'));
    expect(page.url).toMatch(/\/code$/);
    const code = codeIn(await mailbox.waitFor('frank@example.org'));
    expect(creates(world)).toBe(before);
    const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
    await showFace(world, there);
    expect(await userinfo(world, await world.finish(there))).toMatchObject({ email_verified: true });
    expect(mailbox.mails.filter(({ to }) => to === 'eve@example.org')).toEqual([]);
  });

  test('T15: an invitation is used by an enrolment, not by asking for codes', async () => {
    const invitation = await invite();
    const gaveUp = await startWith('grace@example.org', invitation);
    await giveUp(world, gaveUp.browser, gaveUp.page);
    const { begun, browser, page } = await startWith('grace@example.org', invitation);
    const code = codeIn(await mailbox.waitFor('grace@example.org', 2));
    const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
    await showFace(world, there);
    expect((await world.finish(there)).id_token).toBeDefined();
    const again = await startWith('heidi@example.org', invitation);
    expect(again.page.status).toBe(403);
  });
});

describe('mail has its limits', () => {
  let world: World;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    world = await startWorld({
      policy: { ...FREE, limits: { ...FREE.limits, otherWaysPerAccountPerHour: 4, otherWaysPerAddressPerHour: 9 } },
      config: { smtp: { url: mailbox.url, from: FROM } },
    });
  });
  afterAll(async () => {
    await world.close();
    await mailbox.close();
  });

  test('T17: nobody is mailed more codes an hour than the limit says, from however many browsers', async () => {
    for (let times = 0; times < 4; times += 1)
      expect((await start(world, 'bombed@example.org')).page.url).toMatch(/\/code$/);
    const { begun, browser, page } = await start(world, 'bombed@example.org');
    expect(page.status).toBe(429);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    // pressing on does not help, and nothing is paid for
    const before = creates(world);
    const again = await pressOn(world, browser, page, { name: 'begin', value: 'here' });
    expect(again.status).toBe(429);
    expect(creates(world)).toBe(before);
    await mailbox.waitFor('bombed@example.org', 4);
    expect(mailbox.mails).toHaveLength(4);
    expect((await giveUp(world, browser, await visit(world, begun, ''))).get('error')).toBe('temporarily_unavailable');
  });

  test('T17: one address cannot mail everybody: it has so many codes an hour', async () => {
    for (let times = 0; times < 5; times += 1)
      expect((await start(world, `person${times}@example.org`)).page.url).toMatch(/\/code$/);
    const { page } = await start(world, 'person9@example.org');
    expect(page.status).toBe(429);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(mailbox.mails.filter(({ to }) => to === 'person9@example.org')).toEqual([]);
  });

  test('T17: the next hour begins anew, and who was limited goes on', async () => {
    world.clock.move(3601);
    const { begun, browser, page } = await start(world, 'bombed@example.org');
    const code = codeIn(await mailbox.waitFor('bombed@example.org', 5));
    atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
  });
});

describe('a mail server that is down', () => {
  test('the page is the same, nothing fails, and the mail goes out when the server is back', async () => {
    const mailbox = await startMailbox({ failTimes: 2 });
    const world = await startWorld({ policy: FREE, config: { smtp: { url: mailbox.url, from: FROM } } });
    try {
      const { begun, browser, page } = await start(world, 'patient@example.org');
      expect([page.status, wordsOf(page).includes('We have sent a code')]).toEqual([200, true]);
      await until('the first try', () => mailbox.connections > 0);
      await until('the word of it in the log', () => world.log.some((line) => line.includes('sent again')));
      world.clock.move(6);
      // whatever wakes the queue: another person's mail does
      await start(world, 'other@example.org');
      await until('the second try', () => world.log.filter((line) => line.includes('sent again')).length > 1);
      world.clock.move(30);
      await start(world, 'third@example.org');
      const code = codeIn(await mailbox.waitFor('patient@example.org'));
      const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code }));
      await showFace(world, there);
      expect((await world.finish(there)).id_token).toBeDefined();
      expect(world.log.filter((line) => /"status":5\d\d/.test(line))).toEqual([]);
    } finally {
      await world.close();
      await mailbox.close();
    }
  });

  test('one that nobody answers for holds up no page', async () => {
    const closed = await startMailbox();
    await closed.close();
    const world = await startWorld({ policy: FREE, config: { smtp: { url: closed.url, from: FROM } } });
    try {
      const { page } = await start(world, 'nobody@example.org');
      expect([page.status, wordsOf(page).includes('We have sent a code')]).toEqual([200, true]);
      expect((await start(world, 'nobody@example.org')).page.status).toBe(200);
    } finally {
      await world.close();
    }
  });
});

describe('hostile names', () => {
  const HOSTILE = 'Evil <script>alert(1)</script>\u202egnp.exe https://evil.example/';
  let world: World;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    world = await startWorld({
      policy: { ...FREE, otherWays: ['email', 'recovery_code'] },
      config: { smtp: { url: mailbox.url, from: FROM } },
      clients: [
        {
          client_id: 'app',
          client_name: HOSTILE,
          client_secret: CLIENT_SECRET,
          redirect_uris: ['http://127.0.0.1:9/cb'],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'client_secret_basic',
          first_party: true,
        },
      ],
    });
  });
  afterAll(async () => {
    await world.close();
    await mailbox.close();
  });

  const HEADERS: [string, RegExp][] = [
    ['cache-control', /no-store/],
    ['content-security-policy', /script-src 'self'|default-src 'none'|default-src 'self'/],
    ['x-content-type-options', /nosniff/],
    ['referrer-policy', /same-origin|no-referrer/],
  ];

  function judge(page: Page): void {
    expect(page.text).not.toContain('<script>alert');
    expect(page.text).not.toContain('\u202e');
    expect(page.text).not.toMatch(/href="https:\/\/evil\.example/);
    for (const [name, value] of HEADERS)
      expect([name, page.headers.get(name)]).toEqual([name, expect.stringMatching(value)]);
    expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe-inline/);
  }

  test('T27: a name that is markup, turns text around or is a link is none of that on a page or in a mail, and no page is kept', async () => {
    const address = '<b>"x"&\'y\'@example.org';
    const refused = await start(world, address);
    judge(refused.page);
    expect(refused.page.text).not.toContain('<b>"x"');
    expect(mailbox.mails).toEqual([]);

    const odd = "o'neil&co@example.org";
    const { begun, browser, page } = await start(world, odd);
    judge(page);
    const mail = await mailbox.waitFor(odd);
    for (const text of [mail.subject, mail.text, mail.html]) expect(text).not.toContain('\u202e');
    expect(mail.html).not.toContain('<script>');
    expect(mail.html).not.toMatch(/href="https:\/\/evil\.example/);
    expect(mail.subject).not.toMatch(/[\r\n]/);
    const there = atVendor(world, begun, await browser.press(page, CONFIRM, { code: codeIn(mail) }));
    await showFace(world, there);
    await world.finish(there);

    const stranger = new Browser();
    const first = await stranger.get((await world.authorize()).url);
    const ways = await pressOn(world, stranger, first, { name: 'begin', value: 'other' }, { identifier: odd });
    judge(ways);
    const waiting = await pressOn(world, stranger, ways, { name: 'way', value: 'email' });
    judge(waiting);
    const link = await stranger.get(linkIn(await mailbox.waitFor(odd, 2)));
    expect(buttonsOf(link)).toContain('confirm=yes');
    judge(link);
    const end = await pressOn(world, stranger, link, CONFIRM);
    expect(isAtClient(world, end)).toBe(true);
    const notice = await mailbox.waitFor(odd, 3);
    expect(notice.html).not.toContain('<script>');
    const notMe = await new Browser().get(linkIn(notice));
    expect(notMe.status).toBe(200);
    judge(notMe);
    judge(await new Browser().get(linkIn(await mailbox.waitFor(odd, 2))));
  });

  test('T18: no log line holds an address, a code, a link or a token of all this', async () => {
    const secrets = mailbox.mails.flatMap((mail) => {
      const link = /^https?:\/\/127\S+$/m.exec(mail.text)?.[0];
      const code = /^\d{4} \d{4}$/m.exec(mail.text)?.[0];
      return [
        mail.to,
        ...(link ? [link, link.split('/').at(-1) ?? ''] : []),
        ...(code ? [code, code.replace(' ', '')] : []),
      ];
    });
    expect(secrets.length).toBeGreaterThan(6);
    expect(world.log.length).toBeGreaterThan(20);
    for (const secret of secrets) expect(world.log.filter((line) => line.includes(secret))).toEqual([]);
    expect(world.log.filter((line) => /o'neil|@example\.org/i.test(line))).toEqual([]);
    // nor does the audit journal
    let entries = '';
    for await (const entry of world.app.parts.journal.entries()) entries += JSON.stringify(entry);
    expect(entries).toContain('code.right');
    for (const secret of secrets) expect(entries).not.toContain(secret);
  });
});
