// Which account an attempt ends in. A document check makes it, gives it a new face, or leaves the new face to wait beside the old one.

import { setTimeout } from 'node:timers/promises';
import type { Account } from '../core/account.ts';
import { advance } from '../core/advance.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import type { Proof } from '../core/verdict.ts';
import type { Ending } from './ending.ts';
import type { Enrolment } from './enrol.ts';
import { createFaceTrust } from './face-trust.ts';
import type { LateVerdicts } from './late.ts';
import type { Notices } from './notices.ts';
import type { RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson } from './secrets.ts';

/** How long one finish has the putting to wait for itself; after a crash, the next may. */
const LET_WAIT_SECONDS = 5;
const LET_WAIT_LOOK_MS = 50;

/** `over`: the new face waits, and the attempt has ended; undefined: there is no account for it */
export type Arrived =
  | { readonly attempt: LoginAttempt; readonly account: Account }
  | { readonly kind: 'over' }
  | undefined;

export type ArrivalParts = JourneyParts & {
  ending: Ending;
  enrolment: Enrolment;
  late: LateVerdicts;
  notices: Notices;
  risk: RiskView;
};

/** @param device hash of the device cookie that came along */
export type Arrival = (attempt: LoginAttempt, device: string | undefined) => Promise<Arrived>;

/** @returns what leads a settled attempt to its account; safe to repeat, also by two finishes at once */
export function createArrival(parts: ArrivalParts): Arrival {
  const isTrustedWithFace = createFaceTrust(parts);
  const { accounts, attempts, clock, ending, enrolment, late, notices, rules, sealer, store } = parts;

  /** The account this attempt ends in; made or renewed where the verification was a document check. */
  async function arrive(attempt: LoginAttempt, device: string | undefined): Promise<Arrived> {
    const proof = attempt.proofs.at(-1);
    if (!proof || proof.purpose === 'login') {
      const account = attempt.claimant.kind === 'account' ? await accounts.find(attempt.claimant.accountId) : undefined;
      return account ? { attempt, account } : undefined;
    }
    if (attempt.next === 'login') {
      // the enrolment has its account already; a key is still owed
      const account = attempt.claimant.kind === 'account' ? await accounts.find(attempt.claimant.accountId) : undefined;
      if (account) return { attempt, account };
    }
    const isTrusted = () => isTrustedWithFace(attempt, device);
    if (attempt.renewal === 'waits') return letWait(attempt, proof);
    // who was trusted when the button was pressed may not be any more: a device that was forgotten, a sign-in that was denied (T14)
    if (attempt.renewal === 'now' && !(await isTrusted()))
      return (await ledByAnother(attempt)) ?? letWait(attempt, proof);
    const { verificationId, authTime: acceptedAt, purpose } = proof;
    const { claimant } = attempt;
    const isNewcomer = claimant.kind !== 'account';
    const { accountId } = isNewcomer ? openPerson(sealer, attempt) : claimant;
    // first: where the process dies in between, a refusal finds the account, or the new face (R6, T8)
    await late.allow(verificationId, { accountId, acceptedAt, purpose });
    const account = isNewcomer ? await enrolment.createAccount(attempt, proof) : await enrolment.renew(attempt, proof);
    if (!account) {
      await late.forget(verificationId);
      return undefined;
    }
    if (attempt.renewal === 'now' && !(await isTrusted())) {
      const led = await ledByAnother(attempt);
      if (led) return led;
      // while the face was put in its place
      await late.withdraw(account.id, verificationId);
      return undefined;
    }
    if (!isNewcomer) await notices.faceReplaced(account, attempt, 'document');
    const event = { kind: 'enrolled', accountId: account.id, subject: account.subject } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step && step.kind !== 'refused') return { attempt: step.attempt, account };
    const turned = step?.attempt.verifications.find((each) => each.id === verificationId);
    if (turned?.conclusion === 'refused') {
      // the verdict turned while the account was being made: what it allowed is not worth more than it is
      await late.withdraw(account.id, verificationId);
      return undefined;
    }
    // two finishes at once: the other one was faster, and where it led this one leads as well
    const isThere = step && step.attempt.state !== 'ended' && step.attempt.claimant.kind === 'account';
    return isThere ? { attempt: step.attempt, account } : undefined;
  }

  /** Two finishes at once: the other one was through first, and may have given this browser a new cookie; where it led this one leads as well. */
  async function ledByAnother({ uid }: LoginAttempt): Promise<Arrived> {
    const attempt = await attempts.find(uid);
    if (attempt?.claimant.kind !== 'account' || attempt.next !== 'login' || attempt.state === 'ended') return undefined;
    const account = await accounts.find(attempt.claimant.accountId);
    return account && { attempt, account };
  }

  async function letWait(attempt: LoginAttempt, proof: Proof): Promise<{ kind: 'over' } | undefined> {
    const lock = `let-wait:${attempt.uid}`;
    if (!(await store.putIfAbsent(lock, true, LET_WAIT_SECONDS))) {
      // two finishes at once: where the other one leads this one leads as well
      await untilEnded(attempt.uid);
      return { kind: 'over' };
    }
    try {
      return await letWaitAlone(attempt, proof);
    } finally {
      await store.delete(lock);
    }
  }

  async function untilEnded(uid: string): Promise<void> {
    for (let looks = 0; looks < 20 && (await attempts.find(uid))?.state === 'settled'; looks += 1) {
      await setTimeout(LET_WAIT_LOOK_MS, undefined, { ref: false });
    }
  }

  /**
   * The new face waits beside the old one. Its person is told before it is planned to count: where the process died in between, it never
   * counts (T14, R6). Without a confirmed address the page of one's own is all that tells.
   */
  async function letWaitAlone(attempt: LoginAttempt, proof: Proof): Promise<{ kind: 'over' } | undefined> {
    const { uid } = attempt;
    const { verificationId, authTime: acceptedAt, purpose } = proof;
    if (attempt.claimant.kind !== 'account') return undefined;
    // a finish that was slow: the other one is through already, and where it led this one leads as well
    if ((await attempts.find(uid))?.endReason === 'renewal-waits') return { kind: 'over' };
    await late.allow(verificationId, { accountId: attempt.claimant.accountId, acceptedAt, purpose });
    const account = await enrolment.holdRenewal(attempt, proof);
    if (!account) return undefined;
    const current = await attempts.find(uid);
    const isTakenBack = await late.isTakenBack(verificationId);
    // the one that let this one pass took longer than it had: what it was granted stays
    if (current?.endReason === 'renewal-waits' && !isTakenBack) return { kind: 'over' };
    if (current?.state !== 'settled' || isTakenBack) {
      // the verdict turned meanwhile
      await late.withdraw(account.id, verificationId);
      return undefined;
    }
    await notices.renewalWaits(account, attempt);
    await enrolment.scheduleRenewal(account);
    await ending.end(uid, 'renewal-waits');
    return { kind: 'over' };
  }

  return arrive;
}
