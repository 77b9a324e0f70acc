// First login: what an accepted document check found becomes an account. Nothing is made before the verdict is accepted and tied
// to the starting browser (invariant 7), and doing it twice makes one account.

import type { Account, IdentityMatch, PendingRenewal, Portrait } from '../core/account.ts';
import { identityMatches, standsOnlyOn } from '../core/account.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import { matchingTexts, profileOf } from '../core/claims.ts';
import type { Proof } from '../core/verdict.ts';
import type { Identity, Verdict } from '../core/verdict-types.ts';
import { changeFaces, dropUnused, refsOf } from './faces.ts';
import type { Job, Sealer } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson, sealPerson } from './secrets.ts';

const MATCH_PURPOSE = 'identity-match';

/** Keyed hashes by which a later document is recognised as the same person's; nothing of the document itself is kept. */
export function matchOf(sealer: Sealer, identity: Identity | undefined): IdentityMatch {
  const texts = matchingTexts(identity);
  const hashes = (kind: keyof typeof texts) =>
    texts[kind] ? sealer.keyedHashes(`${kind}|${texts[kind]}`, MATCH_PURPOSE) : [];
  return { document: hashes('document'), person: hashes('person'), nationality: hashes('nationality') };
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
  /** The new face is kept beside the old one. It counts only if `scheduleRenewal` follows, when the person has been told. */
  holdRenewal(attempt: LoginAttempt, proof: Proof): Promise<Account | undefined>;
  /** It takes the old one's place after the waiting time, unless the person objects. */
  scheduleRenewal(account: Account): Promise<void>;
  /** The job at the end of the waiting time. */
  completeRenewal(job: Job): Promise<void>;
  /** A reviewer approved a face that the machine was not sure of. @returns undefined where there is none to be kept */
  reviewedFace(attempt: LoginAttempt, proof: Proof): Portrait | undefined;
  /** It is the one to compare with from now on. */
  pinReviewed(
    account: Account,
    face: Portrait,
    by: { readonly uid: string; readonly compared: readonly string[] | undefined },
  ): Promise<void>;
}

export const RENEWAL = 'renewal';

interface RenewalPayload {
  /** of the face that is to count */
  readonly verificationId: string;
}

/** Without the new face that was waiting. */
export function withoutPending({ pending: _dropped, ...account }: Account): Account {
  return account;
}

export function createEnrolment(parts: JourneyParts): Enrolment {
  const { accounts, clock, invitations, jobs, journal, log, rules, sealer, vendor } = parts;

  /**
   * The old face is kept until the new one is in its place.
   *
   * @returns undefined when there is no such account, or the face no longer waits there: it was called off at the last moment
   */
  async function putInPlace(
    accountId: string,
    renewal: Omit<PendingRenewal, 'dueAt'>,
    options: { onlyIfWaiting?: boolean } = {},
  ): Promise<Account | undefined> {
    const { profile, matching, portrait, verificationId, at } = renewal;
    const change = (current: Account): Account => {
      if (options.onlyIfWaiting && current.pending?.verificationId !== verificationId) return current;
      if (isOvertaken(current, renewal)) return options.onlyIfWaiting ? withoutPending(current) : current;
      return {
        ...withoutPending(current),
        profile,
        matching,
        portrait,
        standing: 'good',
        updatedAt: clock.now(),
        enrolledBy: { verificationId, at, purpose: 're-enrol' },
      };
    };
    const account = await changeFaces(accounts, accountId, change, portrait);
    return account?.enrolledBy.verificationId === verificationId ? account : undefined;
  }

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
      return account ? identityMatches(account.matching, matchOf(sealer, verdict.identity), rules.reEnrolment) : false;
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
        ...(attempt.mailed?.purpose === 'enrol' && attempt.mailed.provenAt !== undefined
          ? { email: { address: person.identifier, verifiedAt: attempt.mailed.provenAt } }
          : {}),
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
      const { accountId } = attempt.claimant;
      const account = await putInPlace(accountId, {
        ...found,
        ...documentOf(attempt, proof),
      });
      if (account) await journal.record({ event: 'account.re-enrolled', attempt: attempt.uid, account: accountId });
      return account;
    },

    async holdRenewal(attempt, proof) {
      const { found } = openPerson(sealer, attempt);
      if (!found || attempt.claimant.kind !== 'account') return undefined;
      const { accountId } = attempt.claimant;
      const dueAt = clock.now() + rules.reEnrolment.waitHours * 3600;
      const pending = { ...found, ...documentOf(attempt, proof), dueAt };
      const change = (current: Account): Account => (isOvertaken(current, pending) ? current : { ...current, pending });
      const account = await changeFaces(accounts, accountId, change, found.portrait);
      if (account?.pending?.verificationId !== pending.verificationId) return undefined;
      await journal.record({ event: 're-enrolment.waits', attempt: attempt.uid, account: accountId });
      return account;
    },

    async scheduleRenewal({ id, pending }) {
      if (!pending) return;
      const payload: RenewalPayload = { verificationId: pending.verificationId };
      await jobs.schedule({ kind: RENEWAL, id, dueAtMs: pending.dueAt * 1000, payload });
    },

    async completeRenewal(job) {
      const account = await accounts.find(job.id);
      const planned = (job.payload as RenewalPayload | null)?.verificationId ?? account?.pending?.verificationId;
      // one that has begun to wait since counts by a job of its own, which is planned when its person was told (T14)
      const pending = account?.pending?.verificationId === planned ? account?.pending : undefined;
      if (pending && pending.dueAt > clock.now())
        return jobs.giveBack(job, { dueAtMs: pending.dueAt * 1000, payload: job.payload });
      if (account && pending) {
        if (await putInPlace(account.id, pending, { onlyIfWaiting: true }))
          await journal.record({ event: 'account.re-enrolled', account: account.id, reasons: ['waiting-time-over'] });
      } else if (account) await dropUnused(accounts, account);
      // not cancelled: another one may have been planned at this moment
      await jobs.giveBack(job);
    },

    reviewedFace(attempt, proof) {
      const verification = attempt.verifications.find((each) => each.id === proof.verificationId);
      const { found } = openPerson(sealer, attempt);
      if (!verification?.wasHeld || proof.purpose !== 'login' || found?.portrait.kind !== 'local') return undefined;
      return { ...found.portrait, from: proof.verificationId };
    },

    async pinReviewed({ id }, portrait, { uid, compared }) {
      // it was found to be like one face, and takes the place of no other
      const isCompared = (current: Account) => compared === undefined || standsOnlyOn(current, compared);
      const change = (current: Account): Account =>
        isCompared(current) ? { ...current, portrait, updatedAt: clock.now() } : current;
      const account = await changeFaces(accounts, id, change, portrait);
      if (account && refsOf(account).includes(portrait.kind === 'local' ? portrait.ref : ''))
        await journal.record({ event: 'face.replaced', attempt: uid, account: id });
    },
  };
}

/** Of a document check: which it was, and what it found the account to stand at. */
function documentOf(
  { verifications }: LoginAttempt,
  { verificationId, authTime }: Proof,
): Pick<PendingRenewal, 'verificationId' | 'at' | 'demands'> {
  const basis = verifications.find(({ id }) => id === verificationId)?.basis;
  return { verificationId, at: authTime, ...(basis ? { demands: basis.demands } : {}) };
}

/**
 * Was the account's face taken back, or a document asked for, since this one was shown (T14)? Where an earlier version did not note how often that
 * had been, it had not counted it either.
 */
function isOvertaken(account: Account, { demands = 0 }: Pick<PendingRenewal, 'demands'>): boolean {
  return demands !== (account.demands ?? 0);
}
