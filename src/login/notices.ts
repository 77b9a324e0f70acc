// Notices by mail: somebody signed in on a new device, showed the face on another one, came in by a weaker way, or changed the face. Each
// carries a link by which the person says "this was not me"; `denials.ts` is what that does.

import type { Account } from '../core/account.ts';
import { currentVerification, type LoginAttempt } from '../core/attempt.ts';
import { circumstancesOf } from './circumstances.ts';
import { type Denial, denialKey, NOTICE_SECONDS } from './denials.ts';
import type { Circumstances, Mail } from './mail.ts';
import type { JourneyParts, Notice } from './rules.ts';
import { hashToken, newToken } from './tokens.ts';

/** What a notice needs to know of a login. */
export type NoticedLogin = Pick<LoginAttempt, 'uid' | 'clientId' | 'origin'>;

export interface Notices {
  /** What is worth telling of a login that ended well. */
  signedIn(account: Account, attempt: LoginAttempt): Promise<void>;
  faceReplaced(account: Account, attempt: LoginAttempt, by: 'document' | 'review'): Promise<void>;
  /** @throws when the mail cannot be queued: what nobody is told of must not be planned */
  renewalWaits(account: Account, attempt: LoginAttempt): Promise<void>;
  /** @param login after which it was made: denied, it takes the passkey along */
  passkeyAdded(account: Account, login: NoticedLogin, name: string): Promise<void>;
}

export function createNotices(
  parts: Pick<JourneyParts, 'clientName' | 'clock' | 'log' | 'mailer' | 'rules' | 'store'>,
): Notices {
  const { clock, log, mailer, rules, store } = parts;

  /** A mail that cannot be queued must not stop a login. */
  async function tell(...notice: Parameters<typeof queue>): Promise<void> {
    try {
      await queue(...notice);
    } catch (error) {
      log.error({ attempt: notice[1].uid, err: error }, 'a notice could not be queued');
    }
  }

  async function queue(
    account: Account,
    attempt: NoticedLogin,
    of: Pick<Denial, 'face'>,
    write: (where: Circumstances, denyLink: string) => Mail,
  ): Promise<void> {
    if (!mailer || !account.email) return;
    const token = newToken();
    const denial: Denial = {
      accountId: account.id,
      uid: attempt.uid,
      clientId: attempt.clientId,
      at: clock.now(),
      ...of,
    };
    await store.set(denialKey(hashToken(token)), denial, NOTICE_SECONDS);
    const where = await circumstancesOf(parts, attempt.clientId, attempt.origin);
    await mailer.send(account.email.address, write(where, `${rules.issuer}/not-me/${token}`));
  }

  const wants = (notice: Notice) => rules.notices.includes(notice);

  return {
    async signedIn(account, attempt) {
      const weak = attempt.factors.find(({ factor }) => factor === 'email' || factor === 'recovery_code')?.factor;
      const isByCode = attempt.proofs.length === 0 && (weak === 'email' || weak === 'recovery_code');
      const tellsWeak = isByCode && wants('weak_sign_in');
      if (tellsWeak) {
        await tell(account, attempt, {}, (where, denyLink) => ({ kind: 'weak-sign-in', way: weak, where, denyLink }));
      }
      const tellsHandOff = currentVerification(attempt)?.confirmedAt !== undefined && wants('hand_off');
      if (tellsHandOff) {
        await tell(account, attempt, {}, (where, denyLink) => ({ kind: 'hand-off', where, denyLink }));
      }
      const isFirst = attempt.proofs[0]?.purpose === 'enrol';
      // one mail a sign-in: the device is told of where nothing else is
      if (!attempt.knownDevice && !isFirst && !tellsWeak && !tellsHandOff && wants('new_device')) {
        await tell(account, attempt, {}, (where, denyLink) => ({ kind: 'new-device', where, denyLink }));
      }
    },

    async faceReplaced(account, attempt, by) {
      if (!wants('face_replaced')) return;
      await tell(account, attempt, { face: true }, (where, denyLink) => ({
        kind: 'face-replaced',
        by,
        where,
        denyLink,
      }));
    },

    // no policy switches this one off: without it the waiting time would protect nobody
    renewalWaits: (account, attempt) =>
      queue(account, attempt, { face: true }, (where, denyLink) => ({
        kind: 'renewal-waiting',
        dueAt: account.pending?.dueAt ?? clock.now(),
        where,
        denyLink,
      })),

    async passkeyAdded(account, login, name) {
      if (!wants('passkey_added')) return;
      await tell(account, login, {}, (where, denyLink) => ({ kind: 'passkey-added', name, where, denyLink }));
    },
  };
}
