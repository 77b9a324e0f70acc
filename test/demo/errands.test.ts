// The demo client and its example API against a provider that is not ours: a transfer is refused, the person proves more, and
// the transfer succeeds.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { parse } from 'node-html-parser';
import { type DemoClient, startDemoClient } from '../../src/demo/client.ts';
import { demoClients } from '../../src/demo/client-entry.ts';
import { freePort } from '../../src/demo/ports.ts';
import { type BareProvider, NOT_TWICE, startBareProvider, WEAK } from './bare-provider.ts';
import { Browser, type Page } from './browser.ts';

const clientSecret = 'a secret of this test, long enough to pass';
let client: DemoClient;
let provider: BareProvider;
let browser: Browser;

beforeAll(async () => {
  for (const level of ['info', 'warn'] as const) jest.spyOn(console, level).mockImplementation(() => {});
  const providerPort = await freePort(23_400);
  const issuer = `http://localhost:${providerPort}`;
  client = await startDemoClient({ port: await freePort(providerPort + 1), issuer, clientId: 'demo', clientSecret });
  const [{ first_party: _ours, ...entry }] = demoClients({ url: client.url, clientSecret }) as [{ first_party: false }];
  provider = await startBareProvider({ port: providerPort, clients: [entry] });
});

afterAll(async () => {
  await client?.close();
  await provider?.close();
  jest.restoreAllMocks();
});

beforeEach(() => {
  browser = new Browser();
});

const at = (path: string) => new URL(path, client.url);
const isAuthorization = (url: URL) => url.origin === provider.issuer && url.pathname === '/auth';
const isCallback = (url: URL) => url.origin === client.url && url.pathname === '/callback';
const signIn = (who: string) => browser.visit(at(`/login?login_hint=${who}`));
const press = (what: 'balance' | 'transfer') => browser.visit(at(`/${what}`), { form: { errand: what } });

/** How each answer of the API is shown, as text. */
function answersOn(page: Page): string[] {
  const items = parse(page.text).querySelectorAll('[role=status] li');
  return items.map((item) => item.structuredText);
}

function faultOn(page: Page): string {
  return parse(page.text).querySelector('[role=alert]')?.structuredText ?? '';
}

/** The token for the API, as the page shows it. */
function apiToken(page: Page): string {
  const section = parse(page.text).querySelector('section[aria-labelledby=api]');
  return section?.querySelector('pre.raw')?.text ?? '';
}

describe('an errand at the API', () => {
  test('whoever did not sign in is sent to the home page', async () => {
    const page = await press('transfer');
    expect(page.text).toContain('Sign in with a selfie');
  });

  test('the balance needs a token for the API, and no stronger proof', async () => {
    await signIn('ben');
    const page = await press('balance');
    expect(answersOn(page)).toEqual([expect.stringContaining('{"balance":1000}')]);
    expect(decodeJwt(apiToken(page))).toMatchObject({
      aud: client.api,
      sub: 'ben',
      acr: 'urn:selfie-oidc:acr:selfie',
    });
    expect(decodeJwt(apiToken(page))).not.toHaveProperty('scope');
  });

  test('a transfer is refused, the person proves more, and it succeeds; both are shown', async () => {
    await signIn('cleo');
    const page = await press('transfer');
    const [refusal, success, ...more] = answersOn(page);
    expect(refusal).toContain('Refused: 401 insufficient_user_authentication');
    expect(refusal).toContain(
      'acr_values="urn:selfie-oidc:acr:selfie-active urn:selfie-oidc:acr:selfie-device", max_age="300", scope="payments"',
    );
    expect(success).toContain('Done: 200');
    expect(success).toContain('{"transferred":100,"balance":900}');
    expect(more).toEqual([]);
    expect(faultOn(page)).toBe('');
    expect(decodeJwt(apiToken(page))).toMatchObject({ acr: 'urn:selfie-oidc:acr:selfie-active', scope: 'payments' });
    expect(page.text).toContain('<dd>urn:selfie-oidc:acr:selfie-active</dd>');

    expect(answersOn(await press('transfer'))).toEqual([expect.stringContaining('"balance":800')]);
    expect(answersOn(await press('balance'))).toEqual([expect.stringContaining('"balance":800')]);
  });

  test('the new request asks for what the challenge named, for the API, of the same person, and no more before', async () => {
    await signIn('dora');
    const first = await browser.visit(at('/transfer'), { form: { errand: 'transfer' }, until: isAuthorization });
    expect(Object.fromEntries(first.url.searchParams)).toMatchObject({ scope: 'openid', resource: client.api });
    expect(first.url.searchParams.has('acr_values')).toBe(false);

    const back = await browser.visit(first.url, { until: isCallback });
    const second = await browser.visit(back.url, { until: isAuthorization });
    expect(Object.fromEntries(second.url.searchParams)).toMatchObject({
      scope: 'openid payments',
      resource: client.api,
      acr_values: 'urn:selfie-oidc:acr:selfie-active urn:selfie-oidc:acr:selfie-device',
      max_age: '300',
    });
    expect(decodeJwt(second.url.searchParams.get('id_token_hint') ?? '').sub).toBe('dora');
  });

  test('it gets the session a new name, and leaves the other tokens as they were', async () => {
    await signIn('emil');
    const before = browser.cookie(`selfie_demo_client_${client.port}`);
    await press('transfer');
    expect(browser.cookie(`selfie_demo_client_${client.port}`)).not.toBe(before);
    const page = await browser.visit(at('/userinfo'), { form: { fetch: '1' } });
    expect(page.text).toContain('emil@example.test');
    expect(faultOn(page)).toBe('');
  });
});

