// What is said when something is wrong: to the person, to the client, to a script in a browser, and when the storage is gone (R7).

import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, type Page } from '../support/browser.ts';
import { CALLBACK, type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';

const ORIGIN = new URL(CALLBACK).origin;
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

function checkPage(page: Page, status: number): void {
  expect(page.status).toBe(status);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.headers.get('cache-control')).toContain('no-store');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page.text).not.toMatch(/\bat .*\.[jt]s:\d+|node_modules|<script(?![^>]*\bsrc=)/);
}

describe('a page, where there is nobody to send back to', () => {
  test.each([
    ['no client', { client_id: undefined }],
    ['an unknown client', { client_id: 'nobody' }],
    ['script as a client', { client_id: '<script>alert(1)</script>' }],
    ['an unregistered address', { redirect_uri: 'https://evil.example.org/?<script>alert(1)</script>' }],
    ['a javascript: address', { redirect_uri: 'javascript:alert(1)' }],
    ['an address with a fragment', { redirect_uri: `${CALLBACK}#x` }],
    ['two addresses', { redirect_uri: [CALLBACK, 'https://evil.example.org/'] }],
    ['two clients', { client_id: ['app', 'third'] }],
  ])('%s', async (_name, params) => {
    const page = await o.go(browser, o.ask('app', params));
    checkPage(page, 400);
    expect(page.text).not.toContain('<script>alert');
    expect(page.headers.get('location')).toBeNull();
  });

  test('a resume that is none, an interaction that is none', async () => {
    checkPage(await new Browser().get(`${o.issuer}/auth/none`, o.isOutside), 400);
    checkPage(await new Browser().get(`${o.issuer}/interaction/none`, o.isOutside), 403);
  });
});

describe('an answer to the client, escaped as its mode asks', () => {
  const state = '"><script>alert(1)</script>&x=y';

  test('by query', async () => {
    const page = await o.go(browser, o.ask('app', { state, scope: 'openid \u0007' }));
    expect(o.answerOf(page).get('error')).toBe('invalid_scope');
    expect(o.answerOf(page).get('state')).toBe(state);
  });

  test('by form', async () => {
    const page = await o.go(new Browser(), o.ask('app', { state, response_mode: 'form_post', prompt: 'none' }));
    checkPageOfForm(page);
    expect(page.text).not.toContain('<script>alert');
  });

  function checkPageOfForm(page: Page): void {
    expect(page.status).toBe(400);
    expect(page.text).toMatch(/name="error" value="login_required"/);
  }
});

