// Is a login needed? Sessions, prompts, hints, several tabs, several people in one browser.

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Browser, buttonsOf, fieldsOf, type Page, wordsOf } from '../support/browser.ts';
import { CLIENTS, type OidcWorld, type Params, startOidcWorld, startPeer, until } from '../support/oidc-world.ts';
import { CLIENT_SECRET, returnUrlOf } from '../support/world.ts';

let o: OidcWorld;
let peer: Awaited<ReturnType<typeof startPeer>>;
beforeAll(async () => {
  peer = await startPeer((_req, res) => res.end());
  const told = {
    client_secret: CLIENT_SECRET,
    redirect_uris: ['https://told.example.org/cb'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
    backchannel_logout_uri: `${peer.url}/logout`,
  };
  o = await startOidcWorld({
    clients: [...CLIENTS, { ...told, client_id: 'told' }],
    config: { outgoingAllow: ['127.0.0.1'] },
  });
  await o.signIn({ who: 'alice' });
  await o.signIn({ who: 'bob' });
});
afterAll(async () => {
  await o.close();
  await peer.close();
});
afterEach(() => {
  jest.restoreAllMocks();
});

const errorOf = async (browser: Browser, params: Params, client = 'app') =>
  o.answerOf(await o.go(browser, o.ask(client, params))).get('error');

function laterBy(seconds: number): void {
  const at = Date.now() + seconds * 1000;
  jest.spyOn(Date, 'now').mockImplementation(() => at);
}

describe('two people in one browser', () => {
  test('a request that names one of them is answered for no other, also where it goes on after the other signed in', async () => {
    const { tokens } = await o.signIn({ who: 'alice' });
    for (const params of [{}, { response_mode: 'form_post' }]) {
      const browser = new Browser();
      const page = await o.go(browser, o.ask('app', { ...params, id_token_hint: tokens.idToken }));
      const uid = /\/interaction\/([^/?]+)/.exec(page.url)?.[1] ?? '';
      await o.signIn({ browser, who: 'bob', client: 'es256' });
      const resumed = await browser.get(`${o.issuer}/auth/${uid}`, o.isOutside);
      expect(resumed.url).toContain('/interaction/');
      expect(resumed.text).not.toContain('name="code"');
      expect(wordsOf(resumed)).toContain('alice');
    }
  });

  test('T11: a session of one answers no sign-in that was begun for the other', async () => {
    const browser = new Browser();
    const asked = o.ask('app');
    const first = await o.go(browser, asked);
    const fields = { identifier: 'alice', biometric_consent: 'yes' };
    const begun = await browser.press(first, { name: 'begin', value: 'here' }, fields);
    const session = o.sandbox.sessions().find(({ url }) => url === begun.headers.get('location'));
    await o.signIn({ browser, who: 'bob', client: 'es256' });
    const again = await browser.get(first.url, o.isOutside);
    expect(again.url).toMatch(/\/waiting$/);
    expect(o.sandbox.session(String(session?.id)).status).toBe('Not Started');
    await browser.press(again, 'abort');
  });

  test('T12: a sign-in whose request is gone is over in its own browser, and nothing is left of it', async () => {
    const browser = new Browser();
    const first = await o.go(browser, o.ask('app'));
    const fields = { identifier: 'alice', biometric_consent: 'yes' };
    const begun = await browser.press(first, { name: 'begin', value: 'here' }, fields);
    const session = o.sandbox.sessions().find(({ url }) => url === begun.headers.get('location'));
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    // the library takes the request to a new page
    await browser.get(`${o.issuer}/auth/${uid}`, o.isOutside);
    for (const page of ['waiting', 'finish', ''])
      expect((await browser.get(`${o.issuer}/interaction/${uid}/${page}`.replace(/\/$/, ''))).status).toBe(410);
    expect((await browser.get(String(session?.callback))).status).toBe(410);
    expect((await o.world.app.parts.attempts.find(uid))?.state).toBe('ended');
  });
});

describe('a session', () => {
  test('answers other clients without a face, and without a page where no consent is owed', async () => {
    const { browser, tokens } = await o.signIn({ who: 'alice' });
    const other = await o.signIn({ browser, client: 'es256' });
    expect([other.faces, other.tokens.claims.sub]).toEqual([0, tokens.claims.sub]);
  });

  test('gets a new id when somebody signs in (T23)', async () => {
    const browser = new Browser();
    await browser.get(`${o.issuer}/session/end`, o.isOutside);
    const before = browser.cookie('_session');
    await o.signIn({ browser, who: 'alice' });
    const between = browser.cookie('_session');
    expect(before).toEqual(expect.any(String));
    expect(between).not.toBe(before);
    // and whoever planted the old one stays outside
    const thief = new Browser();
    for (const cookie of browser.cookies()) {
      if (cookie.name.startsWith('_session'))
        thief.setCookie(cookie.name === '_session' ? { ...cookie, value: String(before) } : cookie);
    }
    expect(await errorOf(thief, { prompt: 'none' })).toBe('login_required');
  });

  test('max_age: as old as that is too old; 0 is a new face each time', async () => {
    const { browser } = await o.signIn({ who: 'alice' });
    expect((await o.signIn({ browser, params: { max_age: '60' } })).faces).toBe(0);
    expect((await o.signIn({ browser, params: { max_age: '0' } })).faces).toBe(1);
    expect((await o.signIn({ browser, params: { max_age: '0' } })).faces).toBe(1);
    laterBy(120);
    expect(await errorOf(browser, { max_age: '60', prompt: 'none' })).toBe('login_required');
    const { faces, tokens } = await o.signIn({ browser, params: { max_age: '60' } });
    expect(faces).toBe(1);
    expect(Number(tokens.claims.auth_time)).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000) - 1);
    expect((await o.signIn({ browser, params: { max_age: '60' } })).faces).toBe(0);
  });

  test.each(['-1', '1.5', 'soon'])('max_age=%s is refused', async (max_age) => {
    expect(await errorOf(new Browser(), { max_age })).toBe('invalid_request');
  });

  test('default_max_age of an entry counts where the request says nothing', async () => {
    const { browser } = await o.signIn({ who: 'alice', client: 'aged' });
    laterBy(120);
    expect(await errorOf(browser, { prompt: 'none' }, 'aged')).toBe('login_required');
    expect(await errorOf(browser, { prompt: 'none', max_age: '600' }, 'aged')).toBeNull();
  });
});

