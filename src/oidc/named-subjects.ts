// Whom a request insists on: `id_token_hint`, or a `sub` value in `claims` (Core §3.1.2.1, §5.5.1). A hint of one person and the face, or the
// session, of another give no code.

import { decodeJwt } from 'jose';
import type { Client } from 'oidc-provider';
import type { PairwiseSub } from './accounts.ts';

/** @param params as the authorization endpoint has checked them: the hint's signature too */
export function namedSubjects(params: Readonly<Record<string, unknown>>): string[] {
  const named: string[] = [];
  if (typeof params.id_token_hint === 'string') named.push(String(decodeJwt(params.id_token_hint).sub));
  if (typeof params.claims === 'string') {
    const claims: { id_token?: { sub?: { value?: unknown } | null } } = JSON.parse(params.claims);
    const value = claims.id_token?.sub?.value;
    if (value !== undefined) named.push(String(value));
  }
  return named;
}

/** @param accountId '' for nobody, whom no name is good for */
export function isNamed(
  named: readonly string[],
  accountId: string,
  client: Client,
  pairwiseSub: PairwiseSub,
): boolean {
  if (named.length === 0) return true;
  if (accountId === '') return false;
  const isPairwise = client.subjectType === 'pairwise';
  const sub = isPairwise ? pairwiseSub(accountId, String(client.sectorIdentifier ?? client.clientId)) : accountId;
  return named.every((each) => each === sub);
}
