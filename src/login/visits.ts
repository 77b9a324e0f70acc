// Who comes by while a verification runs: the person back from the hosted page, a phone with our one-time address, the number
// typed in the starting browser, a stranger who says "this was not me". None of them resumes anything.

import { timingSafeEqual } from 'node:crypto';
import { putUnderReview } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import {
  currentVerification,
  isLive,
  isUndecided,
  type LoginAttempt,
  NUMBER_LIFE_SECONDS,
  type Step,
  type Verification,
} from '../core/attempt.ts';
import { bindingOf } from './bind.ts';
import type { Denials } from './denials.ts';
import { type Ending, LAPSE } from './ending.ts';
import { scheduleReturnedLooks } from './look.ts';
import type { JourneyParts } from './rules.ts';
import { openVerificationSecrets } from './secrets.ts';
import { hashToken } from './tokens.ts';

export type ReturnOutcome =
  /** the starting browser: on to the waiting page, or to the end where the verdict came first */
  | { readonly kind: 'on'; readonly to: 'waiting' | 'finish' }
  /** the capturing device, with the right token: it gets the number and may deny */
  | {
      readonly kind: 'elsewhere';
      readonly attempt: LoginAttempt;
      /** undefined: it was shown too long ago to be typed */
      readonly number: string | undefined;
      readonly shownAt: number;
      /** the verification has ended, and led to nothing */
      readonly isRefused: boolean;
      /** somebody was signed in by it */
      readonly isDone: boolean;
    }
  /** a token that is not, or no longer, of use; nothing changed */
  | { readonly kind: 'nothing' };

export type NumberOutcome =
  /** `malformed`: no number of six digits, and so no guess */
  | { readonly kind: 'right' | 'wrong' | 'expired' | 'malformed' }
  /** the third wrong one ended the attempt */
  | { readonly kind: 'over' };

export interface Visits {
  /** @param here the interaction cookie of this uid came along */
  returned(uid: string, token: string, here: boolean): Promise<ReturnOutcome>;
  /** What the phone's page shows before anything happens; undefined when the address was used or is over. */
  phoneArrived(uid: string, phoneToken: string): Promise<LoginAttempt | undefined>;
  /** Uses the one-time address up. @returns the hosted page */
  phoneGoes(uid: string, phoneToken: string): Promise<string | undefined>;
  confirm(uid: string, typed: string): Promise<NumberOutcome>;
  /**
   * What was finished meanwhile is taken back as by "this was not me" in a notice: whoever was talked into telling the number may see it a
   * moment later (T2).
   *
   * @returns undefined when the token gives no authority here
   */
  deny(uid: string, token: string): Promise<LoginAttempt | undefined>;
}

