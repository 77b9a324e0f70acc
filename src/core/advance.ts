// Every legal move of a login attempt. Webhook, poll and page reload arrive in any order, on any replica and more than once; each is
// an event here, and the answer says what moved.
//
//     open ──(verdict accepted)──► settled ──(finished)──► spent
//       └──────────┴──(aborted, denied, preempted, lapsed, flipped…)──► ended
//
// An open attempt holds up to `tries` verifications, one at a time; only the last one can settle it.

import {
  type AttemptEvent,
  type AttemptLimits,
  currentVerification,
  type EndReason,
  hasLapsed,
  isBack,
  isCodeOpen,
  isGone,
  isUndecided,
  isUnderWay,
  type LoginAttempt,
  MAILED_CODES_ALLOWED,
  type Step,
  triesLeft,
  type Verification,
  WRONG_NUMBERS_ALLOWED,
} from './attempt.ts';
import { courseRank, isFinal, meaningOf } from './verdict.ts';

const SUPERSEDED = 'superseded by a later try';

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
      return changeStatus(attempt, event, limits, now);
    case 'look-missed':
      return missLook(attempt, event, now);
    case 'concluded':
      return settle(attempt, event);
    case 'discarded':
      return discard(attempt, event);
    case 'number':
      return countNumber(attempt, event, now);
    case 'enrolled':
      return enrolled(attempt, event);
    case 're-enrol-asked':
      if (attempt.claimant.kind !== 'account') return refused(attempt, 'a newcomer cannot enrol again');
      return attempt.next === 're-enrol' ? unchanged(attempt) : moved({ ...attempt, next: 're-enrol' });
    case 're-enrol-chosen':
      return chooseReEnrolment(attempt, event.renewal);
    case 'raised':
      return raiseNeed(attempt, event);
    case 'consented':
      return moved({ ...attempt, consent: { version: event.version, at: now } });
    case 'factor':
      return addFactor(attempt, event);
    case 'mailed':
      return noteMail(attempt, event, now);
    case 'code':
      return countCode(attempt, event.right, now);
    case 'finished':
      return finish(attempt, event, now);
  }
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
      // a new return token comes with a new number: nobody has typed that one yet (T2)
      ...(event.returnToken ? omit(current, 'confirmedAt') : current),
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

function changeStatus(
  attempt: LoginAttempt,
  event: AttemptEvent & { kind: 'status' },
  limits: AttemptLimits,
  now: number,
): Step {
  if (isFinal(event.status)) return refused(attempt, 'a final status needs a conclusion');
  const step = changeVerification(attempt, event.verificationId, (verification) => {
    if (!isUndecided(verification)) return verification;
    if (verification.presumedGone && verification !== currentVerification(attempt)) return SUPERSEDED;
    if (isOlder(event, verification)) {
      if (event.toldAt === undefined) return answered(verification);
      if (event.status !== 'resubmitted') return verification;
      // overtaken by what came of the next capture: the first one counts no more than if it had been told in time (R9)
      const isAgain = event.toldAt === verification.told?.at && isBack(verification);
      return verification.isUntied && !isAgain ? verification : untied(verification);
    }
    // a face is shown again, maybe another one: what tied the first capture to a browser says nothing of the next (T2)
    const isReopened = event.status === 'resubmitted' && isNewCapture(event, verification);
    const {
      wasHeld: _earlier,
      isRead: _before,
      ...plain
    } = omit(withoutMisses(isReopened ? untied(verification) : verification), 'resubmitSteps');
    // a decision that is read names no step: what the webhook named still holds
    const stillNamed = verification.status === event.status ? verification.resubmitSteps : undefined;
    const resubmitSteps = event.resubmitSteps ?? stillNamed;
    return {
      ...plain,
      // a capture that is done again is no longer the one that a reviewer had before them (T14)
      ...(event.status === 'in-review' ? { wasHeld: true as const } : {}),
      status: event.status,
      ...(event.toldAt === undefined
        ? { statusAt: event.decidedAt, isRead: true as const }
        : { statusAt: now, told: { status: event.status, at: event.toldAt } }),
      ...(resubmitSteps ? { resubmitSteps } : {}),
    };
  });
  if (step.kind !== 'moved' || meaningOf(event.status) !== 'held') return step;
  // counted from the start: a poll that finds it held again must not prolong it again
  const heldUntil = Math.min(attempt.latestEnd, attempt.createdAt + limits.ttlSeconds + limits.reviewWaitSeconds);
  return moved({ ...step.attempt, expiresAt: Math.max(step.attempt.expiresAt, heldUntil) });
}

