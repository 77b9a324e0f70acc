// An account and what is known of the person whose face opens it. Stored sealed; `sub` is the account's id, random and
// never derived from anything (invariant 7), and `subject` is its name at the vendor, another random value.

import type { FactorProof } from './assurance.ts';
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
  /** the identifier, proven to be the person's by a mailed code; `email` and `email_verified` are released of no other */
  readonly email?: { readonly address: string; readonly verifiedAt: number };
  /** somebody should look: a late refusal, or the person said "this was not me". Rules of risk ask for more meanwhile. */
  readonly review?: Review;
  /** a new face that counts only after a waiting time, as it was begun without showing the old one (T14) */
  readonly pending?: PendingRenewal;
  /** how often its person has signed out everywhere */
  readonly signOuts?: number;
  /** how often its face was taken back, or a document was asked for: what was opened before brings no face after */
  readonly demands?: number;
  /** pictures out of use that are still to be deleted, by reference */
  readonly unusedFaces?: readonly string[];
}

export interface Review {
  readonly since: number;
  /** when the latest reason came, however often it had come before; of a review from an earlier version it is not known */
  readonly latestAt?: number;
  /** each once, in the order in which they came first */
  readonly reasons: readonly string[];
  /** which time in all each came last, counted from one; an earlier version wrote none */
  readonly turns?: readonly number[];
}

/** Does the account stand on this verification: on its document, or on the face that it brought? */
export function standsOn({ enrolledBy, portrait }: Account, verificationId: string): boolean {
  return (
    enrolledBy.verificationId === verificationId || (portrait.kind === 'local' && portrait.from === verificationId)
  );
}

/** What an account stood on when a face was shown for it. */
export interface FaceBasis {
  /** verifications: the document, and a selfie whose face a reviewer took */
  readonly faces: readonly string[];
  readonly demands: number;
}

export function basisOf({ demands = 0, enrolledBy, portrait }: Account): FaceBasis {
  const from = portrait.kind === 'local' && portrait.from !== undefined ? [portrait.from] : [];
  return { faces: [enrolledBy.verificationId, ...from], demands };
}

/** Does the account stand on these and no others: is its face the one that was compared with? */
export function standsOnlyOn(account: Account, verificationIds: readonly string[]): boolean {
  return basisOf(account).faces.every((id) => verificationIds.includes(id));
}

/** What was withdrawn stays so until a document is shown: whatever else asks for one makes no token good again (T8). */
export function lowerStanding(account: Account, standing: 'must-re-enrol' | 'withdrawn'): Account {
  return account.standing === 'withdrawn' ? account : { ...account, standing };
}

/** What the account stands on counts no more, nor does a document that was shown before (T14). */
export function demandDocument(account: Account, standing: 'must-re-enrol' | 'withdrawn'): Account {
  return { ...lowerStanding(account, standing), demands: (account.demands ?? 0) + 1 };
}

export interface PendingRenewal {
  readonly verificationId: string;
  /** of the account when the document was shown */
  readonly demands?: number;
  readonly at: number;
  readonly dueAt: number;
  readonly profile: Profile;
  readonly matching: IdentityMatch;
  readonly portrait: Portrait;
}

/** The face that later selfies are compared with (T14: pinned by hash). */
export type Portrait =
  | {
      readonly kind: 'local';
      readonly ref: string;
      readonly sha256: string;
      readonly pinnedAt: number;
      /** the verification of a selfie that a reviewer approved; of a document check where it is not said */
      readonly from?: string;
    }
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
  readonly nationality?: readonly string[];
}

/** What has to agree before a document is taken for one of the same person. */
export interface MatchRules {
  /** `either`: the same document, or the same name and birth date */
  readonly match: 'either' | 'document' | 'person' | 'both';
  readonly sameNationality: boolean;
}

/** Is the document shown one of the person who enrolled? Hashes are compared under any key known to both. */
export function identityMatches(enrolled: IdentityMatch, shown: IdentityMatch, rules: MatchRules): boolean {
  const share = (a: readonly string[] = [], b: readonly string[] = []) => a.some((hash) => b.includes(hash));
  if (rules.sameNationality && !share(enrolled.nationality, shown.nationality)) return false;
  const document = share(enrolled.document, shown.document);
  const person = share(enrolled.person, shown.person);
  switch (rules.match) {
    case 'either':
      return document || person;
    case 'document':
      return document;
    case 'person':
      return person;
    case 'both':
      return document && person;
  }
}

/**
 * An account that has to be proven anew is proven by a document, and one under review by a face: a way around would leave whoever is the
 * reason for it where they are. A code from support that was made since was made by somebody who could see why.
 */
export function isHeldBack({ standing, review }: Account, { madeAt = 0 }: Pick<FactorProof, 'madeAt'>): boolean {
  return standing !== 'good' || (review !== undefined && madeAt < (review.latestAt ?? review.since));
}

/** With a reason to look at it; reasons add up, and one that comes again is news. */
export function putUnderReview(account: Account, reason: string, now: number): Account {
  const { review = { since: now, reasons: [] } } = account;
  const turns = turnsOf(review);
  const all = new Map([...turns, [reason, lastOf(turns) + 1]]);
  const reasons = { reasons: [...all.keys()], turns: [...all.values()] };
  return { ...account, review: { since: review.since, latestAt: now, ...reasons } };
}

/** Names a review as it stands: whoever has seen it by this has seen all that came up to now. */
export function markOf(review: Review): string {
  return `${review.since.toString(36)}-${lastOf(turnsOf(review))}`;
}

/** @returns the reasons that came, or came again, since it was seen by this mark; all, where that is of another review */
export function reasonsSince(review: Review, mark: string): readonly string[] {
  const turns = turnsOf(review);
  const [since, last] = mark.split('-');
  const isOfThis = since === review.since.toString(36) && Number(last) <= lastOf(turns);
  return [...turns].filter(([, turn]) => !isOfThis || turn > Number(last)).map(([reason]) => reason);
}

function turnsOf({ reasons, turns = [] }: Review): ReadonlyMap<string, number> {
  return new Map(reasons.map((reason, index) => [reason, turns[index] ?? index + 1]));
}

const lastOf = (turns: ReadonlyMap<string, number>) => Math.max(0, ...turns.values());
