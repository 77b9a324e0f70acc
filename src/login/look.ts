// The poll fallback (R9): a durable job per verification under way, so that a lost webhook, a restart or a crash costs a
// delay and never a login. Who is back is looked at soon and often; who is not, slowly. A page load never adds a look.

import { currentVerification, isLive, isUnderWay, type Verification } from '../core/attempt.ts';
import { VendorRefused, VendorUnavailable } from '../core/errors.ts';
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
export function createLooker(parts: LookParts & { settle: (verdict: Verdict) => Promise<void> }) {
  const { attempts, clock, jobs, log, nowMs, vendor } = parts;

  return async function look(job: Job): Promise<void> {
    const verificationId = job.id;
    if (!(await findWaiting(verificationId))) return jobs.giveBack(job);
    let delaySeconds: number | undefined;
    try {
      const patient = (job.payload as LookPayload).returnedAtMs === undefined;
      const verdict = await vendor.readVerification(verificationId, { patient });
      await parts.settle(verdict ?? goneAtVendor(verificationId, clock.now()));
    } catch (error) {
      if (error instanceof VendorUnavailable) delaySeconds = error.retryAfterSeconds;
      else if (error instanceof VendorRefused) delaySeconds = REFUSED_EVERY;
      else throw error;
      log.warn(
        { verification: verificationId, code: error.code },
        'the decision could not be read; it is looked at again',
      );
    }
    const waiting = await findWaiting(verificationId);
    if (!waiting) return jobs.giveBack(job);
    const payload = job.payload as LookPayload;
    // the person came back while this look was under way
    const isBack = waiting.returnedHereAt !== undefined || waiting.returnedElsewhereAt !== undefined;
    const isNews = isBack && payload.returnedAtMs === undefined;
    await jobs.giveBack(job, isNews ? planAfterReturn(nowMs()) : planNext(payload, delaySeconds));
  };

  async function findWaiting(verificationId: string): Promise<Verification | undefined> {
    const uid = await attempts.ownerOf(verificationId);
    const attempt = uid === undefined ? undefined : await attempts.find(uid);
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

/** The job behind a single look: once, but for a vendor that does not answer. A session that is gone says nothing. */
export function createSingleLooker(parts: LookParts & { settle: (verdict: Verdict) => Promise<void> }) {
  const { attempts, clock, jobs, nowMs, vendor } = parts;

  return async function lookOnce(job: Job): Promise<void> {
    const { triesLeft } = job.payload as { triesLeft: number };
    try {
      const verdict = await vendor.readVerification(job.id, { patient: true });
      const uid = await attempts.ownerOf(job.id);
      const attempt = uid === undefined ? undefined : await attempts.find(uid);
      const known = attempt?.verifications.find((each) => each.id === job.id);
      // what stands there now is not older than what was told before, whichever clock told it
      const decidedAt = Math.max(clock.now(), known?.statusAt ?? 0, attempt?.createdAt ?? 0);
      if (verdict) await parts.settle({ ...verdict, decidedAt });
    } catch (error) {
      if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
      if (triesLeft > 0) {
        // a full budget or a 429 says when there is room again: soon, as somebody may be waiting
        const waitSeconds = (error instanceof VendorUnavailable && error.retryAfterSeconds) || SINGLE_LOOK_AGAIN;
        const dueAtMs = nowMs() + waitSeconds * 1000;
        return jobs.giveBack(job, { dueAtMs, payload: { triesLeft: triesLeft - 1 } });
      }
    }
    await jobs.giveBack(job);
  };
}

/** The vendor no longer knows the verification: the try is over, as if it had run out. */
function goneAtVendor(verificationId: string, now: number): Verdict {
  return {
    verificationId,
    status: 'expired',
    decidedAt: now,
    subject: null,
    workflowId: null,
    environment: null,
    liveness: [],
    faceMatches: [],
    documents: [],
    analyses: [],
    warnings: [],
    portraitUrls: [],
    complete: true,
  };
}
