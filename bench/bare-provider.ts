// A bare oidc-provider, for comparison: its own in-memory adapter, a login that ends as soon as it begins, and no page, log, header
// or rule of ours. Keys, clients, claims, the kinds of tokens and their rotation are those of the provider it is compared with; all
// else is the library's default.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import Provider, { type AdapterFactory, type Configuration } from 'oidc-provider';
import { CLAIMS_BY_SCOPE } from '../src/core/claims.ts';

const { ISSUER: issuer = '', PORT = '', CLIENTS_FILE = '', JWKS_FILE = '', COOKIE_KEYS = '', RECORDS } = process.env;

const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
const clients = (await readJson(CLIENTS_FILE)) as Record<string, unknown>[];

/** The library's in-memory adapter forgets all but the last thousand or two records. @returns the same with room for more */
async function roomyAdapter(records: number): Promise<AdapterFactory> {
  const library = (path: string) => import(`oidc-provider/lib/${path}.js`);
  const { default: MemoryAdapter } = await library('adapters/memory_adapter');
  const { default: Lru } = await library('helpers/lru');
  const store = new Lru({ maxSize: records });
  return (model) => new MemoryAdapter(model, store, 0);
}

const provider = new Provider(issuer, {
  clients: clients.map(({ first_party: _ours, ...client }) => client) as unknown as NonNullable<
    Configuration['clients']
  >,
  ...(RECORDS === undefined ? {} : { adapter: await roomyAdapter(Number(RECORDS)) }),
  jwks: await readJson(JWKS_FILE),
  cookies: { keys: [COOKIE_KEYS] },
  findAccount: (_ctx, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, preferred_username: accountId, updated_at: 1_700_000_000 }),
  }),
  claims: { ...CLAIMS_BY_SCOPE, openid: ['sub', 'acr', 'amr', 'auth_time'] } as NonNullable<Configuration['claims']>,
  acrValues: ['urn:selfie-oidc:acr:selfie'],
  features: { devInteractions: { enabled: false } },
  rotateRefreshToken: true,
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
});

/** Whoever comes is signed in as whom the client hinted at, and consents. */
const signIn: Parameters<typeof provider.use>[0] = async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = session?.accountId ?? String(params.login_hint);
  const grant = new provider.Grant({ accountId, clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  const grantId = await grant.save();
  const login = { accountId, acr: 'urn:selfie-oidc:acr:selfie', amr: ['face', 'user'] };
  const answer = await provider.interactionResult(ctx.req, ctx.res, { login, consent: { grantId } });
  ctx.status = 303;
  ctx.redirect(answer);
};
provider.use(signIn);

const server = createServer(provider.callback()).listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => {
  // its channel to the bench would keep it alive
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