describe('prompt', () => {
  test('none: login, consent or interaction is named, and no page is shown', async () => {
    expect(await errorOf(new Browser(), { prompt: 'none' })).toBe('login_required');
    const { browser } = await o.signIn({ who: 'alice' });
    expect(await errorOf(browser, { prompt: 'none' }, 'third')).toBe('consent_required');
    expect(await errorOf(browser, { prompt: 'none' })).toBeNull();
  });

  test('login: a new face each time, and no old tab answers it', async () => {
    const { browser } = await o.signIn({ who: 'alice' });
    expect((await o.signIn({ browser, params: { prompt: 'login' } })).faces).toBe(1);
    const page = await o.go(browser, o.ask('app', { prompt: 'login' }));
    await o.signIn({ browser, params: { prompt: 'login' } });
    expect(buttonsOf(await browser.get(page.url, o.isOutside))).toContain('begin=here');
  });

  test('login, and the verdict that was used once is worth nothing the second time (T13)', async () => {
    const { browser } = await o.signIn({ who: 'alice' });
    const spent = o.sandbox.sessions().at(-1);
    const page = await o.go(browser, o.ask('app', { prompt: 'login' }));
    const back = await browser.get(returnUrlOf(o.sandbox.session(String(spent?.id))), o.isOutside);
    expect(back.headers.get('location')).toBeNull();
    const uid = /interaction\/([^/?]+)/.exec(page.url)?.[1];
    const finished = await browser.get(`${o.issuer}/interaction/${uid}/finish`, o.isOutside);
    expect(finished.headers.get('location')).toBeNull();
  });

  test('consent: the page is shown again, but not for the operator’s own', async () => {
    const { browser } = await o.signIn({ who: 'alice', client: 'third' });
    const page = await o.go(browser, o.ask('third', { prompt: 'consent' }));
    expect(buttonsOf(page)).toEqual(expect.arrayContaining(['decision=allow', 'decision=deny']));
    expect(page.text).not.toContain('<b>Party');
    const own = await o.go(browser, o.ask('app', { prompt: 'consent' }));
    expect(o.answerOf(own).has('code')).toBe(true);
    expect((await o.signIn({ browser, client: 'third' })).faces).toBe(0);
  });

  test('select_account: asks who it is, and somebody else may answer', async () => {
    const { browser, tokens } = await o.signIn({ who: 'alice' });
    const asked = o.ask('app', { prompt: 'select_account' });
    const page = await o.go(browser, asked);
    expect(fieldsOf(page)).toContain('identifier');
    const answer = o.answerOf(await o.comply(browser, page, 'bob'));
    const second = await o.redeem(asked, String(answer.get('code')));
    expect(second.claims.sub).toEqual(expect.any(String));
    expect(second.claims.sub).not.toBe(tokens.claims.sub);
    const same = await o.signIn({ browser, who: 'bob', params: { prompt: 'select_account login consent' } });
    expect([same.faces, same.tokens.claims.sub]).toEqual([1, second.claims.sub]);
  });
});

