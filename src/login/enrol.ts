// First login: what an accepted document check found becomes an account. Nothing is made before the verdict is accepted and tied
// to the starting browser (invariant 7), and doing it twice makes one account.

import type { Account, IdentityMatch, Portrait } from '../core/account.ts';
import { identityMatches } from '../core/account.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import { matchingTexts, profileOf } from '../core/claims.ts';
import type { Proof } from '../core/verdict.ts';
import type { Identity, Verdict } from '../core/verdict-types.ts';
import type { Sealer } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson, sealPerson } from './secrets.ts';

const MATCH_PURPOSE = 'identity-match';

/** Keyed hashes by which a later document is recognised as the same person's; nothing of the document itself is kept. */
export function matchOf(sealer: Sealer, identity: Identity | undefined): IdentityMatch {
  const { document, person } = matchingTexts(identity);
  return {
    document: document ? sealer.keyedHashes(`document|${document}`, MATCH_PURPOSE) : [],
    person: person ? sealer.keyedHashes(`person|${person}`, MATCH_PURPOSE) : [],
  };
}

export interface Enrolment {
  /** Does the document name the person who enrolled? `undefined` where that is not asked. */
  sameIdentity(attempt: LoginAttempt, verdict: Verdict): Promise<boolean | undefined>;
  /** Fetches the face at once, as its address is short-lived, and seals what will be kept. @returns the attempt's new `sealed` */
  gather(attempt: LoginAttempt, verdict: Verdict): Promise<string>;
  /** Makes the newcomer's account. @returns undefined when somebody else has won the identifier */
  createAccount(attempt: LoginAttempt, proof: Proof): Promise<Account | undefined>;
  /** The known person's new document check replaces portrait and claims (T14). */
  renew(attempt: LoginAttempt, proof: Proof): Promise<Account | undefined>;
}

export function createEnrolment(parts: JourneyParts): Enrolment {
  const { accounts, clock, invitations, journal, log, rules, sealer, vendor } = parts;

  async function fetchPortrait(verdict: Verdict): Promise<Portrait> {
    if (rules.portrait === 'vendor') return { kind: 'vendor' };
    for (const url of verdict.portraitUrls) {
      const picture = await vendor.fetchPortrait(url);
      if (picture.kind === 'jpeg') {
        const kept = await accounts.keepPortrait(picture.bytes);
        return { kind: 'local', ref: kept.ref, sha256: kept.sha256, pinnedAt: clock.now() };
      }
      log.warn(
        { verification: verdict.verificationId, reason: picture.reason },
        'a picture of the face could not be kept',
      );
    }
    return { kind: 'vendor' };
  }

  return {
    async sameIdentity(attempt, verdict) {
      if (attempt.claimant.kind !== 'account') return undefined;
      const account = await accounts.find(attempt.claimant.accountId);
      return account ? identityMatches(account.matching, matchOf(sealer, verdict.identity)) : false;
    },

    async gather(attempt, verdict) {
      const portrait = await fetchPortrait(verdict);
      const found = { profile: profileOf(verdict.identity), matching: matchOf(sealer, verdict.identity), portrait };
      return sealPerson(sealer, attempt.uid, { ...openPerson(sealer, attempt), found });
    },

    async createAccount(attempt, proof) {
      const person = openPerson(sealer, attempt);
      if (!person.found || attempt.claimant.kind !== 'newcomer') return undefined;
      const now = clock.now();
      const account: Account = {
        id: person.accountId,
        subject: attempt.subject,
        identifier: person.identifier,
        createdAt: now,
        updatedAt: now,
        standing: 'good',
        ...person.found,
        enrolledBy: { verificationId: proof.verificationId, at: proof.authTime, purpose: proof.purpose },
        consent: attempt.consent ?? null,
      };
      // after a crash in between, or twice at once, every step is taken again: what is done already stays as it is (R6)
      const again = await accounts.find(account.id);
      // one invitation, one account
      const { invitation } = attempt.claimant;
      if (!again && invitation && !(await invitations.use(invitation, account.id))) return undefined;
      if (!(await accounts.create(account))) return undefined;
      if (account.portrait.kind === 'local') await accounts.pinPortrait(account.portrait.ref);
      if (again) return again;
      await journal.record({
        event: 'account.enrolled',
        attempt: attempt.uid,
        account: account.id,
        portrait: account.portrait.kind,
      });
      return account;
    },

    async renew(attempt, proof) {
      const { found } = openPerson(sealer, attempt);
      if (!found || attempt.claimant.kind !== 'account') return undefined;
      let replaced: Portrait | undefined;
      if (found.portrait.kind === 'local') await accounts.pinPortrait(found.portrait.ref);
      const account = await accounts.change(attempt.claimant.accountId, (current) => {
        replaced = current.portrait;
        return {
          ...current,
          profile: found.profile,
          matching: found.matching,
          portrait: found.portrait,
          standing: 'good',
          updatedAt: clock.now(),
          enrolledBy: { verificationId: proof.verificationId, at: proof.authTime, purpose: proof.purpose },
        };
      });
      // the old face is kept until the new one is in its place
      if (replaced?.kind === 'local' && account?.portrait.kind === 'local' && replaced.ref !== account.portrait.ref) {
        await accounts.dropPortrait(replaced.ref);
      }
      await journal.record({ event: 'account.re-enrolled', attempt: attempt.uid, account: attempt.claimant.accountId });
      return account;
    },
  };
}
