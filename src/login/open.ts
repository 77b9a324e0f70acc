// Opens one verification at the vendor. The order is the defence: the claim on the account, then limits, and only then the vendor, as
// the vendor hands one unfinished session to whoever asks (T1); then the session's id is claimed as well.

import { advance } from '../core/advance.ts';
import { currentVerification, isLive, type LoginAttempt, type Verification } from '../core/attempt.ts';
import type { BeginOutcome } from './begin.ts';
import type { Ending } from './ending.ts';
import type { Limiter } from './limits.ts';
import { createVendorOpening, type Opened } from './open-at-vendor.ts';
import { createOpeningLease } from './opening-lease.ts';
import type { OpenedVerification } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import { CLAIM_GRACE_SECONDS, createTakeClaim } from './take-claim.ts';
import { newToken } from './tokens.ts';

const preemptedKey = (uid: string) => `preempted:${uid}`;

interface How {
  /** the attempt is not stored yet */
  readonly isNew: boolean;
  /** capture on a phone: stay on our page and show a QR code */
  readonly phone: boolean;
}

export interface Opening {
  openNext(attempt: LoginAttempt, how: How): Promise<BeginOutcome>;
  /** Back to a session whose steps the vendor wants done again. */
  reopen(attempt: LoginAttempt, current: Verification, phone: boolean): Promise<BeginOutcome>;
  /** A press of the button is being answered at this moment, in whatever process: nothing can be said of what will come of it. */
  isOpening(uid: string): Promise<boolean>;
}

