// The demo client against a provider that is not ours, over HTTP.

import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readClients } from '../../src/config/clients.ts';
import { type DemoClient, startDemoClient } from '../../src/demo/client.ts';
import { demoClients } from '../../src/demo/client-entry.ts';
import { freePort } from '../../src/demo/ports.ts';
import { type BareProvider, GIVES_UP, HELD, startBareProvider } from './bare-provider.ts';
import { Browser } from './browser.ts';

const clientSecret = 'a secret of this test, long enough to pass';
let client: DemoClient;
let provider: BareProvider;

beforeAll(async () => {
  // oidc-provider warns of what is only fit for a test; this is one.
  for (const level of ['info', 'warn'] as const) jest.spyOn(console, level).mockImplementation(() => {});
  const providerPort = await freePort(23_100);
  const issuer = `http://localhost:${providerPort}`;
  client = await startDemoClient({ port: await freePort(providerPort + 1), issuer, clientId: 'demo', clientSecret });
  provider = await startBareProvider({
    port: providerPort,
    clients: withoutOwnKeys(demoClients({ url: client.url, clientSecret })),
  });
});

afterAll(async () => {
  await client?.close();
  await provider?.close();
  jest.restoreAllMocks();
});

const at = (path: string) => new URL(path, client.url);
const isCallback = (url: URL) => url.origin === client.url && url.pathname === '/callback';
const cookieName = () => `selfie_demo_client_${client.port}`;

describe('signing in', () => {
  test('a whole sign-in shows claims, tokens and user info, all escaped', async () => {
    const browser = new Browser();
    const home = await browser.visit(at('/'));
    expect(home.text).toContain('Sign in with a selfie');
    expect(browser.cookie(cookieName())).toBeUndefined();

    const page = await browser.visit(at('/login?sign_in=1&login_hint=alice'));
    expect(page.url.href).toBe(`${client.url}/`);
    expect(page.text).toContain('Signed in as &lt;b&gt;alice&lt;/b&gt;');
    expect(page.text).toContain('urn:selfie-oidc:acr:selfie');
    expect(page.text).toContain('<dd>face</dd>');
    expect(page.text).toContain('&quot;aud&quot;: &quot;demo&quot;');
    expect(page.text).toContain('alice@example.test');
    expect(page.text).toContain('did not ask for <code>offline_access</code>');
  });

  test('the request carries PKCE S256, a state, a nonce and what was chosen', async () => {
    const query = 'login_hint=bob&prompt=login&acr_values=urn:selfie-oidc:acr:selfie-active&max_age=60&offline=1';
    const begun = await new Browser().step(at(`/login?${query}`));
    const authorize = new URL(begun.headers.get('location') ?? '').searchParams;
    expect(authorize.get('code_challenge_method')).toBe('S256');
    expect(authorize.get('code_challenge')).toMatch(/^[\w-]{43}$/);
    expect(authorize.get('state')).toMatch(/^[\w-]{43}$/);
    expect(authorize.get('nonce')).toMatch(/^[\w-]{43}$/);
    expect(authorize.get('login_hint')).toBe('bob');
    expect(authorize.get('prompt')).toBe('login consent');
    expect(authorize.get('acr_values')).toBe('urn:selfie-oidc:acr:selfie-active');
    expect(authorize.get('max_age')).toBe('60');
    expect(authorize.get('scope')).toContain('offline_access');
  });

  test('a strength that is insisted on is asked for as an essential claim', async () => {
    const begun = await new Browser().step(at('/login?essential=1&acr_values=urn:selfie-oidc:acr:selfie-active'));
    const authorize = new URL(begun.headers.get('location') ?? '').searchParams;
    expect(authorize.has('acr_values')).toBe(false);
    expect(JSON.parse(authorize.get('claims') ?? '')).toEqual({
      id_token: { acr: { essential: true, values: ['urn:selfie-oidc:acr:selfie-active'] } },
    });
  });

  test('signing in gives the session a new name (T23)', async () => {
    const browser = new Browser();
    await browser.step(at('/login'));
    const before = browser.cookie(cookieName());
    await browser.visit(at('/login'));
    expect(before).toBeDefined();
    expect(browser.cookie(cookieName())).not.toBe(before);
  });

  test('refresh, introspection and user info answer beside the tokens', async () => {
    const browser = new Browser();
    await browser.visit(at('/login?offline=1'));
    const refreshed = await browser.visit(at('/refresh'), { form: { refresh: '1' } });
    expect(refreshed.text).toContain('Used 1 time;');
    const introspected = await browser.visit(at('/introspect'), { form: { token: 'access_token' } });
    expect(introspected.text).toContain('&quot;active&quot;: true');
    const fetched = await browser.visit(at('/userinfo'), { form: { fetch: '1' } });
    expect(fetched.text).toContain('alice@example.test');
    expect(fetched.text).not.toContain('role="alert"');
  });

  test('two refreshes at once use the refresh token once', async () => {
    const browser = new Browser();
    await browser.visit(at('/login?offline=1'));
    await Promise.all([browser.step(at('/refresh'), {}), browser.step(at('/refresh'), {})]);
    const page = await browser.visit(at('/'));
    expect(page.text).not.toContain('role="alert"');
    expect(page.text).toMatch(/Used [12] times?;/);
  });
});

