// A scope that requires a strength (policy `scopes`): a plain client that asks for nothing but the scope gets a login that strong, and a
// resource gets a token that says so. As a client's developer meets it, and as one who would rather have it cheaper.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import {
  ACTIVE,
  CALLBACK,
  CLIENTS,
  type OidcWorld,
  type Params,
  SELFIE,
  startOidcWorld,
  type Tokens,
} from '../support/oidc-world.ts';
import { CLIENT_SECRET, WORKFLOWS } from '../support/world.ts';

const API = 'https://api.example.org/pay';
const OTHER_API = 'https://other.example.org';
const PAYMENTS = { scope: 'openid payments' };

let o: OidcWorld;
/** signed in by a passive selfie */
let weak: Browser;
beforeAll(async () => {
  const narrow = {
    client_id: 'narrow',
    client_secret: CLIENT_SECRET,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    first_party: true,
    scope: 'openid profile',
  };
  o = await startOidcWorld({
    clients: [...CLIENTS, narrow],
    // one of OpenID Connect's own may require a strength as well, and is no scope of a resource for that
    policy: { scopes: { payments: ACTIVE, reading: SELFIE, email: SELFIE } },
  });
  weak = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());

/** The same cookies, from now on apart. */
function copyOf(browser: Browser): Browser {
  const copy = new Browser();
  for (const cookie of browser.cookies()) copy.setCookie(cookie);
  return copy;
}

const essential = (request: object) => JSON.stringify({ id_token: { acr: { essential: true, ...request } } });

async function errorOf(browser: Browser, client: string, params: Params): Promise<string | null> {
  return o.answerOf(await o.go(browser, o.ask(client, params))).get('error');
}

/** As far as the consent page, with every selfie shown that is asked for. */
async function toConsent(
  browser: Browser,
  params: Params,
): Promise<{ asked: ReturnType<OidcWorld['ask']>; page: Page }> {
  const asked = o.ask('third', params);
  let page = await o.go(browser, asked);
  if (buttonsOf(page).includes('begin=here')) {
    const before = new Set(o.sandbox.sessions().map(({ id }) => id));
    await browser.press(page, { name: 'begin', value: 'here' }, { biometric_consent: 'yes' });
    const session = o.sandbox.sessions().find(({ id }) => !before.has(id));
    await o.sandbox.open(String(session?.id), { userAgent: browser.userAgent });
    await o.sandbox.settle(String(session?.id), 'approve');
    page = await browser.get(String(o.sandbox.session(String(session?.id)).returnUrl), o.isOutside);
    for (let tries = 0; tries < 400 && page.url.endsWith('/waiting'); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      page = await browser.get(page.url, o.isOutside);
    }
  }
  return { asked, page };
}

const scopesOf = (tokens: Tokens) =>
  String(tokens.body.scope ?? '')
    .split(' ')
    .sort();

describe('the strength a scope requires', () => {
  test('a plain client that asks for the scope, and nothing else, is led to an active selfie', async () => {
    const browser = new Browser();
    const first = await o.go(browser, o.ask('app', { ...PAYMENTS, login_hint: 'alice' }));
    expect(wordsOf(first)).not.toContain(ACTIVE);
    const { tokens, faces } = await o.signIn({ who: 'alice', params: PAYMENTS });
    expect([faces, tokens.claims.acr, tokens.claims.amr]).toEqual([1, ACTIVE, ['face']]);
    expect(o.sandbox.sessions().at(-1)?.workflowId).toBe(WORKFLOWS.active);
    expect(scopesOf(tokens)).toEqual(['openid', 'payments']);
  });

  test('without it the same client asks for no more than before', async () => {
    const { tokens, faces } = await o.signIn({ who: 'alice' });
    expect([faces, tokens.claims.acr]).toEqual([1, SELFIE]);
  });

  test('a session that is too weak is asked again; one that is strong enough is not', async () => {
    const browser = copyOf(weak);
    const stronger = await o.signIn({ browser, params: PAYMENTS });
    expect([stronger.faces, stronger.tokens.claims.acr]).toEqual([1, ACTIVE]);
    const again = await o.signIn({ browser, params: PAYMENTS });
    expect([again.faces, again.tokens.claims.acr]).toEqual([0, ACTIVE]);
    expect(again.tokens.claims.auth_time).toBe(stronger.tokens.claims.auth_time);
    expect((await o.signIn({ browser: copyOf(weak), params: { scope: 'openid reading' } })).faces).toBe(0);
  });

  test('a new person enrols, and then shows an active selfie, in one sign-in', async () => {
    const { tokens, faces } = await o.signIn({ who: 'newcomer', params: PAYMENTS });
    expect([faces, tokens.claims.acr]).toEqual([2, ACTIVE]);
  });

  test('prompt=none says login_required, with a session and without', async () => {
    for (const browser of [copyOf(weak), new Browser()]) {
      expect(await errorOf(browser, 'app', { ...PAYMENTS, prompt: 'none' })).toBe('login_required');
    }
  });

  test.each([
    ['a lower acr_values', { acr_values: SELFIE }],
    ['a lower essential acr', { claims: essential({ value: SELFIE }) }],
    ['several lower ones', { claims: essential({ values: [SELFIE, 'urn:selfie-oidc:acr:device'] }) }],
    ['the weakest', { acr_values: 'urn:selfie-oidc:acr:recovery' }],
    ['the scope named twice', { scope: 'openid payments payments' }],
    ['the scope first', { scope: 'payments openid' }],
    ['scopes that nobody knows', { scope: 'openid unknown payments' }],
  ])('T16: %s does not undercut it', async (_what, params: Params) => {
    const browser = copyOf(weak);
    const { tokens, faces } = await o.signIn({ browser, params: { ...PAYMENTS, ...params } });
    expect([faces, tokens.claims.acr]).toEqual([1, ACTIVE]);
  });

  test('T16: an essential acr that is beyond reach fails, whatever the scope says', async () => {
    const claims = essential({ value: 'urn:selfie-oidc:acr:selfie-device' });
    const error = await errorOf(copyOf(weak), 'app', { ...PAYMENTS, claims });
    expect(error).toBe('unmet_authentication_requirements');
  });

  test('T21: a pushed request asks for the same', async () => {
    const asked = o.ask('app', PAYMENTS);
    const pushed = await o.post('/request', 'app', Object.fromEntries(asked.url.searchParams));
    expect(pushed.status).toBe(201);
    const url = new URL(
      `${o.issuer}/auth?client_id=app&request_uri=${encodeURIComponent(String(pushed.body.request_uri))}`,
    );
    const browser = copyOf(weak);
    // what stands beside the pushed request counts for nothing
    url.searchParams.set('scope', 'openid');
    const page = await o.comply(browser, await browser.get(url, o.isOutside));
    const tokens = await o.redeem(asked, String(o.answerOf(page).get('code')));
    expect([tokens.claims.acr, scopesOf(tokens)]).toEqual([ACTIVE, ['openid', 'payments']]);
  });

  test('T16: a passive selfie in the place of the active one gives no code', async () => {
    const browser = copyOf(weak);
    const page = await o.go(browser, o.ask('app', PAYMENTS));
    const before = o.sandbox.sessions().length;
    await browser.press(page, { name: 'begin', value: 'here' });
    const id = String(o.sandbox.sessions()[before]?.id);
    await o.sandbox.open(id, { userAgent: browser.userAgent });
    await o.sandbox.settle(id, 'approve_passive');
    const back = await browser.get(String(o.sandbox.session(id).returnUrl), o.isOutside);
    expect(back.headers.get('location')).toBeNull();
  });

  test('T21: a client whose entry does not list it gets invalid_scope, and nobody is filmed', async () => {
    const before = o.sandbox.sessions().length;
    expect(await errorOf(copyOf(weak), 'narrow', PAYMENTS)).toBe('invalid_scope');
    expect(await errorOf(new Browser(), 'narrow', { ...PAYMENTS, resource: API })).toBe('invalid_scope');
    expect(o.sandbox.sessions()).toHaveLength(before);
    expect((await o.signIn({ browser: copyOf(weak), client: 'narrow' })).tokens.claims.acr).toBe(SELFIE);
  });

  test('discovery names the scopes of the policy beside those everybody knows', async () => {
    const { scopes_supported } = await o.discovery();
    expect(scopes_supported).toEqual(expect.arrayContaining(['openid', 'profile', 'email', 'payments', 'reading']));
  });
});

describe('what the tokens say', () => {
  test('userinfo is what it was: the scope releases no claim', async () => {
    const plain = await o.signIn({ browser: copyOf(weak) });
    const paying = await o.signIn({ browser: copyOf(weak), params: PAYMENTS });
    const before = await o.userinfo(plain.tokens.accessToken);
    expect(before.status).toBe(200);
    expect((await o.userinfo(paying.tokens.accessToken)).body).toEqual(before.body);
  });

  test('introspection tells scope and strength, to a resource that was not there at the login', async () => {
    const { tokens } = await o.signIn({ browser: copyOf(weak), params: PAYMENTS });
    const told = await o.introspect(tokens.accessToken);
    expect(told).toMatchObject({ active: true, acr: ACTIVE, amr: ['face'], auth_time: tokens.claims.auth_time });
    expect(String(told.scope).split(' ').sort()).toEqual(['openid', 'payments']);
    const weaker = await o.signIn({ browser: copyOf(weak) });
    expect(await o.introspect(weaker.tokens.accessToken)).toMatchObject({ active: true, acr: SELFIE, scope: 'openid' });
  });

  test('a refresh keeps the strength, its time and the scope, and cannot widen it', async () => {
    const { tokens } = await o.signIn({
      browser: copyOf(weak),
      params: { scope: 'openid offline_access payments', prompt: 'consent' },
    });
    o.world.clock.move(120);
    const next = await o.refresh('app', tokens.refreshToken);
    expect(next.claims).toMatchObject({ acr: ACTIVE, amr: ['face'], auth_time: tokens.claims.auth_time });
    expect(scopesOf(next)).toEqual(['offline_access', 'openid', 'payments']);
    expect(await o.introspect(next.accessToken)).toMatchObject({ acr: ACTIVE, auth_time: tokens.claims.auth_time });
    const weaker = await o.signIn({
      browser: copyOf(weak),
      params: { scope: 'openid offline_access', prompt: 'consent' },
    });
    const widened = await o.refresh('app', weaker.tokens.refreshToken, { scope: 'openid payments' });
    expect(widened.body.error).toBe('invalid_scope');
    const aimed = await o.refresh('app', weaker.tokens.refreshToken, { resource: API, scope: 'payments' });
    expect(aimed.status).toBe(400);
  });

  test('T16: a grant that once held the scope does not lend it to a later, weaker sign-in of the same client', async () => {
    const browser = copyOf(weak);
    await o.signIn({ browser, params: { ...PAYMENTS, resource: API } });
    // the same person, the same client, another browser, a weaker selfie
    const later = await o.signIn({ who: 'alice' });
    expect(later.tokens.claims.acr).toBe(SELFIE);
    expect(scopesOf(later.tokens)).toEqual(['openid']);
    const asked = o.ask('app', { resource: API });
    const page = await o.comply(later.browser, await o.go(later.browser, asked));
    const tokens = await o.redeem(asked, String(o.answerOf(page).get('code')), { resource: API });
    expect(tokens.status === 200 ? String(decodeJwt(tokens.accessToken).scope ?? '') : '').not.toContain('payments');
  });
});

describe('a token for a resource (RFC 8707, RFC 9068)', () => {
  test('is a JWT with the scope and the strength, and none of the scopes of OpenID Connect', async () => {
    const { tokens } = await o.signIn({
      browser: copyOf(weak),
      params: { scope: 'openid profile email payments reading', resource: API },
    });
    expect(decodeProtectedHeader(tokens.accessToken)).toMatchObject({ typ: 'at+jwt', alg: 'RS256' });
    const claims = decodeJwt(tokens.accessToken);
    expect(claims).toMatchObject({
      aud: API,
      client_id: 'app',
      acr: ACTIVE,
      amr: ['face'],
      auth_time: tokens.claims.auth_time,
      sub: tokens.claims.sub,
    });
    expect(String(claims.scope).split(' ').sort()).toEqual(['payments', 'reading']);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
  });

  test('the operator’s own client gets it without a page', async () => {
    const browser = copyOf(weak);
    const asked = o.ask('app', { ...PAYMENTS, resource: API });
    const page = await o.go(browser, asked);
    expect(buttonsOf(page)).toContain('begin=here');
    const done = await o.comply(browser, page);
    expect(browser.visited.filter((url) => url.includes('/consent'))).toEqual([]);
    expect(o.answerOf(done).get('code')).not.toBeNull();
  });

  test('a refresh for the resource keeps strength and scope', async () => {
    const { tokens } = await o.signIn({
      browser: copyOf(weak),
      params: { scope: 'openid offline_access payments', prompt: 'consent', resource: API },
    });
    const next = await o.refresh('app', tokens.refreshToken, { resource: API });
    expect(decodeJwt(next.accessToken)).toMatchObject({
      aud: API,
      scope: 'payments',
      acr: ACTIVE,
      auth_time: tokens.claims.auth_time,
    });
    const elsewhere = await o.refresh('app', next.refreshToken, { resource: OTHER_API });
    expect(elsewhere.body.error).toBe('invalid_target');
  });

  test.each(['http://api.example.org', 'https://api.example.org/#x', 'urn:api', 'api'])(
    'T21: %s is no resource',
    async (resource) => {
      expect(await errorOf(copyOf(weak), 'app', { ...PAYMENTS, resource })).toBe('invalid_target');
    },
  );
});

describe('consent, for a client of somebody else', () => {
  test('the page names the scope, by its name; denied, the client hears it and nothing is remembered', async () => {
    const browser = (await o.signIn({ who: 'denier' })).browser;
    const { page } = await toConsent(browser, { ...PAYMENTS, resource: API });
    expect(buttonsOf(page)).toEqual(expect.arrayContaining(['decision=allow', 'decision=deny']));
    expect(wordsOf(page)).toContain('“payments”');
    const denied = await browser.follow(await browser.press(page, { name: 'decision', value: 'deny' }), o.isOutside);
    expect(o.answerOf(denied).get('error')).toBe('access_denied');
    const again = await toConsent(browser, { ...PAYMENTS, resource: API });
    expect(buttonsOf(again.page)).toContain('decision=allow');
    expect(await errorOf(browser, 'third', { ...PAYMENTS, prompt: 'none' })).toBe('consent_required');
  });

  test('allowed, it is remembered with its resource, in another browser as well; more is asked about', async () => {
    const who = 'allower';
    const one = (await o.signIn({ who, params: { ...PAYMENTS, resource: API }, client: 'third' })).tokens;
    expect(decodeJwt(one.accessToken)).toMatchObject({ aud: API, scope: 'payments', acr: ACTIVE });

    const browser = new Browser();
    await o.signIn({ browser, who, params: PAYMENTS });
    const asked = o.ask('third', { ...PAYMENTS, resource: API });
    const silent = await o.go(browser, asked);
    const tokens = await o.redeem(asked, String(o.answerOf(silent).get('code')));
    expect(decodeJwt(tokens.accessToken)).toMatchObject({ aud: API, scope: 'payments' });

    for (const more of [
      { ...PAYMENTS, resource: OTHER_API },
      { scope: 'openid payments reading', resource: API },
      { scope: 'openid profile payments', resource: API },
    ]) {
      const { page } = await toConsent(browser, more);
      expect([more, buttonsOf(page).includes('decision=allow')]).toEqual([more, true]);
    }
  });

  test('T16: consent given with a strong login is no strength of a later, weaker one', async () => {
    const who = 'strong-once';
    await o.signIn({ who, params: PAYMENTS, client: 'third' });
    const { browser } = await o.signIn({ who });
    expect(await errorOf(browser, 'third', { ...PAYMENTS, prompt: 'none' })).toBe('login_required');
  });

  test('T27: a scope that nobody here knows is not shown as if it allowed something', async () => {
    const browser = (await o.signIn({ who: 'curious' })).browser;
    const { page } = await toConsent(browser, { scope: 'openid reading admin:everything' });
    expect(wordsOf(page)).toContain('“reading”');
    expect(wordsOf(page)).not.toContain('admin');
  });
});

describe('claims asked for one by one, and not by their scope', () => {
  const CLAIMS = ['userinfo', 'id_token'].map((place) => ({
    scope: 'openid',
    claims: JSON.stringify({ [place]: { birthdate: null } }),
  }));
  let strict: OidcWorld;
  let passive: Browser;
  beforeAll(async () => {
    const nameless = { ...CLIENTS[0], client_id: 'nameless', scope: 'openid email' };
    strict = await startOidcWorld({ clients: [...CLIENTS, nameless], policy: { scopes: { profile: ACTIVE } } });
    passive = (await strict.signIn({ who: 'bob' })).browser;
  });
  afterAll(() => strict.close());
  const refusalOf = async (client: string, params: Params) => {
    const answer = strict.answerOf(await strict.go(copyOf(passive), strict.ask(client, params)));
    return [answer.get('error'), answer.get('error_description')];
  };

  test.each(CLAIMS)('T16: $claims needs the strength of the scope that it belongs to', async (params) => {
    expect((await refusalOf('app', { ...params, prompt: 'none' }))[0]).toBe('login_required');
    const { tokens, faces } = await strict.signIn({ browser: copyOf(passive), params });
    expect([faces, tokens.claims.acr]).toEqual([1, ACTIVE]);
  });

  test.each(CLAIMS)('$claims is refused to a client that may not ask for that scope', async (params) => {
    const description = 'claims of the scope profile are asked for, which the client may not ask for';
    expect(await refusalOf('nameless', params)).toEqual(['invalid_request', description]);
    const mail = {
      scope: 'openid',
      claims: JSON.stringify({ userinfo: { email: null }, id_token: { auth_time: null } }),
    };
    expect((await refusalOf('nameless', { ...mail, prompt: 'none' }))[0]).toBeNull();
  });
});
