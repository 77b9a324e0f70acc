// The modules of the OpenID Connect conformance suite's Basic plan, each as a test by its name, with the two static clients it asks
// for: one that authenticates by header, one by form, neither of which sends PKCE.

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser, fieldsOf } from '../support/browser.ts';
import { CALLBACK, type OidcWorld, type Params, startOidcWorld, type Tokens } from '../support/oidc-world.ts';

let o: OidcWorld;
let browser: Browser;
beforeAll(async () => {
  o = await startOidcWorld();
  browser = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());
afterEach(() => {
  jest.restoreAllMocks();
});

const PLAIN = { code_challenge: undefined, code_challenge_method: undefined };
const failed = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.error];

describe.each(['basic', 'post'])('client %s', (client) => {
  const ask = (params: Params = {}) => o.ask(client, { ...PLAIN, ...params });
  const signIn = (params: Params = {}, jar = browser) =>
    o.signIn({ browser: jar, client, who: 'alice', params: { ...PLAIN, ...params } });

  async function answer(params: Params = {}, jar = browser): Promise<URLSearchParams> {
    return o.answerOf(await o.go(jar, ask(params)));
  }

  async function check(tokens: Tokens, nonce?: string): Promise<void> {
    const jwks = createRemoteJWKSet(new URL(`${o.issuer}/jwks`));
    const { payload } = await jwtVerify(tokens.idToken, jwks, { issuer: o.issuer, audience: client });
    expect(payload).toMatchObject({ sub: expect.any(String), exp: expect.any(Number), iat: expect.any(Number) });
    expect(payload.nonce).toBe(nonce);
    expect(tokens.headers.get('cache-control')).toContain('no-store');
    expect(tokens.body.token_type).toBe('Bearer');
  }

  test('oidcc-server', async () => {
    const { tokens, asked, answer: got } = await signIn({ nonce: 'n-1' });
    await check(tokens, 'n-1');
    expect(got.get('state')).toBe(asked.state);
  });

  test('oidcc-response-type-missing', async () => {
    const got = await answer({ response_type: undefined });
    expect(['invalid_request', 'unsupported_response_type']).toContain(got.get('error'));
    expect(got.has('state')).toBe(true);
  });

  test.each([
    ['oidcc-userinfo-get', 'GET', 'header'],
    ['oidcc-userinfo-post-header', 'POST', 'header'],
    ['oidcc-userinfo-post-body', 'POST', 'body'],
  ])('%s', async (_name, method, place) => {
    const { tokens } = await signIn();
    const response = await fetch(`${o.issuer}/me`, {
      method,
      ...(place === 'header' ? { headers: { authorization: `Bearer ${tokens.accessToken}` } } : {}),
      ...(place === 'body' ? { body: new URLSearchParams({ access_token: tokens.accessToken }) } : {}),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toEqual({ sub: tokens.claims.sub });
  });

  test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
    await check((await signIn({ nonce: undefined })).tokens);
  });

  test.each([
    ['oidcc-scope-profile', 'openid profile', ['name', 'given_name', 'family_name', 'preferred_username', 'birthdate']],
    ['oidcc-scope-email', 'openid email', []],
    ['oidcc-scope-address, which is not supported', 'openid address', []],
    ['oidcc-scope-all', 'openid profile email address phone', ['name']],
    ['oidcc-ensure-other-scope-order-succeeds', 'email openid', []],
    ['an unknown scope', 'openid unknown:scope', []],
  ])('%s', async (_name, scope, claims) => {
    const { tokens } = await signIn({ scope });
    const { body } = await o.userinfo(tokens.accessToken);
    expect(Object.keys(body)).toEqual(expect.arrayContaining(['sub', ...claims]));
    expect(body).not.toHaveProperty('email');
  });

  test('oidcc-display-page, oidcc-display-popup', async () => {
    for (const display of ['page', 'popup', 'touch', 'wap', 'unheard-of']) {
      expect((await answer({ display })).has('code')).toBe(true);
      expect((await o.go(new Browser(), ask({ display }))).status).toBe(200);
    }
  });

  test('oidcc-prompt-login', async () => {
    const first = await signIn();
    const second = await signIn({ prompt: 'login' });
    expect(second.faces).toBe(1);
    expect(second.tokens.claims.sub).toBe(first.tokens.claims.sub);
    expect(Number(second.tokens.claims.auth_time)).toBeGreaterThanOrEqual(Number(first.tokens.claims.auth_time));
  });

  test('oidcc-prompt-none-not-logged-in', async () => {
    expect((await answer({ prompt: 'none' }, new Browser())).get('error')).toBe('login_required');
  });

  test('oidcc-prompt-none-logged-in', async () => {
    const first = await signIn();
    const second = await signIn({ prompt: 'none' });
    expect(second.faces).toBe(0);
    for (const name of ['sub', 'auth_time', 'acr'])
      expect(second.tokens.claims[name]).toEqual(first.tokens.claims[name]);
  });

  test('oidcc-max-age-1', async () => {
    const jar = new Browser();
    const first = await signIn({}, jar);
    const later = Date.now() + 3_000;
    jest.spyOn(Date, 'now').mockImplementation(() => later);
    const second = await signIn({ max_age: '1' }, jar);
    expect(second.faces).toBe(1);
    expect(Number(second.tokens.claims.auth_time)).toBeGreaterThan(Number(first.tokens.claims.auth_time));
  });

  test('oidcc-max-age-10000', async () => {
    const first = await signIn();
    const second = await signIn({ max_age: '10000' });
    expect(second.faces).toBe(0);
    expect(second.tokens.claims.auth_time).toBe(first.tokens.claims.auth_time);
  });

  test('oidcc-ensure-request-with-unknown-parameter-succeeds', async () => {
    expect((await answer({ extra: 'foobar' })).has('code')).toBe(true);
  });

  test('oidcc-id-token-hint', async () => {
    const first = await signIn();
    const second = await signIn({ id_token_hint: first.tokens.idToken, prompt: 'none' });
    expect(second.tokens.claims.sub).toBe(first.tokens.claims.sub);
  });

  test('oidcc-login-hint', async () => {
    const page = await o.go(new Browser(), ask({ login_hint: 'buffy@example.org' }));
    expect(page.status).toBe(200);
    expect(page.text).toContain('value="buffy@example.org"');
    expect(fieldsOf(page)).toContain('identifier');
  });

  test('oidcc-ui-locales, oidcc-claims-locales', async () => {
    for (const locales of ['se', 'se sv', 'xx-invalid-', '*']) {
      expect((await answer({ ui_locales: locales, claims_locales: locales })).has('code')).toBe(true);
      expect((await o.go(new Browser(), ask({ ui_locales: locales }))).status).toBe(200);
    }
  });

  test('oidcc-ensure-request-with-acr-values-succeeds', async () => {
    const { tokens, faces } = await signIn({ acr_values: '1 2' });
    expect([faces, tokens.claims.acr]).toEqual([0, expect.stringContaining('urn:selfie-oidc:acr:')]);
  });

  test('oidcc-codereuse', async () => {
    const { asked, code } = await signIn();
    expect(failed(await o.redeem(asked, code))).toEqual([400, 'invalid_grant']);
  });

  test('oidcc-codereuse-30seconds', async () => {
    const { asked, code, tokens } = await signIn();
    const later = Date.now() + 30_000;
    jest.spyOn(Date, 'now').mockImplementation(() => later);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(200);
    expect(failed(await o.redeem(asked, code))).toEqual([400, 'invalid_grant']);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
  });

  test('oidcc-ensure-registered-redirect-uri', async () => {
    for (const redirect_uri of ['https://evil.example.org/cb', `${CALLBACK}/more`, `${CALLBACK}?a=b`, undefined]) {
      const page = await o.go(browser, ask({ redirect_uri }));
      expect([page.status, page.headers.get('location')]).toEqual([400, null]);
    }
  });

  test('oidcc-ensure-post-request-succeeds', async () => {
    const asked = ask();
    const posted = await browser.request(`${o.issuer}/auth`, {
      form: Object.fromEntries(asked.url.searchParams),
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(posted.status).toBe(303);
    const page = await browser.follow(posted, o.isOutside);
    expect((await o.redeem(asked, String(o.answerOf(page).get('code')))).status).toBe(200);
  });

  test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    const object = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"state":"evil"}').toString('base64url')}.`;
    const asked = ask({ request: object });
    const got = o.answerOf(await o.go(browser, asked));
    expect([got.get('error'), got.get('state')]).toEqual(['request_not_supported', asked.state]);
  });

  test('oidcc-claims-essential', async () => {
    const { tokens } = await signIn({ claims: JSON.stringify({ userinfo: { name: { essential: true } } }) });
    expect((await o.userinfo(tokens.accessToken)).body).toEqual({ sub: tokens.claims.sub, name: expect.any(String) });
  });

  test('oidcc-ensure-request-object-with-redirect-uri', async () => {
    expect((await answer({ request: 'x' })).get('error')).toBe('request_not_supported');
  });

  test('oidcc-refresh-token', async () => {
    const { tokens } = await signIn({ scope: 'openid offline_access', prompt: 'consent' });
    const next = await o.refresh(client, tokens.refreshToken);
    await check(next, tokens.claims.nonce as string);
    for (const name of ['sub', 'auth_time', 'iss', 'aud']) expect(next.claims[name]).toEqual(tokens.claims[name]);
    // RFC 6749 §6: for the other client it is worth nothing
    const other = client === 'basic' ? 'post' : 'basic';
    expect(failed(await o.refresh(other, next.refreshToken))).toEqual([400, 'invalid_grant']);
  });

  test('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
    await check((await o.signIn({ browser, client, params: { nonce: undefined } })).tokens);
  });
});

test('a posted request that is no form, or too large for a line, is refused with a page', async () => {
  const json = await fetch(`${o.issuer}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/html' },
    body: '{}',
  });
  expect(json.status).toBe(400);
  const large = await fetch(`${o.issuer}/auth`, {
    method: 'POST',
    headers: { accept: 'text/html' },
    body: new URLSearchParams({ claims: 'x'.repeat(20_000) }),
  });
  expect([large.status, large.headers.get('cache-control')]).toEqual([413, 'no-store']);
  // doubled parameters arrive doubled, and are refused as such
  const body = o.ask('app').url.searchParams;
  body.append('scope', 'openid profile');
  const doubled = await fetch(`${o.issuer}/auth`, { method: 'POST', body, redirect: 'manual' });
  const page = await browser.get(String(new URL(String(doubled.headers.get('location')), o.issuer)), o.isOutside);
  expect(o.answerOf(page).get('error')).toBe('invalid_request');
});
