// The demo client: a small application of somebody else's that signs people in with this provider. It is what a person
// sees first at `npm start`, and what tests drive a login with. HTTP is here; OpenID Connect is in relying-party.ts.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import type { Html } from './html.ts';
import { createLogoutTokenReader } from './logout-token.ts';
import { faultPage, homePage, loginPath, plainPage, signedInPage, signedOutPage } from './pages.ts';
import {
  createRelyingParty,
  isLoopback,
  type RelyingParty,
  type SignInFault,
  type SignInOptions,
} from './relying-party.ts';
import { type BrowserSession, createSessionStore, type SessionStore, type SignedIn } from './sessions.ts';

const BODY_LIMIT = 64 * 1024;

export interface DemoClient {
  /** `http://localhost:<port>` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts the demo client on loopback. The provider need not run yet: it is looked for at the first sign-in.
 *
 * @param settings.port         0 takes any free one; redirect addresses contain it, so register them afterwards
 * @param settings.clientSecret absent for a public client, which cannot introspect
 * @param settings.discoveryMs  how long a sign-in waits for the provider to answer
 * @throws Error when `openid-client` is not installed, the port is taken, or `host` is not loopback
 */
export async function startDemoClient(settings: {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly host?: string;
  readonly discoveryMs?: number;
}): Promise<DemoClient> {
  const { issuer, clientId, clientSecret, host = '127.0.0.1', discoveryMs = 5000 } = settings;
  if (!isLoopback(host)) throw new Error('the demo client shows tokens: it listens on loopback only');

  const style = await readFile(new URL('./style.css', import.meta.url));
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://localhost:${port}`;

  try {
    const relyingParty = await createRelyingParty({
      issuer,
      clientId,
      clientUrl: url,
      discoveryMs,
      ...(clientSecret !== undefined && { clientSecret }),
    });
    let keys: JWTVerifyGetKey | undefined;
    const readLogoutToken = createLogoutTokenReader({
      issuer,
      clientId,
      keys: async () => {
        keys ??= createRemoteJWKSet(await relyingParty.jwksUri());
        return keys;
      },
    });
    const sessions = createSessionStore();
    const routes = createRoutes({
      relyingParty,
      sessions,
      readLogoutToken,
      issuer,
      confidential: clientSecret !== undefined,
    });
    server.on('request', (request, response) => {
      handle({ request, response, routes, sessions, style, url, issuer }).catch(() => {
        if (!response.headersSent)
          response.writeHead(500, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
        response.end('The demo client failed.\n');
      });
    });
  } catch (error) {
    server.close();
    throw error;
  }

  return {
    url,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

/** What the provider's clients file would say about the demo client: RFC 7591 names, and keys of our own. */
export function demoClients(settings: { readonly url: string; readonly clientSecret: string }): object[] {
  return [
    {
      client_id: 'demo',
      client_secret: settings.clientSecret,
      client_name: 'Demo client',
      client_uri: settings.url,
      redirect_uris: [`${settings.url}/callback`],
      post_logout_redirect_uris: [`${settings.url}/signed-out`],
      backchannel_logout_uri: `${settings.url}/backchannel-logout`,
      backchannel_logout_session_required: true,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: 'openid profile email offline_access',
      first_party: false,
    },
  ];
}

// ---------------------------------------------------------------------------------------------------------- routes

interface Visit {
  readonly url: URL;
  readonly form: URLSearchParams;
  readonly session: BrowserSession;
}

type Answer =
  | { readonly kind: 'page'; readonly status: number; readonly page: Html; readonly session?: BrowserSession }
  | { readonly kind: 'redirect'; readonly to: string; readonly session?: BrowserSession }
  | { readonly kind: 'empty'; readonly status: number };

type Route = (visit: Visit) => Promise<Answer>;

interface Parts {
  readonly relyingParty: RelyingParty;
  readonly sessions: SessionStore;
  readonly readLogoutToken: ReturnType<typeof createLogoutTokenReader>;
  readonly issuer: string;
  readonly confidential: boolean;
}

function createRoutes(parts: Parts): Readonly<Record<string, Route>> {
  const { relyingParty, sessions, readLogoutToken, issuer, confidential } = parts;

  /** Does something with the tokens of whoever is signed in; what goes wrong is shown beside them. */
  function withTokens(attempted: string, act: (signedIn: SignedIn, form: URLSearchParams) => Promise<void>): Route {
    return async ({ session, form }) => {
      const { signedIn } = session;
      if (signedIn) {
        delete signedIn.fault;
        try {
          await act(signedIn, form);
        } catch (error) {
          signedIn.fault = { ...relyingParty.faultOf(error), attempted };
        }
      }
      return { kind: 'redirect', to: '/' };
    };
  }

  return {
    'GET /': async ({ session }) => {
      const { notice, signedIn } = session;
      session.notice = undefined;
      return page(200, signedIn ? signedInPage({ signedIn, confidential }) : homePage({ issuer, notice }));
    },

    'GET /login': async ({ session, url }) => {
      const options = readOptions(url.searchParams);
      try {
        const { url: authorize, pending } = await relyingParty.begin(options);
        sessions.remember(session, pending);
        return { kind: 'redirect', to: authorize.href };
      } catch (error) {
        return failed(503, relyingParty.faultOf(error), options);
      }
    },

    'GET /callback': async ({ session, url }) => {
      const state = url.searchParams.get('state');
      const pending = state === null ? undefined : session.pending.get(state);
      if (state === null || !pending) {
        return failed(400, {
          error: 'state_mismatch',
          description: 'the answer carries no state that this browser was given',
        });
      }
      session.pending.delete(state);
      try {
        const tokens = await relyingParty.complete(url, pending);
        const signedIn: SignedIn = { asked: pending.options, tokens, refreshes: 0 };
        const renewed = sessions.renew({ ...session, signedIn, notice: undefined });
        try {
          signedIn.userInfo = await relyingParty.fetchUserInfo(tokens);
        } catch (error) {
          signedIn.fault = { ...relyingParty.faultOf(error), attempted: 'Fetching the user info' };
        }
        return { kind: 'redirect', to: '/', session: renewed };
      } catch (error) {
        return failed(400, relyingParty.faultOf(error), pending.options);
      }
    },

    'POST /userinfo': withTokens('Fetching the user info', async (signedIn) => {
      delete signedIn.userInfo;
      signedIn.userInfo = await relyingParty.fetchUserInfo(signedIn.tokens);
    }),

    'POST /introspect': withTokens('Introspection', async (signedIn, form) => {
      delete signedIn.introspection;
      const { accessToken, refreshToken } = signedIn.tokens;
      signedIn.introspection =
        form.get('token') === 'refresh_token' && refreshToken !== undefined
          ? await relyingParty.introspect(refreshToken, 'refresh_token')
          : await relyingParty.introspect(accessToken, 'access_token');
    }),

    'POST /refresh': withTokens('Refreshing', async (signedIn) => {
      signedIn.refreshing ??= (async () => {
        signedIn.tokens = await relyingParty.refresh(signedIn.tokens);
        signedIn.refreshes++;
        delete signedIn.introspection;
      })();
      try {
        await signedIn.refreshing;
      } finally {
        delete signedIn.refreshing;
      }
    }),

    'POST /logout': async ({ session, form }) => {
      const { signedIn } = session;
      session.signedIn = undefined;
      if (!signedIn || form.get('logout') === 'here') return { kind: 'redirect', to: '/signed-out' };
      try {
        const state = randomBytes(16).toString('base64url');
        const to = await relyingParty.endSessionUrl(signedIn.tokens, state);
        session.logoutState = state;
        return { kind: 'redirect', to: to.href };
      } catch (error) {
        return failed(503, relyingParty.faultOf(error));
      }
    },

    'GET /signed-out': async ({ session, url }) => {
      const confirmed = session.logoutState !== undefined && url.searchParams.get('state') === session.logoutState;
      session.logoutState = undefined;
      return page(200, signedOutPage({ confirmed }));
    },

    'POST /backchannel-logout': async ({ form }) => {
      try {
        sessions.forget(await readLogoutToken(form.get('logout_token') ?? ''));
        return { kind: 'empty', status: 200 };
      } catch {
        return { kind: 'empty', status: 400 };
      }
    },
  };
}

function page(status: number, content: Html): Answer {
  return { kind: 'page', status, page: content };
}

function failed(status: number, fault: SignInFault, options?: SignInOptions): Answer {
  return page(status, faultPage({ fault, ...(options && { tryAgain: loginPath(options) }) }));
}

function readOptions(query: URLSearchParams): SignInOptions {
  const loginHint = query.get('login_hint')?.trim();
  const acrValues = query.get('acr_values')?.trim();
  const maxAge = query.get('max_age')?.trim() ?? '';
  return {
    freshSelfie: query.get('prompt') === 'login',
    offline: query.has('offline'),
    essentialAcr: query.has('essential'),
    ...(loginHint && { loginHint }),
    ...(acrValues && { acrValues }),
    ...(/^\d{1,9}$/.test(maxAge) && { maxAgeSeconds: Number(maxAge) }),
  };
}

// ------------------------------------------------------------------------------------------------------------ HTTP

async function handle(context: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly routes: Readonly<Record<string, Route>>;
  readonly sessions: SessionStore;
  readonly style: Buffer;
  readonly url: string;
  readonly issuer: string;
}): Promise<void> {
  const { request, response, routes, sessions, style, issuer } = context;
  const own = new URL(context.url);
  const target = request.url ?? '/';
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');

  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'same-origin');
  response.setHeader(
    'content-security-policy',
    // The provider is named because browsers hold a form to `form-action` through its redirects too.
    `default-src 'none'; style-src 'self'; img-src data:; form-action 'self' ${new URL(issuer).origin}; base-uri 'none'; frame-ancestors 'none'`,
  );

  if (!target.startsWith('/') || !URL.canParse(own.origin + target))
    return send(response, 400, plainPage('Bad request', 'This is no address here.'));
  const url = new URL(own.origin + target);
  if (request.headers.host !== own.host) {
    // 127.0.0.1 is another place than localhost to a browser's cookies, and a foreign name is no place of ours.
    if (method !== 'GET') return send(response, 421, plainPage('Wrong address', `This client is at ${own.origin}.`));
    return redirect(response, url.href);
  }
  if (method === 'GET' && url.pathname === '/style.css') {
    response.writeHead(200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-cache' });
    response.end(style);
    return;
  }

  const route = routes[`${method} ${url.pathname}`];
  if (!route) {
    const allowed = ['GET', 'POST'].filter((other) => routes[`${other} ${url.pathname}`]);
    if (allowed.length === 0) return send(response, 404, plainPage('Nothing here', 'This page does not exist.'));
    response.setHeader('allow', allowed.join(', '));
    return send(response, 405, plainPage('Not this way', 'This address is used in another way.'));
  }

  const backchannel = url.pathname === '/backchannel-logout';
  if (method === 'POST' && !backchannel && !fromOwnPage(request, own.origin)) {
    return send(response, 403, plainPage('Refused', 'This form was not sent from a page of this client.'));
  }
  const form = method === 'POST' ? await readForm(request) : new URLSearchParams();
  if (!form) return send(response, 400, plainPage('Bad request', 'A form was expected.'));

  const cookieName = `selfie_demo_client_${own.port}`;
  const known = backchannel ? undefined : sessions.find(readCookie(request, cookieName));
  const session = known ?? (url.pathname === '/login' ? sessions.create() : blankSession());
  const answer = await route({ url, form, session });

  const keep = answer.kind !== 'empty' ? (answer.session ?? session) : session;
  if (keep.id !== '' && keep.id !== known?.id) {
    response.setHeader('set-cookie', `${cookieName}=${keep.id}; Path=/; HttpOnly; SameSite=Lax`);
  }
  switch (answer.kind) {
    case 'page':
      return send(response, answer.status, answer.page);
    case 'redirect':
      return redirect(response, answer.to);
    case 'empty':
      response.writeHead(answer.status).end();
  }
}

/** A visit that began nothing yet: kept nowhere, so that a crawler or an onlooker costs no memory. */
function blankSession(): BrowserSession {
  return { id: '', pending: new Map(), usedAtMs: 0 };
}

function send(response: ServerResponse, status: number, content: Html): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
  response.end(content.text);
}

function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { location: to });
  response.end();
}

/** Cross-site forms are refused (T23); what is no browser sends neither header. */
function fromOwnPage(request: IncomingMessage, origin: string): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  return request.headers.origin === undefined || request.headers.origin === origin;
}

function readCookie(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return undefined;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
