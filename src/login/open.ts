// Opens one verification at the vendor. The order is the defence: the claim on the account, then limits, and only then the vendor, as
// the vendor hands one unfinished session to whoever asks (T1); then the session's id is claimed as well.

import { advance } from '../core/advance.ts';
import { currentVerification, isLive, type LoginAttempt, type Verification } from '../core/attempt.ts';
import type { Claim } from '../core/claim.ts';
import { VendorPortraitMissing, VendorRefused, VendorSubjectBlocked, VendorUnavailable } from '../core/errors.ts';
import type { VerificationPurpose } from '../core/verdict.ts';
import type { BeginOutcome } from './begin.ts';
import type { Ending } from './ending.ts';
import type { Limiter } from './limits.ts';
import { scheduleFirstLook } from './look.ts';
import type { OpenedVerification } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson, sealVerification, type VerificationSecrets } from './secrets.ts';
import { hashToken, newNumber, newToken } from './tokens.ts';

const VENDOR_RETRY_SECONDS = 30;
/** An opening may take as long as the vendor's create, retries and all; one whose process died is over after this (R6). */
const OPENING_LEASE_SECONDS = 5;
const OPENING_RENEWED_MS = 1_500;
/** How long a claim may stand before the attempt behind it is stored. */
const CLAIM_GRACE_SECONDS = 20;

const CONFLICT_TOLD_SECONDS = 3600;

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
}

