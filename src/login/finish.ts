// Finish: the starting browser is back and a verdict is there. Is the face that of whoever holds this browser? Then the attempt is
// spent, once, and the result goes to oidc-provider.

import { setTimeout } from 'node:timers/promises';
import { type Account, isHeldBack, type Portrait } from '../core/account.ts';
import { addressPrefix } from '../core/address.ts';
import { advance } from '../core/advance.ts';
import { type Strength, strengthOf } from '../core/assurance.ts';
import { bestProof, currentVerification, hasLapsed, type LoginAttempt } from '../core/attempt.ts';
import type { Binding } from '../core/binding.ts';
import { isEnough } from '../core/requirement.ts';
import type { Proof } from '../core/verdict.ts';
import type { LoginRequest } from './begin.ts';
import { bindingOf } from './bind.ts';
import { type Ending, LAPSE } from './ending.ts';
import type { Enrolment } from './enrol.ts';
import { reasonsOf, requiredBy, skipFor } from './identify.ts';
import type { LateVerdicts } from './late.ts';
import type { Notices } from './notices.ts';
import type { Job } from './ports.ts';
import type { RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';
import { openPerson } from './secrets.ts';
import { hashToken } from './tokens.ts';

/** 132 bits of base64url, as long as the tokens that are random (`tokens.ts`). */
const DEVICE_TOKEN_CHARACTERS = 22;
const DEVICE_COOKIE = 'device-cookie';
/** How long one finish has the putting to wait for itself; after a crash, the next may. */
const LET_WAIT_SECONDS = 5;
const LET_WAIT_LOOK_MS = 50;
/** How long a finish has to do what follows from it, before somebody else does it. */
const FOLLOW_SECONDS = 30;

export interface LoginResult {
  readonly accountId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  /** epoch seconds */
  readonly authTime: number;
  /** how often the person had signed out everywhere when the attempt was spent, however often its answer is asked for */
  readonly signOuts: number;
  /** all that the login rests on, and the login itself: whichever is taken back ends what came of it */
  readonly proofIds: readonly string[];
}

export type FinishOutcome =
  | {
      readonly kind: 'login';
      readonly result: LoginResult /** a new device cookie, when this browser needs one */;
      readonly deviceToken?: string;
    }
  /** a stronger selfie is still owed */
  | { readonly kind: 'step-up' }
  /** the face is shown; a key has to be shown beside it */
  | { readonly kind: 'key' }
  /** no verdict yet, refused, or not tied to this browser: the waiting page knows */
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'over' };

export interface FinishInput {
  readonly request: LoginRequest;
  /** hash of the device cookie */
  readonly device?: string;
  /** the person goes on without the key that the client would like */
  readonly withoutKey?: boolean;
}

export interface Finishing {
  finish(input: FinishInput): Promise<FinishOutcome>;
  /** The job at the end of an attempt's time: it lapses, or what a finish that died has left undone is done (R6). */
  lapse(job: Job): Promise<void>;
}

/** Writes down by what the face was tied to this browser; once, with the line of the end where it comes to that. */
type TellBinding = () => Promise<void>;

