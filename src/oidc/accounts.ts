// Accounts as oidc-provider wants them, and the identifier of a person at clients that must not compare notes.

import { createHash, randomBytes } from 'node:crypto';
import type { Account as OidcAccount } from 'oidc-provider';
import type { Account } from '../core/account.ts';
import { claimsOf } from '../core/claims.ts';
import { FOREVER, type Sealer, type Store } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';

export function toOidcAccount(account: Account): OidcAccount & { readonly standing: Account['standing'] } {
  return {
    accountId: account.id,
    // for the policy, which asks in the same request
    standing: account.standing,
    claims: () => ({ sub: account.id, ...claimsOf(account) }),
  };
}

export function createFindAccount(accounts: AccountStore) {
  return async (_ctx: unknown, id: string, token?: unknown): Promise<OidcAccount | undefined> => {
    const account = await accounts.find(id);
    // a token is no good for an account whose enrolment was refused afterwards (T8); a login may prove it anew
    const isWithheld = token !== undefined && account?.standing === 'withdrawn';
    return account && !isWithheld ? toOidcAccount(account) : undefined;
  };
}

export type PairwiseSub = (accountId: string, sectorIdentifier: string) => string;

const SALT_KEY = 'pairwise-salt';

/**
 * A `sub` per sector (OpenID Connect Core §8.1), from a salt made once and kept: it must outlive every rotation of keys.
 */
export async function createPairwiseSub(parts: { store: Store; sealer: Sealer }): Promise<PairwiseSub> {
  const { store, sealer } = parts;
  await store.putIfAbsent(SALT_KEY, sealer.seal(randomBytes(32), SALT_KEY), FOREVER);
  const sealed = await store.get<string>(SALT_KEY);
  if (sealed === undefined) throw new Error('the salt of pairwise identifiers could not be kept');
  const salt = sealer.open(sealed, SALT_KEY);
  return (accountId, sectorIdentifier) =>
    createHash('sha256').update(salt).update(`|${sectorIdentifier}|${accountId}`).digest('base64url');
}
