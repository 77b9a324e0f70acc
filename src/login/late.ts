// Verdicts that come after the attempt is over. A late approval revives nothing (T12); a late refusal of what was accepted takes
// back what it allowed: sessions, grants and tokens (T8).

import type { Verdict } from '../core/verdict-types.ts';
import { scheduleSingleLook } from './look.ts';
import { type Allowance, FOREVER } from './ports.ts';
import type { JourneyParts } from './rules.ts';

/** Longer than any session or token that a login can leave behind. */
const ALLOWANCE_SECONDS = 40 * 86_400;

export interface LateVerdicts {
  /** Remembers what an accepted verification allowed. An enrolment allows the account itself, so it is kept with it. */
  allow(verificationId: string, allowance: Allowance): Promise<void>;
  /** A device that was made known by these verifications is forgotten with them. */
  allowDevice(verificationIds: readonly string[], device: string): Promise<void>;
  /** The account has to be proven anew, if this is the verification it stands on. */
  withdraw(accountId: string, verificationId: string): Promise<void>;
  handle(verdict: Verdict, uid: string): Promise<void>;
}

export function createLateVerdicts(parts: JourneyParts): LateVerdicts {
  const { accounts, devices, journal, log, meter, revoker, store } = parts;
  const key = (verificationId: string) => `allowance:${verificationId}`;

  async function setStanding(
    accountId: string,
    verificationId: string,
    standing: 'must-re-enrol' | 'withdrawn',
  ): Promise<void> {
    await accounts.change(accountId, (account) =>
      account.enrolledBy.verificationId === verificationId ? { ...account, standing } : account,
    );
  }

  const lifeOf = ({ purpose }: Allowance) => (purpose === 'login' ? ALLOWANCE_SECONDS : FOREVER);

  return {
    allow: (verificationId, allowance) => store.set(key(verificationId), allowance, lifeOf(allowance)),

    async allowDevice(verificationIds, device) {
      for (const verificationId of verificationIds) {
        await store.update<Allowance, void>(key(verificationId), (allowance) =>
          allowance
            ? { kind: 'write', value: { ...allowance, device }, ttlSeconds: lifeOf(allowance), result: undefined }
            : { kind: 'keep', result: undefined },
        );
      }
    },

    withdraw: (accountId, verificationId) => setStanding(accountId, verificationId, 'withdrawn'),

    async handle(verdict, uid) {
      if (verdict.status !== 'declined' && verdict.status !== 'kyc-expired') {
        log.info(
          { attempt: uid, verification: verdict.verificationId, status: verdict.status },
          'a verdict came too late',
        );
        return;
      }
      const allowance = await store.get<Allowance>(key(verdict.verificationId));
      if (!allowance) return;
      // older than what was accepted: overtaken, or the vendor's clock is behind ours; its own word decides
      if (verdict.decidedAt < allowance.acceptedAt) return scheduleSingleLook(parts, verdict.verificationId);
      if (verdict.status === 'kyc-expired') {
        await setStanding(allowance.accountId, verdict.verificationId, 'must-re-enrol');
        await journal.record({
          event: 'account.document-expired',
          account: allowance.accountId,
          verification: verdict.verificationId,
        });
        return;
      }
      await setStanding(allowance.accountId, verdict.verificationId, 'withdrawn');
      if (allowance.device) await devices.drop(allowance.device, allowance.accountId);
      const ended = await revoker.revoke(verdict.verificationId);
      meter.count('logins', { outcome: 'revoked' });
      log.warn(
        { verification: verdict.verificationId, account: allowance.accountId, ...ended },
        'a late refusal took a login back',
      );
      await journal.record({
        event: 'login.revoked',
        attempt: uid,
        verification: verdict.verificationId,
        account: allowance.accountId,
        ...ended,
      });
    },
  };
}
