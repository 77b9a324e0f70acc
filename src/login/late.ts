// Verdicts that come after the attempt is over. A late approval revives nothing (T12); a late refusal of what was accepted takes
// back what it allowed: sessions, grants and tokens (T8). An approval that fails its checks is such a refusal (settle.ts).

import { demandDocument, lowerStanding, putUnderReview, standsOn } from '../core/account.ts';
import type { FailedCheck } from '../core/verdict.ts';
import type { Verdict, VerificationStatus } from '../core/verdict-types.ts';
import {
  closeAllowance,
  findAllowance,
  forgetAllowance,
  keepAllowance,
  keepAllowanceForGood,
  loginAllowanceSeconds,
  refuseAllowance,
  renewAllowance,
} from './allowances.ts';
import { withoutPending } from './enrol.ts';
import { changeFaces } from './faces.ts';
import { scheduleSingleLook } from './look.ts';
import type { JourneyParts } from './rules.ts';
import type { Allowance } from './stores.ts';

export interface LateVerdicts {
  /** Remembers what an accepted verification allowed. An enrolment allows the account itself, so it is kept with it. */
  allow(verificationId: string, allowance: Allowance): Promise<void>;
  /** The same for something that has no end of its own, a passkey. @param first undefined where the login has allowed all of it already */
  allowForGood(verificationId: string, first: Allowance | undefined): Promise<void>;
  /** Nothing came of what it would have allowed. */
  forget(verificationId: string): Promise<void>;
  /** Something new rests on it: it is remembered from now on as long as when it was new. */
  renew(verificationId: string): Promise<void>;
  /** The account has to be proven anew, if this is the verification it stands on; a face of it that only waits goes. */
  withdraw(accountId: string, verificationId: string): Promise<void>;
  /** Has the verdict turned, so that nothing may be built on it any more? Asked after building: whoever comes second sees the other. */
  isTakenBack(verificationId: string): Promise<boolean>;
  /** @param failed the checks by which an approval is taken for a refusal */
  handle(verdict: Verdict, uid: string, failed?: readonly FailedCheck[]): Promise<void>;
  /** Does something still stand on this verification that a verdict like this would take back? */
  isStanding(verificationId: string, status: VerificationStatus): Promise<boolean>;
}

export function createLateVerdicts(parts: JourneyParts): LateVerdicts {
  const { accounts, clock, devices, journal, log, meter, passkeys, revoker, rules, store } = parts;
  const loginSeconds = loginAllowanceSeconds(rules.risk.oldestSelfieDays);

  async function setStanding(
    accountId: string,
    verificationId: string,
    standing: 'must-re-enrol' | 'withdrawn',
  ): Promise<void> {
    await accounts.change(accountId, (account) => {
      if (!standsOn(account, verificationId)) return account;
      // a document that has only expired was the person's all the same: what they have shown since counts
      return standing === 'withdrawn' ? demandDocument(account, standing) : lowerStanding(account, standing);
    });
  }

  /** A face that waits to take the old one's place goes as well. */
  async function dropPending(accountId: string, verificationId: string): Promise<void> {
    await changeFaces(accounts, accountId, (account) =>
      account.pending?.verificationId === verificationId ? withoutPending(account) : account,
    );
  }

  async function withdraw(accountId: string, verificationId: string): Promise<void> {
    // in this order: a face whose waiting time is over at this moment is dropped before it counts, or has its account withdrawn after
    await dropPending(accountId, verificationId);
    await setStanding(accountId, verificationId, 'withdrawn');
  }

  /** Does the account rest on what was taken back already? A finish built on it beside that, and died before it could see (R6, T8). */
  async function standsAgain({ accountId }: Allowance, verificationId: string): Promise<boolean> {
    const account = await accounts.find(accountId);
    return account?.standing === 'good' && standsOn(account, verificationId);
  }

  /** Devices that are known by nothing newer than this verification. */
  async function dropDevices(accountId: string, verificationId: string): Promise<void> {
    for (const { device, selfie } of await devices.list(accountId)) {
      if ([...(selfie?.verificationIds ?? []), ...(selfie?.faces ?? [])].includes(verificationId))
        await devices.drop(device, accountId);
    }
  }

  return {
    allow: (verificationId, allowance) => keepAllowance(store, verificationId, allowance, loginSeconds),

    allowForGood: (verificationId, first) => keepAllowanceForGood(store, verificationId, first),

    forget: (verificationId) => forgetAllowance(store, verificationId),

    renew: (verificationId) => renewAllowance(store, verificationId, loginSeconds),

    async isStanding(verificationId, status) {
      const allowance = await findAllowance(store, verificationId);
      if (!allowance) return false;
      if (allowance.takenBack) return standsAgain(allowance, verificationId);
      if (status !== 'kyc-expired') return true;
      const account = await accounts.find(allowance.accountId);
      return account?.standing === 'good' && account.enrolledBy.verificationId === verificationId;
    },

    withdraw,

    async isTakenBack(verificationId) {
      const allowance = await findAllowance(store, verificationId);
      return allowance === undefined || allowance.refused === true;
    },

    async handle(verdict, uid, failed = []) {
      if (verdict.status !== 'declined' && verdict.status !== 'kyc-expired') {
        log.info(
          { attempt: uid, verification: verdict.verificationId, status: verdict.status },
          'a verdict came too late',
        );
        return;
      }
      const allowance = await findAllowance(store, verdict.verificationId);
      if (!allowance || (allowance.takenBack && !(await standsAgain(allowance, verdict.verificationId)))) return;
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
      // first: a face that is just being put in its place sees that it must not
      await refuseAllowance(store, verdict.verificationId);
      await withdraw(allowance.accountId, verdict.verificationId);
      await accounts.change(allowance.accountId, (account) => putUnderReview(account, 'late-refusal', clock.now()));
      // before devices and keys: one that comes to be known meanwhile, by a face that stands on this one, finds it taken back
      const ended = await revoker.revoke(verdict.verificationId, allowance.accountId);
      await dropDevices(allowance.accountId, verdict.verificationId);
      // made on the strength of a face that was not the person's
      await passkeys.removeAddedBy(allowance.accountId, uid, [verdict.verificationId]);
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
        reasons: failed,
        ...ended,
      });
      // last: after a crash in between, everything is taken back once more
      await closeAllowance(store, verdict.verificationId);
    },
  };
}
