// What is told of a verification that is concluded: to the page, the bill, the metrics, the audit log.

import type { LoginAttempt, Verification } from '../core/attempt.ts';
import type { Conclusion } from '../core/verdict.ts';
import type { Verdict, VerificationStatus } from '../core/verdict-types.ts';
import type { Ending } from './ending.ts';
import { wasHeld } from './hold.ts';
import type { JourneyParts } from './rules.ts';

/** In the ledger and the metric, where it is not the vendor's status. */
export const OUTCOME = {
  accepted: 'accepted',
  /** approved, and not for us */
  checkFailed: 'check-failed',
  /** the vendor does not know it any more, and has not said how it ended */
  gone: 'gone',
} as const;

export interface Outcomes {
  announce(attempt: LoginAttempt, verification: Verification, verdict: Verdict, conclusion: Conclusion): Promise<void>;
  /** The bill knows it, and no reviewer is waited for. Safe to repeat. */
  keep(verificationId: string, outcome: string): Promise<void>;
  /** What follows from a conclusion, once more, where that was cut short. Safe to repeat. */
  followUp(verification: Verification): Promise<void>;
}

export function createOutcomes(parts: JourneyParts & { ending: Ending }): Outcomes {
  const { attempts, bus, clock, ending, journal, ledger, log, meter, rules } = parts;

  async function announce(attempt: LoginAttempt, verification: Verification, verdict: Verdict, conclusion: Conclusion) {
    await bus.publish(attempt.uid);
    const failed = conclusion.kind === 'accepted' ? [] : conclusion.failed;
    const outcome = outcomeOf(conclusion, verdict);
    meter.count('verifications', { reason: verification.purpose, outcome });
    // now and then it is an attack (T10); each time, a setting
    if (failed.includes('environment')) {
      const told = { attempt: attempt.uid, verification: verification.id, expected: rules.environment };
      log.warn(told, 'an approval of another environment was refused: is DIDIT_ENVIRONMENT that of the API key?');
    }
    await Promise.all([
      ledger.settle(verification.id, outcome),
      // as it was read, or as it was found: a review may have begun in between
      [verification, ...attempt.verifications].some((each) => each.id === verification.id && wasHeld(each))
        ? attempts.letGo(verification.id)
        : undefined,
      journal.record({
        event: failed.length === 0 ? 'login.settled' : 'verification.refused',
        attempt: attempt.uid,
        verification: verification.id,
        status: verdict.status,
        ...(failed.length > 0 ? { reasons: failed } : {}),
      }),
      // one face on several accounts is for the operator to look at (T15)
      verdict.warnings.some((warning) => warning.includes('DUPLICATED_FACE'))
        ? journal.record({ event: 'face.on-several-accounts', attempt: attempt.uid, verification: verification.id })
        : undefined,
      attempt.state === 'ended' ? ending.cleanUp(attempt) : undefined,
      failed.length > 0 && isRefusal(verdict) && attempt.claimant.kind === 'account'
        ? parts.activity.noteDecline(attempt.claimant.accountId, clock.now())
        : undefined,
    ]);
  }

  async function keep(verificationId: string, outcome: string): Promise<void> {
    await Promise.all([attempts.letGo(verificationId), ledger.settle(verificationId, outcome)]);
  }

  async function followUp({ id, conclusion, status, presumedGone, failedChecks = [] }: Verification): Promise<void> {
    if (conclusion === undefined) return;
    if (presumedGone) return keep(id, OUTCOME.gone);
    const isCheckFailed = conclusion === 'refused' && !failedChecks.includes('not-approved');
    await keep(id, conclusion === 'accepted' ? OUTCOME.accepted : isCheckFailed ? OUTCOME.checkFailed : status);
  }

  return { announce, keep, followUp };
}

/** Is this what the verification was concluded with before? */
export function isConcludedSo(attempt: LoginAttempt, id: string, conclusion: Conclusion, verdict: Verdict): boolean {
  const known = attempt.verifications.find((each) => each.id === id);
  if (conclusion.kind === 'accepted') return known?.conclusion === 'accepted';
  const isSameStatus = known?.conclusion === 'refused' && known.status === refusedAs(verdict);
  return isSameStatus && known.failedChecks?.join() === conclusion.failed.join();
}

export function refusedAs({ status }: Verdict): VerificationStatus {
  return status === 'approved' ? 'declined' : status;
}

export function outcomeOf(conclusion: Conclusion, { status }: Verdict): string {
  if (conclusion.kind === 'accepted') return OUTCOME.accepted;
  return status === 'approved' ? OUTCOME.checkFailed : status;
}

/** A face that was shown and not taken, as opposed to one that was not shown. */
function isRefusal({ status }: Verdict): boolean {
  return status === 'declined' || status === 'approved';
}
