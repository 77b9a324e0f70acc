// Logout: the person's page and what it ends, clients that are told in the background, and where such calls may go (R12, T19, T20).

import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import Provider from 'oidc-provider';
import { createApp } from '../../src/app.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { createOutgoingPolicy } from '../../src/core/outgoing.ts';
import { createGuardedFetch } from '../../src/oidc/outgoing.ts';
import { Browser, buttonsOf, type Page } from '../support/browser.ts';
import { CLIENTS, type OidcWorld, startOidcWorld, startPeer, until } from '../support/oidc-world.ts';
import { untilDone } from '../support/story.ts';
import { CLIENT_SECRET } from '../support/world.ts';

const BYE = 'https://rp.example.org/bye';
const common = {
  client_secret: CLIENT_SECRET,
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
};
const held: (() => void)[] = [];
let o: OidcWorld;
let prompt: Awaited<ReturnType<typeof startPeer>>;
let hanging: Awaited<ReturnType<typeof startPeer>>;
let moody: Awaited<ReturnType<typeof startPeer>>;
let moods: ((page: Parameters<Parameters<typeof startPeer>[0]>[1]) => void)[] = [];

beforeAll(async () => {
  prompt = await startPeer((_req, res) => res.writeHead(204).end());
  hanging = await startPeer((_req, res) => void held.push(() => res.end()));
  moody = await startPeer((_req, res) => {
    const mood = moods.shift();
    if (mood) mood(res);
    else res.end();
  });
  const client = (name: string, url: string, more: object = {}) => ({
    ...common,
    client_id: name,
    redirect_uris: [`https://${name}.example.org/cb`],
    backchannel_logout_uri: url,
    ...more,
  });
  o = await startOidcWorld({
    clients: [
      ...CLIENTS,
      client('prompt', `${prompt.url}/logout`, { backchannel_logout_session_required: true }),
      client('pairwise', `${prompt.url}/pairwise`, { subject_type: 'pairwise', id_token_signed_response_alg: 'ES256' }),
      client('hanging', `${hanging.url}/logout`),
      client('moody', `${moody.url}/logout`),
      client('elsewhere', 'http://localhost:9/logout'),
      ...Array.from({ length: 6 }, (_, index) => client(`tab-${index}`, `${prompt.url}/tab-${index}`)),
    ],
    config: { outgoingAllow: ['127.0.0.1'] },
  });
});
afterAll(async () => {
  for (const release of held) release();
  await o.close();
  await Promise.all([prompt.close(), hanging.close(), moody.close()]);
});
afterEach(() => {
  jest.restoreAllMocks();
});

async function askToLeave(
  browser: Browser,
  params: Record<string, string>,
  method: 'GET' | 'POST' = 'GET',
): Promise<Page> {
  if (method === 'GET') return browser.get(`${o.issuer}/session/end?${new URLSearchParams(params)}`, o.isOutside);
  return browser.follow(await browser.request(`${o.issuer}/session/end`, { form: params }), o.isOutside);
}

/** The buttons belong to the library's form by its id, as the page has them. */
async function press(browser: Browser, page: Page, everywhere: boolean): Promise<Page> {
  const action = /<form id="op\.logoutForm" method="post" action="([^"]+)">/.exec(page.text)?.[1] ?? '';
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const form = { xsrf, ...(everywhere ? { logout: 'yes' } : {}) };
  return browser.follow(await browser.request(action, { form }), o.isOutside);
}

