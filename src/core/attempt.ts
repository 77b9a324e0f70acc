// The login attempt: our record of one interaction, what can happen to it, and what it says about itself. How it moves is
// `advance.ts`.

import type { FaceBasis } from './account.ts';
import { type FactorProof, isAtLeast, type SelfieMethod } from './assurance.ts';
import type { LoginOrigin } from './binding.ts';
import type { Need } from './requirement.ts';
import { type FailedCheck, meaningOf, type Proof, type VerificationPurpose } from './verdict.ts';
import type { CaptureAnalysis, VerificationStatus } from './verdict-types.ts';

export type EndReason = 'aborted' | 'denied' | 'preempted' | 'lapsed' | 'refused' | 'wrong-numbers' | 'renewal-waits';

export interface Verification {
  readonly id: string;
  readonly purpose: VerificationPurpose;
  readonly workflowId: string;
  /** what the selfie must be at least */
  readonly method: SelfieMethod;
  readonly openedAt: number;
  /** SHA-256 of the return tokens that were sent as callback: one, or more when the vendor handed the session out again */
  readonly returnTokens: readonly string[];
  readonly status: VerificationStatus;
  /** when we heard so, epoch seconds; of what is concluded, when it was decided */
  readonly statusAt: number;
  /** the newest delivery that counted, by the vendor's own clock */
  readonly told?: { readonly status: VerificationStatus; readonly at: number };
  /** the status was read by us, after the newest delivery */
  readonly isRead?: true;
  /** set once the vendor is done with it */
  readonly conclusion?: 'accepted' | 'refused';
  readonly failedChecks?: readonly FailedCheck[];
  /** refused by us alone, as the vendor did not know it for a while: its own word that comes later counts */
  readonly presumedGone?: true;
  /** looks in a row to which the vendor said that it does not know it */
  readonly unknownLooks?: MissedLooks;
  /** and those to which it gave no answer, or refused us one */
  readonly unansweredLooks?: MissedLooks;
  /** of a known person: the face that a selfie is compared with, the standing that a document found */
  readonly basis?: FaceBasis;
  /** a person at the vendor had to look at it */
  readonly wasHeld?: true;
  readonly resubmitSteps?: readonly string[];
  /** a face was shown again, or is to be: what had tied the first one to a browser was cut off */
  readonly isUntied?: true;
  readonly captures?: readonly CaptureAnalysis[];
  /** the return token came back in the browser that began */
  readonly returnedHereAt?: number;
  /** it was shown to a browser that did not begin; the number is good for a while from here */
  readonly returnedElsewhereAt?: number;
  readonly confirmedAt?: number;
  /** SHA-256 of the one-time hand-off token of our own QR code; gone once it was used */
  readonly phoneToken?: string;
}

/** `unanswered`: no answer, or no service to us; `unknown`: the vendor says that it does not know the verification */
export type WhyMissed = 'unanswered' | 'unknown';

export interface MissedLooks {
  readonly count: number;
  /** the first of them */
  readonly since: number;
}

/** Who is claimed: fixed before the selfie (invariant 6). */
export type Claimant =
  | { readonly kind: 'account'; readonly accountId: string }
  /** nobody yet; `invitation` is the hash of the one that lets them in */
  | { readonly kind: 'newcomer'; readonly invitation?: string }
  /** nobody, and no right to enrol: what another way in answers to an unknown identifier must look like any other answer (T26) */
  | { readonly kind: 'stranger' };

/** A code sent by mail. It counts in the browser that asked for it, once. */
export interface MailedCode {
  readonly purpose: 'enrol' | 'sign-in';
  /** keyed hash */
  readonly code: string;
  /** SHA-256 of the link's token; a code that proves an address at enrolment has none */
  readonly link?: string;
  readonly sentAt: number;
  /** how many were sent in this attempt */
  readonly sends: number;
  readonly wrong: number;
  readonly provenAt?: number;
}