describe('answers that do not count', () => {
  test('a wrong state is refused, and nobody is signed in (T3)', async () => {
    const browser = new Browser();
    const back = await browser.visit(at('/login'), { until: isCallback });
    const forged = new URL(back.url);
    forged.searchParams.set('state', 'x'.repeat(43));
    const page = await browser.visit(forged);
    expect(page.status).toBe(400);
    expect(page.text).toContain('state_mismatch');
    expect((await browser.visit(at('/'))).text).toContain('Sign in with a selfie');
  });

  test('an answer brought to another browser is refused (T3)', async () => {
    const back = await new Browser().visit(at('/login'), { until: isCallback });
    const page = await new Browser().visit(back.url);
    expect(page.status).toBe(400);
    expect(page.text).toContain('state_mismatch');
  });

  test('an answer of another issuer is refused', async () => {
    const browser = new Browser();
    const back = await browser.visit(at('/login'), { until: isCallback });
    const mixed = new URL(back.url);
    mixed.searchParams.set('iss', 'http://localhost:1');
    const page = await browser.visit(mixed);
    expect(page.status).toBe(400);
    expect(page.text).toContain('client_error');
  });

  test('an answer counts once', async () => {
    const browser = new Browser();
    const back = await browser.visit(at('/login'), { until: isCallback });
    expect((await browser.visit(back.url)).status).toBe(200);
    expect((await browser.visit(back.url)).status).toBe(400);
  });

  test.each([
    [GIVES_UP, 'access_denied', 'gave up &lt;script&gt;here&lt;/script&gt;'],
    [HELD, 'temporarily_unavailable', 'a person is looking'],
  ])(
    'the error of "%s" is shown as it came, escaped, with a way to try again (T27)',
    async (hint, error, description) => {
      const page = await new Browser().visit(at(`/login?login_hint=${hint}&prompt=login`));
      expect(page.status).toBe(400);
      expect(page.text).toContain(`<code>${error}</code>`);
      expect(page.text).toContain(description);
      expect(page.text).toContain(`href="/login?login_hint=${hint}&amp;prompt=login"`);
    },
  );

  test('a form of another site is refused (T23)', async () => {
    const browser = new Browser();
    await browser.visit(at('/login'));
    const crossSite = await browser.step(at('/logout'), { logout: 'here' }, { 'sec-fetch-site': 'cross-site' });
    expect(crossSite.status).toBe(403);
    const foreign = await browser.step(at('/logout'), { logout: 'here' }, { origin: 'https://elsewhere.test' });
    expect(foreign.status).toBe(403);
    expect((await browser.visit(at('/'))).text).toContain('Signed in as');
  });
});