/** The so many-th call of an operation fails that is made in a request of the library. */
async function failOnce<T>(what: string, call: number, work: () => Promise<T>): Promise<T> {
  const [part, name] = what.split('.') as [string, 'set'];
  const { store, backend } = o.world.app.parts;
  const target = part === 'jobs' ? (backend.jobs as unknown as typeof store) : store;
  const original = target[name].bind(target) as (...args: unknown[]) => Promise<unknown>;
  let left = call;
  const spy = jest.spyOn(target, name).mockImplementation((async (...args: unknown[]) => {
    if (Provider.ctx !== undefined) left -= 1;
    if (Provider.ctx !== undefined && left === 0) throw new StorageUnavailable('gone for the test');
    return original(...args);
  }) as never);
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

function tokensAt(peer: { requests: { url: string; body: string; type: string }[] }, path: string): string[] {
  return peer.requests
    .filter(({ url, type }) => url === path && type === 'application/x-www-form-urlencoded')
    .map(({ body }) => String(new URLSearchParams(body).get('logout_token')));
}

const isSignedIn = async (browser: Browser, client = 'app') =>
  o.answerOf(await o.go(browser, o.ask(client, { prompt: 'none' }))).has('code');

describe('the person’s logout', () => {
  test.each(['GET', 'POST'] as const)(
    'by %s: a page that asks, with buttons and without script, and back to the client',
    async (method) => {
      const { browser, tokens } = await o.signIn({ who: 'alice' });
      const page = await askToLeave(
        browser,
        { id_token_hint: tokens.idToken, post_logout_redirect_uri: BYE, state: 's&1' },
        method,
      );
      expect(page.status).toBe(200);
      expect(buttonsOf(page)).toContain('logout=yes');
      expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)/);
      expect(page.headers.get('cache-control')).toContain('no-store');
      expect(await isSignedIn(browser)).toBe(true);
      const again = await askToLeave(
        browser,
        { id_token_hint: tokens.idToken, post_logout_redirect_uri: BYE, state: 's&1' },
        method,
      );
      const gone = await press(browser, again, true);
      const location = new URL(String(gone.headers.get('location')));
      expect([`${location.origin}${location.pathname}`, location.searchParams.get('state')]).toEqual([BYE, 's&1']);
      expect(await isSignedInOrError(browser)).toBe('login_required');
      expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
    },
  );

  const isSignedInOrError = async (browser: Browser) =>
    o.answerOf(await o.go(browser, o.ask('app', { prompt: 'none' }))).get('error');

  test('from one client only leaves the others', async () => {
    const { browser, tokens } = await o.signIn({ who: 'alice' });
    const other = await o.signIn({ browser, client: 'es256' });
    const page = await askToLeave(browser, { client_id: 'app', post_logout_redirect_uri: BYE });
    const back = await press(browser, page, false);
    expect(back.headers.get('location')).toBe(BYE);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
    expect((await o.userinfo(other.tokens.accessToken)).status).toBe(200);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('refresh tokens that were given for when the person is away outlive it', async () => {
    const { browser, tokens } = await o.signIn({
      who: 'alice',
      params: { scope: 'openid offline_access', prompt: 'consent' },
    });
    await press(browser, await askToLeave(browser, { client_id: 'app' }), true);
    const next = await o.refresh('app', tokens.refreshToken);
    expect(next.status).toBe(200);
    expect((await o.userinfo(next.accessToken)).status).toBe(200);
  });

  test('without an address to return to it ends on a page', async () => {
    const { browser } = await o.signIn({ who: 'alice' });
    const page = await press(browser, await askToLeave(browser, {}), true);
    expect([page.status, page.headers.get('location')]).toEqual([200, null]);
    expect(page.text).toContain('Signed out');
  });

  test('where nobody is signed in it leads on at once', async () => {
    const back = await askToLeave(new Browser(), { client_id: 'app', post_logout_redirect_uri: `${BYE}`, state: 'x' });
    expect([back.status, back.headers.get('location')]).toEqual([303, `${BYE}?state=x`]);
    const page = await askToLeave(new Browser(), {});
    expect([page.status, page.text.includes('Signed out'), page.text.includes('<script>')]).toEqual([200, true, false]);
  });

  test.each([
    ['an unregistered address', { client_id: 'app', post_logout_redirect_uri: 'https://evil.example.org/' }, 400],
    ['an address without a client', { post_logout_redirect_uri: 'https://evil.example.org/' }, 200],
    ['an unknown client', { client_id: 'nobody' }, 400],
    ['a hint that is none', { id_token_hint: 'x' }, 400],
    ['a hint of another client', { id_token_hint: 'FRESH', client_id: 'es256' }, 400],
  ])('%s leads nowhere (T19)', async (_name, params, status) => {
    const { browser, tokens } = await o.signIn({ who: 'alice' });
    const sent = Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, value === 'FRESH' ? tokens.idToken : value]),
    );
    const page = await askToLeave(browser, sent);
    expect([page.status, page.headers.get('location')]).toEqual([status, null]);
    expect(page.text).not.toContain('evil.example.org');
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('cannot be pressed by another site (T23)', async () => {
    const { browser } = await o.signIn({ who: 'alice' });
    await askToLeave(browser, {});
    const forged = await browser.request(`${o.issuer}/session/end/confirm`, { form: { xsrf: 'x', logout: 'yes' } });
    expect(forged.status).toBe(400);
    expect(await isSignedIn(browser)).toBe(true);
  });
});

