// Finish: the starting browser is back and a verdict is there. Is the face that of whoever holds this browser? Then the attempt is
// spent, once, and the result goes to oidc-provider.

import type { Account, Portrait } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import { type Strength, strengthOf } from '../core/assurance.ts';
import { bestProof, currentVerification, hasLapsed, isLive, isSkipped, type LoginAttempt } from '../core/attempt.ts';
import { isEnough } from '../core/requirement.ts';
import type { Proof } from '../core/verdict.ts';
import { type ArrivalParts, createArrival } from './arrive.ts';
import type { LoginRequest } from './begin.ts';
import { bindingOf } from './bind.ts';
import { createFollowUp, type FollowUp, type TellBinding } from './follow.ts';
import { loginProof } from './login-proof.ts';
import { type LoginResult, loginResultOf } from './login-result.ts';
import { createRecheck } from './recheck.ts';
import { createDeviceMemory } from './remember-device.ts';

export type FinishOutcome =
  | {
      readonly kind: 'login';
      readonly result: LoginResult;
      /** a new device cookie, when this browser needs one */
      readonly deviceToken?: string;
    }
  /** a stronger selfie is still owed */
  | { readonly kind: 'step-up' }
  /** the face is shown; a key has to be shown beside it */
  | { readonly kind: 'key' }
  /** no verdict yet, refused, or not tied to this browser: the waiting page knows */
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'over' };

export interface FinishInput {
  readonly request: LoginRequest;
  /** as read with this request */
  readonly attempt: LoginAttempt | undefined;
  /** hash of the device cookie */
  readonly device?: string;
  /** the person goes on without the key that the client would like */
  readonly withoutKey?: boolean;
}

export interface Finishing extends Pick<FollowUp, 'lapse'> {
  finish(input: FinishInput): Promise<FinishOutcome>;
}

