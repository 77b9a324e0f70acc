// The world as a client's developer meets it: one client of each kind, requests written by hand, and a person who does whatever
// the pages ask. Beside `world.ts`, whose logins go through an unmodified library.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, type JWTPayload } from 'jose';
import { Browser, buttonsOf, type Page, wordsOf } from './browser.ts';
import { CLIENT_SECRET, pause, returnUrlOf, startWorld, type WorldOptions } from './world.ts';

export const CALLBACK = 'https://rp.example.org/cb';
export const SELFIE = 'urn:selfie-oidc:acr:selfie';
export const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
export const SPECIAL_WORKFLOW = '5e1f1e00-0000-4000-8000-0000000000c1';

type Entry = Record<string, unknown>;
/** `undefined` leaves a parameter out that would be sent otherwise. */
export type Params = Record<string, string | string[] | undefined>;

const code = {
  redirect_uris: [CALLBACK],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};
const confidential = { ...code, client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_basic' };

/** One of each kind. `app` belongs to the operator, `third` does not. */
export const CLIENTS: readonly Entry[] = [
  { ...confidential, client_id: 'app', first_party: true, post_logout_redirect_uris: ['https://rp.example.org/bye'] },
  { ...confidential, client_id: 'third', client_name: 'Third <b>Party</b>', first_party: false },
  { ...confidential, client_id: 'basic', first_party: true, pkce: 'optional' },
  {
    ...confidential,
    client_id: 'post',
    first_party: true,
    pkce: 'optional',
    token_endpoint_auth_method: 'client_secret_post',
  },
  { ...code, client_id: 'spa', token_endpoint_auth_method: 'none', first_party: true },
  { ...confidential, client_id: 'es256', first_party: true, id_token_signed_response_alg: 'ES256' },
  { ...confidential, client_id: 'pairwise-a', first_party: true, subject_type: 'pairwise' },
  {
    ...confidential,
    client_id: 'pairwise-b',
    first_party: true,
    subject_type: 'pairwise',
    redirect_uris: ['https://other.example.org/cb'],
  },
  { ...confidential, client_id: 'strict', first_party: true, minimum_acr: ACTIVE },
  { ...confidential, client_id: 'special', first_party: true, vendor_workflow: SPECIAL_WORKFLOW },
  { ...confidential, client_id: 'aged', first_party: true, default_max_age: 60, default_acr_values: [ACTIVE] },
  {
    client_id: 'api',
    client_secret: CLIENT_SECRET,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [],
    grant_types: [],
    response_types: [],
  },
];

/** A request that went out: what is needed to redeem its answer. */
export interface Asked {
  readonly url: URL;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly verifier: string | undefined;
  readonly state: string | undefined;
}

export interface Tokens {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string;
  readonly claims: JWTPayload;
}

export type OidcWorld = Awaited<ReturnType<typeof startOidcWorld>>;

export async function startOidcWorld(options: WorldOptions = {}) {
  const world = await startWorld({
    ...options,
    clients: options.clients ?? CLIENTS,
    // selfies and nothing else, unless a test asks for more: what a client can have is then a short list
    policy: {
      passkeys: 'off',
      otherWays: [],
      ...options.policy,
      limits: { sessionsPerAccountPerHour: 5_000, unknownDevicesPerAccountPerHour: 5_000 },
    },
  });
  const { issuer, sandbox } = world;
  const isOutside = (location: string) => !location.startsWith(issuer) && !location.startsWith(sandbox.url);

  function entryOf(clientId: string): Entry {
    return (
      (world.config.clients as readonly object[] as readonly Entry[]).find((entry) => entry.client_id === clientId) ??
      {}
    );
  }

  /** An authorization request that is right in every way, changed by `params`. */
  function ask(clientId = 'app', params: Params = {}): Asked {
    const redirectUri = (entryOf(clientId).redirect_uris as string[] | undefined)?.[0] ?? CALLBACK;
    const verifier = randomBytes(32).toString('base64url');
    const all: Params = {
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid',
      state: randomBytes(8).toString('base64url'),
      nonce: randomBytes(8).toString('base64url'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...params,
    };
    const url = new URL(`${issuer}/auth`);
    for (const [name, value] of Object.entries(all)) {
      for (const each of [value].flat()) if (each !== undefined) url.searchParams.append(name, each);
    }
    return {
      url,
      clientId,
      redirectUri: typeof all.redirect_uri === 'string' ? all.redirect_uri : redirectUri,
      verifier: all.code_challenge === undefined ? undefined : verifier,
      state: all.state as string | undefined,
    };
  }

  /** Sends a request and stops at the first page, or at the way back to the client. */
  function go(browser: Browser, asked: Asked): Promise<Page> {
    return browser.get(asked.url, isOutside);
  }

  /** Does what the pages ask until they lead back to the client. @param who what is typed where a name is asked for */
  async function comply(browser: Browser, page: Page, who?: string): Promise<Page> {
    let current = page;
    for (let steps = 0; steps < 6; steps += 1) {
      if (current.status >= 300 && current.status < 400) return current;
      const buttons = buttonsOf(current);
      if (buttons.includes('decision=allow')) {
        current = await browser.follow(await browser.press(current, { name: 'decision', value: 'allow' }), isOutside);
      } else if (buttons.includes('begin=here')) {
        current = await showFace(browser, current, who);
      } else return current;
    }
    throw new Error(`the pages do not end: ${current.status} ${current.url} ${wordsOf(current).slice(0, 300)}`);
  }

  async function showFace(browser: Browser, page: Page, who: string | undefined): Promise<Page> {
    const before = new Set(sandbox.sessions().map((session) => session.id));
    const isNamed = who === undefined || !page.text.includes('name="identifier"');
    const fields = { ...(isNamed ? {} : { identifier: who }), biometric_consent: 'yes' };
    const begun = await browser.press(page, { name: 'begin', value: 'here' }, fields);
    const session = sandbox.sessions().find(({ id }) => !before.has(id));
    if (!session) return begun;
    await sandbox.open(session.id, { userAgent: browser.userAgent });
    await sandbox.settle(session.id, 'approve');
    const back = await browser.get(returnUrlOf(sandbox.session(session.id)), isOutside);
    let current = back;
    for (let tries = 0; tries < 200 && current.status === 200 && current.url.endsWith('/waiting'); tries += 1) {
      await pause(tries);
      current = await browser.get(current.url, isOutside);
    }
    return current;
  }

  /** The answer that a redirect brings to the client. */
  function answerOf(page: Page): URLSearchParams {
    const location = page.headers.get('location');
    if (!location || !isOutside(location))
      throw new Error(`no way back to the client: ${page.status} ${page.url} ${page.text.slice(0, 1500)}`);
    return new URL(location).searchParams;
  }

  function basic(clientId: string, secret = CLIENT_SECRET): string {
    return `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`).toString('base64')}`;
  }

  /** A form to one of the endpoints that speak JSON, with the client's own way to prove who it is. */
  async function post(path: string, clientId: string | undefined, form: Params, headers: Record<string, string> = {}) {
    const entry = clientId === undefined ? {} : entryOf(clientId);
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(form)) {
      for (const each of [value].flat()) if (each !== undefined) body.append(name, each);
    }
    const sent: Record<string, string> = { accept: 'application/json', ...headers };
    if (clientId !== undefined && !('client_assertion' in form)) {
      if (entry.token_endpoint_auth_method === 'client_secret_basic') sent.authorization ??= basic(clientId);
      else body.append('client_id', clientId);
      if (entry.token_endpoint_auth_method === 'client_secret_post') body.append('client_secret', CLIENT_SECRET);
    }
    const response = await fetch(new URL(path, issuer), { method: 'POST', headers: sent, body, redirect: 'manual' });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: readJson(text) };
  }

  async function token(clientId: string, form: Params, headers?: Record<string, string>): Promise<Tokens> {
    const { status, headers: answered, body } = await post('/token', clientId, form, headers);
    const idToken = typeof body.id_token === 'string' ? body.id_token : '';
    return {
      status,
      headers: answered,
      body,
      accessToken: String(body.access_token ?? ''),
      refreshToken: body.refresh_token as string | undefined,
      idToken,
      claims: idToken ? decodeJwt(idToken) : {},
    };
  }

  function redeem(
    asked: Asked,
    codeValue: string,
    more: Params = {},
    headers?: Record<string, string>,
  ): Promise<Tokens> {
    const form = {
      grant_type: 'authorization_code',
      code: codeValue,
      redirect_uri: asked.redirectUri,
      ...(asked.verifier === undefined ? {} : { code_verifier: asked.verifier }),
      ...more,
    };
    return token(asked.clientId, form, headers);
  }

  function refresh(clientId: string, refreshToken: string | undefined, more: Params = {}): Promise<Tokens> {
    return token(clientId, { grant_type: 'refresh_token', refresh_token: refreshToken, ...more });
  }

  /** A whole sign-in: whatever the pages ask is done, and the code is redeemed. */
  async function signIn(options: { browser?: Browser; who?: string; client?: string; params?: Params } = {}) {
    const browser = options.browser ?? new Browser();
    const asked = ask(options.client, options.params);
    const faces = sandbox.sessions().length;
    const page = await comply(browser, await go(browser, asked), options.who);
    const answer = answerOf(page);
    if (!answer.has('code')) throw new Error(`no code: ${answer.toString()}`);
    const tokens = await redeem(asked, String(answer.get('code')));
    if (tokens.status !== 200) throw new Error(`no tokens: ${JSON.stringify(tokens.body)}`);
    return {
      browser,
      asked,
      answer,
      tokens,
      code: String(answer.get('code')),
      faces: sandbox.sessions().length - faces,
    };
  }

  async function userinfo(accessToken: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${issuer}/me`, {
      headers: { accept: 'application/json', authorization: `Bearer ${accessToken}`, ...headers },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: readJson(text) };
  }

  async function introspect(tokenValue: string, clientId = 'api') {
    return (await post('/token/introspection', clientId, { token: tokenValue })).body;
  }

  /** Down and up again; connections that were kept open are gone, and the first request may find out. */
  async function restart(changes: Parameters<typeof world.restart>[0] = {}): Promise<void> {
    await world.restart(changes);
    await until(
      () =>
        fetch(`${issuer}/livez`).then(
          ({ ok }) => ok,
          () => false,
        ),
      'the provider to be up again',
    );
  }

  async function discovery(): Promise<Record<string, unknown>> {
    const response = await fetch(`${issuer}/.well-known/openid-configuration`);
    return (await response.json()) as Record<string, unknown>;
  }

  return {
    world,
    issuer,
    sandbox,
    isOutside,
    ask,
    go,
    comply,
    answerOf,
    basic,
    post,
    token,
    redeem,
    refresh,
    signIn,
    userinfo,
    introspect,
    discovery,
    restart,
    close: () => world.close(),
  };
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A server of a client's own, on loopback. */
export async function startPeer(answer: (req: IncomingMessage, res: ServerResponse, body: string) => void) {
  const requests: { method: string; url: string; body: string; type: string }[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: req.method ?? '', url: req.url ?? '', body, type: req.headers['content-type'] ?? '' });
      answer(req, res, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Waits until something is so; bounded by tries, not by a guess at how long it takes. */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await look();
    if (found) return found;
    await pause(tries);
  }
  throw new Error(`in vain: ${what}`);
}