export function createVisits(parts: JourneyParts & { ending: Ending; denials: Pick<Denials, 'denyLogin'> }): Visits {
  const { accounts, attempts, bus, clock, denials, ending, jobs, journal, rules, sealer } = parts;

  async function findLive(uid: string): Promise<LoginAttempt | undefined> {
    const attempt = await attempts.find(uid);
    return attempt && isLive(attempt, clock.now()) ? attempt : undefined;
  }

  /** Whatever else there is to say about it, the waiting page could only lead on. */
  function isReady(attempt: LoginAttempt): boolean {
    return attempt.state === 'settled' && bindingOf(attempt, rules).kind === 'bound';
  }

  function withToken(attempt: LoginAttempt | undefined, token: string): Verification | undefined {
    const current = attempt && currentVerification(attempt);
    return current?.returnTokens.includes(hashToken(token)) ? current : undefined;
  }

  /** A login that was finished with a face shown elsewhere, for the device that showed it. */
  function doneWith(attempt: LoginAttempt | undefined, token: string): LoginAttempt | undefined {
    const current = withToken(attempt, token);
    if (attempt?.state !== 'spent' || current?.returnedElsewhereAt === undefined) return undefined;
    // finished in another way, it is nothing to whoever showed a face that led to nothing
    return attempt.proofs.some(({ verificationId }) => verificationId === current.id) ? attempt : undefined;
  }

  /** By its own record: the list that its person sees is written a moment later. */
  async function denyDone(done: LoginAttempt): Promise<LoginAttempt> {
    const { accountId = '', finishedAt = clock.now(), uid } = done;
    await denials.denyLogin({ accountId, uid, at: finishedAt });
    return done;
  }

  function elsewhere(attempt: LoginAttempt, current: Verification): ReturnOutcome {
    const secrets = openVerificationSecrets(sealer, attempt);
    if (!secrets) return { kind: 'nothing' };
    const shownAt = current.returnedElsewhereAt ?? clock.now();
    const number = isTooOld(shownAt) ? undefined : secrets.number;
    return { kind: 'elsewhere', attempt, number, shownAt, isRefused: isRefused(current), isDone: false };
  }

  const isRefused = (verification: Verification) => !isUndecided(verification) && verification.conclusion === 'refused';

  const isTooOld = (shownAt: number) => clock.now() > shownAt + NUMBER_LIFE_SECONDS;

  return {
    async returned(uid, token, here) {
      const found = await attempts.find(uid);
      const done = here ? undefined : doneWith(found, token);
      if (done) {
        const shownAt = clock.now();
        return { kind: 'elsewhere', attempt: done, number: undefined, shownAt, isRefused: false, isDone: true };
      }
      const attempt = found && isLive(found, clock.now()) ? found : undefined;
      const current = withToken(attempt, token);
      if (!attempt || !current) return here ? { kind: 'on', to: 'waiting' } : { kind: 'nothing' };
      // nothing is to be confirmed any more; whoever showed the face still learns of which sign-in it was, and may stop it (T2)
      if (!here && isRefused(current)) return elsewhere(attempt, current);
      const event = { kind: 'returned', returnToken: hashToken(token), here } as const;
      const step = await attempts.change(uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind === 'moved') {
        if (current.conclusion === undefined) await scheduleReturnedLooks(parts, current.id);
        await bus.publish(uid);
        if (!here) await journal.record({ event: 'return.elsewhere', attempt: uid, verification: current.id });
      }
      if (here) return { kind: 'on', to: step && isReady(step.attempt) ? 'finish' : 'waiting' };
      return elsewhere(attempt, current);
    },

    async phoneArrived(uid, phoneToken) {
      const attempt = await findLive(uid);
      const current = attempt && currentVerification(attempt);
      return current?.phoneToken === hashToken(phoneToken) ? attempt : undefined;
    },

    async phoneGoes(uid, phoneToken) {
      const event = { kind: 'phone-used', phoneToken: hashToken(phoneToken) } as const;
      const step = await attempts.change(uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind !== 'moved') return undefined;
      await bus.publish(uid);
      return openVerificationSecrets(sealer, step.attempt)?.hostedUrl;
    },

    async confirm(uid, typed) {
      let right = false;
      let wasConfirmed = false;
      let isLate = false;
      let isMistyped = false;
      const digits = typed.replace(/\s/g, '');
      // judged by the very record that the answer goes into: what was right of one capture must not confirm the next (T2)
      const step = await attempts.change(uid, (a): Step => {
        const current = currentVerification(a);
        const secrets = openVerificationSecrets(sealer, a);
        if (!current || !secrets) return { kind: 'refused', attempt: a, reason: 'no number is waited for' };
        const shownAt = current.returnedElsewhereAt;
        wasConfirmed = current.confirmedAt !== undefined;
        isLate = shownAt !== undefined && isTooOld(shownAt) && !wasConfirmed && isLive(a, clock.now());
        isMistyped = !/^\d{6}$/.test(digits) && !wasConfirmed && isLive(a, clock.now());
        if (isLate || isMistyped) return { kind: 'unchanged', attempt: a };
        // a number that no device has shown yet can only be a guess
        right = isSameNumber(digits, secrets.number) && shownAt !== undefined;
        return advance(a, { kind: 'number', right }, rules.attempt, clock.now());
      });
      if (!step || step.kind === 'refused') return { kind: 'over' };
      if (isLate) return { kind: 'expired' };
      if (isMistyped) return { kind: 'malformed' };
      if (step.kind === 'moved') {
        await journal.record({ event: right ? 'number.confirmed' : 'number.wrong', attempt: uid });
        await bus.publish(uid);
      }
      if (step.attempt.state === 'ended') {
        await ending.cleanUp(step.attempt);
        await jobs.cancel(LAPSE, uid);
        return { kind: 'over' };
      }
      return { kind: right || wasConfirmed ? 'right' : 'wrong' };
    },

    async deny(uid, token) {
      const attempt = await attempts.find(uid);
      const done = doneWith(attempt, token);
      if (done) return denyDone(done);
      if (!attempt || !isLive(attempt, clock.now()) || !withToken(attempt, token)) return undefined;
      const { claimant, proofs } = attempt;
      // whoever shows the face of this account says that somebody else asked for it (T2)
      if (proofs.length > 0 && claimant.kind === 'account')
        await accounts.change(claimant.accountId, (each) => putUnderReview(each, 'denied-by-person', clock.now()));
      const ended = await ending.end(uid, 'denied');
      if (ended) return ended;
      // whoever began it may have finished it at this very moment
      const since = doneWith(await attempts.find(uid), token);
      return since && denyDone(since);
    },
  };
}

function isSameNumber(typed: string, number: string): boolean {
  return /^\d{6}$/.test(typed) && timingSafeEqual(Buffer.from(typed), Buffer.from(number));
}