describe('consent', () => {
  test('is asked once for what is asked, and again for more', async () => {
    const { browser, faces } = await o.signIn({ who: 'consenter', client: 'third' });
    expect(faces).toBe(1);
    expect(o.answerOf(await o.go(browser, o.ask('third'))).has('code')).toBe(true);
    const more = await o.go(browser, o.ask('third', { scope: 'openid profile' }));
    expect(buttonsOf(more)).toContain('decision=allow');
    expect(wordsOf(more)).toContain('birth date');
    const claims = await o.go(browser, o.ask('third', { claims: JSON.stringify({ userinfo: { birthdate: null } }) }));
    expect(buttonsOf(claims)).toContain('decision=allow');
    expect(wordsOf(claims)).toContain('birthdate');
  });

  test('is remembered from one browser to the next', async () => {
    await o.signIn({ who: 'rememberer', client: 'third', params: { scope: 'openid profile' } });
    const browser = new Browser();
    const asked = o.ask('third', { scope: 'openid profile', login_hint: 'rememberer' });
    const page = await o.go(browser, asked);
    await o.comply(browser, page, 'rememberer').then((back) => expect(o.answerOf(back).has('code')).toBe(true));
    expect(browser.visited.filter((url) => url.endsWith('/consent'))).toHaveLength(0);
  });

  test('denied is access_denied, and nothing is remembered', async () => {
    const { browser } = await o.signIn({ who: 'denier' });
    const page = await o.go(browser, o.ask('third'));
    const denied = await browser.follow(await browser.press(page, { name: 'decision', value: 'deny' }), o.isOutside);
    expect(o.answerOf(denied).get('error')).toBe('access_denied');
    expect(await errorOf(browser, { prompt: 'none' }, 'third')).toBe('consent_required');
  });

  describe('asked in a session that was ended meanwhile', () => {
    async function leftOpen(who: string) {
      const { browser } = await o.signIn({ who });
      const page = await o.go(browser, o.ask('third'));
      const { accounts, consents } = o.world.app.parts;
      const id = String((await accounts.findByIdentifier(who))?.id);
      await o.world.app.revoker.revokeAccount(id);
      return { browser, page, given: () => consents.find(id, 'third') };
    }

    test.each(['allow', 'deny'])('T14: %s counts for nothing, and the client hears of it', async (value) => {
      const { browser, page, given } = await leftOpen(`left-open-${value}`);
      const pressed = await browser.follow(await browser.press(page, { name: 'decision', value }), o.isOutside);
      expect(o.answerOf(pressed).get('error')).toBe(value === 'allow' ? 'login_required' : 'access_denied');
      expect(await given()).toBeUndefined();
    });

    test('T18, T24: names nobody when it is looked at again, and leads back to the client', async () => {
      const { browser, page } = await leftOpen('looked-at-again');
      expect(page.text).toContain('looked-at-again');
      const again = await browser.get(page.url, o.isOutside);
      expect(again.text).not.toContain('looked-at-again');
      expect(o.answerOf(again).get('error')).toBe('login_required');
    });
  });
});

