// What a finish looks at once more: since the button was pressed and the face shown, what the login rests on may have been taken back, and
// the capture may have come from where more is asked for.

import { type Account, isHeldBack, standsOnlyOn } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import { bestProof, facesShown, type LoginAttempt } from '../core/attempt.ts';
import type { FinishInput } from './finish.ts';
import { reasonsOf, requiredBy, skipFor } from './identify.ts';
import type { RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';

export interface Recheck {
  /** What a skip rests on may have been taken back since the button was pressed: device, selfie, standing. */
  isStillKnown(attempt: LoginAttempt, account: Account, input: FinishInput): Promise<boolean>;
  /**
   * Was what is proven by given up since it was shown? The face is to be proven anew by a document, or was replaced by another one than the
   * selfie was compared with, the account was put under review, or the key removed, by somebody who saw the sign-in coming (T14).
   */
  isGivenUp(attempt: LoginAttempt, account: Account): Promise<boolean>;
  /**
   * Is a stronger selfie owed than the one accepted? Because the request asks for it and an enrolment showed a weaker one, or because
   * the vendor saw the capture come out of a network that would have asked for more, had it been known before.
   * Where it is, the attempt asks for it from here on.
   */
  isMoreAsked(attempt: LoginAttempt, account: Account, input: FinishInput): Promise<boolean>;
}

export function createRecheck(parts: JourneyParts & { risk: RiskView }): Recheck {
  const { attempts, clock, journal, risk, rules } = parts;

  async function isStillKnown(attempt: LoginAttempt, account: Account, input: FinishInput): Promise<boolean> {
    const { origin, clientId, required } = attempt;
    const { device, request } = input;
    const assessed = await risk.assess({ account, device, origin, clientId, scopes: request.scopes });
    return skipFor(account, { ...request, need: required }, assessed) !== undefined;
  }

  async function isGivenUp(attempt: LoginAttempt, account: Account): Promise<boolean> {
    const { proofs, factors } = attempt;
    if (account.standing !== 'good') return true;
    const faces = facesShown(attempt);
    if (faces && !standsOnlyOn(account, faces)) return true;
    if (proofs.length > 0) return false;
    for (const proof of factors) {
      const { factor, credential } = proof;
      if (factor === 'device') continue;
      if (isHeldBack(account, proof)) return true;
      if (credential !== undefined && (await parts.passkeys.ownerOf(credential)) !== account.id) return true;
    }
    return false;
  }

  async function isMoreAsked(
    attempt: LoginAttempt,
    account: Account,
    { device, request }: FinishInput,
  ): Promise<boolean> {
    const proof = bestProof(attempt);
    if (!proof || attempt.state !== 'settled') return attempt.state === 'open';
    // nothing stronger can be asked for
    if (proof.method === 'active') return false;
    const { origin, clientId } = attempt;
    const captures = attempt.verifications.flatMap((verification) => verification.captures ?? []);
    const assessed = await risk.assess({ account, device, origin, clientId, scopes: request.scopes, captures });
    const required = requiredBy({ ...request, need: attempt.required }, assessed, rules);
    if (required.method === 'passive') {
      const reasons = reasonsOf(assessed, required);
      if (reasons !== assessed.reasons)
        await journal.record({ event: 'login.not-raised', attempt: attempt.uid, reasons });
      return false;
    }
    const event = { kind: 'raised', required, reasons: assessed.reasons } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step?.kind !== 'moved') return true;
    await journal.record({ event: 'login.raised', attempt: attempt.uid, reasons: assessed.reasons });
    return true;
  }

  return { isStillKnown, isGivenUp, isMoreAsked };
}
