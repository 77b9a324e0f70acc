// Logins that wait for a reviewer at the vendor, the longest waiting first.

import { currentVerification, isLive, isUnderWay } from '../core/attempt.ts';
import { meaningOf } from '../core/verdict.ts';
import type { Clock } from '../login/ports.ts';
import type { AttemptStore, HeldReview } from '../login/stores.ts';

export async function listHeld(parts: {
  readonly attempts: Pick<AttemptStore, 'find' | 'held'>;
  readonly clock: Clock;
}): Promise<readonly HeldReview[]> {
  const { attempts, clock } = parts;

  /** A process that died as the review ended has left it in the list. */
  async function isStillHeld({ uid, verificationId }: HeldReview): Promise<boolean> {
    const attempt = await attempts.find(uid);
    if (!attempt || !isLive(attempt, clock.now())) return false;
    const current = currentVerification(attempt);
    return current?.id === verificationId && isUnderWay(current) && meaningOf(current.status) === 'held';
  }

  const reviews = await attempts.held();
  const isHeld = await Promise.all(reviews.map(isStillHeld));
  return reviews.filter((_review, index) => isHeld[index]).toSorted((one, other) => one.since - other.since);
}