describe('id_token_hint', () => {
  test('fixes the person, whose name is not asked; another’s session does not answer', async () => {
    const alice = await o.signIn({ who: 'fixed' });
    const bob = await o.signIn({ who: 'bob' });
    expect(await errorOf(bob.browser, { id_token_hint: alice.tokens.idToken, prompt: 'none' })).toBe('login_required');
    const page = await o.go(bob.browser, o.ask('app', { id_token_hint: alice.tokens.idToken }));
    expect(fieldsOf(page)).not.toContain('identifier');
    expect(buttonsOf(page).join()).not.toContain('switch_account');
    expect(wordsOf(page)).toContain('fixed');
    // what is typed over it does not count (invariant 6)
    const typed = await bob.browser.press(
      page,
      { name: 'begin', value: 'here' },
      { identifier: 'bob', biometric_consent: 'yes' },
    );
    expect(typed.status).toBeLessThan(400);
    const opened = o.sandbox.sessions().at(-1);
    const aliceSessions = o.sandbox.sessions().filter(({ vendorData }) => vendorData === opened?.vendorData);
    expect(aliceSessions.length).toBeGreaterThan(1);
  });

  test('of one person and the face of another gives no code', async () => {
    const alice = await o.signIn({ who: 'faceless' });
    const browser = new Browser();
    const asked = o.ask('app', { id_token_hint: alice.tokens.idToken });
    const page = await o.go(browser, asked);
    const before = o.sandbox.sessions().length;
    await browser.press(page, { name: 'begin', value: 'here' }, { biometric_consent: 'yes' });
    const session = o.sandbox.sessions()[before];
    await o.sandbox.open(String(session?.id), { userAgent: browser.userAgent });
    await o.sandbox.settle(String(session?.id), 'decline_face_match_low_similarity');
    const back = await browser.get(returnUrlOf(o.sandbox.session(String(session?.id))), o.isOutside);
    expect(back.headers.get('location')).toBeNull();
    const tab = await o.signIn({ browser, who: 'bob' });
    expect(tab.tokens.claims.sub).not.toBe(alice.tokens.claims.sub);
    // bob's new session does not answer a request for alice
    const again = await browser.get(page.url, o.isOutside);
    expect(again.headers.get('location')).toBeNull();
  });

  test('works when it is old, and is refused when it is another’s, forged or nonsense', async () => {
    const alice = await o.signIn({ who: 'alice' });
    laterBy(86_400 / 2);
    expect(await errorOf(alice.browser, { id_token_hint: alice.tokens.idToken, prompt: 'none' })).toBeNull();
    jest.restoreAllMocks();
    expect(await errorOf(alice.browser, { id_token_hint: alice.tokens.idToken }, 'es256')).toBe('invalid_request');
    const [header, , signature] = alice.tokens.idToken.split('.');
    const forged = [
      header,
      Buffer.from(JSON.stringify({ ...alice.tokens.claims, sub: 'x' })).toString('base64url'),
      signature,
    ].join('.');
    expect(await errorOf(alice.browser, { id_token_hint: forged })).toBe('invalid_request');
    expect(await errorOf(alice.browser, { id_token_hint: 'nonsense' })).toBe('invalid_request');
  });

  test('of a pairwise client names the person by that client’s sub', async () => {
    const first = await o.signIn({ who: 'alice', client: 'pairwise-a' });
    const { browser } = first;
    expect(await errorOf(browser, { id_token_hint: first.tokens.idToken, prompt: 'none' }, 'pairwise-a')).toBeNull();
    const page = await o.go(browser, o.ask('pairwise-a', { id_token_hint: first.tokens.idToken, prompt: 'login' }));
    expect(fieldsOf(page)).not.toContain('identifier');
    // in a browser that knows nobody it is asked, and only the right one is let on
    const stranger = new Browser();
    const asked = o.ask('pairwise-a', { id_token_hint: first.tokens.idToken });
    const form = await o.go(stranger, asked);
    expect(fieldsOf(form)).toContain('identifier');
    const wrong = await stranger.press(
      form,
      { name: 'begin', value: 'here' },
      { identifier: 'bob', biometric_consent: 'yes' },
    );
    expect(wrong.status).toBe(422);
    const answer = o.answerOf(await o.comply(stranger, await stranger.get(form.url), 'alice'));
    expect((await o.redeem(asked, String(answer.get('code')))).claims.sub).toBe(first.tokens.claims.sub);
  });

  test('a sub asked for by value counts like a hint', async () => {
    const alice = await o.signIn({ who: 'alice' });
    const bob = await o.signIn({ who: 'bob' });
    const claims = JSON.stringify({ id_token: { sub: { value: alice.tokens.claims.sub } } });
    expect(await errorOf(alice.browser, { claims, prompt: 'none' })).toBeNull();
    expect(await errorOf(bob.browser, { claims, prompt: 'none' })).toBe('login_required');
    expect(wordsOf(await o.go(bob.browser, o.ask('app', { claims })))).toContain('alice');
    const nobody = JSON.stringify({ id_token: { sub: { value: 'nobody' } } });
    expect(await errorOf(new Browser(), { claims: nobody })).toBe('login_required');
  });
});

