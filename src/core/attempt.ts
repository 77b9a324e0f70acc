// The login attempt: our record of one interaction, and every legal move of it. Webhook, poll and page reload arrive in
// any order, on any replica and more than once; each is an event here, and the answer says what moved.
//
//     open ──(verdict accepted)──► settled ──(finished)──► spent
//       └──────────┴──(aborted, denied, preempted, lapsed, flipped…)──► ended
//
// An open attempt holds up to `tries` verifications, one at a time; only the last one can settle it.

import { type Acr, isAtLeast, type SelfieMethod } from './assurance.ts';
import type { LoginOrigin } from './binding.ts';
import { courseRank, type FailedCheck, isFinal, meaningOf, type Proof, type VerificationPurpose } from './verdict.ts';
import type { CaptureAnalysis, VerificationStatus } from './verdict-types.ts';

export type EndReason = 'aborted' | 'denied' | 'preempted' | 'lapsed' | 'refused' | 'wrong-numbers';

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
  /** when the vendor said so, epoch seconds */
  readonly statusAt: number;
  /** set once the vendor is done with it */
  readonly conclusion?: 'accepted' | 'refused';
  readonly failedChecks?: readonly FailedCheck[];
  readonly resubmitSteps?: readonly string[];
  readonly captures?: readonly CaptureAnalysis[];
  /** the return token came back in the browser that began */
  readonly returnedHereAt?: number;
  /** it was shown to a browser that did not begin; the number is good for a while from here */
  readonly returnedElsewhereAt?: number;
  readonly confirmedAt?: number;
  /** SHA-256 of the one-time hand-off token of our own QR code; gone once it was used */
  readonly phoneToken?: string;
}

/** Who is claimed: fixed before the selfie (invariant 6). */
export type Claimant =
  | { readonly kind: 'account'; readonly accountId: string }
  /** nobody yet; `invitation` is the hash of the one that lets them in */
  | { readonly kind: 'newcomer'; readonly invitation?: string };

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
  /** what the login must prove; `workflowId` is the vendor's process for it */
  readonly required: { readonly method: SelfieMethod; readonly acr: Acr; readonly workflowId: string };
  /** `ui_locales`, for the hosted page */
  readonly locales: readonly string[];
  /** what the next verification is for */
  readonly next: VerificationPurpose;
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
  /** set by `finished`: the account the attempt ended in */
  readonly accountId?: string;
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
      readonly resubmitSteps?: readonly string[];
    }
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
  | { readonly kind: 'discarded'; readonly failed: readonly FailedCheck[] }
  | { readonly kind: 'number'; readonly verificationId: string; readonly right: boolean }
  | { readonly kind: 'enrolled'; readonly accountId: string; readonly subject: string; readonly stepUp: boolean }
  | { readonly kind: 're-enrol-asked' }
  | { readonly kind: 'finished'; readonly accountId: string }
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

export const WRONG_NUMBERS_ALLOWED = 3;
export const NUMBER_LIFE_SECONDS = 300;

/**
 * Moves a login attempt one step, or says why it cannot move. Pure; safe to repeat.
 *
 * @param now epoch seconds, from the caller's clock
 * @returns `moved`, `unchanged` (it was so already), or `refused` with a reason fit for a log
 */
export function advance(attempt: LoginAttempt, event: AttemptEvent, limits: AttemptLimits, now: number): Step {
  if (event.kind === 'ended') return end(attempt, event.reason);
  if (attempt.state === 'spent' || attempt.state === 'ended') return flipOrRefuse(attempt, event);
  if (hasLapsed(attempt, now)) return refused(attempt, 'lapsed');
  switch (event.kind) {
    case 'opened':
      return open(attempt, event, limits);
    case 'reopened':
      return reopen(attempt, event);
    case 'phone-used':
      return changeCurrent(attempt, (current) =>
        current.phoneToken === event.phoneToken ? omit(current, 'phoneToken') : 'hand-off token already used',
      );
    case 'returned':
      return markReturned(attempt, event, now);
    case 'status':
      return changeStatus(attempt, event, limits);
    case 'concluded':
      return settle(attempt, event);
    case 'discarded':
      return discard(attempt, event.failed);
    case 'number':
      return countNumber(attempt, event, now);
    case 'enrolled':
      return enrolled(attempt, event);
    case 're-enrol-asked':
      if (attempt.claimant.kind !== 'account') return refused(attempt, 'a newcomer cannot enrol again');
      return attempt.next === 're-enrol' ? unchanged(attempt) : moved({ ...attempt, next: 're-enrol' });
    case 'finished':
      if (attempt.state !== 'settled') return refused(attempt, `finished while ${attempt.state}`);
      return moved({ ...attempt, state: 'spent', accountId: event.accountId });
  }
}

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

