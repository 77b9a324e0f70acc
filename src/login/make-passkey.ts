// A new passkey, for somebody who has just shown the face of this account: in a login that needs a key, or on the page of one's own. It
// proves nothing by being made (no attestation is asked for): only its use does. It goes again with the login it was made in, when
// that turns out not to have been the person's.

import { type Account, standsOnlyOn } from '../core/account.ts';
import { isLive, type LoginAttempt } from '../core/attempt.ts';
import type { Proof } from '../core/verdict.ts';
import type { KeyChallenges } from './key-challenges.ts';
import type { LateVerdicts } from './late.ts';
import { loginProof } from './login-proof.ts';
import type { Notices } from './notices.ts';
import type { JourneyParts } from './rules.ts';
import type { Passkey } from './stores.ts';
import { newToken } from './tokens.ts';

/** Who makes a key, where, and on the strength of which login. */
export interface KeyMaker {
  readonly account: Account;
  /** the interaction, or the session of the person's own page */
  readonly place: string;
  readonly login: Pick<LoginAttempt, 'uid' | 'clientId' | 'origin'>;
  /** the verdicts behind it */
  readonly proofs: readonly Proof[];
  /** what the face stood on that was shown */
  readonly faces: readonly string[] | undefined;
  /** Is the session of the person's own page still there? Of a login it is asked whether it is under way. */
  isSignedIn?(): Promise<boolean>;
}

export type MakeOutcome =
  | { readonly kind: 'made' }
  /** the page was too old, or was answered before */
  | { readonly kind: 'stale' }
  | { readonly kind: 'refused' }
  /** the account has as many as it may */
  | { readonly kind: 'full' };

export interface PasskeyMaking {
  /** @returns options for the browser, JSON */
  ask(maker: KeyMaker): Promise<string>;
  answer(maker: KeyMaker, answer: string): Promise<MakeOutcome>;
}

export function createPasskeyMaking(
  parts: JourneyParts & { late: LateVerdicts; notices: Notices; challenges: KeyChallenges },
): PasskeyMaking {
  const { accounts, attempts, ceremonies, challenges, clock, journal, late, log, notices, passkeys, revoker } = parts;

  async function isUnderWay(uid: string): Promise<boolean> {
    const attempt = await attempts.find(uid);
    return attempt !== undefined && isLive(attempt, clock.now());
  }

  /** A late refusal takes the key back as well, however late, and whether or not its login was ever finished (T8). */
  async function allow({ account, proofs }: KeyMaker, isFirst: boolean): Promise<void> {
    for (const { verificationId, authTime: acceptedAt, purpose } of proofs) {
      await late.allowForGood(verificationId, isFirst ? { accountId: account.id, acceptedAt, purpose } : undefined);
    }
  }

  async function isTakenBack(maker: KeyMaker, wasUnderWay: boolean): Promise<boolean> {
    const { account, login, proofs, faces = [] } = maker;
    for (const { verificationId } of proofs) if (await late.isTakenBack(verificationId)) return true;
    // its person has denied this login, or what its face stood on was taken back, and what was made until then went with it (T8, T14)
    for (const proofId of [loginProof(login.uid), ...faces]) if (await revoker.isRevoked(proofId)) return true;
    // signed out, here or everywhere, by somebody who must not find a new key afterwards (T14)
    if (maker.isSignedIn && !(await maker.isSignedIn())) return true;
    const now = await accounts.find(account.id);
    if (!now || (now.signOuts ?? 0) !== (account.signOuts ?? 0)) return true;
    // another face took the place of the one that was shown, as at a finish (T14)
    if (maker.faces && !standsOnlyOn(now, maker.faces)) return true;
    // a verdict that turned before anything was allowed found nothing to take back: it has ended the login
    return wasUnderWay && !(await isUnderWay(login.uid));
  }

  return {
    async ask({ account, place }) {
      const own = await passkeys.list(account.id);
      const userHandle = own[0]?.userHandle ?? newToken();
      // one that was copied may be replaced on its own device
      const existing = own.filter(({ copiedAt }) => copiedAt === undefined);
      const { options, challenge } = await ceremonies.registration({ name: account.identifier, userHandle, existing });
      await challenges.keep('make', place, { challenge, userHandle });
      return options;
    },

    async answer(maker, answer) {
      const { account, place, login, proofs, faces } = maker;
      const asked = await challenges.take('make', place);
      if (!asked?.userHandle) return { kind: 'stale' };
      const reading = await ceremonies.verifyRegistration(answer, asked.challenge);
      if (reading.kind === 'refused') {
        log.info({ attempt: login.uid, problem: reading.problem }, 'a new passkey was refused');
        await journal.record({ event: 'passkey.refused', attempt: login.uid, reasons: ['not-made'] });
        return { kind: 'refused' };
      }
      const { kind: _right, ...made } = reading;
      const name = nameFor(login.origin.label, clock.now(), await passkeys.list(account.id));
      const wasUnderWay = await isUnderWay(login.uid);
      await allow(maker, wasUnderWay);
      const added = await passkeys.add(account.id, {
        ...made,
        userHandle: asked.userHandle,
        name,
        createdAt: clock.now(),
        madeIn: login.uid,
        rests: proofs.map(({ verificationId }) => verificationId),
        ...(faces ? { faces } : {}),
      });
      if (added === 'full') return { kind: 'full' };
      if (added === 'taken') {
        await journal.record({ event: 'passkey.refused', attempt: login.uid, reasons: ['taken'] });
        return { kind: 'refused' };
      }
      if (await isTakenBack(maker, wasUnderWay)) {
        await passkeys.remove(account.id, made.id);
        await journal.record({ event: 'passkey.refused', attempt: login.uid, reasons: ['taken-back'] });
        return { kind: 'refused' };
      }
      await journal.record({ event: 'passkey.added', attempt: login.uid, account: account.id });
      await notices.passkeyAdded(account, login, name);
      return { kind: 'made' };
    },
  };
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

/** "Firefox on Windows, 21 November 2026", and the second one of a day "… (2)": what a person tells them apart by. */
function nameFor(browser: string, at: number, others: readonly Passkey[]): string {
  const plain = `${browser}, ${DAY.format(new Date(at * 1000))}`;
  const isFree = (name: string) => !others.some((other) => other.name === name);
  let name = plain;
  for (let count = 2; !isFree(name); count += 1) name = `${plain} (${count})`;
  return name;
}