test('login_hint fills in the name, and is no more than that', async () => {
  const browser = new Browser();
  const page = await o.go(browser, o.ask('app', { login_hint: '"><script>alert(1)</script>' }));
  expect(page.text).not.toContain('<script>alert');
  const asked = o.ask('app', { login_hint: 'alice' });
  const hinted = await o.go(browser, asked);
  expect(hinted.text).toMatch(/value="alice"/);
  const answer = o.answerOf(await o.comply(browser, hinted, 'bob'));
  const { tokens } = await o.signIn({ who: 'bob' });
  expect((await o.redeem(asked, String(answer.get('code')))).claims.sub).toBe(tokens.claims.sub);
});

describe('another person in the same browser', () => {
  async function signInAs(browser: Browser, who: string, client: string) {
    const asked = o.ask(client, { prompt: 'select_account' });
    const answer = o.answerOf(await o.comply(browser, await o.go(browser, asked), who));
    return { asked, tokens: await o.redeem(asked, String(answer.get('code'))) };
  }

  test('ends the first one’s session, whose clients are told; no page with inline code is in between', async () => {
    peer.requests.length = 0;
    const { browser, tokens } = await o.signIn({ who: 'alice', client: 'told' });
    const bob = await signInAs(browser, 'bob', 'es256');
    expect(bob.tokens.claims.sub).not.toBe(tokens.claims.sub);
    const told = await until(
      () => peer.requests.find(({ body }) => body.startsWith('logout_token=')),
      'a logout token',
    );
    const [, payload = ''] = String(new URLSearchParams(told.body).get('logout_token')).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      sub: tokens.claims.sub,
      aud: 'told',
    });
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
    expect((await o.userinfo(bob.tokens.accessToken)).status).toBe(200);
    const silent = await o.signIn({ browser, params: { prompt: 'none' } });
    expect(silent.tokens.claims.sub).toBe(bob.tokens.claims.sub);
  });

  /** Goes on until the login is over, and stops before the library resumes. */
  async function upToResume(browser: Browser, page: Page, who: string): Promise<string> {
    const isResume = (location: string) => location.startsWith(`${o.issuer}/auth/`);
    const before = o.sandbox.sessions().length;
    const fields = page.text.includes('name="identifier"') ? { identifier: who } : {};
    await browser.press(page, { name: 'begin', value: 'here' }, { ...fields, biometric_consent: 'yes' });
    const id = String(o.sandbox.sessions()[before]?.id);
    await o.sandbox.open(id, { userAgent: browser.userAgent });
    await o.sandbox.settle(id, 'approve');
    let current = await browser.get(returnUrlOf(o.sandbox.session(id)), isResume);
    await until(async () => {
      if (current.headers.get('location')) return true;
      current = await browser.get(current.url, isResume);
      return current.headers.get('location') !== null;
    }, 'the end of a login');
    return new URL(String(current.headers.get('location')), o.issuer).href;
  }

  test('two at the same moment, in two tabs: each request gets its own person’s code', async () => {
    const browser = new Browser();
    const [askedA, askedB] = [o.ask('app'), o.ask('es256')];
    const [pageA, pageB] = [await o.go(browser, askedA), await o.go(browser, askedB)];
    const resumeA = await upToResume(browser, pageA, 'alice');
    const resumeB = await upToResume(browser, pageB, 'bob');
    const seen: Page[] = [];
    for (const url of [resumeA, resumeB]) seen.push(await browser.get(url, o.isOutside));
    const [a, b] = seen.map((page) => String(o.answerOf(page).get('code')));
    const bob = await o.redeem(askedB, String(b));
    expect(bob.status).toBe(200);
    const alice = await o.redeem(askedA, String(a));
    // alice's session ended when bob's began
    if (alice.status === 200) expect(alice.claims.sub).not.toBe(bob.claims.sub);
    expect((await o.signIn({ browser, params: { prompt: 'none' } })).tokens.claims.sub).toBe(bob.claims.sub);
  });
});

