// Many requests at the same moment through the whole product, on storage that is really shared (R1–R4).

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { CLIENTS, type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';
import { CLIENT_SECRET } from '../support/world.ts';

const ROUNDS = 5;
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };

describe.each(['memory', 'sqlite'] as const)('on %s', (storage) => {
  let o: OidcWorld;
  let browser: Browser;
  beforeAll(async () => {
    const more = Array.from({ length: 6 }, (_, index) => ({
      client_id: `tab-${index}`,
      client_secret: CLIENT_SECRET,
      redirect_uris: [`https://tab-${index}.example.org/cb`],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      first_party: true,
    }));
    o = await startOidcWorld({
      storage,
      clients: [...CLIENTS, ...more.map((entry) => ({ ...entry, token_endpoint_auth_method: 'client_secret_basic' }))],
    });
    browser = (await o.signIn({ who: 'alice' })).browser;
  });
  afterAll(() => o.close());

  test('one code ten times: one success, nine invalid_grant, and nothing usable after it (R1)', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const asked = o.ask('app', OFFLINE);
      const code = String(o.answerOf(await o.go(browser, asked)).get('code'));
      const answers = await Promise.all(Array.from({ length: 10 }, () => o.redeem(asked, code)));
      const good = answers.filter(({ status }) => status === 200);
      expect(good).toHaveLength(1);
      expect(answers.filter(({ status, body }) => status === 400 && body.error === 'invalid_grant')).toHaveLength(9);
      // of two uses nobody can say which was the thief's
      expect((await o.userinfo(String(good[0]?.accessToken))).status).toBe(401);
      expect((await o.refresh('app', good[0]?.refreshToken)).status).toBe(400);
    }
  });

  test('one refresh token ten times: one success at most, and the family ends (R2)', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { tokens } = await o.signIn({ browser, params: OFFLINE });
      const answers = await Promise.all(Array.from({ length: 10 }, () => o.refresh('app', tokens.refreshToken)));
      const good = answers.filter(({ status }) => status === 200);
      expect(good).toHaveLength(1);
      expect(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_grant')).toBe(true);
      expect((await o.refresh('app', good[0]?.refreshToken)).status).toBe(400);
    }
  });

  test('six clients at once in one browser: all six codes work, and the session knows all six (R3)', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const jar = new Browser();
      for (const cookie of browser.cookies()) jar.setCookie(cookie);
      const signedIn = await Promise.all(
        Array.from({ length: 6 }, (_, index) => o.signIn({ browser: jar, client: `tab-${index}` })),
      );
      expect(signedIn.map(({ tokens }) => tokens.status)).toEqual(Array.from({ length: 6 }, () => 200));
      expect(new Set(signedIn.map(({ tokens }) => tokens.claims.sub)).size).toBe(1);
      for (const { tokens } of signedIn) expect((await o.userinfo(tokens.accessToken)).status).toBe(200);
    }
  });

  test('four tabs that come to one client for the first time at once all get a code that works (R3)', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const jar = new Browser();
      await o.signIn({ browser: jar, who: 'alice' });
      const scopes = ['openid profile', 'openid email', 'openid', 'openid profile'];
      const asked = scopes.map((scope) => o.ask('tab-0', { scope }));
      const pages = await Promise.all(asked.map((each) => o.go(jar, each)));
      const codes = pages.map((page) => String(o.answerOf(page).get('code')));
      const tokens = await Promise.all(codes.map((code, index) => o.redeem(asked[index] as never, code)));
      expect(tokens.map(({ status, body }) => [status, body.scope])).toEqual(scopes.map((scope) => [200, scope]));
    }
  });

  test('tabs that add to one grant at once, over a storage that takes its time, are all given what they ask for (R3)', async () => {
    const { store } = o.world.app.parts;
    const { get, set, update } = store;
    const late = (key: string) => (key.startsWith('oidc:Grant:') ? setTimeout(10) : undefined);
    store.get = async <T>(key: string) => {
      const value = await get<T>(key);
      await late(key);
      return value;
    };
    store.set = async (key, ...rest) => {
      await late(key);
      return set(key, ...rest);
    };
    store.update = async (key, ...rest) => {
      await late(key);
      return update(key, ...rest);
    };
    try {
      const jar = new Browser();
      await o.signIn({ browser: jar, who: 'alice' });
      const scopes = ['openid', 'openid profile', 'openid email', 'openid email', 'openid profile', 'openid'];
      const asked = scopes.map((scope) => o.ask('tab-1', { scope }));
      const pages = await Promise.all(asked.map((each) => o.go(jar, each)));
      const codes = pages.map((page) => String(o.answerOf(page).get('code')));
      const tokens = await Promise.all(codes.map((code, index) => o.redeem(asked[index] as never, code)));
      expect(tokens.map(({ status, body }) => [status, body.scope])).toEqual(scopes.map((scope) => [200, scope]));
    } finally {
      Object.assign(store, { get, set, update });
    }
  });

  test('six tabs that wait for one login all go on with it', async () => {
    const jar = new Browser();
    await o.go(jar, o.ask('app'));
    const asked = Array.from({ length: 6 }, (_, index) => o.ask(`tab-${index}`));
    const pages = await Promise.all(asked.map((each) => o.go(jar, each)));
    await o.comply(jar, pages[0] as never, 'alice');
    const back = await Promise.all(pages.slice(1).map((page) => jar.get(page.url, o.isOutside)));
    const codes = back.map((page) => String(o.answerOf(page).get('code')));
    const tokens = await Promise.all(codes.map((code, index) => o.redeem(asked[index + 1] as never, code)));
    expect(tokens.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 200));
  });

  test('one resume twice gives one code (T13)', async () => {
    const jar = new Browser();
    const asked = o.ask('app');
    const page = await o.go(jar, asked);
    for (const cookie of browser.cookies()) if (cookie.name.startsWith('_session')) jar.setCookie(cookie);
    const stop = await jar.get(page.url, (location) => location.startsWith(`${o.issuer}/auth/`));
    const resume = new URL(String(stop.headers.get('location')), o.issuer).href;
    const answers = await Promise.all(Array.from({ length: 5 }, () => jar.request(resume)));
    expect(answers.filter((each) => each.headers.get('location')?.includes('code='))).toHaveLength(1);
    expect(answers.filter(({ status }) => status >= 500)).toHaveLength(0);
  });
});

test('a new signing key: new tokens carry it, what the old one signed is still believed (R11)', async () => {
  const o = await startOidcWorld({ storage: 'sqlite' });
  const { makeSigningKeys } = await import('../../src/config/dev-secrets.ts');
  const { browser, tokens } = await o.signIn({ who: 'alice' });
  const old = o.world.config.jwks.keys;
  const fresh = (await makeSigningKeys()).keys;
  await o.restart({ jwks: { keys: [...fresh, ...old] } as never });
  const kid = (token: string) => JSON.parse(Buffer.from(String(token.split('.')[0]), 'base64url').toString()).kid;
  const silent = await o.signIn({ browser, params: { prompt: 'none', id_token_hint: tokens.idToken } });
  expect(kid(tokens.idToken)).toBe(old[0]?.kid);
  expect(kid(silent.tokens.idToken)).toBe(fresh[0]?.kid);
  const { keys } = (await (await fetch(`${o.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
  expect(keys.map((key) => key.kid)).toEqual([...fresh, ...old].map((key) => key.kid));
  await o.close();
});