describe('as time goes by', () => {
  const SECONDS = 1000;
  const realNow = Date.now;
  let clock: ReturnType<typeof jest.spyOn> | undefined;
  const wait = (ms: number) => {
    clock = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + ms);
  };
  afterEach(() => clock?.mockRestore());

  test('an old proof is renewed, with the scope that the token had', async () => {
    await signIn('mia');
    await press('transfer');
    wait(400 * SECONDS);
    const asked = await browser.visit(at('/transfer'), { form: { errand: 'transfer' }, until: isAuthorization });
    expect(Object.fromEntries(asked.url.searchParams)).toMatchObject({ scope: 'openid payments', max_age: '300' });
    const [refusal, success] = answersOn(await browser.visit(asked.url));
    expect(refusal).toContain('insufficient_user_authentication');
    expect(refusal).not.toContain('scope=');
    expect(success).toContain('"balance":800');
  });

  test('an expired token is not sent: a new one is asked for first', async () => {
    await signIn('noa');
    await press('balance');
    wait(700 * SECONDS);
    expect(answersOn(await press('balance'))).toEqual([expect.stringContaining('{"balance":1000}')]);
  });
});

describe('an errand that comes to nothing', () => {
  test('who gives up at the provider sees the refusal and why, and stays signed in', async () => {
    await signIn(NOT_TWICE);
    const page = await press('transfer');
    expect(answersOn(page)).toEqual([expect.stringContaining('Refused: 401 insufficient_user_authentication')]);
    expect(faultOn(page)).toContain('The transfer failed: access_denied');
    expect(page.text).toContain('Signed in as');
  });

  test('a provider that never gives enough is asked three times, not for ever', async () => {
    await signIn(WEAK);
    const answers = answersOn(await press('transfer'));
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect(answer).toContain('Refused: 401');
  });

  test('a proof of somebody else is not used', async () => {
    await signIn('leo');
    // the provider no longer knows who is there, and takes whoever comes
    for (const name of ['_session', '_session.sig']) browser.forget(name);
    const page = await press('transfer');
    expect(answersOn(page)).toEqual([]);
    expect(faultOn(page)).toContain('somebody else');
    expect(apiToken(page)).toBe('');
    expect(page.text).toContain('Signed in as &lt;b&gt;leo');
  });

  test('one that was replaced by another in a second tab is not carried out', async () => {
    await signIn('fay');
    const first = await browser.visit(at('/transfer'), { form: { errand: 'transfer' }, until: isCallback });
    await press('balance');
    const late = await browser.visit(first.url);
    expect(answersOn(late)).toEqual([expect.stringContaining('{"balance":1000}')]);
    expect(answersOn(await press('balance'))).toEqual([expect.stringContaining('{"balance":1000}')]);
  });

  test('nor is one of whom has signed out meanwhile', async () => {
    await signIn('gus');
    const first = await browser.visit(at('/transfer'), { form: { errand: 'transfer' }, until: isCallback });
    await browser.visit(at('/logout'), { form: { logout: 'here' } });
    expect((await browser.visit(first.url)).text).toContain('Sign in with a selfie');
    await signIn('gus');
    expect(answersOn(await press('balance'))).toEqual([expect.stringContaining('{"balance":1000}')]);
  });

  test('a form of another site begins none (T23)', async () => {
    await signIn('hal');
    const page = await browser.step(at('/transfer'), { errand: 'transfer' }, { 'sec-fetch-site': 'cross-site' });
    expect(page.status).toBe(403);
  });
});

describe('the API itself', () => {
  const call = (path: string, init?: RequestInit) => fetch(`${client.api}${path}`, init);

  test('knows no cookie: the session of the client opens nothing', async () => {
    await signIn('ida');
    const page = await browser.step(`${client.api}/balance`);
    expect(page.status).toBe(401);
    expect(page.headers.get('www-authenticate')).toBe(`Bearer realm="${client.api}"`);
    expect(page.headers.get('content-type')).toBe('application/json');
  });

  test('does not take an ID token', async () => {
    const page = await signIn('jan');
    const idToken = /<pre class="raw" tabindex="0">(eyJ[^<]+)</.exec(page.text)?.[1] ?? '';
    const answer = await call('/balance', { headers: { authorization: `Bearer ${idToken}` } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test('answers 404, 405, 400 and 409', async () => {
    await signIn('kim');
    const authorization = `Bearer ${apiToken(await press('transfer'))}`;
    const transfer = (body: string) => call('/transfer', { method: 'POST', headers: { authorization }, body });
    expect((await call('/nowhere')).status).toBe(404);
    const wrongMethod = await call('/transfer');
    expect(wrongMethod.status).toBe(405);
    expect(wrongMethod.headers.get('allow')).toBe('POST');
    for (const body of ['', '{}', 'null', '{"amount":-1}', '{"amount":1.5}', ' '.repeat(2000)]) {
      expect((await transfer(body)).status).toBe(400);
    }
    expect((await transfer('{"amount":901}')).status).toBe(409);
    expect(await (await transfer('{"amount":900}')).json()).toEqual({ transferred: 900, balance: 0 });
  });
});
