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
  readonly at: number;
}

export interface Consents {
  /** The grant a request is answered from: the session's, one made of an earlier consent, or one of the operator's. */
  loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined>;
  find(accountId: string, clientId: string): Promise<ConsentRecord | undefined>;
  record(accountId: string, clientId: string, allowed: ConsentRecord): Promise<void>;
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
          at: allowed.at,
        },
        ttlSeconds: CONSENT_SECONDS,
        result: undefined,
      })),

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
  allowed: { readonly scopes: readonly string[]; readonly claims: readonly string[] },
): Promise<Grant> {
  const { account, client } = ctx.oidc as { account: { accountId: string }; client: { clientId: string } };
  const grant = current ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  const before = grant.getOIDCScopeEncountered().split(' ');
  const beforeClaims = grant.getOIDCClaimsEncountered();
  const scopes = allowed.scopes.filter((scope) => !before.includes(scope));
  const claims = allowed.claims.filter((claim) => !beforeClaims.includes(claim));
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  if (claims.length > 0) grant.addOIDCClaims([...claims]);
  if (current && scopes.length === 0 && claims.length === 0) return current;
  grant.exp = undefined;
  await grant.save();
  return grant;
}

function requested(ctx: KoaContextWithOIDC): { scopes: string[]; claims: string[] } {
  return { scopes: [...ctx.oidc.requestParamOIDCScopes], claims: [...ctx.oidc.requestParamClaims] };
}

function union(earlier: readonly string[] = [], later: readonly string[]): string[] {
  return [...new Set([...earlier, ...later])];
}
