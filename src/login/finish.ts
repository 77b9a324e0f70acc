// Finish: the starting browser is back and a verdict is there. Is the face that of whoever holds this browser? Then the attempt is
// spent, once, and the result goes to oidc-provider.

import type { Account } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import { isAtLeast } from '../core/assurance.ts';
import { bestProof, currentVerification, hasLapsed, type LoginAttempt } from '../core/attempt.ts';
import type { Proof } from '../core/verdict.ts';
import { bindingOf } from './bind.ts';
import type { Ending } from './ending.ts';
import type { Enrolment } from './enrol.ts';
import type { LateVerdicts } from './late.ts';
import type { JourneyParts } from './rules.ts';
import { hashToken, newToken } from './tokens.ts';

export interface LoginResult {
  readonly accountId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  /** epoch seconds */
  readonly authTime: number;
  /** all that the login rests on: an enrolment, a selfie, or one after the other */
  readonly verificationIds: readonly string[];
}

export type FinishOutcome =
  | {
      readonly kind: 'login';
      readonly result: LoginResult /** a new device cookie, when this browser needs one */;
      readonly deviceToken?: string;
    }
  /** enrolled, and a stronger selfie is still owed */
  | { readonly kind: 'step-up' }
  /** no verdict yet, refused, or not tied to this browser: the waiting page knows */
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'over' };

export interface FinishInput {
  readonly uid: string;
  readonly device?: string;
  allowsAccount(accountId: string): Promise<boolean>;
}

export interface Finishing {
  finish(input: FinishInput): Promise<FinishOutcome>;
}

export function createFinishing(
  parts: JourneyParts & { ending: Ending; enrolment: Enrolment; late: LateVerdicts },
): Finishing {
  const { accounts, attempts, clock, devices, ending, enrolment, jobs, journal, late, meter, rules } = parts;

  async function finish(input: FinishInput): Promise<FinishOutcome> {
    const attempt = await attempts.find(input.uid);
    if (!attempt) return { kind: 'over' };
    // the answer to the first finish was lost: the same browser, the same interaction, the same answer (R6)
    if (attempt.state === 'spent') return answer(attempt, input);
    if (attempt.state === 'ended' || hasLapsed(attempt, clock.now())) return { kind: 'over' };
    if (attempt.state !== 'settled') return { kind: 'not-yet' };
    const binding = bindingOf(attempt, rules.crossDevice);
    if (binding.kind === 'refused') {
      const refusal = { kind: 'discarded', failed: ['captured-elsewhere'] } as const;
      await attempts.change(attempt.uid, (a) => advance(a, refusal, rules.attempt, clock.now()));
      await journal.record({ event: 'verification.refused', attempt: attempt.uid, reasons: binding.reasons });
      return { kind: 'not-yet' };
    }
    if (binding.kind !== 'bound') return { kind: 'not-yet' };
    await journal.record({ event: 'login.bound', attempt: attempt.uid, by: binding.by });
    const arrived = await arrive(attempt);
    if (!arrived) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    if (arrived.attempt.state === 'open') return { kind: 'step-up' };
    return spend(arrived.attempt, arrived.account, input);
  }

  /** The account this attempt ends in; made or renewed where the verification was a document check. */
  async function arrive(attempt: LoginAttempt): Promise<{ attempt: LoginAttempt; account: Account } | undefined> {
    const proof = attempt.proofs.at(-1);
    if (!proof) return undefined;
    if (proof.purpose === 'login') {
      const account = attempt.claimant.kind === 'account' ? await accounts.find(attempt.claimant.accountId) : undefined;
      return account ? { attempt, account } : undefined;
    }
    const isNewcomer = attempt.claimant.kind === 'newcomer';
    const account = isNewcomer ? await enrolment.createAccount(attempt, proof) : await enrolment.renew(attempt, proof);
    if (!account) return undefined;
    await late.allow(proof.verificationId, {
      accountId: account.id,
      acceptedAt: proof.authTime,
      purpose: proof.purpose,
    });
    const stepUp = !isAtLeast(proof.method, attempt.required.method);
    const event = { kind: 'enrolled', accountId: account.id, subject: account.subject, stepUp } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step && step.kind !== 'refused') return { attempt: step.attempt, account };
    const turned = step?.attempt.verifications.find((each) => each.id === proof.verificationId);
    if (turned?.conclusion === 'refused') {
      // the verdict turned while the account was being made: what it allowed is not worth more than it is
      await late.withdraw(account.id, proof.verificationId);
      return undefined;
    }
    // two finishes at once: the other one was faster, and where it led this one leads as well
    const isThere = step && step.attempt.state !== 'ended' && step.attempt.claimant.kind === 'account';
    return isThere ? { attempt: step.attempt, account } : undefined;
  }

  async function spend(attempt: LoginAttempt, account: Account, input: FinishInput): Promise<FinishOutcome> {
    // the library does not look at the hint again: a hint of one person and a selfie of another gives no code
    if (!(await input.allowsAccount(account.id))) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    const proof = bestProof(attempt) as Proof;
    await late.allow(proof.verificationId, {
      accountId: account.id,
      acceptedAt: proof.authTime,
      purpose: proof.purpose,
    });
    if (attempt.consent) {
      const { consent } = attempt;
      await accounts.change(account.id, (a) => (a.consent?.version === consent.version ? a : { ...a, consent }));
    }
    const event = { kind: 'finished', accountId: account.id } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (!step || step.kind === 'refused') return { kind: 'over' };
    if (step.kind === 'moved') {
      await Promise.all([
        ending.cleanUp(step.attempt),
        jobs.cancel('lapse', attempt.uid),
        journal.record({
          event: 'login.finished',
          attempt: attempt.uid,
          account: account.id,
          client: attempt.clientId,
          acr: proof.acr,
        }),
      ]);
      meter.count('logins', { outcome: 'success' });
      const settledAt = currentVerification(step.attempt)?.statusAt;
      if (settledAt !== undefined) meter.observe('decision_to_redirect', Math.max(0, clock.now() - settledAt));
    }
    return answer(step.attempt, input);
  }

  async function answer(attempt: LoginAttempt, input: FinishInput): Promise<FinishOutcome> {
    const proof = bestProof(attempt);
    if (!proof || !attempt.accountId) return { kind: 'over' };
    const verificationIds = attempt.proofs.map((each) => each.verificationId);
    const deviceToken = await rememberDevice(attempt.accountId, input.device);
    if (deviceToken) await late.allowDevice(verificationIds, hashToken(deviceToken));
    const { acr, amr, authTime } = proof;
    return {
      kind: 'login',
      // the vendor's clock may run ahead of ours; nobody has signed in in the future
      result: { accountId: attempt.accountId, acr, amr, authTime: Math.min(authTime, clock.now()), verificationIds },
      ...(deviceToken ? { deviceToken } : {}),
    };
  }

  /** A cookie from before the login is never promoted: whoever planted it would hold a known device (T23). */
  async function rememberDevice(accountId: string, device: string | undefined): Promise<string | undefined> {
    const known = device ? await devices.accountsOf(device) : [];
    if (device && known[0] === accountId) return undefined;
    const token = newToken();
    const hash = hashToken(token);
    for (const id of [...known].reverse()) await devices.remember(hash, id);
    await devices.remember(hash, accountId);
    if (device) await devices.forget(device);
    return token;
  }

  return { finish };
}