export function createFinishing(parts: ArrivalParts): Finishing {
  const { accounts, attempts, clock, ending, enrolment, journal, late, meter, notices, revoker, rules } = parts;
  const arrive = createArrival(parts);
  const recheck = createRecheck(parts);
  const followUp = createFollowUp(parts);
  const deviceMemory = createDeviceMemory(parts);

  async function finish(input: FinishInput): Promise<FinishOutcome> {
    const { attempt } = input;
    if (!attempt) return { kind: 'over' };
    // the answer to the first finish was lost: the same browser, the same interaction, the same answer (R6)
    if (attempt.state === 'spent') return answer(attempt, input.device, await deviceMemory.find(attempt));
    if (attempt.state === 'ended' || hasLapsed(attempt, clock.now())) return { kind: 'over' };
    if (attempt.state !== 'settled') return { kind: 'not-yet' };
    const binding = attempt.proofs.length > 0 ? bindingOf(attempt, rules) : undefined;
    if (binding?.kind === 'refused') await discard(attempt, binding.reasons);
    if (binding && binding.kind !== 'bound') return { kind: 'not-yet' };
    const tellBinding = followUp.tellerOf(attempt, binding);
    try {
      return await finishHere(attempt, input, tellBinding);
    } finally {
      await tellBinding();
    }
  }

  /** In the browser that began, and with a face, if there is one, of whoever holds it. */
  async function finishHere(
    attempt: LoginAttempt,
    input: FinishInput,
    tellBinding: TellBinding,
  ): Promise<FinishOutcome> {
    const isBySelfie = attempt.proofs.length > 0;
    const arrived = await arrive(attempt, input.device);
    if (!arrived) return refuse(attempt);
    if ('kind' in arrived) return arrived;
    if (isSkipped(attempt) && !(await recheck.isStillKnown(attempt, arrived.account, input))) return refuse(attempt);
    if (await recheck.isGivenUp(arrived.attempt, arrived.account)) return refuse(attempt);
    if (await recheck.isMoreAsked(arrived.attempt, arrived.account, input)) return { kind: 'step-up' };
    const strength = strengthOf(bestProof(arrived.attempt), arrived.attempt.factors);
    const { factors, required } = arrived.attempt;
    const owesKey = rules.passkeys && isBySelfie && required.key && !factors.some(({ factor }) => factor === 'passkey');
    if (!strength || !isEnough(strength.acr, required)) return owesKey ? { kind: 'key' } : { kind: 'not-yet' };
    // the client would like a key without insisting, and the person has one: asked for, unless they go on without
    if (owesKey && !input.withoutKey) return { kind: 'key' };
    return spend(arrived.attempt, arrived.account, strength, input, tellBinding);
  }

  async function refuse({ uid }: LoginAttempt): Promise<FinishOutcome> {
    await ending.end(uid, 'refused');
    return { kind: 'over' };
  }

  /** The accepted face is not that of whoever holds this browser. */
  async function discard(attempt: LoginAttempt, reasons: readonly string[]): Promise<void> {
    const verificationId = currentVerification(attempt)?.id ?? '';
    const refusal = { kind: 'discarded', verificationId, failed: ['captured-elsewhere'] } as const;
    await attempts.change(attempt.uid, (a) => advance(a, refusal, rules.attempt, clock.now()));
    await journal.record({ event: 'verification.refused', attempt: attempt.uid, reasons });
  }

  async function spend(
    attempt: LoginAttempt,
    account: Account,
    strength: Strength,
    input: FinishInput,
    tellBinding: TellBinding,
  ): Promise<FinishOutcome> {
    // the library does not look at the hint again: a hint of one person and a selfie of another gives no code
    if (!(await input.request.allowsAccount(account.id))) return refuse(attempt);
    const proof = bestProof(attempt);
    const face = proof && enrolment.reviewedFace(attempt, proof);
    const { consent } = attempt;
    const { device } = input;
    const [uses] = await Promise.all([
      device === undefined ? [] : parts.devices.usesOf(device),
      ...attempt.proofs.map(({ verificationId, authTime: acceptedAt, purpose }) => {
        const bringsFace = face !== undefined && verificationId === proof?.verificationId;
        const allowance = {
          accountId: account.id,
          acceptedAt,
          purpose,
          ...(bringsFace ? { bringsFace } : {}),
        } as const;
        return late.allow(verificationId, allowance);
      }),
      // the selfie behind a skip vouches once more: what it allowed must be found as long as this login lives (T8)
      ...attempt.factors.flatMap(({ factor, rests }) => (factor === 'device' ? rests.map(late.renew) : [])),
      consent && consent.version !== account.consent?.version
        ? accounts.change(account.id, (a) => (a.consent?.version === consent.version ? a : { ...a, consent }))
        : undefined,
    ]);
    // what the binding was judged by, and no later state of it
    const judged = (input.attempt ?? attempt).proofs.map(({ verificationId }) => verificationId);
    const deviceMark = deviceMemory.markOf(attempt, account.id, uses);
    const event = {
      kind: 'finished',
      accountId: account.id,
      signOuts: account.signOuts ?? 0,
      judged,
      ...(deviceMark === undefined ? {} : { deviceMark }),
    } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (!step) return { kind: 'over' };
    if (step.kind === 'refused') return { kind: isLive(step.attempt, clock.now()) ? 'not-yet' : 'over' };
    if (step.kind !== 'moved') return answer(step.attempt, device, await deviceMemory.find(step.attempt));
    if (proof && face) await replaceFace(account, step.attempt, proof, face);
    const [deviceToken] = await Promise.all([
      deviceMemory.remember(step.attempt, account.id, device, uses),
      followUp.follow(step.attempt, account, strength, tellBinding),
    ]);
    const settledAt = currentVerification(step.attempt)?.statusAt;
    if (proof && settledAt !== undefined) meter.observe('decision_to_redirect', Math.max(0, clock.now() - settledAt));
    return answer(step.attempt, device, deviceToken);
  }

  /**
   * Only after the attempt is spent: a verdict that turns before ends it, and brings no face. After a crash in between, the old face
   * stays, and nothing is lost by that. Whoever is told of it may deny the login before the face is in its place (T14).
   */
  async function replaceFace(account: Account, attempt: LoginAttempt, proof: Proof, face: Portrait): Promise<void> {
    await notices.faceReplaced(account, attempt, 'review');
    const compared = attempt.verifications.find(({ id }) => id === proof.verificationId)?.basis?.faces;
    await enrolment.pinReviewed(account, face, { uid: attempt.uid, compared });
    const isOver = (await late.isTakenBack(proof.verificationId)) || (await revoker.isRevoked(loginProof(attempt.uid)));
    if (isOver) await late.withdraw(account.id, proof.verificationId);
  }

  function answer(attempt: LoginAttempt, device: string | undefined, deviceToken: string | undefined): FinishOutcome {
    const result = loginResultOf(attempt, device, clock.now());
    if (!result) return { kind: 'over' };
    return { kind: 'login', result, ...(deviceToken ? { deviceToken } : {}) };
  }

  return { finish, lapse: followUp.lapse };
}
