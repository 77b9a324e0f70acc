// Begin: who is claimed, what must be proven, and one verification opened for it. Whoever is here already goes on where the attempt
// stands: back to the camera, to the finish, or to another try within what was fixed at the start.

import type { Account } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import {
  currentVerification,
  isLive,
  isSettledByFactor,
  isUnderWay,
  type LoginAttempt,
  type Step,
  triesLeft,
  type Verification,
} from '../core/attempt.ts';
import type { LoginOrigin } from '../core/binding.ts';
import type { Need } from '../core/requirement.ts';
import { bindingOf } from './bind.ts';
import type { Ending } from './ending.ts';
import { createFaceTrust } from './face-trust.ts';
import { CONSENT_MISSING, createIdentification } from './identify.ts';
import type { Limiter } from './limits.ts';
import type { MailedCodes } from './mailed-codes.ts';
import { createOpening, type Opening } from './open.ts';
import type { RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';
import { openVerificationSecrets, sealVerification } from './secrets.ts';
import { hashToken, newToken } from './tokens.ts';

/** What the client's request asks of this login; read from the stored interaction, never from the browser (T21). */
export interface LoginRequest {
  readonly uid: string;
  readonly clientId: string;
  readonly need: Need;
  /** a new proof is asked for (`prompt=login`, `max_age`), or a session was not enough: a known device does not do */
  readonly wantsNewProof: boolean;
  readonly scopes: readonly string[];
  /** replaces the passive and the active workflow for this client */
  readonly vendorWorkflow?: string;
  /** `id_token_hint` or a requested `sub`: may this account answer? */
  allowsAccount(accountId: string): Promise<boolean>;
  readonly interactionExpiresAt: number;
  readonly locales: readonly string[];
}

export interface BeginInput {
  readonly request: LoginRequest;
  /** as read with this request; undefined: none was begun by then */
  readonly attempt: LoginAttempt | undefined;
  /** what was typed; undefined when the page knew who it is */
  readonly typed?: string;
  /** who the page showed: from id_token_hint, session or device cookie; as read with this request */
  readonly known?: Account;
  readonly consentVersion?: string;
  readonly invitation?: string;
  /** `other-way`: no selfie is opened, the person chooses how to go on; `re-enrol`: a document check in the place of the selfie */
  readonly wish?: 'other-way' | 're-enrol';
  /** capture on a phone: stay on our page and show a QR code */
  readonly phone: boolean;
  /** hash of the browser cookie */
  readonly browser: string;
  /** hash of the device cookie */
  readonly device?: string;
  readonly origin: LoginOrigin;
}

export type BeginOutcome =
  | { readonly kind: 'to-vendor'; readonly url: string }
  | { readonly kind: 'to-waiting' }
  | { readonly kind: 'to-finish' }
  | { readonly kind: 'to-other-ways' }
  /** a mailed code is waited for, before anything is paid for */
  | { readonly kind: 'to-code' }
  | {
      readonly kind: 'fault';
      readonly field: 'identifier' | 'biometric_consent' | 'invitation';
      readonly message: string;
    }
  | { readonly kind: 'enrolment-refused'; readonly reason: 'closed' | 'invitation' }
  | { readonly kind: 'conflict'; readonly retryAfterSeconds: number }
  | {
      readonly kind: 'limited';
      readonly retryAfterSeconds: number;
      /** it is nothing that this person did: the day's budget is spent */
      readonly isBudget?: boolean;
    }
  | { readonly kind: 'vendor-down'; readonly retryAfterSeconds: number }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'no-portrait' }
  | { readonly kind: 'no-tries-left' }
  | { readonly kind: 'over' };

export interface Beginning {
  begin(input: BeginInput): Promise<BeginOutcome>;
  readonly isOpening: Opening['isOpening'];
}