/**
 * Does this "Resubmitted" ask for a capture that we have not heard of yet? Each one follows a capture, whatever came between and was lost (R9).
 * Where we know of one already, another delivery is another one; but not the first to tell what we have read, unless somebody came back since.
 */
function isNewCapture({ toldAt }: { readonly toldAt?: number }, verification: Verification): boolean {
  if (verification.status !== 'resubmitted') return true;
  return toldAt !== undefined && (verification.told?.status === 'resubmitted' || isBack(verification));
}

function missLook(attempt: LoginAttempt, event: AttemptEvent & { kind: 'look-missed' }, now: number): Step {
  return changeVerification(attempt, event.verificationId, (verification) => {
    if (verification.conclusion !== undefined) return verification;
    const oneMore = ({ count, since } = { count: 0, since: now }) => ({ count: count + 1, since });
    if (event.why === 'unanswered') return { ...verification, unansweredLooks: oneMore(verification.unansweredLooks) };
    const unknownLooks = oneMore(verification.unknownLooks);
    // deleted at the vendor, or out of our key's reach: nobody knows yet how it ends
    if (!isGone(unknownLooks, now)) return { ...verification, unknownLooks };
    return {
      ...omit(verification, 'resubmitSteps'),
      unknownLooks,
      status: 'expired',
      statusAt: now,
      conclusion: 'refused',
      presumedGone: true,
    };
  });
}

/** A look brought an answer, if not the newest: those that brought none are in a row no more. */
function answered(verification: Verification): Verification {
  const { unknownLooks, unansweredLooks, ...rest } = verification;
  const isCounting = unknownLooks !== undefined || unansweredLooks !== undefined;
  return isCounting && !verification.presumedGone ? rest : verification;
}

/** Of an undecided one, once the vendor has said something of it: what we had to presume counts no more. */
function withoutMisses(verification: Verification): Verification {
  const { unknownLooks: _unknown, unansweredLooks: _unanswered, presumedGone: _gone, ...rest } = verification;
  return omit(rest, 'conclusion');
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
  return { ...rest, returnTokens: [], isUntied: true };
}

