// A passkey in a login: alone, where policy and client take it instead of a selfie, or beside the selfie of a login that needs both. It
// must be one of the account that the attempt claims (invariant 6). Everybody is asked and refused in the same words, so that neither
// tells who has an account or a passkey (T26); what was wrong stands in the journal.

import { putUnderReview } from '../core/account.ts';
import { strengthOf } from '../core/assurance.ts';
import { bestProof, isLive, type LoginAttempt } from '../core/attempt.ts';
import { isEnough } from '../core/requirement.ts';
import { bindingOf } from './bind.ts';
import type { KeyChallenges } from './key-challenges.ts';
import { type Limiter, spenderOf } from './limits.ts';
import { loginProof } from './login-proof.ts';
import type { OtherWays, ProofOutcome } from './other-ways.ts';
import type { JourneyParts } from './rules.ts';
import type { Passkey } from './stores.ts';

/** What a passkey could be good for in an attempt. */
export type KeyPart =
  /** instead of a selfie: then the key itself must have verified the person, or whoever finds it is in */
  | { readonly kind: 'alone' }
  /** the face is accepted and tied to this browser */
  | { readonly kind: 'beside'; readonly accountId: string; readonly mayGoWithout: boolean }
  | { readonly kind: 'none' };

export type UseOutcome =
  | ProofOutcome
  | { readonly kind: 'not-offered' }
  /** the page was too old, or was answered before */
  | { readonly kind: 'stale' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

export interface PasskeyUse {
  partIn(attempt: LoginAttempt): KeyPart;
  /** @returns options for the browser, JSON: the same for every account, and for none */
  ask(attempt: LoginAttempt): Promise<string>;
  answer(uid: string, answer: string): Promise<UseOutcome>;
}

type Judged =
  | { readonly kind: 'right'; readonly passkey: Passkey; readonly verified: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

export function createPasskeyUse(
  parts: JourneyParts & { limiter: Limiter; otherWays: OtherWays; challenges: KeyChallenges },
): PasskeyUse {
  const { accounts, attempts, ceremonies, challenges, clock, journal, limiter, log, otherWays, passkeys, rules } =
    parts;

  function partIn(attempt: LoginAttempt): KeyPart {
    const beside = besideSelfie(attempt);
    if (beside) return beside;
    const isDone = attempt.state === 'settled' && attempt.factors.length > 0;
    return !isDone && otherWays.offered(attempt).includes('passkey') ? { kind: 'alone' } : { kind: 'none' };
  }

  function besideSelfie(attempt: LoginAttempt): (KeyPart & { kind: 'beside' }) | undefined {
    const { claimant, factors, required, state } = attempt;
    if (!rules.passkeys || !required.key || state !== 'settled' || attempt.proofs.length === 0) return undefined;
    // before the login has arrived at its account, a document shown for somebody else's would count here (T15)
    if (claimant.kind !== 'account' || attempt.next !== 'login') return undefined;
    if (factors.some(({ factor }) => factor === 'passkey') || bindingOf(attempt, rules).kind !== 'bound')
      return undefined;
    const strength = strengthOf(bestProof(attempt), factors);
    const mayGoWithout = strength !== undefined && isEnough(strength.acr, required);
    return { kind: 'beside', accountId: claimant.accountId, mayGoWithout };
  }

  async function judge(attempt: LoginAttempt, answer: string, challenge: string, mustVerify: boolean): Promise<Judged> {
    const refused = (reason: string): Judged => ({ kind: 'refused', reason });
    const id = ceremonies.credentialOf(answer);
    if (id === undefined) return refused('unreadable');
    const { claimant } = attempt;
    const owner = await passkeys.ownerOf(id);
    if (owner === undefined) return refused('unknown-passkey');
    if (claimant.kind !== 'account' || claimant.accountId !== owner) return refused('of-another-account');
    const account = await accounts.find(owner);
    if (account?.standing !== 'good') return refused('account-not-in-good-standing');
    const passkey = (await passkeys.list(owner)).find((each) => each.id === id);
    if (!passkey) return refused('unknown-passkey');
    const reading = await ceremonies.verifyAuthentication(answer, { challenge, mustVerify }, passkey);
    if (reading.kind === 'refused') {
      log.info({ attempt: attempt.uid, problem: reading.problem }, 'a passkey was refused');
      return refused('not-proven');
    }
    const noted = await passkeys.use(owner, id, reading.counter, clock.now());
    if (noted === 'gone') return refused('unknown-passkey');
    if (noted === 'copied') {
      await journal.record({ event: 'passkey.counter-went-back', attempt: attempt.uid, account: owner });
      await accounts.change(owner, (each) => putUnderReview(each, 'passkey-copied', clock.now()));
      return refused('counter-went-back');
    }
    return { kind: 'right', passkey, verified: reading.verified };
  }

  return {
    partIn,

    async ask(attempt) {
      const mustVerify = partIn(attempt).kind !== 'beside';
      const { options, challenge } = await ceremonies.authentication({ mustVerify });
      await challenges.keep('use', attempt.uid, { challenge });
      return options;
    },

    async answer(uid, answer) {
      const attempt = await attempts.find(uid);
      if (!attempt || !isLive(attempt, clock.now())) return { kind: 'over' };
      const part = partIn(attempt);
      if (part.kind === 'none') return { kind: 'not-offered' };
      // only failures count in the end, but fifty tries at once must not pass together
      const allowed = await limiter.spendWay(spenderOf(attempt));
      if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
      const asked = await challenges.take('use', uid);
      const judged = asked && (await judge(attempt, answer, asked.challenge, part.kind === 'alone'));
      if (judged?.kind === 'refused') {
        await journal.record({ event: 'passkey.refused', attempt: uid, reasons: [judged.reason] });
        return { kind: 'refused' };
      }
      await allowed.refund();
      if (!judged) return { kind: 'stale' };
      const { passkey, verified } = judged;
      return otherWays.prove(uid, {
        factor: 'passkey',
        at: clock.now(),
        // a key is worth what the login was worth after which it was made
        rests: [...passkey.rests, loginProof(passkey.madeIn)],
        ...(passkey.faces ? { faces: passkey.faces } : {}),
        credential: passkey.id,
        key: passkey.isSynced ? 'swk' : 'hwk',
        verified,
      });
    },
  };
}
