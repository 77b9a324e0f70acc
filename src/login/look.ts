// The poll fallback (R9): a durable job per verification under way, so that a lost webhook, a restart or a crash costs a
// delay and never a login. Who is back is looked at soon and often; who is not, slowly. A page load never adds a look.

import {
  currentVerification,
  isLive,
  isUnderWay,
  type LoginAttempt,
  type Verification,
  type WhyMissed,
} from '../core/attempt.ts';
import { VendorRefused, VendorUnavailable } from '../core/errors.ts';
import { isFinal } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import type { Job } from './ports.ts';
import type { JourneyParts } from './rules.ts';

export const LOOK = 'look';
export const SINGLE_LOOK = 'single-look';

/** Seconds after the return at which the decision is looked at, then every `RETURNED_EVERY`. */
const RETURNED_AT = [1, 2, 3, 5, 8];
const RETURNED_EVERY = 15;
const AWAY_FIRST = 30;
const AWAY_EVERY = 60;
const REFUSED_EVERY = 60;
const SINGLE_LOOK_TRIES = 5;
const SINGLE_LOOK_AGAIN = 60;
const UNKNOWN_AT_VENDOR =
  'the vendor does not know a session of ours (404), as it was deleted there, or DIDIT_API_KEY is of another application or environment, or of a scope without it';

interface LookPayload {
  /** epoch milliseconds of the return; absent while the person is away */
  readonly returnedAtMs?: number;
  /** the next entry of `RETURNED_AT` */
  readonly step?: number;
}

type LookParts = Pick<JourneyParts, 'attempts' | 'clock' | 'jobs' | 'log' | 'nowMs' | 'vendor'>;

export async function scheduleFirstLook(
  parts: Pick<JourneyParts, 'jobs' | 'nowMs'>,
  verificationId: string,
): Promise<void> {
  await parts.jobs.schedule({
    kind: LOOK,
    id: verificationId,
    dueAtMs: parts.nowMs() + AWAY_FIRST * 1000,
    payload: {},
  });
}

/** Looks as if none had been planned: soon where the person is back. */
export async function scheduleLooks(
  parts: Pick<JourneyParts, 'jobs' | 'nowMs'>,
  verification: Verification,
): Promise<void> {
  await (isBack(verification) ? scheduleReturnedLooks : scheduleFirstLook)(parts, verification.id);
}

function isBack({ returnedHereAt, returnedElsewhereAt }: Verification): boolean {
  return returnedHereAt !== undefined || returnedElsewhereAt !== undefined;
}

export async function scheduleReturnedLooks(
  parts: Pick<JourneyParts, 'jobs' | 'nowMs'>,
  verificationId: string,
): Promise<void> {
  await parts.jobs.schedule({ kind: LOOK, id: verificationId, ...planAfterReturn(parts.nowMs()) });
}

function planAfterReturn(returnedAtMs: number): { dueAtMs: number; payload: LookPayload } {
  return { dueAtMs: returnedAtMs + 1000 * (RETURNED_AT[0] ?? 1), payload: { returnedAtMs, step: 0 } };
}

/** One look beside the plan: something told us that the decision has changed, maybe long after the login. */
export async function scheduleSingleLook(
  parts: Pick<JourneyParts, 'jobs' | 'nowMs'>,
  verificationId: string,
): Promise<void> {
  await parts.jobs.schedule({
    kind: SINGLE_LOOK,
    id: verificationId,
    dueAtMs: parts.nowMs(),
    payload: { triesLeft: SINGLE_LOOK_TRIES },
  });
}

/**
 * The job: reads the decision, hands it to `settle`, and plans the next look while there is none. What somebody plans or calls off while it
 * is under way stays so.
 */
