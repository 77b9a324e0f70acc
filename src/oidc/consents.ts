// Scope consent: what a person has allowed a client, kept beside the grants so that a returning person is not asked again. An
// operator's own clients (`first_party`) are allowed by the operator.

import type Provider from 'oidc-provider';
import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import type { Store } from '../login/ports.ts';

/** Longer than what is issued under it. A grant that is added to is saved without its end, and begins this life anew. */
export const GRANT_SECONDS = 31 * 86_400;
const CONSENT_SECONDS = 365 * 86_400;

export interface ConsentRecord {
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  /** scopes of resources (RFC 8707), by resource */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  readonly at: number;
}

export interface Consents {
  /** The grant a request is answered from: the session's, one made of an earlier consent, or one of the operator's. */
  loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined>;
  find(accountId: string, clientId: string): Promise<ConsentRecord | undefined>;
  record(accountId: string, clientId: string, allowed: ConsentRecord): Promise<void>;
  /** What an account has allowed, by client. */
  list(accountId: string): Promise<readonly (ConsentRecord & { readonly clientId: string })[]>;
  /** The client is asked about anew. Grants are ended elsewhere. @returns false when nothing was allowed */
  withdraw(accountId: string, clientId: string): Promise<boolean>;
  /** Every consent of an account that is removed. @returns how many there were */
  forget(accountId: string): Promise<number>;
}

export function createConsents(parts: { store: Store }): Consents {
  const { store } = parts;
  const key = (accountId: string, clientId: string) => `consent:${accountId}:${clientId}`;

  const consents: Consents = {
    find: (accountId, clientId) => store.get<ConsentRecord>(key(accountId, clientId)),

    record: (accountId, clientId, allowed) =>
      store.update<ConsentRecord, void>(key(accountId, clientId), (earlier) => ({
        kind: 'write',
        value: {
          scopes: union(earlier?.scopes, allowed.scopes),
          claims: union(earlier?.claims, allowed.claims),
          resources: unionOfResources(earlier?.resources, allowed.resources),
          at: allowed.at,
        },
        ttlSeconds: CONSENT_SECONDS,
        result: undefined,
      })),

    async list(accountId) {
      const prefix = key(accountId, '');
      const found = await Promise.all(
        (await store.keys(prefix)).map(async (each) => {
          const record = await store.get<ConsentRecord>(each);
          return record ? [{ ...record, clientId: each.slice(prefix.length) }] : [];
        }),
      );
      return found.flat();
    },

    withdraw: async (accountId, clientId) => (await store.take<ConsentRecord>(key(accountId, clientId))) !== undefined,

    async forget(accountId) {
      const keys = await store.keys(key(accountId, ''));
      for (const each of keys) await store.delete(each);
      return keys.length;
    },

    async loadGrant(ctx) {
      const { account, client, provider, session, result } = ctx.oidc;
      if (!account || !client || !session) return undefined;
      const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
      const grant = grantId ? await provider.Grant.find(grantId) : undefined;
      const current = grant && grant.accountId === account.accountId ? grant : undefined;
      if (client.first_party === true) return extend(provider, ctx, current, requested(ctx));
      if (current) return current;
      const earlier = await consents.find(account.accountId, client.clientId);
      return earlier && extend(provider, ctx, undefined, earlier);
    },
  };
  return consents;
}

/** Adds to a grant what is allowed and asked for; saves only when something was missing. */
async function extend(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  current: Grant | undefined,
  allowed: Pick<ConsentRecord, 'scopes' | 'claims' | 'resources'>,
): Promise<Grant> {
  const { account, client } = ctx.oidc as { account: { accountId: string }; client: { clientId: string } };
  const grant = current ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  const before = grant.getOIDCScopeEncountered().split(' ');
  const beforeClaims = grant.getOIDCClaimsEncountered();
  const scopes = allowed.scopes.filter((scope) => !before.includes(scope));
  const claims = allowed.claims.filter((claim) => !beforeClaims.includes(claim));
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  if (claims.length > 0) grant.addOIDCClaims([...claims]);
  let isResourceAdded = false;
  for (const [resource, wanted] of Object.entries(allowed.resources ?? {})) {
    const encountered = grant.getResourceScopeEncountered(resource).split(' ');
    const missing = wanted.filter((scope) => !encountered.includes(scope));
    if (missing.length === 0) continue;
    grant.addResourceScope(resource, missing.join(' '));
    isResourceAdded = true;
  }
  if (current && scopes.length === 0 && claims.length === 0 && !isResourceAdded) return current;
  grant.exp = undefined;
  await grant.save();
  return grant;
}

function requested(ctx: KoaContextWithOIDC): Pick<ConsentRecord, 'scopes' | 'claims' | 'resources'> {
  const { requestParamOIDCScopes, requestParamClaims, requestParamScopes, resourceServers = {} } = ctx.oidc;
  const resources = Object.fromEntries(
    Object.entries(resourceServers).map(([resource, server]) => [
      resource,
      [...requestParamScopes].filter((scope) => server.scopes.has(scope)),
    ]),
  );
  return { scopes: [...requestParamOIDCScopes], claims: [...requestParamClaims], resources };
}

function unionOfResources(
  earlier: ConsentRecord['resources'] = {},
  later: ConsentRecord['resources'] = {},
): Readonly<Record<string, readonly string[]>> {
  const names = Object.keys({ ...earlier, ...later });
  return Object.fromEntries(names.map((name) => [name, union(earlier[name], later[name] ?? [])]));
}

function union(earlier: readonly string[] = [], later: readonly string[]): string[] {
  return [...new Set([...earlier, ...later])];
}
