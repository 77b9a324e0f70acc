// Another provider, for comparison: Better Auth with its OAuth provider plugin and its in-memory adapter, and a login that ends as soon
// as it begins. It is no dependency of ours: this file is copied to a folder where it is installed, and run there. Paths are those of
// the provider it is compared with.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

const { ISSUER: issuer = '', PORT = '', CLIENTS_FILE = '', COOKIE_KEYS = '' } = process.env;
const BASE = '/api/auth';
const PATHS: Readonly<Record<string, string>> = {
  '/auth': `${BASE}/oauth2/authorize`,
  '/token': `${BASE}/oauth2/token`,
  '/me': `${BASE}/oauth2/userinfo`,
  '/jwks': `${BASE}/jwks`,
  '/.well-known/openid-configuration': `${BASE}/.well-known/openid-configuration`,
};
const TABLES = [
  ...['user', 'session', 'account', 'verification', 'jwks', 'oauthClient', 'oauthAccessToken', 'oauthRefreshToken'],
  ...['oauthConsent', 'oauthResource', 'oauthClientResource', 'oauthClientAssertion'],
];

interface Entry {
  readonly client_id: string;
  readonly client_secret: string;
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
}

// by name and not by type: nothing of it is installed where this is checked
const load = (name: string) => import(name);
const { betterAuth } = await load('better-auth');
const { memoryAdapter } = await load('better-auth/adapters/memory');
const { toNodeHandler } = await load('better-auth/node');
const { anonymous, jwt } = await load('better-auth/plugins');
const { oauthProvider } = await load('@better-auth/oauth-provider');

const database: Record<string, object[]> = Object.fromEntries(TABLES.map((name) => [name, []]));
database.oauthClient = (JSON.parse(await readFile(CLIENTS_FILE, 'utf8')) as Entry[]).map((client) => ({
  id: client.client_id,
  clientId: client.client_id,
  clientSecret: createHash('sha256').update(client.client_secret).digest('base64url'),
  redirectUris: client.redirect_uris,
  grantTypes: client.grant_types,
  responseTypes: ['code'],
  tokenEndpointAuthMethod: 'client_secret_basic',
  scopes: ['openid', 'profile', 'offline_access'],
  skipConsent: true,
  disabled: false,
  createdAt: new Date(),
  updatedAt: new Date(),
}));

const auth = betterAuth({
  baseURL: issuer,
  secret: COOKIE_KEYS,
  database: memoryAdapter(database),
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  logger: { level: 'error' },
  advanced: { cookiePrefix: '_better-auth' },
  disabledPaths: ['/token'],
  plugins: [
    anonymous(),
    jwt({ jwks: { keyPairConfig: { alg: 'RS256' } }, disableSettingJwtHeader: true }),
    oauthProvider({ loginPage: '/login', consentPage: '/consent' }),
  ],
});
const handle = toNodeHandler(auth);

/** What a page of its own would send when its button is pressed. */
async function press(req: IncomingMessage, res: ServerResponse, path: string, fields: object): Promise<void> {
  const query = new URL(req.url ?? '', issuer).search.slice(1);
  const headers = { origin: issuer, 'content-type': 'application/json', cookie: req.headers.cookie ?? '' };
  const body = JSON.stringify({ ...fields, oauth_query: query });
  const answer: Response = await auth.handler(new Request(issuer + BASE + path, { method: 'POST', headers, body }));
  const { url } = (await answer.json()) as { url?: string };
  res.writeHead(url === undefined ? 500 : 303, { location: url, 'set-cookie': answer.headers.getSetCookie() }).end();
}

const server = createServer((req, res) => {
  const [path = '', query] = (req.url ?? '').split('?');
  if (path === '/login') return void press(req, res, '/sign-in/anonymous', {});
  if (path === '/consent') return void press(req, res, '/oauth2/consent', { accept: true });
  req.url = (PATHS[path] ?? path) + (query === undefined ? '' : `?${query}`);
  return void handle(req, res);
}).listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => {
  // its channel to the bench would keep it alive
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