function open(attempt: LoginAttempt, event: AttemptEvent & { kind: 'opened' }, limits: AttemptLimits): Step {
  if (attempt.state !== 'open') return refused(attempt, `opened while ${attempt.state}`);
  if (isUnderWay(currentVerification(attempt))) return refused(attempt, 'another verification is under way');
  if (triesLeft(attempt, limits) === 0) return refused(attempt, 'no tries left');
  return moved({
    ...attempt,
    verifications: [...attempt.verifications, event.verification],
    sealedVerification: event.sealed,
    claims: attempt.claims.includes(event.claim) ? attempt.claims : [...attempt.claims, event.claim],
  });
}

function reopen(attempt: LoginAttempt, event: AttemptEvent & { kind: 'reopened' }): Step {
  const step = changeCurrent(attempt, (current) => {
    if (current.id !== event.verificationId || current.conclusion === 'refused') return 'not the current verification';
    return {
      ...current,
      returnTokens: event.returnToken ? [...current.returnTokens, event.returnToken] : current.returnTokens,
      ...(event.phoneToken ? { phoneToken: event.phoneToken } : {}),
    };
  });
  return step.kind === 'moved' ? moved({ ...step.attempt, sealedVerification: event.sealed }) : step;
}

function markReturned(attempt: LoginAttempt, event: AttemptEvent & { kind: 'returned' }, now: number): Step {
  return changeCurrent(attempt, (current) => {
    if (!current.returnTokens.includes(event.returnToken)) return 'not a return token of the current verification';
    // a return that was seen elsewhere first may have been carried over by whoever captured: only the number tells (T2)
    const isCarriedOver = current.returnedElsewhereAt !== undefined;
    if (event.here && (isCarriedOver || current.returnedHereAt !== undefined)) return current;
    if (event.here) return { ...current, returnedHereAt: now };
    return current.returnedElsewhereAt === undefined ? { ...current, returnedElsewhereAt: now } : current;
  });
}

function changeStatus(attempt: LoginAttempt, event: AttemptEvent & { kind: 'status' }, limits: AttemptLimits): Step {
  if (isFinal(event.status)) return refused(attempt, 'a final status needs a conclusion');
  const step = changeVerification(attempt, event.verificationId, (verification) => {
    if (verification.conclusion !== undefined) return verification;
    if (isOlder(event, verification)) return verification;
    // a face is shown again, maybe another one: what tied the first capture to a browser says nothing of the next (T2)
    const isReopened =
      event.status === 'resubmitted' && verification.status !== 'resubmitted' && mayHaveCaptured(verification);
    return {
      ...omit(isReopened ? untied(verification) : verification, 'resubmitSteps'),
      status: event.status,
      statusAt: event.decidedAt,
      ...(event.resubmitSteps ? { resubmitSteps: event.resubmitSteps } : {}),
    };
  });
  if (step.kind !== 'moved' || meaningOf(event.status) !== 'held') return step;
  // counted from the start: a poll that finds it held again must not prolong it again
  const heldUntil = Math.min(attempt.latestEnd, attempt.createdAt + limits.ttlSeconds + limits.reviewWaitSeconds);
  return moved({ ...step.attempt, expiresAt: Math.max(step.attempt.expiresAt, heldUntil) });
}

/** Somebody has been at the hosted page: whoever it was may know the return token. */
function mayHaveCaptured(verification: Verification): boolean {
  const isBack = verification.returnedHereAt !== undefined || verification.returnedElsewhereAt !== undefined;
  return isBack || verification.status !== 'not-started';
}

/** Without return tokens, returns, number and hand-off: new ones are made when the person goes back to the camera. */
function untied(verification: Verification): Verification {
  const {
    returnedHereAt: _here,
    returnedElsewhereAt: _elsewhere,
    confirmedAt: _confirmed,
    phoneToken: _phone,
    ...rest
  } = verification;
  return { ...rest, returnTokens: [] };
}

function settle(attempt: LoginAttempt, event: AttemptEvent & { kind: 'concluded' }): Step {
  const verification = attempt.verifications.find((each) => each.id === event.verificationId);
  if (!verification) return refused(attempt, 'verification of another attempt');
  if (verification.conclusion === 'refused') return unchanged(attempt);
  if (verification.conclusion === 'accepted') return flip(attempt, verification, event);
  if (verification !== currentVerification(attempt)) return refused(attempt, 'superseded by a later try');
  const { result } = event;
  const concluded: Verification = {
    ...omit(verification, 'resubmitSteps'),
    status: result.kind === 'accepted' ? 'approved' : result.status,
    statusAt: event.decidedAt,
    conclusion: result.kind,
    captures: event.captures,
    ...(result.kind === 'refused' ? { failedChecks: result.failed } : {}),
  };
  const next = replaceVerification(attempt, concluded);
  if (result.kind === 'refused') {
    const mustReEnrol = meaningOf(result.status) === 're-enrol' && attempt.claimant.kind === 'account';
    return moved(mustReEnrol ? { ...next, next: 're-enrol' } : next);
  }
  return moved({
    ...next,
    state: 'settled',
    proofs: [...next.proofs, result.proof],
    ...(result.sealed ? { sealed: result.sealed } : {}),
  });
}