describe('back-channel logout', () => {
  test('tells each client, by a signed token for it alone', async () => {
    prompt.requests.length = 0;
    const { browser, tokens } = await o.signIn({ who: 'alice', client: 'prompt' });
    const pairwise = await o.signIn({ browser, client: 'pairwise' });
    await press(browser, await askToLeave(browser, {}), true);
    await until(() => prompt.requests.length === 2, 'both to be told');
    const jwks = createRemoteJWKSet(new URL(`${o.issuer}/jwks`));
    const [one] = tokensAt(prompt, '/logout');
    const { payload, protectedHeader } = await jwtVerify(String(one), jwks, { issuer: o.issuer, audience: 'prompt' });
    expect(protectedHeader).toMatchObject({ alg: 'RS256', typ: 'logout+jwt' });
    expect(payload).toMatchObject({
      sub: tokens.claims.sub,
      sid: tokens.claims.sid,
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: expect.any(Number),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect(payload).not.toHaveProperty('nonce');
    const [other] = tokensAt(prompt, '/pairwise');
    const second = await jwtVerify(String(other), jwks, {
      issuer: o.issuer,
      audience: 'pairwise',
      algorithms: ['ES256'],
    });
    expect(second.payload.sub).toBe(pairwise.tokens.claims.sub);
  });

  test.each([
    ['jobs.schedule', 1],
    ['jobs.schedule', 2],
    ['store.set', 1],
    ['store.update', 1],
  ])(
    'R3: when the storage fails (%s, call %d) the session stays, and pressing again tells everybody, once',
    async (what, call) => {
      prompt.requests.length = 0;
      const { browser } = await o.signIn({ who: 'alice', client: 'tab-0' });
      await o.signIn({ browser, client: 'tab-1' });
      const page = await askToLeave(browser, {});
      const failed = await failOnce(what, call, () => press(browser, page, true));
      expect([failed.status, failed.headers.get('location')]).toEqual([503, null]);
      // whoever could be told is, by now
      await until(() => prompt.requests.length >= (what === 'jobs.schedule' ? 1 : 2), 'the first to be told');
      expect((await press(browser, page, true)).status).toBe(200);
      expect(await isSignedIn(browser)).toBe(false);
      await until(() => prompt.requests.length >= 2, 'both to be told');
      await untilDone(o.world, 'logout');
      expect(prompt.requests.map(({ url }) => url).sort()).toEqual(['/tab-0', '/tab-1']);
    },
  );

  test('a client that hangs does not keep the person waiting (R12)', async () => {
    hanging.requests.length = 0;
    const { browser } = await o.signIn({ who: 'alice', client: 'hanging' });
    const page = await askToLeave(browser, { client_id: 'app', post_logout_redirect_uri: BYE });
    const gone = await press(browser, page, true);
    // answered while the client's request is still open
    expect(gone.headers.get('location')).toBe(BYE);
    await until(() => hanging.requests.length === 1, 'the client to be called');
    for (const release of held.splice(0)) release();
  });

  test('a client that failed is told again, later, until it answers', async () => {
    moody.requests.length = 0;
    moods = [
      (res) => void res.writeHead(500).end(),
      (res) => void res.writeHead(302, { location: `${prompt.url}/elsewhere` }).end(),
    ];
    prompt.requests.length = 0;
    const { browser } = await o.signIn({ who: 'alice', client: 'moody' });
    await press(browser, await askToLeave(browser, {}), true);
    await until(() => moody.requests.length === 1, 'the first try');
    let offsetMs = 0;
    const real = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => real() + offsetMs);
    for (const tries of [2, 3]) {
      await until(() => {
        offsetMs += 1_000;
        return moody.requests.length === tries;
      }, `try ${tries}`);
    }
    const jtis = tokensAt(moody, '/logout').map(
      (token) => JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString()).jti,
    );
    expect(new Set(jtis).size).toBe(3);
    // a redirect is a failure, not a way (T20)
    expect(prompt.requests).toHaveLength(0);
    expect(moods).toHaveLength(0);
  });

  test('six tabs that signed in at once are all told (R3)', async () => {
    prompt.requests.length = 0;
    const { browser } = await o.signIn({ who: 'alice' });
    const clients = Array.from({ length: 6 }, (_, index) => `tab-${index}`);
    const tokens = await Promise.all(clients.map((client) => o.signIn({ browser, client })));
    expect(tokens.every(({ faces }) => faces === 0)).toBe(true);
    for (const each of tokens) expect((await o.userinfo(each.tokens.accessToken)).status).toBe(200);
    await press(browser, await askToLeave(browser, {}), true);
    await until(() => prompt.requests.length >= 6, 'all six to be told');
    expect(prompt.requests.map(({ url }) => url).sort()).toEqual(clients.map((client) => `/${client}`));
    for (const each of tokens) expect((await o.userinfo(each.tokens.accessToken)).status).toBe(401);
  });
});