export interface LoginAttempt {
  readonly uid: string;
  readonly clientId: string;
  readonly state: 'open' | 'settled' | 'spent' | 'ended';
  readonly endReason?: EndReason;
  readonly claimant: Claimant;
  /** our name for the person at the vendor: the account's, or one made for this enrolment and kept across its tries */
  readonly subject: string;
  /** keyed hash of the identifier */
  readonly identifierKey: string;
  /** sealed JSON: identifier, and what an accepted enrolment found */
  readonly sealed: string;
  /** sealed JSON of the current verification: hosted address, number, hand-off token */
  readonly sealedVerification?: string;
  /** what the login must prove; `workflowId` is the vendor's process for the selfie of it */
  readonly required: Need & { readonly workflowId: string };
  /** why it must prove that much, as the rules of risk said */
  readonly reasons: readonly string[];
  /** `ui_locales`, for the hosted page */
  readonly locales: readonly string[];
  /** what the next verification is for */
  readonly next: VerificationPurpose;
  /** a new enrolment that the person chose: whether its face counts at once, or after a waiting time */
  readonly renewal?: 'now' | 'waits';
  readonly mailed?: MailedCode;
  readonly browser: string;
  readonly knownDevice: boolean;
  readonly origin: LoginOrigin;
  readonly consent?: { readonly version: string; readonly at: number };
  readonly claims: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  /** no extension for a review goes beyond this: the interaction itself ends soon after */
  readonly latestEnd: number;
  readonly verifications: readonly Verification[];
  readonly wrongNumbers: number;
  /** the accepted verdicts of this attempt: an enrolment, a selfie, or one after the other */
  readonly proofs: readonly Proof[];
  /** what was proven beside a selfie, or in its place */
  readonly factors: readonly FactorProof[];
  /** set by `finished`: the account the attempt ended in */
  readonly accountId?: string;
  /** and when, epoch seconds */
  readonly finishedAt?: number;
  /** and how often its person had signed out everywhere by then: a login knows by it whether it came before such a sign-out */
  readonly signOuts?: number;
  /** by which all logins of the account at this device can be taken back; only where the device is known, or becomes so */
  readonly deviceMark?: string;
}

export type AttemptEvent =
  | { readonly kind: 'opened'; readonly verification: Verification; readonly sealed: string; readonly claim: string }
  | {
      readonly kind: 'reopened';
      readonly verificationId: string;
      readonly sealed: string;
      readonly returnToken?: string;
      readonly phoneToken?: string;
    }
  | { readonly kind: 'phone-used'; readonly phoneToken: string }
  | { readonly kind: 'returned'; readonly returnToken: string; readonly here: boolean }
  | {
      readonly kind: 'status';
      readonly verificationId: string;
      readonly status: VerificationStatus;
      readonly decidedAt: number;
      /** where a delivery told it: by the vendor's clock */
      readonly toldAt?: number;
      readonly resubmitSteps?: readonly string[];
    }
  /** a look that brought no word of the vendor's on it */
  | { readonly kind: 'look-missed'; readonly verificationId: string; readonly why: WhyMissed }
  | {
      readonly kind: 'concluded';
      readonly verificationId: string;
      readonly decidedAt: number;
      readonly captures: readonly CaptureAnalysis[];
      readonly result:
        | { readonly kind: 'accepted'; readonly proof: Proof; readonly sealed?: string }
        /** `status` says which kind of end it was; `declined` also for an approval that failed a check */
        | { readonly kind: 'refused'; readonly status: VerificationStatus; readonly failed: readonly FailedCheck[] };
    }
  /** an accepted face is given up, because it cannot be tied to this browser */
  | { readonly kind: 'discarded'; readonly verificationId: string; readonly failed: readonly FailedCheck[] }
  /** typed in the starting browser; judged by the record that it is to change */
  | { readonly kind: 'number'; readonly right: boolean }
  | { readonly kind: 'enrolled'; readonly accountId: string; readonly subject: string }
  | { readonly kind: 're-enrol-asked' }
  /** the person wants to be enrolled anew */
  | { readonly kind: 're-enrol-chosen'; readonly renewal: 'now' | 'waits' }
  /** more is asked than was proven: another selfie, of this method, is owed */
  | { readonly kind: 'raised'; readonly required: LoginAttempt['required']; readonly reasons: readonly string[] }
  | { readonly kind: 'consented'; readonly version: string }
  /** `enough`: nothing else is needed */
  | { readonly kind: 'factor'; readonly proof: FactorProof; readonly enough: boolean }
  | { readonly kind: 'mailed'; readonly code: string; readonly link?: string; readonly purpose: MailedCode['purpose'] }
  | { readonly kind: 'code'; readonly right: boolean }
  | {
      readonly kind: 'finished';
      readonly accountId: string;
      readonly signOuts: number;
      /** the verifications that were looked at: are they tied to this browser, and enough? */
      readonly judged: readonly string[];
      readonly deviceMark?: string;
    }
  | { readonly kind: 'ended'; readonly reason: EndReason };

export type Step =
  | { readonly kind: 'moved'; readonly attempt: LoginAttempt }
  | { readonly kind: 'unchanged'; readonly attempt: LoginAttempt }
  | { readonly kind: 'refused'; readonly attempt: LoginAttempt; readonly reason: string };

export interface AttemptLimits {
  readonly tries: number;
  readonly ttlSeconds: number;
  /** beyond `ttlSeconds` */
  readonly reviewWaitSeconds: number;
}

/** A vendor that does not know a verification for so long, and at so many looks, is taken at its word. */
const GONE_AFTER_SECONDS = 60;
const GONE_AFTER_LOOKS = 3;
/** One look that came to nothing is a mishap; more of them, or a long wait for the next, are a vendor that is down. */
const LASTING_LOOKS = 2;
const LASTING_SECONDS = 20;
export const WRONG_NUMBERS_ALLOWED = 3;
export const NUMBER_LIFE_SECONDS = 300;
export const MAILED_CODES_ALLOWED = 3;
export const WRONG_CODES_ALLOWED = 5;
/** Also that of the link beside it. */
export const CODE_LIFE_SECONDS = 600;
const SECONDS_TO_ASK = 15;