/** An accepted verification that turns bad before the login was finished stops it: fail closed, never the other way. */
function flip(attempt: LoginAttempt, verification: Verification, event: AttemptEvent & { kind: 'concluded' }): Step {
  if (event.result.kind === 'accepted' || event.decidedAt < verification.statusAt) return unchanged(attempt);
  const flipped: Verification = {
    ...verification,
    conclusion: 'refused',
    status: 'declined',
    failedChecks: event.result.failed,
  };
  return moved({ ...replaceVerification(attempt, flipped), state: 'ended', endReason: 'refused', proofs: [] });
}

/** The try is lost, the attempt goes on: another capture may be one that can be tied to this browser. */
function discard(attempt: LoginAttempt, failed: readonly FailedCheck[]): Step {
  const current = currentVerification(attempt);
  if (attempt.state !== 'settled' || !current) return refused(attempt, `discarded while ${attempt.state}`);
  const dropped: Verification = { ...current, conclusion: 'refused', status: 'declined', failedChecks: failed };
  const proofs = attempt.proofs.filter((proof) => proof.verificationId !== current.id);
  return moved({ ...replaceVerification(attempt, dropped), state: 'open', proofs });
}

function countNumber(attempt: LoginAttempt, event: AttemptEvent & { kind: 'number' }, now: number): Step {
  const current = currentVerification(attempt);
  // the number of an earlier try, shown where that one was captured, says nothing about this one (T2)
  if (current?.id !== event.verificationId) return refused(attempt, 'not the number of the current verification');
  if (current.confirmedAt !== undefined) return unchanged(attempt);
  if (event.right) return moved(replaceVerification(attempt, { ...current, confirmedAt: now }));
  const wrongNumbers = attempt.wrongNumbers + 1;
  if (wrongNumbers >= WRONG_NUMBERS_ALLOWED) {
    return moved({ ...attempt, wrongNumbers, state: 'ended', endReason: 'wrong-numbers' });
  }
  return moved({ ...attempt, wrongNumbers });
}

/** The newcomer has an account now. A stronger selfie may still be owed before the login is done. */
function enrolled(attempt: LoginAttempt, event: AttemptEvent & { kind: 'enrolled' }): Step {
  if (attempt.state !== 'settled') return refused(attempt, `enrolled while ${attempt.state}`);
  return moved({
    ...attempt,
    claimant: { kind: 'account', accountId: event.accountId },
    subject: event.subject,
    next: 'login',
    state: event.stepUp ? 'open' : 'settled',
  });
}

function end(attempt: LoginAttempt, reason: EndReason): Step {
  if (attempt.state === 'ended' || attempt.state === 'spent') return unchanged(attempt);
  return moved({ ...attempt, state: 'ended', endReason: reason });
}

/** T12: nothing revives what is over. */
function flipOrRefuse(attempt: LoginAttempt, event: AttemptEvent): Step {
  if (event.kind === 'finished' && attempt.state === 'spent' && attempt.accountId === event.accountId)
    return unchanged(attempt);
  return refused(attempt, `${event.kind} while ${attempt.state}`);
}

/** T8: an event that the vendor dates before what we know, or puts before it in its course, changes nothing. */
function isOlder(event: { decidedAt: number; status: VerificationStatus }, verification: Verification): boolean {
  if (event.decidedAt !== verification.statusAt) return event.decidedAt < verification.statusAt;
  return courseRank(event.status) <= courseRank(verification.status);
}

function changeCurrent(attempt: LoginAttempt, change: (current: Verification) => Verification | string): Step {
  const current = currentVerification(attempt);
  return current ? changeVerification(attempt, current.id, change) : refused(attempt, 'no verification yet');
}

function changeVerification(
  attempt: LoginAttempt,
  id: string,
  change: (current: Verification) => Verification | string,
): Step {
  const verification = attempt.verifications.find((each) => each.id === id);
  if (!verification) return refused(attempt, 'verification of another attempt');
  const next = change(verification);
  if (typeof next === 'string') return refused(attempt, next);
  return next === verification ? unchanged(attempt) : moved(replaceVerification(attempt, next));
}

function replaceVerification(attempt: LoginAttempt, next: Verification): LoginAttempt {
  return { ...attempt, verifications: attempt.verifications.map((each) => (each.id === next.id ? next : each)) };
}

function omit<T, K extends keyof T>(value: T, key: K): Omit<T, K> & T {
  const { [key]: _, ...rest } = value;
  return rest as Omit<T, K> & T;
}

function moved(attempt: LoginAttempt): Step {
  return { kind: 'moved', attempt };
}

function unchanged(attempt: LoginAttempt): Step {
  return { kind: 'unchanged', attempt };
}

function refused(attempt: LoginAttempt, reason: string): Step {
  return { kind: 'refused', attempt, reason };
}