export function createBeginning(
  parts: JourneyParts & { limiter: Limiter; ending: Ending; risk: RiskView; mailedCodes: MailedCodes },
): Beginning {
  const { attempts, sealer, rules, clock, ending, journal, limiter, mailedCodes } = parts;
  const { newAttempt } = createIdentification(parts);
  const { openNext, reopen, isOpening } = createOpening(parts);
  const isTrustedWithFace = createFaceTrust(parts);

  async function begin(input: BeginInput): Promise<BeginOutcome> {
    if (input.attempt) return resume(input.attempt, input);
    const prepared = await newAttempt(input);
    if ('kind' in prepared) return prepared;
    if (prepared.state === 'settled') return skip(prepared);
    if (input.wish === 'other-way') return beginOtherWay(prepared);
    if (mailedCodes.isOwed(prepared)) {
      const kept = await keepOnly(prepared, { kind: 'to-code' });
      return kept.kind === 'to-code' ? askForCode(prepared) : kept;
    }
    return openNext(prepared, { isNew: true, phone: input.phone });
  }

  /** A known device on a known network is enough this time: nothing is opened, nothing is paid for. */
  async function skip(attempt: LoginAttempt): Promise<BeginOutcome> {
    if (!(await attempts.create(attempt))) return { kind: 'to-waiting' };
    await Promise.all([
      ending.scheduleLapse(attempt),
      journal.record({
        event: 'login.skipped',
        attempt: attempt.uid,
        client: attempt.clientId,
        reasons: attempt.reasons,
      }),
    ]);
    return { kind: 'to-finish' };
  }

  /** Nothing is paid for, but much is written down: counted by address, alike for every name (T17, T26). */
  async function beginOtherWay(attempt: LoginAttempt): Promise<BeginOutcome> {
    const allowed = await limiter.spendBeginning(attempt.origin.address);
    if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
    return keepOnly(attempt, { kind: 'to-other-ways' });
  }

  /** The attempt without a verification: who is claimed is fixed from here on. */
  async function keepOnly(attempt: LoginAttempt, next: BeginOutcome): Promise<BeginOutcome> {
    if (!(await attempts.create(attempt))) return { kind: 'to-waiting' };
    await Promise.all([
      ending.scheduleLapse(attempt),
      journal.record({ event: 'login.begun', attempt: attempt.uid, client: attempt.clientId, purpose: attempt.next }),
    ]);
    return next;
  }

  /** Trying again, starting again, back to the camera: all within what the attempt fixed. */
  async function resume(attempt: LoginAttempt, input: BeginInput): Promise<BeginOutcome> {
    if (!isLive(attempt, clock.now())) return { kind: 'over' };
    if (isSettledByFactor(attempt)) return { kind: 'to-finish' };
    if (input.wish === 'other-way') return { kind: 'to-other-ways' };
    const current = currentVerification(attempt);
    // without a return token nothing can tie the next capture to this browser: the vendor's callback has to be renewed
    if (isUnderWay(current) && current.returnTokens.length === 0) return reopen(attempt, current, input.phone);
    if (isUnderWay(current)) return leadBack(attempt, current, input.phone);
    if (attempt.state === 'settled' && current) {
      const binding = bindingOf(attempt, rules);
      if (binding.kind === 'bound') return { kind: 'to-finish' };
      const mayStillReturn = binding.kind === 'unproven' && current.returnTokens.length > 0;
      if (mayStillReturn && !input.phone) return leadBack(attempt, current, false);
      // a face that cannot be tied to this browser is given up for one that can
      const discarded = { kind: 'discarded', verificationId: current.id, failed: ['captured-elsewhere'] } as const;
      const step = await attempts.change(attempt.uid, (a) => advance(a, discarded, rules.attempt, clock.now()));
      if (step?.kind !== 'moved') return { kind: 'over' };
      return openNext(step.attempt, { isNew: false, phone: input.phone });
    }
    if (triesLeft(attempt, rules.attempt) === 0) return { kind: 'no-tries-left' };
    const prepared = await prepare(attempt, input);
    if ('kind' in prepared) return prepared;
    if (mailedCodes.isOwed(prepared)) return askForCode(prepared);
    return openNext(prepared, { isNew: false, phone: input.phone });
  }

  /** The first code goes out by itself, any other when it is asked for on the page that waits for it. */
  async function askForCode(attempt: LoginAttempt): Promise<BeginOutcome> {
    if (attempt.mailed?.purpose === 'enrol') return { kind: 'to-code' };
    const sent = await mailedCodes.send(attempt.uid, 'enrol');
    if (sent.kind === 'limited') {
      await ending.rememberObstacle(attempt.uid, 'limited');
      return { kind: 'limited', retryAfterSeconds: sent.retryAfterSeconds };
    }
    return sent.kind === 'over' ? { kind: 'over' } : { kind: 'to-code' };
  }

  /** What was left open while the person meant to go another way: the right to enrol, the consent to a selfie, the wish to enrol anew. */
  async function prepare(attempt: LoginAttempt, input: BeginInput): Promise<LoginAttempt | BeginOutcome> {
    if (attempt.claimant.kind === 'stranger') return refuseStranger(input);
    let current = attempt;
    if (!attempt.consent) {
      if (input.consentVersion === undefined) return CONSENT_MISSING;
      const event = { kind: 'consented', version: input.consentVersion } as const;
      const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind !== 'moved') return { kind: 'over' };
      current = step.attempt;
    }
    if (input.wish === 're-enrol' && current.next === 'login') {
      // whoever begins it from a device that nobody knows may not be the one: the person is told, and has time to object (T14)
      const isTrusted = await isTrustedWithFace(current, input.device);
      const event = { kind: 're-enrol-chosen', renewal: isTrusted ? 'now' : 'waits' } as const;
      const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (!step || step.kind === 'refused') return { kind: 'over' };
      current = step.attempt;
      await journal.record({
        event: 're-enrolment.chosen',
        attempt: attempt.uid,
        reasons: [`counts-${event.renewal}`],
      });
    }
    return current;
  }

  /** The selfie, unlike another way, tells who is unknown: a guess like one on the first page (T26). */
  async function refuseStranger({ origin }: BeginInput): Promise<BeginOutcome> {
    const allowed = await limiter.spendGuess(origin.address);
    if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
    return { kind: 'enrolment-refused', reason: rules.enrolment === 'invite' ? 'invitation' : 'closed' };
  }

  /** Back to the hosted page that is open already; costs nothing. */
  async function leadBack(attempt: LoginAttempt, current: Verification, phone: boolean): Promise<BeginOutcome> {
    const secrets = openVerificationSecrets(sealer, attempt);
    if (!secrets) return { kind: 'over' };
    if (!phone) return { kind: 'to-vendor', url: secrets.hostedUrl };
    const phoneToken = newToken();
    const step = await attempts.change(attempt.uid, (a): Step => {
      // by the record as it is: an address and a number that were replaced meanwhile must not come back (T2)
      const now = currentVerification(a);
      const present = openVerificationSecrets(sealer, a);
      if (!present || now?.id !== current.id || now.returnTokens.length === 0)
        return { kind: 'refused', attempt: a, reason: 'the verification is another one by now, or is to be renewed' };
      const sealed = sealVerification(sealer, a.uid, { ...present, phoneToken });
      const event = { kind: 'reopened', verificationId: now.id, sealed, phoneToken: hashToken(phoneToken) } as const;
      return advance(a, event, rules.attempt, clock.now());
    });
    return step?.kind === 'moved' ? { kind: 'to-waiting' } : { kind: 'over' };
  }

  return { begin, isOpening };
}