describe('several tabs', () => {
  test('one whose request a session made meanwhile meets goes on with it', async () => {
    const browser = new Browser();
    const asked = o.ask('es256');
    const waiting = await o.go(browser, asked);
    await o.signIn({ browser, who: 'alice' });
    const before = o.sandbox.sessions().length;
    const answer = o.answerOf(await browser.get(waiting.url, o.isOutside));
    expect((await o.redeem(asked, String(answer.get('code')))).status).toBe(200);
    expect(o.sandbox.sessions()).toHaveLength(before);
  });

  test.each([
    ['asks for a new proof', { prompt: 'login' }],
    ['asks for a fresh one', { max_age: '600' }],
    ['asks for a stronger one', { acr_values: 'urn:selfie-oidc:acr:selfie-active' }],
    ['asks who it is', { prompt: 'select_account' }],
  ])('not one that %s', async (_name, params) => {
    const browser = new Browser();
    const waiting = await o.go(browser, o.ask('es256', params));
    await o.signIn({ browser, who: 'alice' });
    const page = await browser.get(waiting.url, o.isOutside);
    expect(buttonsOf(page)).toContain('begin=here');
  });

  test('a request of another browser is never resumed here (T3)', async () => {
    const mine = await o.signIn({ who: 'alice' });
    const waiting = await o.go(new Browser(), o.ask('es256'));
    expect((await mine.browser.get(waiting.url, o.isOutside)).status).toBe(403);
    const uid = /interaction\/([^/?]+)/.exec(waiting.url)?.[1];
    const resumed = await mine.browser.get(`${o.issuer}/auth/${uid}`, o.isOutside);
    expect([resumed.status, resumed.headers.get('location')]).toEqual([400, null]);
  });
});

test('an account that must be proven anew is asked, whatever its session', async () => {
  const { browser, tokens } = await o.signIn({ who: 'mustre' });
  const { accounts } = o.world.app.parts;
  await accounts.change(String(tokens.claims.sub), (account) => ({ ...account, standing: 'must-re-enrol' }));
  expect(await errorOf(browser, { prompt: 'none' })).toBe('login_required');
  const again = await o.signIn({ browser });
  expect([again.faces, again.tokens.claims.sub]).toEqual([1, tokens.claims.sub]);
});
