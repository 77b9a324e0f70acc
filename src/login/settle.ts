// Settle: a verdict, by webhook or by poll, in any order and any number of times, moves the attempt that owns it, and wakes its
// page. It settles and never resumes: only the browser that began can finish (invariant 1).

import { advance } from '../core/advance.ts';
import {
  hasLapsed,
  isUnanswered,
  isUndecided,
  type LoginAttempt,
  type Step,
  type Verification,
  type WhyMissed,
} from '../core/attempt.ts';
import { type Conclusion, conclude, type FailedCheck, isFinal, meaningOf } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import type { Ending } from './ending.ts';
import type { Enrolment } from './enrol.ts';
import { createHolding, isHeld, wasHeld } from './hold.ts';
import type { LateVerdicts } from './late.ts';
import { scheduleLooks, scheduleSingleLook } from './look.ts';
import { createOutcomes, isConcludedSo, OUTCOME, type Outcomes, outcomeOf, refusedAs } from './outcome.ts';
import type { JourneyParts } from './rules.ts';

/** Checks that depend on settings of ours, or on our clock. */
const SET_HERE: ReadonlySet<FailedCheck> = new Set([
  'environment',
  'decided-before-attempt',
  'liveness-score',
  'face-match-score',
  'identity-differs',
  'warning-refused',
]);

export type Settled =
  | { readonly kind: 'moved' | 'unchanged' | 'late' }
  /** nobody owns it, or two did */
  | { readonly kind: 'unowned' };

/** `overtaken`: the attempt was over by the time it was to be moved */
type Timely = Settled | { readonly kind: 'overtaken' };
const OVERTAKEN = { kind: 'overtaken' } as const;

export interface Settlement extends Pick<Outcomes, 'followUp'> {
  /** Does not call off the looks at what it concludes: who asked does, when all that follows is stored. */
  settle(verdict: Verdict): Promise<Settled>;
  /**
   * The same, while somebody waits for an answer: only what a few steps of the storage can do. What has a picture fetched, or may take
   * many things back, changes nothing and is `left` for `settle`.
   *
   * @param owner the attempt that owns it, as read just now
   */
  settleAtOnce(verdict: Verdict, owner: string | undefined): Promise<Settled | { readonly kind: 'left' }>;
  /** A look that brought no word of the vendor's on it. @returns the verification as it is now; undefined: nothing changed */
  missLook(uid: string, verificationId: string, why: WhyMissed): Promise<Verification | undefined>;
}