describe('signing out', () => {
  test('of this client only, nothing is sent to the provider', async () => {
    const browser = new Browser();
    await browser.visit(at('/login'));
    const page = await browser.visit(at('/logout'), { form: { logout: 'here' } });
    expect(page.url.pathname).toBe('/signed-out');
    expect((await browser.visit(at('/'))).text).toContain('Sign in with a selfie');
  });

  test('of the provider too, it comes back here and says so', async () => {
    const browser = new Browser();
    await browser.visit(at('/login'));
    const asked = await browser.visit(at('/logout'), { form: { logout: 'everywhere' } });
    expect(asked.url.origin).toBe(provider.issuer);
    const page = await browser.visit(new URL('/session/end/confirm', provider.issuer), {
      form: { ...hidden(asked.text), logout: 'yes' },
    });
    expect(page.url.pathname).toBe('/signed-out');
    expect(page.text).toContain('Of this client, and of the provider');
  });

  test('elsewhere, the logout token that the provider posts ends the session here', async () => {
    const browser = new Browser();
    await browser.visit(at('/login?login_hint=carol'));
    const asked = await browser.visit(new URL('/session/end', provider.issuer));
    await browser.visit(new URL('/session/end/confirm', provider.issuer), {
      form: { ...hidden(asked.text), logout: 'yes' },
    });
    const page = await browser.visit(at('/'));
    expect(page.text).toContain('You were signed out at the provider');
    expect(page.text).toContain('Sign in with a selfie');
  });

  test('a logout token that is none is refused and ends nothing', async () => {
    const browser = new Browser();
    const page = await browser.visit(at('/login'));
    const idToken = /<pre class="raw" tabindex="0">(eyJ[^<]+)</.exec(page.text)?.[1] ?? '';
    expect(idToken).not.toBe('');
    for (const token of ['', 'a.b.c', idToken]) {
      const answer = await new Browser().step(at('/backchannel-logout'), { logout_token: token });
      expect(answer.status).toBe(400);
    }
    expect((await browser.visit(at('/'))).text).toContain('Signed in as');
  });
});

describe('its pages', () => {
  test('carry a strict policy, no script and no inline style', async () => {
    const page = await new Browser().visit(at('/'));
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.text).not.toMatch(/<script|<style|style=|onclick/i);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect((await new Browser().visit(at('/style.css'))).headers.get('content-type')).toContain('text/css');
  });

  test('answer 404, 405 and 400, and send a foreign host name home', async () => {
    const browser = new Browser();
    expect((await browser.step(at('/nowhere'))).status).toBe(404);
    expect((await browser.step(at('/refresh'))).status).toBe(405);
    expect((await fetch(at('/refresh'), { method: 'POST', body: '{}' })).status).toBe(400);
    const numbers = await browser.step(`http://127.0.0.1:${client.port}/login?prompt=login`);
    expect(numbers.headers.get('location')).toBe(`${client.url}/login?prompt=login`);
  });

  test('say that the provider does not answer, and work once it does', async () => {
    const port = await freePort(23_200);
    const early = await startDemoClient({
      port: await freePort(port + 1),
      issuer: `http://localhost:${port}`,
      clientId: 'demo',
      clientSecret,
      discoveryMs: 0,
    });
    const browser = new Browser();
    const before = await browser.visit(new URL('/login', early.url));
    expect(before.status).toBe(503);
    expect(before.text).toContain('provider_unreachable');
    const late = await startBareProvider({
      port,
      clients: withoutOwnKeys(demoClients({ url: early.url, clientSecret })),
    });
    expect((await browser.visit(new URL('/login', early.url))).text).toContain('Signed in as');
    await early.close();
    await late.close();
  });
});

test('a client that is not on loopback does not start', async () => {
  const settings = { port: 0, issuer: 'http://localhost:1', clientId: 'demo', host: '0.0.0.0' };
  await expect(startDemoClient(settings)).rejects.toThrow('loopback');
});

test('what it says about itself is a faultless clients file', () => {
  const entries = JSON.stringify(demoClients({ url: 'http://localhost:3002', clientSecret }));
  const context = {
    production: false,
    hasActiveWorkflow: true,
    outgoingAllow: ['localhost'],
    signingAlgorithms: ['RS256'],
  };
  const { clients, faults, warnings } = readClients(entries, 'demo', context);
  expect([...faults, ...warnings]).toEqual([]);
  expect(clients).toHaveLength(1);
});

test('a taken port is passed over', async () => {
  const port = await freePort(23_300);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await freePort(port)).toBeGreaterThan(port);
  await new Promise((resolve) => server.close(resolve));
});

/** The bare library knows the names of RFC 7591 only. */
function withoutOwnKeys(clients: object[]): object[] {
  return clients.map((entry) => Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'first_party')));
}

function hidden(text: string): Record<string, string> {
  const name = /name="xsrf" value="([^"]+)"/.exec(text)?.[1];
  if (name === undefined) throw new Error('no logout form on this page');
  return { xsrf: name };
}
