// Who cannot or will not show a face: other ways in, as policy and client allow. What they are worth is said in `acr`; none is offered
// where it would not be enough (T16), and an unknown identifier is answered like any other (T26).

import { isHeldBack } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import { acrOfWay, type FactorProof, strengthOf, type Way } from '../core/assurance.ts';
import { bestProof, currentVerification, isLive, type LoginAttempt } from '../core/attempt.ts';
import { isEnough, type Need } from '../core/requirement.ts';
import { bindingOf } from './bind.ts';
import { type Limiter, spenderOf } from './limits.ts';
import type { JourneyParts } from './rules.ts';

/** What a mailed code or link is worth. */
export const CODE_PROOF = { factor: 'email', rests: [] } as const satisfies Omit<FactorProof, 'at'>;

export type ProofOutcome =
  | { readonly kind: 'to-finish' }
  /** proven, and something else is owed: the selfie beside the key */
  | { readonly kind: 'more' }
  | { readonly kind: 'over' };

export type RecoveryOutcome =
  | ProofOutcome
  | { readonly kind: 'wrong' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

export interface OtherWays {
  /** In the order of the policy; the same for everybody, whether the way is open to this account or not. */
  offered(login: { readonly clientId: string; readonly required: Pick<Need, 'floors' | 'oneOf'> }): readonly Way[];
  /** A factor was shown by whoever holds the starting browser. */
  prove(uid: string, proof: FactorProof): Promise<ProofOutcome>;
  useRecoveryCode(uid: string, typed: string): Promise<RecoveryOutcome>;
}

export function createOtherWays(parts: JourneyParts & { limiter: Limiter }): OtherWays {
  const { accounts, attempts, bus, clock, journal, limiter, mailer, recovery, rules } = parts;

  async function findLive(uid: string): Promise<LoginAttempt | undefined> {
    const attempt = await attempts.find(uid);
    return attempt && isLive(attempt, clock.now()) ? attempt : undefined;
  }

  /** Is all there that the login needs, with this proof beside what was proven before? */
  function isEnoughWith(attempt: LoginAttempt, proof: FactorProof): boolean {
    const strength = strengthOf(bestProof(attempt), [...attempt.factors, proof]);
    return strength !== undefined && isEnough(strength.acr, attempt.required);
  }

  async function isHeldBackWith({ claimant, proofs }: LoginAttempt, proof: FactorProof): Promise<boolean> {
    const account = claimant.kind === 'account' ? await accounts.find(claimant.accountId) : undefined;
    return account !== undefined && proofs.length === 0 && isHeldBack(account, proof);
  }

  const otherWays: OtherWays = {
    offered({ clientId, required }) {
      return rules.forClient(clientId).otherWays.filter((way) => {
        if (way === 'email' && !mailer) return false;
        if (way === 'passkey' && !rules.passkeys) return false;
        return isEnough(acrOfWay(way), required);
      });
    },

    async prove(uid, proof) {
      let attempt = await findLive(uid);
      if (!attempt) return { kind: 'over' };
      // a face that cannot be tied to this browser is given up: it neither helps nor hinders what is shown here
      const current = currentVerification(attempt);
      const isUnbound =
        attempt.proofs.length > 0 && attempt.state === 'settled' && bindingOf(attempt, rules).kind !== 'bound';
      if (current && isUnbound) {
        const event = { kind: 'discarded', verificationId: current.id, failed: ['captured-elsewhere'] } as const;
        const dropped = await attempts.change(uid, (a) => advance(a, event, rules.attempt, clock.now()));
        if (dropped?.kind !== 'moved') return { kind: 'over' };
        attempt = dropped.attempt;
      }
      const enough = isEnoughWith(attempt, proof) && !(await isHeldBackWith(attempt, proof));
      const event = { kind: 'factor', proof, enough } as const;
      const step = await attempts.change(uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (!step || step.kind === 'refused') return { kind: 'over' };
      if (step.kind === 'moved') {
        await journal.record({ event: 'factor.proven', attempt: uid, factor: proof.factor });
        await bus.publish(uid);
      }
      return { kind: step.attempt.state === 'settled' ? 'to-finish' : 'more' };
    },

    async useRecoveryCode(uid, typed) {
      const attempt = await findLive(uid);
      if (!attempt?.identifierKey || !otherWays.offered(attempt).includes('recovery_code')) return { kind: 'over' };
      const allowed = await limiter.spendWay(spenderOf(attempt));
      if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
      const { claimant } = attempt;
      // for nobody's account a code is looked up all the same, so that the answer takes as long
      const accountId = claimant.kind === 'account' ? claimant.accountId : 'nobody';
      const madeAt = await recovery.use(accountId, typed, uid);
      await journal.record({ event: madeAt === undefined ? 'recovery.wrong' : 'recovery.used', attempt: uid });
      if (madeAt === undefined) return { kind: 'wrong' };
      return otherWays.prove(uid, { factor: 'recovery_code', at: clock.now(), rests: [], madeAt });
    },
  };
  return otherWays;
}
