// Codes by mail, in an attempt: one proves at an enrolment that the address is the person's own (T15), one signs in who cannot show a
// face. Both count only in the browser that asked, and every answer looks alike whether there is such an account or not (T26).

import { randomInt, timingSafeEqual } from 'node:crypto';
import { advance } from '../core/advance.ts';
import { codeMinutes, isCodeOpen, isLive, type LoginAttempt, type MailedCode, type Step } from '../core/attempt.ts';
import { isEmailAddress } from '../core/identifier.ts';
import { circumstancesOf } from './circumstances.ts';
import { type Limiter, spenderOf } from './limits.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson } from './secrets.ts';
import { hashToken, newToken } from './tokens.ts';

/** Beside five tries a code, three codes an attempt, and the limits of other ways. */
const CODE_DIGITS = 8;
const PURPOSE = 'mailed-code';

export type SendOutcome =
  | { readonly kind: 'sent' }
  /** as many as one attempt may have */
  | { readonly kind: 'no-more' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  | { readonly kind: 'over' };

export type CodeOutcome =
  | { readonly kind: 'right'; readonly attempt: LoginAttempt }
  | { readonly kind: 'wrong' | 'expired' | 'over' };

export interface MailedCodes {
  /** Somebody new under an e-mail address has to prove it before a verification is paid for. */
  isOwed(attempt: LoginAttempt): boolean;
  send(uid: string, purpose: MailedCode['purpose']): Promise<SendOutcome>;
  /** What was typed into the page that waits for it. */
  type(uid: string, typed: string): Promise<CodeOutcome>;
  /** The link of the mail, opened in the browser that asked. Looks only; `follow` uses it. */
  isLinkOpen(uid: string, token: string): Promise<boolean>;
  follow(uid: string, token: string): Promise<CodeOutcome>;
}

export function createMailedCodes(parts: JourneyParts & { limiter: Limiter }): MailedCodes {
  const { accounts, attempts, clock, journal, limiter, mailer, rules, sealer } = parts;
  const textOf = (uid: string, code: string) => `${uid}|${code}`;

  async function findLive(uid: string): Promise<LoginAttempt | undefined> {
    const attempt = await attempts.find(uid);
    return attempt && isLive(attempt, clock.now()) ? attempt : undefined;
  }

  /** Where a code of this purpose may be sent; undefined is told to nobody. */
  async function recipientOf(attempt: LoginAttempt, purpose: MailedCode['purpose']): Promise<string | undefined> {
    if (purpose === 'enrol') return openPerson(sealer, attempt).identifier;
    if (attempt.claimant.kind !== 'account') return undefined;
    const address = (await accounts.find(attempt.claimant.accountId))?.email?.address;
    return address !== undefined && mailer?.accepts(address) ? address : undefined;
  }

  async function judge(uid: string, isRight: (mailed: MailedCode) => boolean): Promise<CodeOutcome> {
    const attempt = await findLive(uid);
    if (!attempt) return { kind: 'over' };
    let judged: { readonly purpose: MailedCode['purpose']; readonly right: boolean } | undefined;
    let isProven = false;
    // by the very record that the answer goes into: a code that was replaced meanwhile is right no more
    const step = await attempts.change(uid, (a): Step => {
      const { mailed } = a;
      judged = undefined;
      isProven = mailed?.provenAt !== undefined;
      if (isProven) return { kind: 'unchanged', attempt: a };
      if (!isCodeOpen(mailed, clock.now())) return { kind: 'refused', attempt: a, reason: 'no code is waited for' };
      judged = { purpose: mailed.purpose, right: isRight(mailed) };
      return advance(a, { kind: 'code', right: judged.right }, rules.attempt, clock.now());
    });
    if (step && isProven) return { kind: 'right', attempt: step.attempt };
    if (step?.kind !== 'moved' || !judged) return { kind: 'expired' };
    const { right, purpose } = judged;
    await journal.record({ event: right ? 'code.right' : 'code.wrong', attempt: uid, purpose });
    if (right) return { kind: 'right', attempt: step.attempt };
    return { kind: isCodeOpen(step.attempt.mailed, clock.now()) ? 'wrong' : 'expired' };
  }

  const isThisLink = (mailed: MailedCode | undefined, token: string) =>
    mailed?.link !== undefined && isSame(mailed.link, hashToken(token));

  return {
    isOwed(attempt) {
      if (!mailer || !rules.emailCode || attempt.claimant.kind !== 'newcomer') return false;
      if (attempt.mailed?.purpose === 'enrol' && attempt.mailed.provenAt !== undefined) return false;
      const { identifier } = openPerson(sealer, attempt);
      return isEmailAddress(identifier) && mailer.accepts(identifier);
    },

    async send(uid, purpose) {
      const attempt = await findLive(uid);
      if (!attempt || !mailer) return { kind: 'over' };
      const allowed = await limiter.spendWay({ ...spenderOf(attempt), isEnrolment: purpose === 'enrol' });
      if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
      const code = String(randomInt(0, 10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
      const token = newToken();
      const event = {
        kind: 'mailed',
        purpose,
        code: sealer.keyedHash(textOf(uid, code), PURPOSE),
        ...(purpose === 'sign-in' ? { link: hashToken(token) } : {}),
      } as const;
      const step = await attempts.change(uid, (a) => advance(a, event, rules.attempt, clock.now()));
      if (step?.kind !== 'moved') return { kind: 'no-more' };
      const to = await recipientOf(attempt, purpose);
      const where = await circumstancesOf(parts, attempt.clientId, attempt.origin);
      const minutes = codeMinutes(step.attempt, step.attempt.mailed?.sentAt ?? clock.now());
      if (to !== undefined && purpose === 'enrol')
        await mailer.send(to, { kind: 'enrolment-code', code, minutes, where });
      if (to !== undefined && purpose === 'sign-in') {
        const link = `${rules.issuer}/interaction/${uid}/link/${token}`;
        await mailer.send(to, { kind: 'sign-in-code', code, link, minutes, where });
      }
      await journal.record({ event: 'code.sent', attempt: uid, purpose });
      return { kind: 'sent' };
    },

    // under any key: another may have become the present one since the code was sent
    type: (uid, typed) => {
      const hashes = sealer.keyedHashes(textOf(uid, typed.replace(/[\s-]/g, '')), PURPOSE);
      return judge(uid, (mailed) => hashes.map((hash) => isSame(mailed.code, hash)).includes(true));
    },

    async isLinkOpen(uid, token) {
      const attempt = await findLive(uid);
      return isCodeOpen(attempt?.mailed, clock.now()) && isThisLink(attempt?.mailed, token);
    },

    follow: (uid, token) => judge(uid, (mailed) => isThisLink(mailed, token)),
  };
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