function settle(attempt: LoginAttempt, event: AttemptEvent & { kind: 'concluded' }): Step {
  const verification = attempt.verifications.find((each) => each.id === event.verificationId);
  if (!verification) return refused(attempt, 'verification of another attempt');
  if (verification.conclusion === 'accepted') return flip(attempt, verification, event);
  if (!isUndecided(verification)) return unchanged(attempt);
  if (verification !== currentVerification(attempt)) return refused(attempt, SUPERSEDED);
  const { result } = event;
  const concluded: Verification = {
    ...omit(withoutMisses(verification), 'resubmitSteps'),
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
function discard(attempt: LoginAttempt, event: AttemptEvent & { kind: 'discarded' }): Step {
  const current = currentVerification(attempt);
  if (attempt.state !== 'settled' || !current) return refused(attempt, `discarded while ${attempt.state}`);
  if (current.id !== event.verificationId) return refused(attempt, SUPERSEDED);
  const dropped: Verification = { ...current, conclusion: 'refused', status: 'declined', failedChecks: event.failed };
  const proofs = attempt.proofs.filter((proof) => proof.verificationId !== current.id);
  return moved({ ...replaceVerification(attempt, dropped), state: 'open', proofs });
}

function countNumber(attempt: LoginAttempt, event: AttemptEvent & { kind: 'number' }, now: number): Step {
  const current = currentVerification(attempt);
  if (!current) return refused(attempt, 'no verification yet');
  if (current.confirmedAt !== undefined) return unchanged(attempt);
  if (event.right) return moved(replaceVerification(attempt, { ...current, confirmedAt: now }));
  const wrongNumbers = attempt.wrongNumbers + 1;
  if (wrongNumbers >= WRONG_NUMBERS_ALLOWED) {
    return moved({ ...attempt, wrongNumbers, state: 'ended', endReason: 'wrong-numbers' });
  }
  return moved({ ...attempt, wrongNumbers });
}

/** The newcomer has an account now, or a known person a new face. */
function enrolled(attempt: LoginAttempt, event: AttemptEvent & { kind: 'enrolled' }): Step {
  if (attempt.state !== 'settled') return refused(attempt, `enrolled while ${attempt.state}`);
  return moved({
    ...attempt,
    claimant: { kind: 'account', accountId: event.accountId },
    subject: event.subject,
    next: 'login',
  });
}

function chooseReEnrolment(attempt: LoginAttempt, renewal: 'now' | 'waits'): Step {
  if (attempt.claimant.kind !== 'account') return refused(attempt, 'a newcomer cannot enrol again');
  if (attempt.state !== 'open' || isUnderWay(currentVerification(attempt))) {
    return refused(attempt, 'a verification is under way');
  }
  return attempt.next === 're-enrol' ? unchanged(attempt) : moved({ ...attempt, next: 're-enrol', renewal });
}

/** The accepted selfie is kept, and another one, stronger, is owed. */
function raiseNeed(attempt: LoginAttempt, event: AttemptEvent & { kind: 'raised' }): Step {
  if (attempt.state !== 'settled') return refused(attempt, `raised while ${attempt.state}`);
  if (attempt.claimant.kind !== 'account') return refused(attempt, 'there is no account to show a selfie for yet');
  const reasons = [...new Set([...attempt.reasons, ...event.reasons])];
  return moved({ ...attempt, state: 'open', next: 'login', required: event.required, reasons });
}

function addFactor(attempt: LoginAttempt, event: AttemptEvent & { kind: 'factor' }): Step {
  if (attempt.claimant.kind !== 'account') return refused(attempt, 'a factor of nobody');
  if (attempt.factors.some(({ factor }) => factor === event.proof.factor)) return unchanged(attempt);
  const factors = [...attempt.factors, event.proof];
  return moved({ ...attempt, factors, state: event.enough ? 'settled' : attempt.state });
}

function noteMail(attempt: LoginAttempt, event: AttemptEvent & { kind: 'mailed' }, now: number): Step {
  const sends = (attempt.mailed?.sends ?? 0) + 1;
  if (sends > MAILED_CODES_ALLOWED) return refused(attempt, 'no more codes are sent');
  if (attempt.mailed?.provenAt !== undefined) return refused(attempt, 'the address is proven already');
  const { purpose, code, link } = event;
  return moved({ ...attempt, mailed: { purpose, code, ...(link ? { link } : {}), sentAt: now, sends, wrong: 0 } });
}

function countCode(attempt: LoginAttempt, right: boolean, now: number): Step {
  const { mailed } = attempt;
  if (!isCodeOpen(mailed, now)) return refused(attempt, 'no code is waited for');
  return moved({ ...attempt, mailed: right ? { ...mailed, provenAt: now } : { ...mailed, wrong: mailed.wrong + 1 } });
}

/** By nothing but what was judged: a face that was accepted since may be that of somebody elsewhere (T2). */
function finish(attempt: LoginAttempt, event: AttemptEvent & { kind: 'finished' }, now: number): Step {
  if (attempt.state !== 'settled') return refused(attempt, `finished while ${attempt.state}`);
  const proven = attempt.proofs.map(({ verificationId }) => verificationId);
  if (proven.join() !== event.judged.join()) return refused(attempt, 'finished by other proofs than there are');
  const { accountId, signOuts, deviceMark } = event;
  return moved({
    ...attempt,
    state: 'spent',
    accountId,
    finishedAt: now,
    signOuts,
    ...(deviceMark === undefined ? {} : { deviceMark }),
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

/**
 * T8: what is older than what we know, or of the same second and earlier in the vendor's course, changes nothing. Like is compared with
 * like, as the vendor's clock may be off by minutes (R10): a delivery with deliveries, by its clock; what we read was true when we did.
 */
function isOlder(event: AttemptEvent & { kind: 'status' }, verification: Verification): boolean {
  // each verification begins so, and none comes back to it
  if (event.toldAt !== undefined && event.status === 'not-started') return true;
  const at = event.toldAt ?? event.decidedAt;
  const known =
    event.toldAt === undefined ? { status: verification.status, at: verification.statusAt } : verification.told;
  if (!known || at !== known.at) return known !== undefined && at < known.at;
  return courseRank(event.status) <= courseRank(known.status);
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