export function createSettlement(
  parts: JourneyParts & { ending: Ending; enrolment: Enrolment; late: LateVerdicts },
): Settlement {
  const { attempts, bus, clock, enrolment, journal, late, ledger, log, meter, rules } = parts;
  const holding = createHolding(parts);
  const outcomes = createOutcomes(parts);

  /** What a verdict is about. */
  async function lookUp(verdict: Verdict, uid: string | undefined) {
    if (uid === undefined) return undefined;
    const attempt = await attempts.find(uid);
    const verification = attempt?.verifications.find((each) => each.id === verdict.verificationId);
    if (!attempt || !verification) return { uid } as const;
    return { uid, attempt, verification, isTimely: !isOver(attempt) } as const;
  }

  async function settle(verdict: Verdict): Promise<Settled> {
    const found = await lookUp(verdict, await attempts.ownerOf(verdict.verificationId));
    if (found === undefined) return { kind: 'unowned' };
    if (!found.attempt) return settleLate(verdict, found.uid);
    const { uid, attempt, verification, isTimely } = found;
    const settled = isTimely ? await settleTimely(attempt, verification, verdict) : OVERTAKEN;
    if (settled.kind !== 'overtaken') return settled;
    return settleLate(verdict, uid, await failedLate(attempt, verification, verdict));
  }

  /** Too late for the login, not for the bill, nor for what was allowed. */
  async function settleLate(verdict: Verdict, uid: string, failed: readonly FailedCheck[] = []): Promise<Settled> {
    const isFailed = failed.length > 0;
    if (isFinal(verdict.status))
      await ledger.settle(verdict.verificationId, isFailed ? OUTCOME.checkFailed : verdict.status);
    await late.handle(isFailed ? { ...verdict, status: refusedAs(verdict) } : verdict, uid, failed);
    return { kind: 'late' };
  }

  /**
   * An approval by which the login would not have been one is a refusal of it, as long as the attempt tells what was asked for (T8): by what
   * no setting decides, as one that was changed since must not take back what was good when it was given.
   */
  async function failedLate(
    attempt: LoginAttempt,
    verification: Verification,
    verdict: Verdict,
  ): Promise<readonly FailedCheck[]> {
    if (verdict.status !== 'approved' || !verdict.complete) return [];
    const conclusion = await judge(attempt, verification, verdict);
    return conclusion.kind === 'accepted' ? [] : conclusion.failed.filter((check) => !SET_HERE.has(check));
  }

  async function settleAtOnce(
    verdict: Verdict,
    owner: string | undefined,
  ): Promise<Settled | { readonly kind: 'left' }> {
    const found = await lookUp(verdict, owner);
    if (found === undefined) return { kind: 'unowned' };
    const { attempt, verification, isTimely } = found;
    // a second word on what is concluded may take back what the first one allowed
    if (!isTimely || !isUndecided(verification)) return { kind: 'left' };
    if (isFinal(verdict.status) && bringsFace(verification)) return { kind: 'left' };
    const settled = await settleTimely(attempt, verification, verdict);
    return settled.kind === 'overtaken' ? { kind: 'left' } : settled;
  }

  async function settleTimely(attempt: LoginAttempt, verification: Verification, verdict: Verdict): Promise<Timely> {
    if (!isFinal(verdict.status)) return changeStatus(attempt, verdict);
    if (verdict.status === 'approved' && !verdict.complete) {
      // a thin delivery says that something changed, not what was found
      if (isUndecided(verification)) await scheduleSingleLook(parts, verification.id);
      return { kind: 'unchanged' };
    }
    return concludeIt(attempt, verification, verdict);
  }

  function isOver(attempt: LoginAttempt): boolean {
    return attempt.state === 'spent' || attempt.state === 'ended' || hasLapsed(attempt, clock.now());
  }

  async function changeStatus(attempt: LoginAttempt, verdict: Verdict): Promise<Timely> {
    const event = {
      kind: 'status',
      verificationId: verdict.verificationId,
      status: verdict.status,
      decidedAt: verdict.decidedAt,
      ...(verdict.toldAt === undefined ? {} : { toldAt: verdict.toldAt }),
      ...(verdict.resubmitSteps ? { resubmitSteps: verdict.resubmitSteps } : {}),
    } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step?.kind === 'unchanged') await holding.repeatStatus(step.attempt, verdict);
    if (step?.kind !== 'moved') return note(step, attempt, verdict);
    const current = step.attempt.verifications.find((each) => each.id === verdict.verificationId);
    const before = attempt.verifications.find((each) => each.id === current?.id);
    if (current && meaningOf(current.status) === 'held') {
      // every poll finds it held: told once
      if (!isHeld(before)) await holding.hold(step.attempt, current);
    } else if (wasHeld(before)) {
      await attempts.letGo(verdict.verificationId);
    }
    // it had been given up, and the looks at it with it
    if (before?.presumedGone && current) await scheduleLooks(parts, current);
    // a delivery that is late, or a vendor's clock that is behind: what it told counts, and the decision itself is asked
    if (before && isInDoubt(before, verdict)) await scheduleSingleLook(parts, verdict.verificationId);
    await bus.publish(attempt.uid);
    return { kind: 'moved' };
  }

  async function judge(attempt: LoginAttempt, verification: Verification, verdict: Verdict): Promise<Conclusion> {
    return conclude(
      {
        verificationId: verification.id,
        subject: attempt.subject,
        workflowId: verification.workflowId,
        environment: rules.environment,
        purpose: verification.purpose,
        method: verification.method,
        begunAt: attempt.createdAt,
        identityMatches:
          verification.purpose === 're-enrol' ? await enrolment.sameIdentity(attempt, verdict) : undefined,
      },
      verdict,
      rules.forClient(attempt.clientId).verdict,
    );
  }

  async function concludeIt(attempt: LoginAttempt, verification: Verification, verdict: Verdict): Promise<Timely> {
    const conclusion = await judge(attempt, verification, verdict);
    if (isUndecided(verification) && isOnlyTooOld(conclusion)) {
      // two clocks differ, or somebody plays an old verdict: the decision itself is read, and dated by our clock (R10, T13)
      await scheduleSingleLook(parts, verification.id);
      return { kind: 'unchanged' };
    }
    const base = {
      kind: 'concluded',
      verificationId: verification.id,
      decidedAt: verdict.decidedAt,
      captures: verdict.analyses,
    } as const;
    let step: Step | undefined;
    // as the step finds it: a poll may have accepted it meanwhile
    let isFlip = false;
    if (conclusion.kind === 'accepted') {
      const isNews = isUndecided(verification) && bringsFace(verification);
      const sealed = isNews ? await enrolment.gather(attempt, verdict) : undefined;
      const result = { kind: 'accepted', proof: conclusion.proof, ...(sealed ? { sealed } : {}) } as const;
      step = await attempts.change(attempt.uid, (a) => advance(a, { ...base, result }, rules.attempt, clock.now()));
    } else {
      const result = { kind: 'refused', status: refusedAs(verdict), failed: conclusion.failed } as const;
      step = await attempts.change(attempt.uid, (a) => {
        isFlip = a.verifications.some(({ id, conclusion }) => id === verification.id && conclusion === 'accepted');
        return advance(a, { ...base, result }, rules.attempt, clock.now());
      });
    }
    // a refusal that seems older than the approval: two clocks differ, or it was overtaken; the vendor knows
    if (isFlip && step?.kind === 'unchanged') await scheduleSingleLook(parts, verification.id);
    if (step?.kind === 'unchanged' && isConcludedSo(step.attempt, verification.id, conclusion, verdict)) {
      // told again, as the storage was away the first time: what follows from it once, and is safe to repeat (invariant 5)
      await outcomes.keep(verification.id, outcomeOf(conclusion, verdict));
    }
    if (step?.kind !== 'moved') return note(step, attempt, verdict);
    await outcomes.announce(step.attempt, verification, verdict, conclusion);
    // an enrolment has left an account behind while a stronger selfie is still owed
    if (isFlip) await late.handle({ ...verdict, status: refusedAs(verdict) }, attempt.uid);
    return { kind: 'moved' };
  }

  async function missLook(uid: string, verificationId: string, why: WhyMissed): Promise<Verification | undefined> {
    const event = { kind: 'look-missed', verificationId, why } as const;
    const now = clock.now();
    const itselfIn = (a: LoginAttempt) => a.verifications.find((each) => each.id === verificationId);
    let before: Verification | undefined;
    const step = await attempts.change(uid, (a) => {
      before = itselfIn(a);
      return advance(a, event, rules.attempt, now);
    });
    const missed = step?.kind === 'moved' ? itselfIn(step.attempt) : undefined;
    if (!before || !missed) return undefined;
    // the page says so from here on
    if (missed.presumedGone || isUnanswered(missed, now) !== isUnanswered(before, now)) await bus.publish(uid);
    if (missed.presumedGone) {
      meter.count('verifications', { reason: missed.purpose, outcome: OUTCOME.gone });
      await Promise.all([
        outcomes.followUp(missed),
        journal.record({ event: 'verification.gone', attempt: uid, verification: verificationId }),
      ]);
    }
    return missed;
  }

  function note(step: Step | undefined, attempt: LoginAttempt, verdict: Verdict): Timely {
    if (step?.kind === 'refused' && isOver(step.attempt)) return OVERTAKEN;
    if (step?.kind === 'refused') {
      log.info(
        { attempt: attempt.uid, verification: verdict.verificationId, reason: step.reason },
        'a verdict changed nothing',
      );
    }
    return { kind: 'unchanged' };
  }

  return { settle, settleAtOnce, missLook, followUp: outcomes.followUp };
}

/** A document check does; so does a selfie that a reviewer had to look at. */
function bringsFace({ purpose, wasHeld }: Verification): boolean {
  return purpose !== 'login' || wasHeld === true;
}

/** Is this told of a time before we have read something else? */
function isInDoubt(known: Verification, { status, toldAt }: Verdict): boolean {
  return toldAt !== undefined && known.isRead === true && status !== known.status && toldAt <= known.statusAt;
}

function isOnlyTooOld(conclusion: Conclusion): boolean {
  return conclusion.kind === 'refused' && conclusion.failed.every((check) => check === 'decided-before-attempt');
}