export function createLooker(
  parts: LookParts & {
    settle: (verdict: Verdict) => Promise<void>;
    /** counts a look that brought no word of it */
    missLook: (uid: string, verificationId: string, why: WhyMissed) => Promise<Verification | undefined>;
    /** what follows from a conclusion, once more */
    followUp: (verification: Verification) => Promise<void>;
  },
) {
  const { attempts, clock, jobs, log, nowMs, vendor } = parts;

  return async function look(job: Job): Promise<void> {
    const verificationId = job.id;
    const attempt = await findAttempt(verificationId);
    if (!attempt || !findWaiting(attempt, verificationId)) {
      // whoever concluded it would have called this job off: the process died, or the storage was away, before all was done (R6, R7)
      const verification = attempt?.verifications.find(({ id }) => id === verificationId);
      if (verification) await parts.followUp(verification);
      return jobs.giveBack(job);
    }
    let delaySeconds: number | undefined;
    try {
      const patient = (job.payload as LookPayload).returnedAtMs === undefined;
      const askedAt = clock.now();
      const verdict = await vendor.readVerification(verificationId, { patient });
      // what was told while the answer was under way is newer than it; an end is an end
      if (verdict) await parts.settle(isFinal(verdict.status) ? verdict : { ...verdict, decidedAt: askedAt });
      else await noteUnknown(attempt.uid, verificationId);
    } catch (error) {
      if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
      const missed = await parts.missLook(attempt.uid, verificationId, 'unanswered');
      // a first refusal is made sure of: the page is to tell soon
      const isRefusedAgain = error instanceof VendorRefused && (missed?.unansweredLooks?.count ?? 0) > 1;
      delaySeconds = error instanceof VendorUnavailable ? error.retryAfterSeconds : isRefusedAgain ? REFUSED_EVERY : 0;
      log.warn(
        { verification: verificationId, code: error.code },
        'the decision could not be read; it is looked at again',
      );
    }
    const waiting = findWaiting(await findAttempt(verificationId), verificationId);
    if (!waiting) return jobs.giveBack(job);
    const payload = job.payload as LookPayload;
    // the person came back while this look was under way
    const isNews = isBack(waiting) && payload.returnedAtMs === undefined;
    await jobs.giveBack(job, isNews ? planAfterReturn(nowMs()) : planNext(payload, delaySeconds));
  };

  /** A 404 is no verdict: it is that of a session which was deleted, and of a key which does not reach it. */
  async function noteUnknown(uid: string, verificationId: string): Promise<void> {
    const missed = await parts.missLook(uid, verificationId, 'unknown');
    log.warn(
      { verification: verificationId, looks: missed?.unknownLooks?.count },
      missed?.presumedGone
        ? `${UNKNOWN_AT_VENDOR}: the try is over, unless the vendor tells otherwise`
        : `${UNKNOWN_AT_VENDOR}: it is looked at again`,
    );
  }

  async function findAttempt(verificationId: string): Promise<LoginAttempt | undefined> {
    const uid = await attempts.ownerOf(verificationId);
    return uid === undefined ? undefined : attempts.find(uid);
  }

  function findWaiting(attempt: LoginAttempt | undefined, verificationId: string): Verification | undefined {
    if (!attempt || !isLive(attempt, clock.now())) return undefined;
    const current = currentVerification(attempt);
    return current?.id === verificationId && isUnderWay(current) ? current : undefined;
  }

  function planNext(payload: LookPayload, delaySeconds: number | undefined): { dueAtMs: number; payload: LookPayload } {
    const now = nowMs();
    const step = (payload.step ?? 0) + 1;
    let dueAtMs = now + AWAY_EVERY * 1000;
    if (payload.returnedAtMs !== undefined) {
      const offset = RETURNED_AT[step];
      dueAtMs = offset === undefined ? now + RETURNED_EVERY * 1000 : payload.returnedAtMs + offset * 1000;
    }
    dueAtMs = Math.max(dueAtMs, now + (delaySeconds ?? 0) * 1000);
    const next: LookPayload = payload.returnedAtMs === undefined ? {} : { returnedAtMs: payload.returnedAtMs, step };
    return { dueAtMs, payload: next };
  }
}

/** The job behind a single look: once, but for a vendor that does not answer, or that does not know it. */
export function createSingleLooker(parts: LookParts & { settle: (verdict: Verdict) => Promise<void> }) {
  const { attempts, clock, jobs, log, nowMs, vendor } = parts;

  return async function lookOnce(job: Job): Promise<void> {
    const { triesLeft } = job.payload as { triesLeft: number };
    let againSeconds: number | undefined;
    try {
      const verdict = await vendor.readVerification(job.id, { patient: true });
      const uid = await attempts.ownerOf(job.id);
      const attempt = uid === undefined ? undefined : await attempts.find(uid);
      const known = attempt?.verifications.find((each) => each.id === job.id);
      // what stands there now is not older than what was told before, whichever clock told it
      const decidedAt = Math.max(clock.now(), known?.statusAt ?? 0, attempt?.createdAt ?? 0);
      if (verdict) await parts.settle({ ...verdict, decidedAt });
      else {
        againSeconds = SINGLE_LOOK_AGAIN;
        log.warn({ verification: job.id, triesLeft }, UNKNOWN_AT_VENDOR);
      }
    } catch (error) {
      if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
      // a full budget or a 429 says when there is room again: soon, as somebody may be waiting
      againSeconds = (error instanceof VendorUnavailable && error.retryAfterSeconds) || SINGLE_LOOK_AGAIN;
    }
    if (againSeconds === undefined || triesLeft === 0) return jobs.giveBack(job);
    await jobs.giveBack(job, { dueAtMs: nowMs() + againSeconds * 1000, payload: { triesLeft: triesLeft - 1 } });
  };
}
