// How long things live (design section 9), by a clock that is moved.

import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };
let o: OidcWorld;
const begin = Math.floor(Date.now() / 1000) * 1000;

beforeAll(async () => {
  jest.useRealTimers();
  o = await startOidcWorld();
});
afterAll(() => o.close());
afterEach(() => {
  jest.restoreAllMocks();
});

let base = 0;
/** Seconds after the beginning of the test. Tests go on from one another: no clock of theirs goes back. */
function at(seconds: number): void {
  jest.spyOn(Date, 'now').mockImplementation(() => begin + (base + seconds) * 1000);
}
function start(): void {
  base += 400 * DAY;
  at(0);
}

test('a code: 60 seconds', async () => {
  start();
  const { browser } = await o.signIn({ who: 'alice' });
  const [good, late] = [o.ask('app'), o.ask('app')];
  const [goodCode, lateCode] = [
    o.answerOf(await o.go(browser, good)).get('code'),
    o.answerOf(await o.go(browser, late)).get('code'),
  ];
  at(59);
  expect((await o.redeem(good, String(goodCode))).status).toBe(200);
  at(61);
  const answer = await o.redeem(late, String(lateCode));
  expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant']);
});

test('an access token: ten minutes; an ID token says the same', async () => {
  start();
  const { tokens } = await o.signIn({ who: 'alice' });
  expect(tokens.body.expires_in).toBe(10 * MINUTE);
  expect(Number(tokens.claims.exp) - Number(tokens.claims.iat)).toBe(10 * MINUTE);
  at(10 * MINUTE - 2);
  expect((await o.userinfo(tokens.accessToken)).status).toBe(200);
  // R10: 15 s for clocks that differ are the most
  at(10 * MINUTE + 16);
  expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
  expect(await o.introspect(tokens.accessToken)).toEqual({ active: false });
});

test('refresh tokens: 30 days in all, however often they are rotated', async () => {
  start();
  const { tokens } = await o.signIn({ who: 'alice', params: OFFLINE });
  let current = tokens;
  for (const day of [1, 10, 20, 29]) {
    at(day * DAY);
    current = await o.refresh('app', current.refreshToken);
    expect(current.status).toBe(200);
    const { exp } = await o.introspect(String(current.refreshToken));
    expect(Number(exp)).toBe(begin / 1000 + base + 30 * DAY);
  }
  at(30 * DAY - 5);
  current = await o.refresh('app', current.refreshToken);
  expect(current.status).toBe(200);
  at(30 * DAY + 1);
  expect((await o.refresh('app', current.refreshToken)).body.error).toBe('invalid_grant');
});

test('an unused refresh token: 30 days', async () => {
  start();
  const [used, unused] = [
    await o.signIn({ who: 'alice', params: OFFLINE }),
    await o.signIn({ who: 'alice', params: OFFLINE }),
  ];
  at(30 * DAY - 1);
  expect((await o.refresh('app', used.tokens.refreshToken)).status).toBe(200);
  at(30 * DAY + 1);
  expect((await o.refresh('app', unused.tokens.refreshToken)).body.error).toBe('invalid_grant');
});

test('what is issued late in a session’s life lives as long as what is issued early', async () => {
  start();
  const browser = new Browser();
  await o.signIn({ browser, who: 'alice', client: 'third', params: OFFLINE });
  for (let half = 1; half <= 50; half += 1) {
    at((half * DAY) / 2);
    await o.signIn({ browser, client: 'third', params: half % 20 === 0 ? { prompt: 'login' } : {} });
  }
  const { tokens } = await o.signIn({ browser, client: 'third', params: OFFLINE });
  at(25 * DAY + 29 * DAY);
  expect((await o.refresh('third', tokens.refreshToken)).status).toBe(200);
});

test('a session: 24 hours without use, 14 days from the face', async () => {
  start();
  const idle = await o.signIn({ who: 'alice' });
  at(DAY - 5);
  expect((await o.signIn({ browser: idle.browser })).faces).toBe(0);
  at(2 * DAY - 15);
  expect((await o.signIn({ browser: idle.browser })).faces).toBe(0);
  at(3 * DAY + 30);
  expect(o.answerOf(await o.go(idle.browser, o.ask('app', { prompt: 'none' }))).get('error')).toBe('login_required');

  start();
  const busy = await o.signIn({ who: 'alice' });
  for (let hours = 12; hours < 14 * 24; hours += 12) {
    at(hours * HOUR);
    expect((await o.signIn({ browser: busy.browser, params: { prompt: 'none' } })).faces).toBe(0);
  }
  at(14 * DAY - 5);
  expect((await o.signIn({ browser: busy.browser, params: { prompt: 'none' } })).faces).toBe(0);
  at(14 * DAY + 2);
  expect(o.answerOf(await o.go(busy.browser, o.ask('app', { prompt: 'none' }))).get('error')).toBe('login_required');
});

test('a token without offline_access ends with its session', async () => {
  start();
  const { browser, tokens } = await o.signIn({ who: 'alice' });
  expect(tokens.refreshToken).toBeUndefined();
  at(5 * MINUTE);
  expect((await o.userinfo(tokens.accessToken)).status).toBe(200);
  const page = await browser.get(`${o.issuer}/session/end`, o.isOutside);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  await browser.request(`${o.issuer}/session/end/confirm`, { form: { xsrf, logout: 'yes' } });
  expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
});

test('a pushed request: a minute', async () => {
  start();
  const { browser } = await o.signIn({ who: 'alice' });
  const pushed = await o.post('/request', 'app', Object.fromEntries(o.ask('app').url.searchParams));
  expect(pushed.body.expires_in).toBe(60);
  const url = `${o.issuer}/auth?${new URLSearchParams({ client_id: 'app', request_uri: String(pushed.body.request_uri) })}`;
  at(62);
  expect((await browser.get(url, o.isOutside)).status).toBe(400);
});

test('an interaction: the attempt, a review, and ten minutes to say how it ended', async () => {
  start();
  const browser = new Browser();
  const page = await o.go(browser, o.ask('app'));
  const { ttlSeconds, reviewWaitSeconds } = o.world.config.policy.attempt;
  at(ttlSeconds + reviewWaitSeconds + 590);
  expect((await browser.get(page.url, o.isOutside)).status).toBe(200);
  at(ttlSeconds + reviewWaitSeconds + 610);
  expect((await browser.get(page.url, o.isOutside)).status).toBe(410);
});

test('a consent: a year', async () => {
  start();
  await o.signIn({ who: 'alice', client: 'third' });
  at(364 * DAY);
  const fresh = await o.signIn({ who: 'alice', client: 'third' });
  expect(fresh.browser.visited.some((url) => url.endsWith('/consent'))).toBe(false);
  at(366 * DAY + DAY);
  const later = await o.signIn({ who: 'alice', client: 'third' });
  expect(later.browser.visited.some((url) => url.endsWith('/consent'))).toBe(true);
});
