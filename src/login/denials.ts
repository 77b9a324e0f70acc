// "This was not me": what a person can end by the link in a notice, or on their own page. The sign-in it tells of ends with all it
// allowed, its device is known no longer, a face or a key that came with it does not count, and the account is put under review.

import { type Account, demandDocument, putUnderReview } from '../core/account.ts';
import { RENEWAL, withoutPending } from './enrol.ts';
import { changeFaces } from './faces.ts';
import { loginProof } from './login-proof.ts';
import type { JourneyParts } from './rules.ts';
import type { PasskeyStore } from './stores.ts';
import { hashToken } from './tokens.ts';

/** How long a notice can be answered. */
export const NOTICE_SECONDS = 30 * 86_400;

export interface Denial {
  readonly accountId: string;
  /** the login that the notice tells of */
  readonly uid: string;
  readonly clientId: string;
  readonly at: number;
  /** a new face came with it, or waits */
  readonly face?: true;
}

/** One sign-in, as its person denies it. */
export type DeniedLogin = Pick<Denial, 'accountId' | 'uid' | 'at' | 'face'>;

export const denialKey = (tokenHash: string) => `denial:${tokenHash}`;

export interface Denials {
  /** What the link is about; undefined when it was used, or is too old. Changes nothing. */
  find(token: string): Promise<Denial | undefined>;
  /** Once. @returns undefined when there was nothing to deny */
  deny(token: string): Promise<Denial | undefined>;
  /** The same of a login that was just finished, and need not be noted for its person yet. Safe to repeat. */
  denyLogin(denied: DeniedLogin): Promise<void>;
  /** The same from the list of one's own sign-ins. @returns false when it is none of this account's */
  denySignIn(accountId: string, uid: string): Promise<boolean>;
  /** A new face that waits does not take the old one's place. @returns false when none waits */
  callOffNewFace(accountId: string): Promise<boolean>;
}

export function createDenials(
  parts: Pick<
    JourneyParts,
    'accounts' | 'activity' | 'attempts' | 'clock' | 'devices' | 'jobs' | 'journal' | 'revoker' | 'rules' | 'store'
  > & {
    readonly passkeys: Pick<PasskeyStore, 'removeAddedBy'>;
  },
): Denials {
  const { accounts, activity, attempts, clock, devices, jobs, journal, passkeys, revoker, rules, store } = parts;

  /** What only waits never counts. */
  async function dropWaiting(accountId: string): Promise<void> {
    await changeFaces(accounts, accountId, (account) => (account.pending ? withoutPending(account) : account));
  }

  async function takeBackFace(account: Account, { at }: DeniedLogin, isInPlace: boolean): Promise<void> {
    await changeFaces(accounts, account.id, (current) => {
      // what came with the denied login, or later, must be proven anew by a document
      const isLater = current.enrolledBy.at > at;
      const without = withoutPending(current);
      return isInPlace || isLater ? demandDocument(without, 'must-re-enrol') : without;
    });
  }

  async function denyLogin(denied: DeniedLogin): Promise<void> {
    const { accountId, uid, at } = denied;
    const now = clock.now();
    // first: a face that waits either never comes to count from here on, or has done so and is found in place
    if (denied.face) await dropWaiting(accountId);
    // then the login, before it is looked what it brought: a face that is just being put in its place finds it denied, or is found
    const ended = { ...(await revoker.revoke(loginProof(uid), accountId)) };
    const account = await accounts.find(accountId);
    const faces = account ? await facesBroughtBy(uid, account) : [];
    const isInPlace = account !== undefined && (faces.length > 0 || mayHaveBrought(account, denied));
    // what was opened by a face that came with it goes as well, in whichever login
    for (const proofId of faces) {
      const { sessions, grants } = await revoker.revoke(proofId, accountId);
      ended.sessions += sessions;
      ended.grants += grants;
    }
    for (const { device, firstUsedAt, logins, selfie } of await devices.list(accountId)) {
      const isByFace = selfie?.faces?.some((id) => faces.includes(id)) ?? false;
      if (firstUsedAt >= at || logins.includes(uid) || isByFace) await devices.drop(device, accountId);
    }
    await passkeys.removeAddedBy(accountId, uid, faces);
    if (account && (denied.face || isInPlace)) await takeBackFace(account, denied, isInPlace);
    await accounts.change(accountId, (account) => putUnderReview(account, 'denied-by-person', now));
    await activity.noteDenial(accountId, uid, now);
    await journal.record({ event: 'login.denied-afterwards', attempt: uid, account: accountId, ...ended });
  }

  /** The verifications by which the face in place came with this login: its document, or a selfie by a reviewer's word. */
  async function facesBroughtBy(uid: string, account: Account): Promise<readonly string[]> {
    const { enrolledBy, portrait } = account;
    const document = enrolledBy.purpose === 're-enrol' ? [enrolledBy.verificationId] : [];
    const selfie = portrait.kind === 'local' && portrait.from !== undefined ? [portrait.from] : [];
    const found = await Promise.all(
      [...document, ...selfie].map(async (id) => ((await attempts.ownerOf(id)) === uid ? [id] : [])),
    );
    return found.flat();
  }

  /** Did it come with this login, where it is not said what brought it? */
  function mayHaveBrought({ createdAt, portrait }: Account, { at }: DeniedLogin): boolean {
    const selfie = portrait.kind === 'local' ? portrait.from : undefined;
    if (portrait.kind !== 'local' || selfie !== undefined || portrait.pinnedAt <= createdAt) return false;
    // pinned during it counts as well, where it is not said what brought it: too often, one more document check is asked for
    const { ttlSeconds, reviewWaitSeconds } = rules.attempt;
    return portrait.pinnedAt <= at && portrait.pinnedAt >= at - ttlSeconds - reviewWaitSeconds;
  }

  return {
    find: (token) => store.get<Denial>(denialKey(hashToken(token))),

    denyLogin,

    async deny(token) {
      const denial = await store.get<Denial>(denialKey(hashToken(token)));
      if (!denial) return undefined;
      await denyLogin(denial);
      // the link is used up last: after a crash in between, it can be pressed again
      await store.delete(denialKey(hashToken(token)));
      return denial;
    },

    async denySignIn(accountId, uid) {
      const signIn = await activity.findSignIn(accountId, uid);
      if (!signIn) return false;
      await denyLogin({ accountId, uid, at: signIn.at });
      return true;
    },

    async callOffNewFace(accountId) {
      let isCalledOff = false;
      await changeFaces(accounts, accountId, (account) => {
        isCalledOff = account.pending !== undefined;
        return isCalledOff ? withoutPending(account) : account;
      });
      if (!isCalledOff) return false;
      await jobs.cancel(RENEWAL, accountId);
      await journal.record({ event: 're-enrolment.called-off', account: accountId, reasons: ['by-person'] });
      return true;
    },
  };
}