export function createOpening(parts: JourneyParts & { limiter: Limiter; ending: Ending }): Opening {
  const { vendor, attempts, accounts, sealer, rules, clock, journal, limiter, ending } = parts;

  /** One opening at a time within an attempt: a second press of the button would make the vendor overwrite the first callback. */
  async function alone(uid: string, work: () => Promise<BeginOutcome>): Promise<BeginOutcome> {
    const lock = `opening:${uid}`;
    if (!(await parts.store.putIfAbsent(lock, true, OPENING_LEASE_SECONDS))) return { kind: 'to-waiting' };
    const renewal = setInterval(() => {
      // one that ends early lets a second press through: the vendor gives both the same session, and both lead to it
      parts.store.set(lock, true, OPENING_LEASE_SECONDS).catch(() => undefined);
    }, OPENING_RENEWED_MS);
    try {
      return await work();
    } finally {
      clearInterval(renewal);
      await parts.store.delete(lock);
    }
  }

  /** The account was deleted since this login began: nothing more of its person goes to the vendor (T18). */
  async function endIfGone({ claimant, uid }: LoginAttempt): Promise<boolean> {
    if (claimant.kind !== 'account' || (await accounts.find(claimant.accountId))) return false;
    await ending.end(uid, 'refused');
    return true;
  }

  async function openAlone(attempt: LoginAttempt, { isNew, phone }: How): Promise<BeginOutcome> {
    if (!isNew && (await endIfGone(attempt))) return { kind: 'over' };
    const workflowId = attempt.next === 'login' ? attempt.required.workflowId : rules.workflows.enrol;
    const person = attempt.claimant.kind === 'account' ? attempt.claimant.accountId : attempt.identifierKey;
    const claim = `${workflowId}:${person}`;
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
    if (taken.from) {
      await parts.store.set(preemptedKey(taken.from.uid), true, CLAIM_GRACE_SECONDS);
      await ending.end(taken.from.uid, 'preempted', { keepClaim: claim });
    }
    const before = currentVerification(attempt);
    if (before?.presumedGone && !(await giveUp(attempt.uid, before.id))) {
      await allowed.refund();
      return { kind: 'to-waiting' };
    }
    if (isNew && !(await attempts.create(attempt))) {
      // a second press of the button came in between: the first one made the attempt
      await allowed.refund();
      return { kind: 'to-waiting' };
    }
    if (isNew && (await parts.store.get(preemptedKey(attempt.uid)))) {
      // pre-empted between the claim and this: there was nothing to end then
      await ending.end(attempt.uid, 'preempted', { keepClaim: claim });
      await allowed.refund();
      return { kind: 'over' };
    }
    if (isNew) {
      const begun = { event: 'login.begun', attempt: attempt.uid, client: attempt.clientId, purpose: attempt.next };
      await Promise.all([ending.scheduleLapse(attempt), journal.record(begun)]);
    }
    // whoever stored the attempt may have died before its end was planned: nothing is opened that nobody would clean up (R6)
    if (!isNew && attempt.verifications.length === 0) await ending.scheduleLapse(attempt);
    const outcome = await openAtVendor(attempt, workflowId, claim, phone);
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

  async function takeClaim(
    key: string,
    attempt: LoginAttempt,
  ): Promise<{ kind: 'taken'; from?: Claim } | (BeginOutcome & { kind: 'conflict' })> {
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

  async function openAtVendor(
    attempt: LoginAttempt,
    workflowId: string,
    claim: string,
    phone: boolean,
  ): Promise<{ readonly begin: BeginOutcome; readonly refund: boolean }> {
    const returnToken = newToken();
    let opened: OpenedVerification;
    try {
      opened = await askVendor(attempt, { workflowId, purpose: attempt.next, returnToken });
    } catch (error) {
      return explain(error, attempt);
    }
    const repeated = attempt.verifications.some((each) => each.id === opened.verificationId);
    const owned = repeated ? { isOurs: false } : await attempts.own(opened.verificationId, attempt.uid);
    if (!owned.isOurs || opened.status !== 'not-started') return burn(attempt, opened.verificationId, owned.taken);
    return { begin: await record(attempt, opened, { workflowId, claim, returnToken, phone }), refund: false };
  }

  async function askVendor(
    attempt: LoginAttempt,
    what: { workflowId: string; purpose: VerificationPurpose; returnToken: string },
  ): Promise<OpenedVerification> {
    const portrait = what.purpose === 'login' ? await pinnedPortrait(attempt) : undefined;
    return vendor.openVerification({
      workflowId: what.workflowId,
      subject: attempt.subject,
      returnUrl: `${rules.issuer}/interaction/${attempt.uid}/return/${what.returnToken}`,
      ...(portrait ? { portrait } : {}),
      locales: attempt.locales,
      metadata: {
        purpose: what.purpose,
        client_id: attempt.clientId,
        attempt_id: attempt.uid,
        device: sealer.keyedHash(attempt.browser, 'vendor-device'),
      },
    });
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
      opened = await askVendor(attempt, { workflowId: current.workflowId, purpose: current.purpose, returnToken });
    } catch (error) {
      return (await explain(error, attempt)).begin;
    }
    if (opened.verificationId !== current.id) {
      const owned = await attempts.own(opened.verificationId, attempt.uid);
      if (!owned.isOurs) return (await burn(attempt, opened.verificationId, owned.taken)).begin;
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
      return step?.kind === 'moved' ? openAlone(step.attempt, { isNew: false, phone }) : { kind: 'over' };
    }
    return renew(attempt, current.id, opened.url, { returnToken, phone });
  }

  /** The vendor has a new callback for a session that the attempt leads to already. */
  async function renew(
    attempt: LoginAttempt,
    verificationId: string,
    url: string,
    { returnToken, phone }: { returnToken: string; phone: boolean },
  ): Promise<BeginOutcome> {
    const phoneToken = phone ? newToken() : undefined;
    const event = {
      kind: 'reopened',
      verificationId,
      sealed: sealVerification(sealer, attempt.uid, newSecrets(url, phoneToken)),
      returnToken: hashToken(returnToken),
      ...(phoneToken ? { phoneToken: hashToken(phoneToken) } : {}),
    } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step?.kind !== 'moved') return { kind: 'over' };
    return phone ? { kind: 'to-waiting' } : { kind: 'to-vendor', url };
  }

  /** An id that somebody else ever had, or that was begun before: its verdict never counts (T1). Whoever had it may start again. */
  async function burn(attempt: LoginAttempt, verificationId: string, owner: string | undefined) {
    await attempts.own(verificationId, `burnt by ${attempt.uid}`);
    if (owner !== undefined) {
      const result = { kind: 'refused', status: 'expired', failed: ['verification-id'] } as const;
      const event = { kind: 'concluded', verificationId, decidedAt: clock.now(), captures: [], result } as const;
      const step = await attempts.change(owner, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind === 'moved') await parts.bus.publish(owner);
    }
    await ending.scheduleDelete(verificationId);
    await journal.record({ event: 'verification.burnt', attempt: attempt.uid, verification: verificationId });
    return { begin: { kind: 'conflict', retryAfterSeconds: 5 } as const, refund: true };
  }

  async function record(
    attempt: LoginAttempt,
    opened: OpenedVerification,
    made: { workflowId: string; claim: string; returnToken: string; phone: boolean },
  ): Promise<BeginOutcome> {
    const now = clock.now();
    const phoneToken = made.phone ? newToken() : undefined;
    const purpose: VerificationPurpose = attempt.next;
    const verification: Verification = {
      id: opened.verificationId,
      purpose,
      workflowId: made.workflowId,
      // a document check proves who somebody is; how the selfie of it was taken is told by its result
      method: purpose === 'login' ? attempt.required.method : 'passive',
      openedAt: now,
      returnTokens: [hashToken(made.returnToken)],
      status: opened.status,
      statusAt: now,
      ...(phoneToken ? { phoneToken: hashToken(phoneToken) } : {}),
    };
    const event = {
      kind: 'opened',
      verification,
      sealed: sealVerification(sealer, attempt.uid, newSecrets(opened.url, phoneToken)),
      claim: made.claim,
    } as const;
    // the bill before the attempt: what the attempt leads to can be paid for, and is found again when the person wants it erased (R6)
    await parts.ledger.open({
      verificationId: verification.id,
      client: attempt.clientId,
      account: sealer.keyedHash(openPerson(sealer, attempt).accountId, 'ledger'),
      reason: purpose,
    });
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, now));
    if (step?.kind !== 'moved') {
      // of two openings at once, as the process of one stood still, the other was first: deleted, its session would be nobody's
      if (step && currentVerification(step.attempt)?.id === verification.id)
        return renew(attempt, verification.id, opened.url, made);
      await ending.scheduleDelete(verification.id);
      return { kind: 'over' };
    }
    parts.meter.count('verifications', { reason: purpose, outcome: 'opened' });
    await Promise.all([
      scheduleFirstLook(parts, verification.id),
      ending.forgetObstacle(attempt.uid),
      journal.record({ event: 'verification.opened', attempt: attempt.uid, verification: verification.id, purpose }),
      parts.bus.publish(attempt.uid),
    ]);
    return made.phone ? { kind: 'to-waiting' } : { kind: 'to-vendor', url: opened.url };
  }

  async function pinnedPortrait(attempt: LoginAttempt): Promise<Uint8Array | undefined> {
    if (attempt.claimant.kind !== 'account') return undefined;
    const account = await accounts.find(attempt.claimant.accountId);
    if (account?.portrait.kind !== 'local') return undefined;
    const jpeg = await accounts.loadPortrait(account.portrait.ref, account.portrait.sha256);
    if (!jpeg)
      parts.log.error(
        { account: account.id },
        'pinned portrait is missing or altered: the vendor compares with its own',
      );
    return jpeg;
  }

  async function explain(error: unknown, attempt: LoginAttempt): Promise<{ begin: BeginOutcome; refund: boolean }> {
    if (error instanceof VendorPortraitMissing) {
      const step = await attempts.change(attempt.uid, (a) =>
        advance(a, { kind: 're-enrol-asked' }, rules.attempt, clock.now()),
      );
      const possible = step !== undefined && step.kind !== 'refused';
      return { begin: { kind: possible ? 'no-portrait' : 'blocked' }, refund: true };
    }
    if (error instanceof VendorSubjectBlocked) {
      await ending.end(attempt.uid, 'refused');
      // counted, though nothing was paid for: else whoever is blocked uses up what everybody may ask of the vendor (T17)
      return { begin: { kind: 'blocked' }, refund: false };
    }
    if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
    await ending.rememberObstacle(attempt.uid, 'vendor-down');
    parts.meter.count('verifications', { reason: attempt.next, outcome: error.code });
    parts.log.error({ attempt: attempt.uid, code: error.code, err: error }, 'no verification could be opened');
    await journal.record({ event: 'verification.not-opened', attempt: attempt.uid, reasons: [error.code] });
    const retryAfterSeconds = (error instanceof VendorUnavailable && error.retryAfterSeconds) || VENDOR_RETRY_SECONDS;
    return { begin: { kind: 'vendor-down', retryAfterSeconds }, refund: error instanceof VendorRefused };
  }

  return {
    openNext: (attempt, how) => alone(attempt.uid, () => openAlone(attempt, how)),
    reopen: (attempt, current, phone) => alone(attempt.uid, () => openAgain(attempt, current, phone)),
  };
}

function newSecrets(hostedUrl: string, phoneToken: string | undefined): VerificationSecrets {
  return { hostedUrl, number: newNumber(), ...(phoneToken ? { phoneToken } : {}) };
}
