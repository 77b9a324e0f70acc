// One attempt at a time for whoever is claimed: the first there holds the claim, gives way to whoever has more right to it, and loses it
// when its process has died (T1, R6).

import { isLive, type LoginAttempt } from '../core/attempt.ts';
import type { Claim } from '../core/claim.ts';
import type { BeginOutcome } from './begin.ts';
import type { JourneyParts } from './rules.ts';

/** How long a claim may stand before the attempt behind it is stored. */
export const CLAIM_GRACE_SECONDS = 20;
const CONFLICT_TOLD_SECONDS = 3600;

/** `from`: whoever held it, and is to be pre-empted */
export type ClaimTaken = { readonly kind: 'taken'; readonly from?: Claim } | (BeginOutcome & { kind: 'conflict' });

export type TakeClaim = (key: string, attempt: LoginAttempt) => Promise<ClaimTaken>;

export function createTakeClaim(parts: JourneyParts): TakeClaim {
  const { attempts, clock, journal, rules } = parts;

  async function takeClaim(key: string, attempt: LoginAttempt): Promise<ClaimTaken> {
    const challenger: Claim = {
      uid: attempt.uid,
      browser: attempt.browser,
      knownDevice: attempt.knownDevice,
      claimedAt: clock.now(),
      until: attempt.latestEnd,
    };
    let result = await attempts.claim(key, challenger, rules.attempt.contestedAfterSeconds);
    if (result.kind === 'held' && (await isAbandoned(result.holder, result.claimedAt))) {
      await attempts.release(key, result.holder);
      result = await attempts.claim(key, challenger, rules.attempt.contestedAfterSeconds);
    }
    if (result.kind === 'held') {
      // once for each holder: nothing is paid for asking again, and the journal is kept for ever
      if (await parts.store.putIfAbsent(`told:conflict:${result.holder}`, true, CONFLICT_TOLD_SECONDS))
        await journal.record({ event: 'login.conflict', attempt: attempt.uid });
      const holder = await attempts.find(result.holder);
      const lapsesIn = holder ? Math.max(1, holder.expiresAt - clock.now()) : result.retryAfterSeconds;
      return { kind: 'conflict', retryAfterSeconds: Math.min(result.retryAfterSeconds, lapsesIn) };
    }
    return result.kind === 'preempt' ? { kind: 'taken', from: result.loser } : { kind: 'taken' };
  }

  /** A claim outlives its attempt only when a process died in between (R6). */
  async function isAbandoned(holder: string, claimedAt: number): Promise<boolean> {
    const attempt = await attempts.find(holder);
    if (attempt) return !isLive(attempt, clock.now());
    return clock.now() - claimedAt > CLAIM_GRACE_SECONDS;
  }

  return takeClaim;
}