export function createOpening(parts: JourneyParts & { limiter: Limiter; ending: Ending }): Opening {
  const { attempts, accounts, rules, clock, journal, limiter, ending } = parts;
  const takeClaim = createTakeClaim(parts);
  const atVendor = createVendorOpening(parts);
  const lease = createOpeningLease(parts);

  /** Whoever presses while another press is at it is told so, and led on with it. */
  const alone = async (uid: string, work: () => Promise<BeginOutcome>): Promise<BeginOutcome> =>
    (await lease.alone(uid, work)) ?? { kind: 'to-waiting' };

  /** The account was deleted since this login began: nothing more of its person goes to the vendor (T18). */
  async function endIfGone({ claimant, uid }: LoginAttempt): Promise<boolean> {
    if (claimant.kind !== 'account' || (await accounts.find(claimant.accountId))) return false;
    await ending.end(uid, 'refused');
    return true;
  }

  async function isStillLive(uid: string): Promise<boolean> {
    const attempt = await attempts.find(uid);
    return attempt !== undefined && isLive(attempt, clock.now());
  }

  const workflowOf = ({ next, required }: LoginAttempt) =>
    next === 'login' ? required.workflowId : rules.workflows.enrol;
  const claimOf = (attempt: LoginAttempt) => `${workflowOf(attempt)}:${personOf(attempt)}`;

  async function openAlone(attempt: LoginAttempt, { isNew, phone }: How): Promise<BeginOutcome> {
    if (!isNew && (await endIfGone(attempt))) return { kind: 'over' };
    const workflowId = workflowOf(attempt);
    const person = personOf(attempt);
    const claim = claimOf(attempt);
    // an invitation lets one enrolment at a time go as far as the vendor: the second would be paid for in vain (T15, T17)
    const reserved = attempt.verifications.length === 0 ? attempt.claims : [];
    const giveBack = () => Promise.all(reserved.map((key) => attempts.release(key, attempt.uid)));
    for (const key of reserved) {
      if ((await takeClaim(key, attempt)).kind === 'conflict')
        return { kind: 'enrolment-refused', reason: 'invitation' };
    }
    const taken = await takeClaim(claim, attempt);
    if (taken.kind === 'conflict') {
      await giveBack();
      return taken;
    }
    const allowed = await limiter.spend({
      person,
      knownDevice: attempt.knownDevice,
      address: attempt.origin.address,
      clientId: attempt.clientId,
      price: attempt.next === 'login' ? rules.costs.perVerification : rules.costs.perEnrolment,
    });
    if (allowed.kind === 'limited') {
      // whoever was to be pre-empted goes on: nothing takes their place
      await giveBack();
      if (!attempt.claims.includes(claim)) await attempts.release(claim, attempt.uid, taken.from);
      if (allowed.isNews) await journal.record({ event: 'login.limited', attempt: attempt.uid, reasons: [allowed.by] });
      const isBudget = allowed.by === 'budget';
      if (allowed.isNews && isBudget) {
        parts.log.error({ hard: rules.costs.dailyHard }, "the day's budget is spent: nothing is opened any more");
        await journal.record({ event: 'budget.hard-edge' });
      }
      await ending.rememberObstacle(attempt.uid, 'limited');
      return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds, isBudget };
    }
    if (allowed.softEdge) {
      parts.log.warn({ soft: rules.costs.dailySoft }, "the soft edge of the day's budget is passed");
      await journal.record({ event: 'budget.soft-edge' });
    }
    // the loser's session goes first: the vendor would hand it out again (T1)
    let hadNoSession = false;
    if (taken.from) {
      await parts.store.set(preemptedKey(taken.from.uid), true, CLAIM_GRACE_SECONDS);
      const loser = await ending.end(taken.from.uid, 'preempted', { keepClaim: claim });
      hadNoSession = loser === undefined || loser.verifications.length === 0;
    }
    const before = currentVerification(attempt);
    if (before?.presumedGone && !(await giveUp(attempt.uid, before.id))) {
      await allowed.refund();
      return { kind: 'to-waiting' };
    }
    // read beside what comes before the vendor is asked
    const reading = atVendor.faceOf(attempt, attempt.next);
    reading.catch(() => {});
    if (isNew && !(await attempts.create(attempt))) {
      // another press of the button came in between, and made the attempt: what is claimed for somebody else than that one does is let go
      const made = await attempts.find(attempt.uid);
      const held = made ? [...made.claims, claimOf(made)] : [];
      const idle = [claim, ...reserved].filter((key) => !held.includes(key));
      await Promise.all([allowed.refund(), ...idle.map((key) => attempts.release(key, attempt.uid))]);
      return { kind: 'to-waiting' };
    }
    if (isNew) {
      const begun = { event: 'login.begun', attempt: attempt.uid, client: attempt.clientId, purpose: attempt.next };
      const [isPreempted] = await Promise.all([
        parts.store.get(preemptedKey(attempt.uid)),
        ending.scheduleLapse(attempt),
        journal.record(begun),
      ]);
      if (isPreempted) {
        // between the claim and this: there was nothing to end then
        await ending.end(attempt.uid, 'preempted', { keepClaim: claim });
        await allowed.refund();
        return { kind: 'over' };
      }
    }
    // whoever stored the attempt may have died before its end was planned: nothing is opened that nobody would clean up (R6)
    if (!isNew && attempt.verifications.length === 0) await ending.scheduleLapse(attempt);
    const face = await reading;
    const how = { workflowId, claim, phone, face };
    // the vendor may be making one for the loser at this moment: handed out to both, it would be nobody's
    if (taken.from && hadNoSession) await lease.whenFree(taken.from.uid);
    // whoever waited is stored by now, and may have been given up, or overtaken in turn (T12)
    const isOver = hadNoSession && !(await isStillLive(attempt.uid));
    let outcome: Opened = isOver ? { begin: { kind: 'over' }, refund: true } : await atVendor.open(attempt, how);
    if (outcome.burnt !== undefined && hadNoSession && outcome.begin.kind !== 'over') {
      // the loser's was on its way from the vendor when it should have been deleted: now it can be (T1)
      await ending.remove(outcome.burnt);
      outcome = await atVendor.open(attempt, how);
    }
    if (outcome.refund) await allowed.refund();
    // nothing was opened: whoever comes next need not wait for this attempt
    const isOpened = outcome.begin.kind === 'to-vendor' || outcome.begin.kind === 'to-waiting';
    if (!isOpened && !attempt.claims.includes(claim)) await attempts.release(claim, attempt.uid);
    return outcome.begin;
  }

  /**
   * What we could not find may be there all the same: nothing comes of it from here on, and it goes at the vendor (T1, T12).
   *
   * @returns false when the vendor has said something of it meanwhile, which counts
   */
  async function giveUp(uid: string, verificationId: string): Promise<boolean> {
    const result = { kind: 'refused', status: 'expired', failed: [] } as const;
    const event = { kind: 'concluded', verificationId, decidedAt: clock.now(), captures: [], result } as const;
    const step = await attempts.change(uid, (a) =>
      currentVerification(a)?.presumedGone
        ? advance(a, event, rules.attempt, clock.now())
        : { kind: 'unchanged', attempt: a },
    );
    if (step?.kind !== 'moved') return false;
    await ending.remove(verificationId);
    return true;
  }

  /**
   * The vendor wants steps done again: the same session under a new callback and number, as the old ones may be known to whoever
   * showed the first face, and that need not be who shows the next (T2).
   */
  async function openAgain(attempt: LoginAttempt, current: Verification, phone: boolean): Promise<BeginOutcome> {
    if (await endIfGone(attempt)) return { kind: 'over' };
    const returnToken = newToken();
    let opened: OpenedVerification;
    try {
      const { workflowId, purpose } = current;
      const { portrait } = await atVendor.faceOf(attempt, purpose);
      opened = await atVendor.ask(attempt, { workflowId, purpose, returnToken, portrait });
    } catch (error) {
      return (await atVendor.explain(error, attempt)).begin;
    }
    if (opened.verificationId !== current.id) {
      const owned = await attempts.own(opened.verificationId, attempt.uid);
      if (!owned.isOurs) return (await atVendor.burn(attempt, opened.verificationId, owned.taken)).begin;
      // the vendor has begun another one: this try is over, and that one is opened as any other, with its claim and its limits
      const result = { kind: 'refused', status: 'expired', failed: [] } as const;
      const event = {
        kind: 'concluded',
        verificationId: current.id,
        decidedAt: clock.now(),
        captures: [],
        result,
      } as const;
      const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
      let begun: BeginOutcome = { kind: 'over' };
      if (step?.kind === 'moved') {
        // nothing comes of it from here on, nor of its link (T12); one that was approved meanwhile stays
        await ending.remove(current.id);
        begun = await openAlone(step.attempt, { isNew: false, phone });
      }
      await dropUnlessUsed(attempt.uid, opened.verificationId);
      return begun;
    }
    return atVendor.renew(attempt, current.id, opened.url, { returnToken, phone });
  }

  /** A vendor that hands out a session of its own each time has left one open that nobody will be led to. */
  async function dropUnlessUsed(uid: string, verificationId: string): Promise<void> {
    const attempt = await attempts.find(uid);
    const isUsed = attempt?.verifications.some(({ id }) => id === verificationId) ?? false;
    if (!isUsed) await ending.scheduleDelete(verificationId);
  }

  return {
    openNext: (attempt, how) => alone(attempt.uid, () => openAlone(attempt, how)),
    reopen: (attempt, current, phone) => alone(attempt.uid, () => openAgain(attempt, current, phone)),
    isOpening: lease.isHeld,
  };
}

/** Who is claimed: the account's id, or the identifier's key of a newcomer. */
function personOf({ claimant, identifierKey }: LoginAttempt): string {
  return claimant.kind === 'account' ? claimant.accountId : identifierKey;
}
