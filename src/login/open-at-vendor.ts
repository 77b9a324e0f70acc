// One verification at the vendor for an attempt that may have it: asked for, its id claimed, paid for, and noted in the attempt.

import { type Account, basisOf, type FaceBasis } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import { currentVerification, isLive, type LoginAttempt, type Verification } from '../core/attempt.ts';
import { VendorPortraitMissing, VendorRefused, VendorSubjectBlocked, VendorUnavailable } from '../core/errors.ts';
import type { VerificationPurpose } from '../core/verdict.ts';
import type { BeginOutcome } from './begin.ts';
import type { Ending } from './ending.ts';
import { scheduleFirstLook } from './look.ts';
import type { OpenedVerification } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson, sealVerification, type VerificationSecrets } from './secrets.ts';
import { hashToken, newNumber, newToken } from './tokens.ts';

const VENDOR_RETRY_SECONDS = 30;

/** `refund`: what was counted for it is given back */
export interface Opened {
  readonly begin: BeginOutcome;
  readonly refund: boolean;
  /** the vendor handed out this id, which is not for the attempt */
  readonly burnt?: string;
}

/** What is known of the face of whoever is claimed. */
export interface KnownFace {
  /** where it is kept here, and a selfie is to be compared with it */
  readonly portrait?: Uint8Array;
  readonly basis?: FaceBasis;
}

export interface VendorOpening {
  /** @param how.face of `faceOf` */
  open(
    attempt: LoginAttempt,
    how: { workflowId: string; claim: string; phone: boolean; face: KnownFace },
  ): Promise<Opened>;
  /** The picture and what it stands for, of one reading of the account. */
  faceOf(attempt: LoginAttempt, purpose: VerificationPurpose): Promise<KnownFace>;
  /** @throws as the vendor does: see `explain` */
  ask(
    attempt: LoginAttempt,
    what: {
      workflowId: string;
      purpose: VerificationPurpose;
      returnToken: string;
      portrait: Uint8Array | undefined;
    },
  ): Promise<OpenedVerification>;
  /** What the vendor failed with, for whoever waits. @throws what is no failure of the vendor's */
  explain(error: unknown, attempt: LoginAttempt): Promise<Opened>;
  /** The vendor has a new callback for a session that the attempt leads to already. */
  renew(
    attempt: LoginAttempt,
    verificationId: string,
    url: string,
    how: { returnToken: string; phone: boolean },
  ): Promise<BeginOutcome>;
  /** An id that somebody else ever had, or that was begun before: its verdict never counts (T1). Whoever had it may start again. */
  burn(attempt: LoginAttempt, verificationId: string, owner: string | undefined): Promise<Opened>;
}

export function createVendorOpening(parts: JourneyParts & { ending: Ending }): VendorOpening {
  const { vendor, attempts, accounts, sealer, rules, clock, journal, ending } = parts;

  async function open(
    attempt: LoginAttempt,
    { workflowId, claim, phone, face }: Parameters<VendorOpening['open']>[1],
  ): Promise<Opened> {
    const returnToken = newToken();
    let opened: OpenedVerification;
    try {
      opened = await ask(attempt, { workflowId, purpose: attempt.next, returnToken, portrait: face.portrait });
    } catch (error) {
      return explain(error, attempt);
    }
    const repeated = attempt.verifications.some((each) => each.id === opened.verificationId);
    const owned = repeated ? { isOurs: false } : await attempts.own(opened.verificationId, attempt.uid);
    if (!owned.isOurs || opened.status !== 'not-started') return burn(attempt, opened.verificationId, owned.taken);
    return {
      begin: await record(attempt, opened, { workflowId, claim, returnToken, phone, basis: face.basis }),
      refund: false,
    };
  }

  async function ask(attempt: LoginAttempt, what: Parameters<VendorOpening['ask']>[1]): Promise<OpenedVerification> {
    const { portrait } = what;
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

  async function burn(attempt: LoginAttempt, verificationId: string, owner: string | undefined): Promise<Opened> {
    await attempts.own(verificationId, `burnt by ${attempt.uid}`);
    if (owner !== undefined) {
      const result = { kind: 'refused', status: 'expired', failed: ['verification-id'] } as const;
      const event = { kind: 'concluded', verificationId, decidedAt: clock.now(), captures: [], result } as const;
      const step = await attempts.change(owner, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind === 'moved') await parts.bus.publish(owner);
    }
    await ending.scheduleDelete(verificationId);
    await journal.record({ event: 'verification.burnt', attempt: attempt.uid, verification: verificationId });
    const present = await attempts.find(attempt.uid);
    const isOver = present !== undefined && !isLive(present, clock.now());
    const begin = isOver ? ({ kind: 'over' } as const) : ({ kind: 'conflict', retryAfterSeconds: 5 } as const);
    return { begin, refund: true, burnt: verificationId };
  }

  async function record(
    attempt: LoginAttempt,
    opened: OpenedVerification,
    made: {
      workflowId: string;
      claim: string;
      returnToken: string;
      phone: boolean;
      basis: FaceBasis | undefined;
    },
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
      ...(made.basis ? { basis: made.basis } : {}),
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

  async function faceOf(attempt: LoginAttempt, purpose: VerificationPurpose): Promise<KnownFace> {
    const account = attempt.claimant.kind === 'account' ? await accounts.find(attempt.claimant.accountId) : undefined;
    if (!account) return {};
    const portrait = purpose === 'login' ? await portraitOf(account) : undefined;
    return { ...(portrait ? { portrait } : {}), basis: basisOf(account) };
  }

  async function portraitOf(account: Account): Promise<Uint8Array | undefined> {
    if (account.portrait.kind !== 'local') return undefined;
    const jpeg = await accounts.loadPortrait(account.portrait.ref, account.portrait.sha256);
    if (!jpeg)
      parts.log.error(
        { account: account.id },
        'pinned portrait is missing or altered: the vendor compares with its own',
      );
    return jpeg;
  }

  async function explain(error: unknown, attempt: LoginAttempt): Promise<Opened> {
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

  return { open, faceOf, ask, explain, renew, burn };
}

function newSecrets(hostedUrl: string, phoneToken: string | undefined): VerificationSecrets {
  return { hostedUrl, number: newNumber(), ...(phoneToken ? { phoneToken } : {}) };
}
