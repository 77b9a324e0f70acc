// A login that waits for a person at the vendor: the operator is told once, the list of what waits is kept, and the attempt waits longer.

import type { LoginAttempt, Verification } from '../core/attempt.ts';
import { meaningOf } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import type { Ending } from './ending.ts';
import type { JourneyParts } from './rules.ts';

export interface Holding {
  hold(attempt: LoginAttempt, verification: Verification): Promise<void>;
  /** Told again, as the storage was away the first time: what follows from it once, and is safe to repeat (invariant 5). */
  repeatStatus(attempt: LoginAttempt, verdict: Verdict): Promise<void>;
}

export function createHolding(parts: JourneyParts & { ending: Ending }): Holding {
  const { attempts, ending, journal, log, meter } = parts;

  async function repeatStatus(attempt: LoginAttempt, verdict: Verdict): Promise<void> {
    const current = attempt.verifications.find((each) => each.id === verdict.verificationId);
    if (current?.status !== verdict.status || current.conclusion !== undefined) return;
    if (isHeld(current)) await keepHeld(attempt, current);
    // nothing but a review is followed by steps that are to be done again
    else if (current.status === 'resubmitted') await attempts.letGo(current.id);
  }

  async function keepHeld(attempt: LoginAttempt, verification: Verification): Promise<void> {
    await Promise.all([
      attempts.hold(verification.id, {
        verificationId: verification.id,
        uid: attempt.uid,
        clientId: attempt.clientId,
        status: verification.status,
        since: verification.statusAt,
        waitsUntil: attempt.expiresAt,
      }),
      ending.scheduleLapse(attempt),
    ]);
  }

  async function hold(attempt: LoginAttempt, verification: Verification): Promise<void> {
    meter.count('reviews_held');
    log.warn(
      { attempt: attempt.uid, verification: verification.id, status: verification.status },
      'a review holds a login',
    );
    await Promise.all([
      keepHeld(attempt, verification),
      journal.record({ event: 'verification.held', attempt: attempt.uid, verification: verification.id }),
    ]);
  }

  return { hold, repeatStatus };
}

export function isHeld(verification: Verification | undefined): boolean {
  return verification !== undefined && meaningOf(verification.status) === 'held';
}

export function wasHeld(verification: Verification | undefined): boolean {
  return isHeld(verification) || verification?.wasHeld === true;
}
