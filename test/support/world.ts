// The whole product for a test: provider, stand-in for the vendor and an unmodified OIDC library, over real HTTP on free loopback ports.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as oidc from 'openid-client';
import { type App, createApp } from '../../src/app.ts';
import type { Config } from '../../src/config/config.ts';
import { makeSigningKeys } from '../../src/config/dev-secrets.ts';
import { defaultPolicy, type Policy } from '../../src/config/policy.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Relay } from '../../src/storage/shared-bus.ts';
import { createLogger, type RequestLogger } from '../../src/telemetry/log.ts';
import { Browser, type Page } from './browser.ts';
import { reservePort } from './ports.ts';

export const WORKFLOWS = {
  enrol: '5e1f1e00-0000-4000-8000-0000000000e1',
  passive: '5e1f1e00-0000-4000-8000-0000000000a1',
  active: '5e1f1e00-0000-4000-8000-0000000000b1',
};
export const API_KEY = 'world-api-key';
export const WEBHOOK_SECRET = 'world-webhook-secret-of-forty-three-chars-01';
export const CLIENT_SECRET = 'a-client-secret-of-at-least-thirty-two-characters';

type Deep<T> = { [K in keyof T]?: T[K] extends object ? Deep<T[K]> : T[K] };

export interface WorldOptions {
  readonly policy?: Deep<Policy>;
  readonly clients?: readonly Record<string, unknown>[];
  readonly config?: Partial<Config>;
  readonly storage?: 'memory' | 'sqlite';
  /** in the issuer; passkeys are for names only, a browser makes none for an address */
  readonly host?: '127.0.0.1' | 'localhost';
  readonly sandbox?: Parameters<typeof startSandbox>[0]['settings'];
  /** to other providers on the same storage */
  readonly relay?: Relay;
  /** collects log lines */
  readonly lines?: string[];
}

/** The rules as they are without a policy file, where a known device may skip the selfie. */
export const ADAPTIVE: Policy['risk'] = defaultPolicy({ production: false }).risk;

/** The same rules, but nobody skips: for tests of anything that needs a selfie at a second login. */
const EVERY_TIME: Policy['risk'] = {
  ...ADAPTIVE,
  rules: ADAPTIVE.rules.filter(({ asks }) => asks !== 'skip'),
};

/** A policy whose limits are far away: for tests of anything but limits. */
export const UNLIMITED: NonNullable<WorldOptions['policy']> = {
  limits: {
    sessionsPerAccountPerHour: 10_000,
    unknownDevicesPerAccountPerHour: 10_000,
    sessionsPerClientPerHour: 100_000,
    sessionsPerDay: 1_000_000,
  },
  vendor: { createsPerMinute: 10_000, decisionsPerMinute: 10_000 },
};

export interface World {
  readonly issuer: string;
  readonly sandbox: Sandbox;
  readonly redirectUri: string;
  readonly log: string[];
  app: App;
  config: Config;
  /** moves the time of everything in this process; the provider's own clock goes with it */
  readonly clock: MovableClock;
  /** takes the provider down and up again on the same port and storage */
  restart(changes?: Partial<Config>): Promise<void>;
  close(): Promise<void>;
  client(id?: string, secret?: string): Promise<oidc.Configuration>;
  /** an authorization request */
  authorize(params?: Record<string, string>, clientId?: string): Promise<Request>;
  /** enrols somebody new, in a browser of their own unless one is given */
  enrol(identifier: string, browser?: Browser): Promise<{ browser: Browser; tokens: Tokens }>;
  /** begins a login and opens the hosted session */
  begin(
    browser: Browser,
    identifier: string | undefined,
    params?: Record<string, string>,
    clientId?: string,
  ): Promise<Begun>;
  finish(begun: Begun): Promise<Tokens>;
}

export interface MovableClock {
  /** epoch seconds */
  now(): number;
  move(seconds: number): void;
}

/** What each open world adds to the time of this process. */
const moves = new Set<{ ms: number }>();
let realNow = Date.now;

