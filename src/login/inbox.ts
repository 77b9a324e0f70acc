// Webhooks: prove the origin, store, answer; the work happens after. A delivery that was answered with 2xx is never lost: its
// effect is a durable job, and safe to repeat (invariant 5).

import { isLive, isUnderWay } from '../core/attempt.ts';
import type { Verdict } from '../core/verdict-types.ts';
import { scheduleSingleLook } from './look.ts';
import type { Job, RawDelivery, VendorEvent } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import type { Settlement } from './settle.ts';

export const DELIVERY = 'delivery';

/** Longer than the vendor repeats anything, resends by hand included. */
const EVENT_MEMORY_SECONDS = 7 * 86_400;
/** A delivery may be faster than the answer to our own create: kept this long for its owner to appear (T8). */
const UNOWNED_RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000];

/** A stale delivery is worth one look in this time, however often it comes. */
const STALE_LOOK_EVERY_SECONDS = 300;

interface StoredEvent {
  /** sealed VendorEvent; gone once it has had its effect */
  readonly sealed?: string;
}

export interface Inbox {
  /** @returns the HTTP status of the answer, and a closed set of words for the metric */
  receive(delivery: RawDelivery): Promise<{ readonly status: 202 | 400 | 401 | 413 | 415; readonly result: string }>;
  /** The job behind a stored delivery. */
  process(job: Job): Promise<void>;
}

export function createInbox(parts: JourneyParts & { settlement: Settlement; poke: () => void }): Inbox {
  const { attempts, clock, jobs, log, nowMs, sealer, settlement, store, vendor } = parts;
  const recordKey = (eventKey: string) => `event:${eventKey}`;

  async function lookAt(verificationId: string): Promise<void> {
    const uid = await attempts.ownerOf(verificationId);
    if (uid === undefined) return;
    const attempt = await attempts.find(uid);
    const verification = attempt?.verifications.find((each) => each.id === verificationId);
    // the same old delivery again and again must not use up the budget (T5, T7)
    if (!(await store.putIfAbsent(`stale-look:${verificationId}`, true, STALE_LOOK_EVERY_SECONDS))) return;
    const isWaitedFor = attempt && isLive(attempt, clock.now()) && isUnderWay(verification);
    // what was accepted may have turned; what was refused, or ended otherwise, stays so
    if (!attempt || isWaitedFor || verification?.conclusion === 'accepted')
      await scheduleSingleLook(parts, verificationId);
  }

  return {
    async receive(delivery) {
      const reading = vendor.readDelivery(delivery);
      if (reading.kind === 'refused') {
        if (reading.lookAt) {
          await lookAt(reading.lookAt);
          parts.poke();
        }
        return { status: reading.status, result: reading.reason };
      }
      if (reading.event.kind === 'other') return { status: 202, result: 'ignored' };
      const key = reading.eventKey;
      const sealed = sealer.seal(JSON.stringify(reading.event), recordKey(key));
      // the record first, or a worker might take the job before there is anything to find; a crash in between is mended by the
      // vendor's repeat, which schedules again
      const isNew = await store.putIfAbsent<StoredEvent>(recordKey(key), { sealed }, EVENT_MEMORY_SECONDS);
      await jobs.schedule({ kind: DELIVERY, id: key, dueAtMs: nowMs() });
      parts.poke();
      return { status: 202, result: isNew ? 'accepted' : 'replay' };
    },

    async process(job) {
      const stored = await store.get<StoredEvent>(recordKey(job.id));
      if (!stored?.sealed) return jobs.cancel(DELIVERY, job.id);
      const event: VendorEvent = JSON.parse(sealer.openText(stored.sealed, recordKey(job.id)));
      if (event.kind === 'verification' && !(await settleOrRetry(job, event.verdict))) return;
      await store.set<StoredEvent>(recordKey(job.id), {}, EVENT_MEMORY_SECONDS);
      await jobs.cancel(DELIVERY, job.id);
    },
  };

  /** @returns false when the job was put off because nobody owns the verification yet */
  async function settleOrRetry(job: Job, verdict: Verdict): Promise<boolean> {
    const settled = await settlement.settle(verdict);
    if (settled.kind !== 'unowned') return true;
    const tries = (job.payload as { tries?: number } | undefined)?.tries ?? 0;
    const delayMs = UNOWNED_RETRY_MS[tries];
    if (delayMs === undefined) {
      log.info(
        { verification: verdict.verificationId, status: verdict.status },
        'a delivery concerned no verification of ours',
      );
      return true;
    }
    await jobs.schedule({ kind: DELIVERY, id: job.id, dueAtMs: nowMs() + delayMs, payload: { tries: tries + 1 } });
    return false;
  }
}