describe('addresses that others name (T20)', () => {
  test('what is special-use is called only where OUTGOING_ALLOW names it', async () => {
    const strict = createGuardedFetch(createOutgoingPolicy([]));
    const { port } = new URL(prompt.url);
    prompt.requests.length = 0;
    for (const host of [
      '127.0.0.1',
      'localhost',
      '[::1]',
      '169.254.169.254',
      '10.0.0.1',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
      '2130706433',
    ]) {
      await expect(strict(`http://${host}:${port}/x`)).rejects.toMatchObject({ code: 'outgoing_refused' });
    }
    expect(prompt.requests).toHaveLength(0);
    const open = createGuardedFetch(createOutgoingPolicy(['127.0.0.0/8']));
    expect((await open(`${prompt.url}/x`)).status).toBe(204);
  });

  test('a logout endpoint that resolves to such an address is not called, and the person is gone all the same', async () => {
    const { browser } = await o.signIn({ who: 'alice', client: 'elsewhere' });
    const page = await press(
      browser,
      await askToLeave(browser, { client_id: 'app', post_logout_redirect_uri: BYE }),
      true,
    );
    expect(page.headers.get('location')).toBe(BYE);
    const line = await until(
      () => o.world.log.find((each) => each.includes('"client":"elsewhere"')),
      'a line in the log',
    );
    expect(line).toContain('told again');
  });

  test('too much, too slow, or on to somewhere else', async () => {
    const open = createGuardedFetch(createOutgoingPolicy(['127.0.0.1']));
    moods = [
      (res) => void res.end('x'.repeat(600_000)),
      (res) => void res.writeHead(302, { location: `${prompt.url}/elsewhere` }).end(),
    ];
    await expect(open(`${moody.url}/much`)).rejects.toMatchObject({ code: 'outgoing_refused' });
    prompt.requests.length = 0;
    expect((await open(`${moody.url}/on`)).status).toBe(302);
    expect(prompt.requests).toHaveLength(0);
  });

  async function keyed(jwks_uri: string, allow: string[]) {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const world = await startOidcWorld({
      clients: [
        {
          ...common,
          client_id: 'keyed',
          client_secret: undefined,
          redirect_uris: [BYE],
          token_endpoint_auth_method: 'private_key_jwt',
          jwks_uri,
        },
      ].map((entry) => JSON.parse(JSON.stringify(entry))),
      config: { outgoingAllow: allow },
    });
    const assertion = await new SignJWT({ iss: 'keyed', sub: 'keyed', aud: world.issuer, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
    const send = () =>
      world.post('/token/introspection', 'keyed', {
        token: 'x',
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
    return { world, send, jwks: JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', use: 'sig' }] }) };
  }

  test('jwks_uri: read where it may be, refused where not, redirects not followed', async () => {
    let body = '';
    let status = 200;
    const peer = await startPeer((_req, res) => {
      res.writeHead(status, { 'content-type': 'application/json', location: `${peer.url}/moved` }).end(body);
    });
    const allowed = await keyed(`${peer.url}/jwks`, ['127.0.0.1']);
    body = allowed.jwks;
    status = 302;
    expect((await allowed.send()).status).toBe(401);
    expect(peer.requests.map(({ url }) => url)).toEqual(['/jwks']);
    await allowed.world.close();

    const second = await keyed(`${peer.url}/jwks`, ['127.0.0.1']);
    [body, status] = [second.jwks, 200];
    expect(await second.send()).toMatchObject({ status: 200, body: { active: false } });
    await second.world.close();

    peer.requests.length = 0;
    const refused = await keyed(`${peer.url}/jwks`, []);
    expect((await refused.send()).status).toBe(401);
    expect(peer.requests).toHaveLength(0);
    await refused.world.close();
    await peer.close();
  });

  test('sector_identifier_uri: a special-use address stops the start; a host that is down does not', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const entry = {
      ...common,
      client_id: 'sector',
      redirect_uris: [BYE],
      subject_type: 'pairwise',
      sector_identifier_uri: `https://127.0.0.1:${port}/sector.json`,
    };
    const down = await startOidcWorld({ clients: [entry, ...CLIENTS], config: { outgoingAllow: ['127.0.0.1'] } });
    expect(connections).toBe(1);
    expect((await down.signIn({ who: 'alice' })).tokens.status).toBe(200);
    expect((await down.go(new Browser(), down.ask('sector'))).status).toBe(400);
    const before = connections;
    await expect(createApp({ ...down.world.config, outgoingAllow: [] })).rejects.toThrow(/special-use/);
    expect(connections).toBe(before);
    await down.close();
    server.close();
  });
});
