// Account → OpenID Connect claims (Core §5.1, §5.4), and a document's identity → the part of it that a scope can release. An
// identifier that was never proven by a mailed code is a user name: `preferred_username`, and no `email` claim.

import type { Account, Profile } from './account.ts';
import type { Identity } from './verdict-types.ts';

/** What each scope releases. */
export const CLAIMS_BY_SCOPE: Readonly<Record<string, readonly string[]>> = {
  openid: ['sub'],
  profile: ['name', 'given_name', 'family_name', 'birthdate', 'gender', 'preferred_username', 'updated_at'],
  email: ['email', 'email_verified'],
};

export function claimsOf(account: Account): Readonly<Record<string, string | number | boolean>> {
  return {
    ...account.profile,
    preferred_username: account.identifier,
    updated_at: account.updatedAt,
    ...(account.email ? { email: account.email.address, email_verified: true } : {}),
  };
}

export function profileOf(identity: Identity | undefined): Profile {
  if (!identity) return {};
  const gender = readGender(identity.gender);
  const name = identity.fullName ?? ([identity.givenName, identity.familyName].filter(Boolean).join(' ') || undefined);
  return {
    ...(name ? { name } : {}),
    ...(identity.givenName ? { given_name: identity.givenName } : {}),
    ...(identity.familyName ? { family_name: identity.familyName } : {}),
    ...(identity.birthDate ? { birthdate: identity.birthDate } : {}),
    ...(gender ? { gender } : {}),
  };
}

/** Core §5.1 names `female` and `male`; other values are allowed and left as the document has them. */
function readGender(gender: string | undefined): string | undefined {
  if (gender === 'F') return 'female';
  if (gender === 'M') return 'male';
  return gender?.toLowerCase();
}

/** The texts whose keyed hashes tell one person from another: document number with issuer, name with birth date, nationality. */
export function matchingTexts(identity: Identity | undefined): {
  readonly document?: string;
  readonly person?: string;
  readonly nationality?: string;
} {
  if (!identity) return {};
  const name = normaliseName(identity.fullName ?? [identity.givenName, identity.familyName].filter(Boolean).join(' '));
  return {
    ...(identity.documentNumber && identity.documentIssuer
      ? {
          document: `${identity.documentIssuer.toUpperCase()}|${identity.documentNumber.replace(/[\s-]/g, '').toUpperCase()}`,
        }
      : {}),
    ...(name && identity.birthDate ? { person: `${name}|${identity.birthDate}` } : {}),
    ...(identity.nationality ? { nationality: identity.nationality.toUpperCase() } : {}),
  };
}

/** Letters only, without accents, in one case and in one order: "Núñez, José" is "jose nunez". */
function normaliseName(name: string): string {
  const words = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return (words ?? []).sort().join(' ');
}