describe('JSON, where a program asks', () => {
  test.each([
    ['no grant type', {}, 'invalid_request'],
    ['an unknown code', { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK }, 'invalid_grant'],
    [
      'a code with a path in it',
      { grant_type: 'authorization_code', code: '../x\u0000', redirect_uri: CALLBACK },
      'invalid_grant',
    ],
    [
      'a very long code',
      { grant_type: 'authorization_code', code: 'x'.repeat(9_000), redirect_uri: CALLBACK },
      'invalid_grant',
    ],
    ['two codes', { grant_type: 'authorization_code', code: ['a', 'b'], redirect_uri: CALLBACK }, 'invalid_request'],
    ['an unknown refresh token', { grant_type: 'refresh_token', refresh_token: 'x' }, 'invalid_grant'],
    [
      'a body larger than any request',
      { grant_type: 'refresh_token', refresh_token: 'x'.repeat(70_000) },
      'invalid_request',
    ],
  ])('%s', async (_name, form, error) => {
    const answer = await o.post('/token', 'app', form);
    expect([answer.status, answer.body.error]).toEqual([400, error]);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  });

  test('another kind of body', async () => {
    const response = await fetch(`${o.issuer}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(400);
  });

  test('user info says how to ask (RFC 6750)', async () => {
    for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Basic x' }] as Record<
      string,
      string
    >[]) {
      const response = await fetch(`${o.issuer}/me`, { headers });
      expect([400, 401]).toContain(response.status);
      if (response.status === 401) expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
    const { tokens } = await o.signIn({ browser });
    const inQuery = await fetch(`${o.issuer}/me?access_token=${tokens.accessToken}`);
    expect(inQuery.status).toBe(400);
  });
});

describe('scripts of other origins (CORS)', () => {
  const preflight = (path: string, origin: string, method: string) =>
    fetch(`${o.issuer}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,dpop',
      },
    });

  test.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'])(
    '%s: anybody',
    async (path) => {
      const response = await fetch(`${o.issuer}${path}`, { headers: { origin: 'https://any.example.org' } });
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
        200,
        'https://any.example.org',
      ]);
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    },
  );

  test('tokens and user info: the origins of the client’s own addresses', async () => {
    for (const [path, method] of [
      ['/token', 'POST'],
      ['/me', 'GET'],
      ['/token/revocation', 'POST'],
      ['/request', 'POST'],
    ] as const) {
      const response = await preflight(path, ORIGIN, method);
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
      expect(response.headers.get('access-control-allow-headers')).toContain('dpop');
    }
    const asked = o.ask('spa');
    const code = String(o.answerOf(await o.go(browser, asked)).get('code'));
    const foreign = await o.redeem(asked, code, {}, { origin: 'https://evil.example.org' });
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([400, null]);
    const own = await o.redeem(asked, code, {}, { origin: ORIGIN });
    expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([200, ORIGIN]);
    const mine = await o.userinfo(own.accessToken, { origin: ORIGIN });
    expect([mine.status, mine.headers.get('access-control-allow-origin')]).toEqual([200, ORIGIN]);
    const theirs = await o.userinfo(own.accessToken, { origin: 'https://evil.example.org' });
    expect([theirs.status, theirs.headers.get('access-control-allow-origin'), theirs.body.sub]).toEqual([
      400,
      null,
      undefined,
    ]);
  });

  test('pages and logins: nobody', async () => {
    const response = await fetch(o.ask('app').url, { headers: { origin: ORIGIN }, redirect: 'manual' });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('when the storage cannot be reached (R7)', () => {
  function breakStore(
    names: readonly ('get' | 'set' | 'update' | 'take' | 'putIfAbsent' | 'delete')[] = [
      'get',
      'set',
      'update',
      'take',
      'putIfAbsent',
      'delete',
    ],
  ) {
    const { store } = o.world.app.parts;
    for (const name of names) {
      jest
        .spyOn(store, name)
        .mockImplementation(() => Promise.reject(new StorageUnavailable('gone for the test')) as never);
    }
  }

  test('programs get 503 and when to come back, never an answer about the token', async () => {
    const { tokens } = await o.signIn({ browser, params: { scope: 'openid offline_access', prompt: 'consent' } });
    const asked = o.ask('app');
    const code = String(o.answerOf(await o.go(browser, asked)).get('code'));
    breakStore();
    const answers = [
      await o.redeem(asked, code),
      await o.refresh('app', tokens.refreshToken),
      await o.userinfo(tokens.accessToken),
      await o.post('/token/introspection', 'api', { token: tokens.accessToken }),
      await o.post('/token/revocation', 'app', { token: tokens.refreshToken }),
      await o.post('/request', 'app', Object.fromEntries(asked.url.searchParams)),
    ];
    for (const { status, headers, body } of answers) {
      expect([status, body.error]).toEqual([503, 'temporarily_unavailable']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(headers.get('cache-control')).toContain('no-store');
      expect(JSON.stringify(body)).not.toContain('gone for the test');
    }
    // a program that takes anything gets JSON as well
    const any = await fetch(`${o.issuer}/me`, { headers: { authorization: `Bearer ${tokens.accessToken}` } });
    expect([any.status, any.headers.get('content-type')]).toEqual([503, expect.stringMatching(/^application\/json/)]);
    jest.restoreAllMocks();
    // nothing was lost or spent
    expect((await o.redeem(asked, code)).status).toBe(200);
    expect((await o.refresh('app', tokens.refreshToken)).status).toBe(200);
  });

  test('people get a page, and are not sent back with an error that stays', async () => {
    breakStore();
    for (const page of [
      await o.go(browser, o.ask('app')),
      await o.go(browser, o.ask('app', { prompt: 'none' })),
      await o.go(new Browser(), o.ask('app')),
      await browser.get(`${o.issuer}/session/end`, o.isOutside),
    ]) {
      checkPage(page, 503);
      expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(page.headers.get('location')).toBeNull();
    }
    jest.restoreAllMocks();
    expect((await o.signIn({ browser })).faces).toBe(0);
  });

  test.each(['get', 'set', 'update'] as const)('also when only %s fails', async (name) => {
    const asked = o.ask('app');
    const code = String(o.answerOf(await o.go(browser, asked)).get('code'));
    breakStore([name]);
    const answer = await o.redeem(asked, code);
    expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
    const page = await o.go(browser, o.ask('app'));
    expect([page.status, page.headers.get('location')]).toEqual([503, null]);
  });
});

test('a fault of ours is server_error with a request id, and its text stays in the log', async () => {
  const { tokens } = await o.signIn({ browser });
  const { store } = o.world.app.parts;
  jest.spyOn(store, 'get').mockImplementation(() => Promise.reject(new Error('secret detail')) as never);
  const answer = await o.userinfo(tokens.accessToken);
  expect([answer.status, answer.body.error]).toEqual([500, 'server_error']);
  const id = /request ([\w-]+)/.exec(String(answer.body.error_description))?.[1];
  expect(id).toEqual(expect.any(String));
  const page = await o.go(browser, o.ask('app'));
  checkPage(page, 500);
  expect(page.text).toContain(String(page.headers.get('x-request-id') ?? 'Reference'));
  expect(page.text + JSON.stringify(answer.body)).not.toContain('secret detail');
  jest.restoreAllMocks();
  expect(o.world.log.some((line) => line.includes(String(id)) && line.includes('a request failed'))).toBe(true);
});

test.each([
  ['GET', '/me', 401, null],
  ['POST', '/me', 401, null],
  ['DELETE', '/me', 404, null],
  ['GET', '/token', 404, null],
  ['POST', '/token', 400, null],
  ['GET', '/auth', 400, null],
  ['DELETE', '/auth', 405, 'POST'],
  ['GET', '/webhooks/didit', 405, 'POST'],
  ['DELETE', '/interaction/u1/begin', 405, 'POST'],
  ['HEAD', '/interaction/u1/begin', 405, 'POST'],
  ['HEAD', '/interaction/u1', 405, 'GET'],
  ['POST', '/interaction/u1', 405, 'GET'],
  ['OPTIONS', '/interaction/u1/passkey', 200, 'GET, POST'],
  ['PROPFIND', '/token', 501, ''],
])('%s %s is answered with %d, and allows %j', async (method, path, status, allow) => {
  const answer = await fetch(`${o.issuer}${path}`, { method, redirect: 'manual' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([status, allow]);
});