export function hasLapsed(attempt: LoginAttempt, now: number): boolean {
  return attempt.expiresAt <= now;
}

export function isLive(attempt: LoginAttempt, now: number): boolean {
  return (attempt.state === 'open' || attempt.state === 'settled') && !hasLapsed(attempt, now);
}

export function currentVerification(attempt: LoginAttempt): Verification | undefined {
  return attempt.verifications.at(-1);
}

/** Is a hosted page still open to the person, so that another begin leads back to it instead of paying for a new one? */
export function isUnderWay(
  verification: Verification | undefined,
): verification is Verification & { readonly conclusion?: never } {
  return verification !== undefined && verification.conclusion === undefined;
}

/** Does the vendor's word on it still decide? */
export function isUndecided(verification: Verification): boolean {
  return verification.conclusion === undefined || verification.presumedGone === true;
}

export function isGone(unknown: MissedLooks, now: number): boolean {
  return unknown.count >= GONE_AFTER_LOOKS && now - unknown.since >= GONE_AFTER_SECONDS;
}

export function isBack({ returnedHereAt, returnedElsewhereAt }: Verification): boolean {
  return returnedHereAt !== undefined || returnedElsewhereAt !== undefined;
}

/** Somebody has been at the hosted page: whoever it was may know the return token. */
function mayHaveCaptured(verification: Verification): boolean {
  return isBack(verification) || verification.status !== 'not-started';
}

/** Does whoever may have shown a face wait in vain, as the vendor does not answer us? */
export function isUnanswered(verification: Verification, now: number): boolean {
  return isResultAwaited(verification) && isLasting(verification.unansweredLooks, now);
}

/** The same, whatever it is that keeps the result from us. */
export function isWithoutResult(verification: Verification, now: number): boolean {
  if (verification.presumedGone) return true;
  return (
    isUnanswered(verification, now) || (isResultAwaited(verification) && isLasting(verification.unknownLooks, now))
  );
}

function isResultAwaited(verification: Verification): boolean {
  return isUnderWay(verification) && meaningOf(verification.status) === 'waiting' && mayHaveCaptured(verification);
}

function isLasting(missed: MissedLooks | undefined, now: number): boolean {
  return missed !== undefined && (missed.count >= LASTING_LOOKS || now - missed.since >= LASTING_SECONDS);
}

export function triesLeft(attempt: LoginAttempt, limits: AttemptLimits): number {
  return Math.max(0, limits.tries - attempt.verifications.filter((each) => each.conclusion !== 'accepted').length);
}

/** What the accepted proofs of this attempt add up to: the strongest, with the time of the latest. */
export function bestProof(attempt: LoginAttempt): Proof | undefined {
  return attempt.proofs.reduce<Proof | undefined>(
    (best, proof) => (!best || isAtLeast(proof.method, best.method) ? proof : best),
    undefined,
  );
}

/** Settled without a selfie: by a known device, a key or a code. */
export function isSettledByFactor(attempt: LoginAttempt): boolean {
  return attempt.state === 'settled' && attempt.proofs.length === 0;
}

/** A known device was enough. */
export function isSkipped({ factors, proofs }: LoginAttempt): boolean {
  return proofs.length === 0 && factors.some(({ factor }) => factor === 'device');
}

/**
 * The verifications that the faces stand on which this attempt was proven by: its own, and those that brought what a selfie was compared with.
 *
 * @returns undefined where no face was shown, or an earlier version did not note it
 */
export function facesShown({ proofs, verifications }: LoginAttempt): readonly string[] | undefined {
  const own = proofs.map(({ verificationId }) => verificationId);
  const selfies = proofs.flatMap(({ purpose, verificationId }) => (purpose === 'login' ? [verificationId] : []));
  const compared = selfies.map((id) => verifications.find((each) => each.id === id)?.basis?.faces);
  if (own.length === 0 || compared.includes(undefined)) return undefined;
  return [...new Set([...own, ...compared.flatMap((faces = []) => faces)])];
}

/** How many minutes a code is promised from when it is sent: no more than its sign-in has left, but for the seconds it took to come here. */
export function codeMinutes({ expiresAt }: Pick<LoginAttempt, 'expiresAt'>, sentAt: number): number {
  const seconds = Math.min(CODE_LIFE_SECONDS, expiresAt - sentAt + SECONDS_TO_ASK);
  return Math.max(1, Math.floor(seconds / 60));
}

/** May a mailed code still be typed? */
export function isCodeOpen(mailed: MailedCode | undefined, now: number): mailed is MailedCode {
  if (!mailed || mailed.provenAt !== undefined) return false;
  return mailed.wrong < WRONG_CODES_ALLOWED && now < mailed.sentAt + CODE_LIFE_SECONDS;
}
