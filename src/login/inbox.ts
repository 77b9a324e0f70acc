// Webhooks: prove the origin, store, answer. A delivery that was answered with 2xx is never lost: either its effect is stored by then, as
// with most, or the delivery itself is, as a durable job whose effect comes after. Both are safe to repeat (invariant 5).

import { isLive, isUndecided } from '../core/attempt.ts';
import { StorageUnavailable } from '../core/errors.ts';
import { isFinal } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import { LOOK, scheduleSingleLook } from './look.ts';
import type { Job, RawDelivery, VendorEvent } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import type { Settled, Settlement } from './settle.ts';

export const DELIVERY = 'delivery';

/** Longer than the vendor repeats anything, resends by hand included. */
const EVENT_MEMORY_SECONDS = 7 * 86_400;
/** A delivery may be faster than the answer to our own create: kept this long for its owner to appear (T8). */
const UNOWNED_RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000];

/** A stale delivery is worth one look in this time, however often it comes. */
const STALE_LOOK_EVERY_SECONDS = 300;

/** An effect that takes longer goes on by itself, and the delivery waits as a job beside it: the vendor waits five seconds. */
const AT_ONCE_MS = 1_000;
/** In a burst the others wait as jobs. */
const MOST_AT_ONCE = 64;

/** The job behind a delivery holds the delivery itself: there is nothing else that could be missing when it runs. */
interface DeliveryPayload {
  /** VendorEvent */
  readonly sealed: string;
  /** how often it was put off because nobody owned the verification yet */
  readonly tries?: number;
}

/** of an event that is about no verification */
const UNCHANGED: Settled = { kind: 'unchanged' };

export interface Inbox {
  /** @returns the HTTP status of the answer, and a closed set of words for the metric */
  receive(delivery: RawDelivery): Promise<{ readonly status: 202 | 400 | 401 | 413 | 415; readonly result: string }>;
  /** The job behind a stored delivery. */
  process(job: Job): Promise<void>;
}

export function createInbox(parts: JourneyParts & { settlement: Settlement; poke: () => void }): Inbox {
  const { attempts, clock, jobs, log, nowMs, sealer, settlement, store, vendor } = parts;
  /** There once the event has had its effect; until then its job is there. */
  const recordKey = (eventKey: string) => `event:${eventKey}`;
  /** effects that somebody waits for */
  let underWay = 0;

  async function lookAt(verificationId: string): Promise<void> {
    const uid = await attempts.ownerOf(verificationId);
    if (uid === undefined) return;
    const attempt = await attempts.find(uid);
    const verification = attempt?.verifications.find((each) => each.id === verificationId);
    // the same old delivery again and again must not use up the budget (T5, T7)
    if (!(await store.putIfAbsent(`stale-look:${verificationId}`, true, STALE_LOOK_EVERY_SECONDS))) return;
    const isWaitedFor = attempt && isLive(attempt, clock.now()) && verification && isUndecided(verification);
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
      const { event } = reading;
      const [had, owner] = await Promise.all([
        store.get(recordKey(key)),
        event.kind === 'verification' ? attempts.ownerOf(event.verdict.verificationId) : undefined,
      ]);
      if (had !== undefined) return { status: 202, result: 'replay' };
      const effect = takeEffect(event, owner);
      const settled = await within(AT_ONCE_MS, effect);
      if (settled) {
        await note(key, event, settled);
        return { status: 202, result: 'accepted' };
      }
      const payload: DeliveryPayload = { sealed: sealer.seal(JSON.stringify(event), recordKey(key)) };
      // of two at once the second takes the first one's place: one job an event
      const stored = jobs.schedule({ kind: DELIVERY, id: key, dueAtMs: nowMs(), payload });
      // an effect that still goes on may end first, or be the first to hear that the storage is away (R7)
      await Promise.race([stored, effect.then((late) => (late ? undefined : stored))]);
      parts.poke();
      return { status: 202, result: 'accepted' };
    },

    async process(job) {
      const { sealed } = job.payload as DeliveryPayload;
      const event: VendorEvent = JSON.parse(sealer.openText(sealed, recordKey(job.id)));
      const settled = event.kind === 'verification' ? await settleOrRetry(job, event.verdict) : UNCHANGED;
      if (settled) await Promise.all([note(job.id, event, settled), jobs.cancel(DELIVERY, job.id)]);
    },
  };

  /**
   * All that follows from it is stored. Asked in one turn with whatever else ends here, so that all is in one commit where the engine groups;
   * a crash before repeats an effect that is idempotent, and a look that is not called off does what was cut short.
   */
  async function note(eventKey: string, event: VendorEvent, { kind }: Settled): Promise<void> {
    const isConcluded = event.kind === 'verification' && isFinal(event.verdict.status) && kind === 'moved';
    await Promise.all([
      store.set(recordKey(eventKey), true, EVENT_MEMORY_SECONDS),
      isConcluded ? jobs.cancel(LOOK, event.verdict.verificationId) : undefined,
    ]);
  }

  /** @returns what came of it, when all that follows is stored; else it is to wait as a job. @throws StorageUnavailable it has to be sent again */
  async function takeEffect(event: VendorEvent, owner: string | undefined): Promise<Settled | undefined> {
    if (event.kind !== 'verification' || underWay >= MOST_AT_ONCE) return undefined;
    underWay += 1;
    try {
      const settled = await settlement.settleAtOnce(event.verdict, owner);
      // it may have planned a look at the decision
      if (settled.kind === 'unchanged') parts.poke();
      return settled.kind === 'left' || settled.kind === 'unowned' ? undefined : settled;
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      // the vendor is not to send again and again what only we can mend
      log.error({ err: error, verification: event.verdict.verificationId }, 'a delivery had no effect yet');
      return undefined;
    } finally {
      underWay -= 1;
    }
  }

  /** @returns undefined when the job was put off because nobody owns the verification yet */
  async function settleOrRetry(job: Job, verdict: Verdict): Promise<Settled | undefined> {
    const settled = await settlement.settle(verdict);
    if (settled.kind !== 'unowned') return settled;
    const { sealed, tries = 0 } = job.payload as DeliveryPayload;
    const delayMs = UNOWNED_RETRY_MS[tries];
    if (delayMs === undefined) {
      log.info(
        { verification: verdict.verificationId, status: verdict.status },
        'a delivery concerned no verification of ours',
      );
      return settled;
    }
    const payload: DeliveryPayload = { sealed, tries: tries + 1 };
    // sent again meanwhile, it is due at once
    await jobs.giveBack(job, { dueAtMs: nowMs() + delayMs, payload });
    return undefined;
  }
}

/** @returns what it comes to; undefined where that takes longer */
async function within<T>(ms: number, outcome: Promise<T | undefined>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
