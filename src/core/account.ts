// An account and what is known of the person whose face opens it. Stored sealed; `sub` is the account's id, random and
// never derived from anything (invariant 7), and `subject` is its name at the vendor, another random value.

import type { VerificationPurpose } from './verdict.ts';

export interface Account {
  /** the `sub` of clients that are not pairwise */
  readonly id: string;
  /** our name for the person at the vendor (`vendor_data`) */
  readonly subject: string;
  readonly identifier: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /**
   * `must-re-enrol`: the next login is a document check of the same person. `withdrawn`: the same, and no token is good until then,
   * as the check that the account stands on was refused afterwards.
   */
  readonly standing: 'good' | 'must-re-enrol' | 'withdrawn';
  /** only what a scope can release */
  readonly profile: Profile;
  /** keyed hashes, newest key first, for telling whether a later document names the same person */
  readonly matching: IdentityMatch;
  readonly portrait: Portrait;
  readonly enrolledBy: { readonly verificationId: string; readonly at: number; readonly purpose: VerificationPurpose };
  readonly consent: { readonly version: string; readonly at: number } | null;
}

/** The face that later selfies are compared with (T14: pinned by hash). */
export type Portrait =
  | { readonly kind: 'local'; readonly ref: string; readonly sha256: string; readonly pinnedAt: number }
  /** the vendor keeps the only copy */
  | { readonly kind: 'vendor' };

/** OpenID Connect Core §5.1, of the `profile` scope. */
export interface Profile {
  readonly name?: string;
  readonly given_name?: string;
  readonly family_name?: string;
  readonly birthdate?: string;
  readonly gender?: string;
}

/** Each a list, one hash for every data key that was configured when it was made. */
export interface IdentityMatch {
  readonly document: readonly string[];
  readonly person: readonly string[];
}

/** The same document, or the same name and birth date, under any key known to both. */
export function identityMatches(enrolled: IdentityMatch, shown: IdentityMatch): boolean {
  const share = (a: readonly string[], b: readonly string[]) => a.some((hash) => b.includes(hash));
  return share(enrolled.document, shown.document) || share(enrolled.person, shown.person);
}