export function createFinishing(
  parts: JourneyParts & {
    ending: Ending;
    enrolment: Enrolment;
    late: LateVerdicts;
    notices: Notices;
    risk: RiskView;
  },
): Finishing {
  const {
    accounts,
    attempts,
    clock,
    devices,
    ending,
    enrolment,
    jobs,
    journal,
    late,
    meter,
    notices,
    risk,
    rules,
    sealer,
    store,
  } = parts;

  async function finish(input: FinishInput): Promise<FinishOutcome> {
    const attempt = await attempts.find(input.request.uid);
    if (!attempt) return { kind: 'over' };
    // the answer to the first finish was lost: the same browser, the same interaction, the same answer (R6)
    if (attempt.state === 'spent') return answer(attempt, await findDevice(attempt, attempt.accountId));
    if (attempt.state === 'ended' || hasLapsed(attempt, clock.now())) return { kind: 'over' };
    if (attempt.state !== 'settled') return { kind: 'not-yet' };
    const binding = attempt.proofs.length > 0 ? bindingOf(attempt, rules) : undefined;
    if (binding?.kind === 'refused') await discard(attempt, binding.reasons);
    if (binding && binding.kind !== 'bound') return { kind: 'not-yet' };
    const tellBinding = tellerOf(attempt, binding);
    try {
      return await finishHere(attempt, input, tellBinding);
    } finally {
      await tellBinding();
    }
  }

  function tellerOf({ uid }: LoginAttempt, binding: Binding | undefined): TellBinding {
    let told: Promise<void> | undefined;
    return async () => {
      if (binding?.kind === 'bound')
        await (told ??= journal.record({ event: 'login.bound', attempt: uid, by: binding.by }));
    };
  }

  /** In the browser that began, and with a face, if there is one, of whoever holds it. */
  async function finishHere(
    attempt: LoginAttempt,
    input: FinishInput,
    tellBinding: TellBinding,
  ): Promise<FinishOutcome> {
    const isBySelfie = attempt.proofs.length > 0;
    const arrived = await arrive(attempt);
    if (!arrived) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    if ('kind' in arrived) return arrived;
    if (isSkipped(attempt) && !(await isStillKnown(attempt, arrived.account, input))) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    if (await isGivenUp(arrived.attempt, arrived.account)) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    if (await isMoreAsked(arrived.attempt, arrived.account, input)) return { kind: 'step-up' };
    const strength = strengthOf(bestProof(arrived.attempt), arrived.attempt.factors);
    const { factors, required } = arrived.attempt;
    const owesKey = rules.passkeys && isBySelfie && required.key && !factors.some(({ factor }) => factor === 'passkey');
    if (!strength || !isEnough(strength.acr, required)) return owesKey ? { kind: 'key' } : { kind: 'not-yet' };
    // the client would like a key without insisting, and the person has one: asked for, unless they go on without
    if (owesKey && !input.withoutKey) return { kind: 'key' };
    return spend(arrived.attempt, arrived.account, strength, input, tellBinding);
  }

  /** The accepted face is not that of whoever holds this browser. */
  async function discard(attempt: LoginAttempt, reasons: readonly string[]): Promise<void> {
    const refusal = { kind: 'discarded', failed: ['captured-elsewhere'] } as const;
    await attempts.change(attempt.uid, (a) => advance(a, refusal, rules.attempt, clock.now()));
    await journal.record({ event: 'verification.refused', attempt: attempt.uid, reasons });
  }

  /** The account this attempt ends in; made or renewed where the verification was a document check. */
  async function arrive(
    attempt: LoginAttempt,
  ): Promise<{ attempt: LoginAttempt; account: Account } | { kind: 'over' } | undefined> {
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
    if (attempt.renewal === 'waits') return letWait(attempt, proof);
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

  /** What a skip rests on may have been taken back since the button was pressed: device, selfie, standing. */
  async function isStillKnown(attempt: LoginAttempt, account: Account, input: FinishInput): Promise<boolean> {
    const { origin, clientId, required } = attempt;
    const { device, request } = input;
    const assessed = await risk.assess({ account, device, origin, clientId, scopes: request.scopes });
    return skipFor(account, { ...request, need: required }, assessed) !== undefined;
  }

  /**
   * Was what is proven by given up since it was shown? The face is to be proven anew by a document, the account was put under review, or the
   * key removed, by somebody who saw the sign-in coming (T14).
   */
  async function isGivenUp({ proofs, factors }: LoginAttempt, account: Account): Promise<boolean> {
    if (account.standing !== 'good') return true;
    if (proofs.length > 0) return false;
    for (const { factor, credential } of factors) {
      if (factor === 'device') continue;
      if (isHeldBack(account, factor)) return true;
      if (credential !== undefined && (await parts.passkeys.ownerOf(credential)) !== account.id) return true;
    }
    return false;
  }

  /**
   * Is a stronger selfie owed than the one accepted? Because the request asks for it and an enrolment showed a weaker one, or because
   * the vendor saw the capture come out of a network that would have asked for more, had it been known before.
   */
  async function isMoreAsked(
    attempt: LoginAttempt,
    account: Account,
    { device, request }: FinishInput,
  ): Promise<boolean> {
    const proof = bestProof(attempt);
    if (!proof || attempt.state !== 'settled') return attempt.state === 'open';
    // nothing stronger can be asked for
    if (proof.method === 'active') return false;
    const { origin, clientId } = attempt;
    const captures = attempt.verifications.flatMap((verification) => verification.captures ?? []);
    const assessed = await risk.assess({ account, device, origin, clientId, scopes: request.scopes, captures });
    const required = requiredBy({ ...request, need: attempt.required }, assessed, rules);
    if (required.method === 'passive') {
      const reasons = reasonsOf(assessed, required);
      if (reasons !== assessed.reasons)
        await journal.record({ event: 'login.not-raised', attempt: attempt.uid, reasons });
      return false;
    }
    const event = { kind: 'raised', required, reasons: assessed.reasons } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (step?.kind !== 'moved') return true;
    await journal.record({ event: 'login.raised', attempt: attempt.uid, reasons: assessed.reasons });
    return true;
  }

  async function spend(
    attempt: LoginAttempt,
    account: Account,
    strength: Strength,
    input: FinishInput,
    tellBinding: TellBinding,
  ): Promise<FinishOutcome> {
    // the library does not look at the hint again: a hint of one person and a selfie of another gives no code
    if (!(await input.request.allowsAccount(account.id))) {
      await ending.end(attempt.uid, 'refused');
      return { kind: 'over' };
    }
    const proof = bestProof(attempt);
    const face = proof && enrolment.reviewedFace(attempt, proof);
    const { consent } = attempt;
    await Promise.all([
      ...attempt.proofs.map(({ verificationId, authTime: acceptedAt, purpose }) => {
        const bringsFace = face !== undefined && verificationId === proof?.verificationId;
        const allowance = {
          accountId: account.id,
          acceptedAt,
          purpose,
          ...(bringsFace ? { bringsFace } : {}),
        } as const;
        return late.allow(verificationId, allowance);
      }),
      // the selfie behind a skip vouches once more: what it allowed must be found as long as this login lives (T8)
      ...attempt.factors.flatMap(({ factor, rests }) => (factor === 'device' ? rests.map(late.renew) : [])),
      consent && consent.version !== account.consent?.version
        ? accounts.change(account.id, (a) => (a.consent?.version === consent.version ? a : { ...a, consent }))
        : undefined,
    ]);
    const event = { kind: 'finished', accountId: account.id, signOuts: account.signOuts ?? 0 } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, clock.now()));
    if (!step || step.kind === 'refused') return { kind: 'over' };
    if (step.kind !== 'moved') return answer(step.attempt, await findDevice(step.attempt, account.id));
    if (proof && face) await replaceFace(account, step.attempt, proof, face);
    const [deviceToken] = await Promise.all([
      rememberDevice(step.attempt, account.id, input.device),
      follow(step.attempt, account, strength, tellBinding),
    ]);
    const settledAt = currentVerification(step.attempt)?.statusAt;
    if (proof && settledAt !== undefined) meter.observe('decision_to_redirect', Math.max(0, clock.now() - settledAt));
    return answer(step.attempt, deviceToken);
  }

  /**
   * What follows from a login: told, then noted, and only then the job at the end of the attempt's time is called off. Where the process
   * dies in between that job does the rest: a line may stand there twice, and none is lost.
   */
  async function follow(
    attempt: LoginAttempt,
    account: Account,
    strength: Strength,
    tellBinding: TellBinding,
  ): Promise<void> {
    const { uid, clientId, reasons } = attempt;
    const { acr } = strength;
    const isSkip = isSkipped(attempt);
    await Promise.all([
      notices.signedIn(account, attempt),
      ending.cleanUp(attempt),
      tellBinding(),
      journal.record({ event: 'login.finished', attempt: uid, account: account.id, client: clientId, acr, reasons }),
      // no verification, so no line of its own on the bill: counted as what was saved
      isSkip ? parts.ledger.skip() : undefined,
    ]);
    await noteSignIn(account, attempt, strength);
    await jobs.cancel(LAPSE, uid);
    meter.count('logins', { outcome: isSkip ? 'skipped' : 'success' });
    if (isSkip) meter.count('skips');
  }

  async function lapse(job: Job): Promise<void> {
    const attempt = await attempts.find(job.id);
    if (attempt?.state !== 'spent') return ending.lapse(job);
    const { uid, accountId = '', finishedAt = 0, proofs, factors } = attempt;
    const dueAt = finishedAt + FOLLOW_SECONDS;
    if (clock.now() < dueAt) return jobs.giveBack(job, { dueAtMs: dueAt * 1000 });
    const account = await accounts.find(accountId);
    const strength = strengthOf(bestProof(attempt), factors);
    const isNoted = account && (await parts.activity.findSignIn(accountId, uid)) !== undefined;
    if (account && strength && !isNoted) {
      const binding = proofs.length > 0 ? bindingOf(attempt, rules) : undefined;
      return follow(attempt, account, strength, tellerOf(attempt, binding));
    }
    await ending.cleanUp(attempt);
    await jobs.cancel(LAPSE, uid);
  }

  /**
   * Only after the attempt is spent: a verdict that turns before ends it, and brings no face. After a crash in between, the old face
   * stays, and nothing is lost by that.
   */
  async function replaceFace(account: Account, attempt: LoginAttempt, proof: Proof, face: Portrait): Promise<void> {
    await notices.faceReplaced(account, attempt, 'review');
    await enrolment.pinReviewed(account, face, attempt.uid);
    if (await late.isTakenBack(proof.verificationId)) await late.withdraw(account.id, proof.verificationId);
  }

  async function noteSignIn(account: Account, attempt: LoginAttempt, { acr }: Strength): Promise<void> {
    const { address, label: browser } = attempt.origin;
    const { place } = parts.networks.look(address);
    const { uid, clientId, reasons, finishedAt: at = clock.now() } = attempt;
    await parts.activity.noteSignIn(account.id, { at, uid, clientId, acr, browser, address, reasons }, place);
  }

  function answer(attempt: LoginAttempt, deviceToken: string | undefined): FinishOutcome {
    const strength = strengthOf(bestProof(attempt), attempt.factors);
    const { accountId, signOuts = 0 } = attempt;
    if (!strength || !accountId) return { kind: 'over' };
    const verificationIds = attempt.proofs.map((each) => each.verificationId);
    const rests = attempt.factors.flatMap((factor) => factor.rests);
    const { acr, amr, authTime } = strength;
    return {
      kind: 'login',
      result: {
        accountId,
        acr,
        amr,
        // the vendor's clock may run ahead of ours; nobody has signed in in the future
        authTime: Math.min(authTime, clock.now()),
        signOuts,
        proofIds: [...new Set([...verificationIds, ...rests, loginProof(attempt.uid)])],
      },
      ...(deviceToken ? { deviceToken } : {}),
    };
  }

  /**
   * A face or a key makes a device known; a code does not. A cookie from before the login is never promoted: whoever planted it would
   * hold a known device (T23).
   */
  async function rememberDevice(
    attempt: LoginAttempt,
    accountId: string,
    device: string | undefined,
  ): Promise<string | undefined> {
    const proof = bestProof(attempt);
    if (!proof && !attempt.factors.some(({ factor }) => factor === 'passkey' || factor === 'device')) return undefined;
    const { uid, origin } = attempt;
    const verificationIds = attempt.proofs.map((each) => each.verificationId);
    const visit = {
      at: clock.now(),
      browser: origin.label,
      prefix: addressPrefix(origin.address),
      uid,
      ...(proof
        ? { selfie: { at: Math.min(proof.authTime, clock.now()), verificationIds, login: loginProof(uid) } }
        : {}),
    };
    const known = device ? await devices.accountsOf(device) : [];
    // a skip proves nothing new, so there is nothing to be promoted: the cookie stays, for other tabs and people as well
    const staysKnown = device && (known[0] === accountId || (isSkipped(attempt) && known.includes(accountId)));
    const token = deviceTokenOf(attempt);
    const hash = staysKnown ? device : hashToken(token);
    await devices.remember(hash, accountId, visit, staysKnown ? undefined : device);
    const restsOn = attempt.factors.flatMap(({ rests }) => rests).filter((id) => !id.startsWith(LOGIN_PROOF));
    const takenBack = await Promise.all([...verificationIds, ...restsOn].map(late.isTakenBack));
    if (!takenBack.includes(true)) return staysKnown ? undefined : token;
    // a refusal since the attempt was spent found no device to forget (T8)
    await devices.drop(hash, accountId);
    return undefined;
  }

  /** The cookie of a login that is told again, unless it was taken back since: nothing becomes known by asking twice. */
  async function findDevice(attempt: LoginAttempt, accountId: string | undefined): Promise<string | undefined> {
    if (accountId === undefined) return undefined;
    for (const hash of sealer.keyedHashes(attempt.uid, DEVICE_COOKIE)) {
      const token = hash.slice(0, DEVICE_TOKEN_CHARACTERS);
      if (await devices.find(hashToken(token), accountId)) return token;
    }
    return undefined;
  }

  /** One login makes one device, however often its answer is asked for: a token that nobody else can make, and we need not keep. */
  const deviceTokenOf = ({ uid }: LoginAttempt) =>
    sealer.keyedHash(uid, DEVICE_COOKIE).slice(0, DEVICE_TOKEN_CHARACTERS);

  return { finish, lapse };
}

/** A known device was enough. */
function isSkipped({ factors, proofs }: LoginAttempt): boolean {
  return proofs.length === 0 && factors.some(({ factor }) => factor === 'device');
}

const LOGIN_PROOF = 'login:';

/** One login alone, as a thing to be taken back. */
export function loginProof(uid: string): string {
  return `${LOGIN_PROOF}${uid}`;
}
