// How an attempt ends other than well: given up, denied, pre-empted, lapsed. The claim goes back, the vendor's session is
// deleted so that a hosted link that lives for days opens nothing (T12), and the client is told why.

import { setTimeout } from 'node:timers/promises';
import { advance } from '../core/advance.ts';
import {
  currentVerification,
  type EndReason,
  hasLapsed,
  isLive,
  isUndecided,
  isWithoutResult,
  type LoginAttempt,
} from '../core/attempt.ts';
import { meaningOf } from '../core/verdict.ts';
import type { Job } from './ports.ts';
import type { JourneyParts } from './rules.ts';

export const LAPSE = 'lapse';
export const DELETE = 'delete';

/** What the client hears: RFC 6749 §4.1.2.1. */
export interface Refusal {
  readonly error: 'access_denied' | 'temporarily_unavailable';
  readonly description: string;
}

type Obstacle = 'limited' | 'vendor-down';

const OBSTACLE_SECONDS = 3600;
/** How long a person waits for the vendor to delete a session. */
const DELETE_PATIENCE_MS = 2_000;
const DELETE_RETRY_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000];

export interface Ending {
  /** @returns the attempt as it ended; undefined when it was over already, or never was */
  end(uid: string, reason: EndReason, options?: { keepClaim?: string }): Promise<LoginAttempt | undefined>;
  scheduleLapse(attempt: LoginAttempt): Promise<void>;
  scheduleDelete(verificationId: string, afterMs?: number): Promise<void>;
  /** Deletes at the vendor before anything else is opened there; one that does not answer soon is asked again in the background. */
  remove(verificationId: string): Promise<void>;
  /** Claims and open sessions of an attempt that is over or done. Safe to repeat. */
  cleanUp(attempt: LoginAttempt, options?: { keepClaim?: string }): Promise<void>;
  rememberObstacle(uid: string, obstacle: Obstacle): Promise<void>;
  forgetObstacle(uid: string): Promise<void>;
  refusalFor(uid: string): Promise<Refusal>;
  /** The job at the end of the time of an attempt that nobody finished. */
  lapse(job: Job): Promise<void>;
  deleteAtVendor(job: Job): Promise<void>;
}

export function createEnding(parts: JourneyParts): Ending {
  const { attempts, bus, clock, jobs, journal, log, nowMs, rules, store, vendor } = parts;
  const obstacleKey = (uid: string) => `obstacle:${uid}`;

  const ending: Ending = {
    async end(uid, reason, options) {
      const step = await attempts.change(uid, (attempt) =>
        advance(attempt, { kind: 'ended', reason }, rules.attempt, clock.now()),
      );
      // asked again, as the storage was away before all was cleaned up: a new start works at once then
      if (step?.kind === 'unchanged' && step.attempt.endReason === reason) await ending.cleanUp(step.attempt, options);
      if (step?.kind !== 'moved') return undefined;
      await ending.cleanUp(step.attempt, options);
      await Promise.all([
        journal.record({ event: `login.${reason}`, attempt: uid }),
        jobs.cancel(LAPSE, uid),
        bus.publish(uid),
      ]);
      parts.meter.count('logins', { outcome: reason });
      return step.attempt;
    },

    async cleanUp(attempt, options = {}) {
      const current = currentVerification(attempt);
      if (current && current.conclusion !== 'accepted') {
        await attempts.letGo(current.id);
        if (isUndecided(current)) {
          // the checks of what waits for a reviewer have run: the vendor bills them
          if (!current.presumedGone)
            await parts.ledger.settle(current.id, current.status === 'in-review' ? 'in-review' : 'dropped');
          await remove(current.id);
        }
      }
      const released = attempt.claims.filter((key) => key !== options.keepClaim);
      await Promise.all(released.map((key) => attempts.release(key, attempt.uid)));
    },

    async scheduleLapse(attempt) {
      await jobs.schedule({ kind: LAPSE, id: attempt.uid, dueAtMs: attempt.expiresAt * 1000 });
    },

    async scheduleDelete(verificationId, afterMs = 0) {
      await jobs.schedule({ kind: DELETE, id: verificationId, dueAtMs: nowMs() + afterMs });
    },

    remove,

    rememberObstacle: (uid, obstacle) => store.set(obstacleKey(uid), obstacle, OBSTACLE_SECONDS),
    forgetObstacle: (uid) => store.delete(obstacleKey(uid)),

    async refusalFor(uid) {
      const [attempt, obstacle] = await Promise.all([attempts.find(uid), store.get<Obstacle>(obstacleKey(uid))]);
      if (obstacle === 'limited')
        return { error: 'temporarily_unavailable', description: 'too many sign-ins were started' };
      if (obstacle === 'vendor-down') {
        return { error: 'temporarily_unavailable', description: 'the selfie could not be taken at this time' };
      }
      const current = attempt ? currentVerification(attempt) : undefined;
      // the vendor is down, serves us no more, or does not find it: nothing that the person did
      if (current && isWithoutResult(current, clock.now())) {
        return { error: 'temporarily_unavailable', description: 'the result of the selfie could not be had' };
      }
      const waitedForReview =
        current !== undefined && current.conclusion === undefined && meaningOf(current.status) === 'held';
      if (attempt && waitedForReview && (attempt.endReason === 'lapsed' || hasLapsed(attempt, clock.now()))) {
        return { error: 'temporarily_unavailable', description: 'the review of the selfie took too long' };
      }
      return { error: 'access_denied', description: 'the person did not sign in' };
    },

    async lapse(job) {
      const attempt = await attempts.find(job.id);
      if (!attempt) return jobs.cancel(LAPSE, job.id);
      if (attempt.state === 'ended') {
        // whoever ended it would have cancelled this job: the process died, or the storage was away, before all was cleaned up (R6)
        await ending.cleanUp(attempt);
        return jobs.cancel(LAPSE, job.id);
      }
      if (isLive(attempt, clock.now())) return ending.scheduleLapse(attempt);
      await ending.end(job.id, 'lapsed');
    },

    async deleteAtVendor(job) {
      try {
        await vendor.deleteVerification(job.id);
      } catch (error) {
        const tries = (job.payload as { tries?: number } | undefined)?.tries ?? 0;
        const delayMs = DELETE_RETRY_MS[tries];
        if (delayMs === undefined) {
          log.error({ verification: job.id, err: error }, 'a session stays at the vendor: it could not be deleted');
        } else {
          return jobs.schedule({ kind: DELETE, id: job.id, dueAtMs: nowMs() + delayMs, payload: { tries: tries + 1 } });
        }
      }
      await jobs.cancel(DELETE, job.id);
    },
  };

  /**
   * Deletes at the vendor before the claim goes back, or the next attempt would be handed the same session (T1). A vendor that does
   * not answer soon is asked again in the background.
   */
  async function remove(verificationId: string): Promise<void> {
    await ending.scheduleDelete(verificationId, DELETE_PATIENCE_MS);
    const deletion = vendor.deleteVerification(verificationId).then(() => jobs.cancel(DELETE, verificationId));
    deletion.catch((error: unknown) => {
      log.warn({ verification: verificationId, err: error }, 'the vendor did not delete a session; it is tried again');
    });
    await Promise.race([deletion, setTimeout(DELETE_PATIENCE_MS, undefined, { ref: false })]).catch(() => undefined);
  }

  return ending;
}
