// A bare oidc-provider, for comparison: its own in-memory adapter, and no page, log, header or rule of ours. Keys, clients, claims, the
// kinds of tokens and their rotation are those of the provider it is compared with; all else is the library's default.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import Provider, { type AdapterFactory, type Configuration } from 'oidc-provider';
import { CLAIMS_BY_SCOPE } from '../src/core/claims.ts';

const ACR = 'urn:selfie-oidc:acr:selfie';

export type Middleware = Parameters<Provider['use']>[0];
export type Context = Parameters<Middleware>[0];

export async function makeBareProvider(): Promise<Provider> {
  const { ISSUER: issuer = '', CLIENTS_FILE = '', JWKS_FILE = '', COOKIE_KEYS = '', RECORDS } = process.env;
  const clients = (await readJson(CLIENTS_FILE)) as Record<string, unknown>[];
  return new Provider(issuer, {
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
    acrValues: [ACR],
    features: { devInteractions: { enabled: false } },
    rotateRefreshToken: true,
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  });
}

/** Ends the interaction of this request: whoever it is, or who is signed in already, consents to all that was asked for. */
export async function endInteraction(provider: Provider, ctx: Context, whoever: string): Promise<void> {
  const { params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = session?.accountId ?? whoever;
  const grant = new provider.Grant({ accountId, clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  const grantId = await grant.save();
  const login = { accountId, acr: ACR, amr: ['face', 'user'] };
  const answer = await provider.interactionResult(ctx.req, ctx.res, { login, consent: { grantId } });
  ctx.status = 303;
  ctx.redirect(answer);
}

/** Listens on the port of the environment until SIGTERM. */
export function serve(provider: Provider): void {
  const server = createServer(provider.callback()).listen(Number(process.env.PORT), '127.0.0.1');
  process.once('SIGTERM', () => {
    // its channel to the bench would keep it alive
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

async function readJson(path: string) {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** The library's in-memory adapter forgets all but the last thousand or two records. @returns the same with room for more */
async function roomyAdapter(records: number): Promise<AdapterFactory> {
  const library = (path: string) => import(`oidc-provider/lib/${path}.js`);
  const { default: MemoryAdapter } = await library('adapters/memory_adapter');
  const { default: Lru } = await library('helpers/lru');
  const store = new Lru({ maxSize: records });
  return (model) => new MemoryAdapter(model, store, 0);
}