/** Moves `Date.now`, as library, vendor and client read it; undone when the last world of several has closed. */
function createMovableClock(moved: () => void): MovableClock & { restore(): void } {
  if (moves.size === 0) {
    realNow = Date.now;
    Date.now = () => [...moves].reduce((now, { ms }) => now + ms, realNow.call(Date));
  }
  const move = { ms: 0 };
  moves.add(move);
  return {
    now: () => Math.floor(Date.now() / 1000),
    move: (seconds) => {
      move.ms += seconds * 1000;
      moved();
    },
    restore: () => {
      moves.delete(move);
      if (moves.size === 0) Date.now = realNow;
    },
  };
}

export type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

export interface Request {
  readonly url: URL;
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
  readonly clientId: string;
}

export interface Begun {
  readonly browser: Browser;
  readonly request: Request;
  readonly uid: string;
  /** the page after `begin` when it did not lead to the vendor */
  readonly page: Page;
  /** the vendor's session */
  readonly sessionId: string;
  readonly hostedUrl: string;
}

let signingKeys: Awaited<ReturnType<typeof makeSigningKeys>> | undefined;

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { port, letGo } = await reservePort();
  const issuer = `http://${options.host ?? '127.0.0.1'}:${port}`;
  const redirectUri = 'http://127.0.0.1:9/cb';
  signingKeys ??= await makeSigningKeys();
  const directory = options.storage === 'sqlite' ? await mkdtemp(join(tmpdir(), 'selfie-oidc-')) : undefined;
  const sandbox = await startSandbox({
    apiKey: API_KEY,
    webhookSecrets: [WEBHOOK_SECRET],
    webhookUrl: `${issuer}/webhooks/didit`,
    environment: 'live',
    workflows: WORKFLOWS,
    ...(options.sandbox ? { settings: options.sandbox } : {}),
  });
  const clients = options.clients ?? [
    {
      client_id: 'app',
      client_name: 'Example App',
      client_secret: CLIENT_SECRET,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      first_party: true,
    },
  ];
  const log: string[] = options.lines ?? [];
  const logger: RequestLogger = createLogger({
    level: 'debug',
    destination: { write: (line: string) => void log.push(line) },
  });
  const defaults = { ...defaultPolicy({ production: false }), risk: EVERY_TIME };
  const policy = Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => {
      const change = (options.policy as Record<string, unknown> | undefined)?.[key];
      if (change === undefined) return [key, value];
      return [key, typeof value === 'object' && !Array.isArray(value) ? { ...value, ...(change as object) } : change];
    }),
  ) as unknown as Policy;
  const config: Config = {
    production: false,
    demo: false,
    issuer,
    host: '127.0.0.1',
    port,
    workers: 1,
    storageUrl: directory ? `sqlite:${join(directory, 'test.sqlite')}` : 'memory:',
    cookieKeys: ['a cookie key that is long enough for everybody'],
    jwks: signingKeys,
    dataKeys: [new Uint8Array(randomBytes(32))],
    didit: {
      apiKey: API_KEY,
      webhookSecrets: [WEBHOOK_SECRET],
      baseUrl: sandbox.url,
      workflows: WORKFLOWS,
      environment: 'live',
      sendWorkflowType: true,
    },
    outgoingAllow: [],
    clients: clients as unknown as Config['clients'],
    policy: {
      ...policy,
      limits: {
        ...policy.limits,
        sessionsPerAddressPerHour: options.policy?.limits?.sessionsPerAddressPerHour ?? 10_000,
      },
    },
    demoVendorPort: 0,
    demoClientPort: 0,
    dataDir: directory ?? tmpdir(),
    logLevel: 'debug',
    clientsFile: '',
    policyFile: '',
    ...options.config,
  };
  const clock = createMovableClock(() => world.app.poke());
  const app = await createApp(config, { clock, log: logger, ...(options.relay && { relay: options.relay }) });
  await letGo();
  await app.listen(port, '127.0.0.1').catch((error: Error) => {
    // else all that is told of it is that the clock was left changed
    clock.restore();
    throw error;
  });

  const world: World = {
    issuer,
    sandbox,
    redirectUri,
    log,
    app,
    config,
    clock,
    async restart(changes = {}) {
      await world.app.close();
      world.config = { ...world.config, ...changes };
      world.app = await createApp(world.config, { clock, log: logger });
      await world.app.listen(port, '127.0.0.1');
      // connections that were kept alive are found dead by whoever asks first
      for (let tries = 0; tries < 50; tries += 1) {
        const alive = await fetch(`${issuer}/livez`).catch(() => undefined);
        if (alive?.ok) return;
      }
    },
    async close() {
      await world.app.close();
      await sandbox.close();
      clock.restore();
      if (directory) await rm(directory, { recursive: true, force: true });
    },
    client(id = 'app', secret = CLIENT_SECRET) {
      return oidc.discovery(new URL(issuer), id, secret, oidc.ClientSecretBasic(secret), {
        execute: [oidc.allowInsecureRequests],
      });
    },
    async authorize(params = {}, clientId = 'app') {
      const verifier = oidc.randomPKCECodeVerifier();
      const state = oidc.randomState();
      const nonce = oidc.randomNonce();
      const url = oidc.buildAuthorizationUrl(await world.client(clientId), {
        redirect_uri: redirectUri,
        scope: 'openid profile',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...params,
      });
      return { url, verifier, state, nonce, clientId };
    },
    async begin(browser, identifier, params = {}, clientId = 'app') {
      const request = await world.authorize(params, clientId);
      const first = await browser.get(request.url);
      const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
      const fields = { ...(identifier === undefined ? {} : { identifier }), biometric_consent: 'yes' };
      const before = new Set(sandbox.sessions().map((session) => session.id));
      const page = await browser.press(first, { name: 'begin', value: 'here' }, fields);
      const hostedUrl = page.headers.get('location') ?? '';
      // several may begin at once: the address tells whose session it is
      const isOurs = (session: { id: string; url: string }) =>
        hostedUrl.startsWith(sandbox.url) ? session.url === hostedUrl : !before.has(session.id);
      const sessionId = sandbox.sessions().find(isOurs)?.id ?? '';
      return { browser, request, uid, page, sessionId, hostedUrl };
    },
    async finish(begun) {
      const session = sandbox.session(begun.sessionId);
      const back = await begun.browser.get(returnUrlOf(session), (location) => location.startsWith(redirectUri));
      const page = await settleDown(begun.browser, back, redirectUri);
      const callback = page.headers.get('location');
      if (!callback?.startsWith(redirectUri)) throw new Error(`no way back to the client: ${page.status} ${page.url}`);
      return exchange(await world.client(begun.request.clientId), begun.request, callback);
    },
    async enrol(identifier, browser = new Browser()) {
      const begun = await world.begin(browser, identifier);
      if (!begun.sessionId)
        throw new Error(`no session was opened: ${begun.page.status} ${begun.page.text.slice(0, 2000)}`);
      await sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
      await sandbox.settle(begun.sessionId, 'approve');
      return { browser, tokens: await world.finish(begun) };
    },
  };
  return world;
}

export function returnUrlOf(session: { returnUrl?: string | null; callback?: string | null }): string {
  return String(session.returnUrl ?? session.callback);
}

export function exchange(configuration: oidc.Configuration, request: Request, callback: string): Promise<Tokens> {
  return oidc.authorizationCodeGrant(configuration, new URL(callback), {
    pkceCodeVerifier: request.verifier,
    expectedState: request.state,
    expectedNonce: request.nonce,
  });
}

/** A pause before one looks again: most of what is waited for is there at the first looks, and each look costs a page. */
export function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(5 + tries * 5, 50)));
}

/** Reloads the waiting page, as it does itself without script, until it leads on or asks; bounded by tries, not by time. */
export async function settleDown(browser: Browser, page: Page, redirectUri: string): Promise<Page> {
  let current = page;
  const isWaiting = () =>
    current.status === 200 && current.url.endsWith('/waiting') && !current.text.includes('data-settled="true"');
  for (let tries = 0; tries < 200 && isWaiting(); tries += 1) {
    await pause(tries);
    current = await browser.get(current.url, (location) => location.startsWith(redirectUri));
  }
  return current;
}
