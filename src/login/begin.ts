// Begin: who is claimed, what must be proven, and one verification opened for it. The order is the defence: limits, then the
// claim on the account, and only then the vendor, as the vendor hands one unfinished session to whoever asks (T1).

import type { Account } from '../core/account.ts';
import type { Acr, SelfieMethod } from '../core/assurance.ts';
import {
  advance,
  currentVerification,
  isLive,
  isUnderWay,
  type LoginAttempt,
  triesLeft,
  type Verification,
} from '../core/attempt.ts';
import type { LoginOrigin } from '../core/binding.ts';
import type { Claim } from '../core/claim.ts';
import { VendorPortraitMissing, VendorRefused, VendorSubjectBlocked, VendorUnavailable } from '../core/errors.ts';
import { readIdentifier } from '../core/identifier.ts';
import type { VerificationPurpose } from '../core/verdict.ts';
import { bindingOf } from './bind.ts';
import type { Ending } from './ending.ts';
import type { Limiter } from './limits.ts';
import { scheduleFirstLook } from './look.ts';
import type { OpenedVerification } from './ports.ts';
import type { JourneyParts } from './rules.ts';
import {
  openPerson,
  openVerificationSecrets,
  sealPerson,
  sealVerification,
  type VerificationSecrets,
} from './secrets.ts';
import { hashToken, newId, newNumber, newToken } from './tokens.ts';

/** What the client's request asks of this login; read from the stored interaction, never from the browser (T21). */
export interface LoginRequest {
  readonly uid: string;
  readonly clientId: string;
  readonly required: { readonly method: SelfieMethod; readonly acr: Acr };
  /** replaces the passive and the active workflow for this client */
  readonly vendorWorkflow?: string;
  /** `id_token_hint` or a requested `sub`: may this account answer? */
  allowsAccount(accountId: string): Promise<boolean>;
  readonly interactionExpiresAt: number;
  readonly locales: readonly string[];
}

export interface BeginInput {
  readonly request: LoginRequest;
  /** what was typed; undefined when the page knew who it is */
  readonly typed?: string;
  /** who the page showed: from id_token_hint, session or device cookie */
  readonly knownAccountId?: string;
  readonly consentVersion?: string;
  readonly invitation?: string;
  /** capture on a phone: stay on our page and show a QR code */
  readonly phone: boolean;
  /** hash of the browser cookie */
  readonly browser: string;
  /** hash of the device cookie */
  readonly device?: string;
  readonly origin: LoginOrigin;
}

export type BeginOutcome =
  | { readonly kind: 'to-vendor'; readonly url: string }
  | { readonly kind: 'to-waiting' }
  | { readonly kind: 'to-finish' }
  | {
      readonly kind: 'fault';
      readonly field: 'identifier' | 'biometric_consent' | 'invitation';
      readonly message: string;
    }
  | { readonly kind: 'enrolment-refused'; readonly reason: 'closed' | 'invitation' }
  | { readonly kind: 'conflict'; readonly retryAfterSeconds: number }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  | { readonly kind: 'vendor-down'; readonly retryAfterSeconds: number }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'no-portrait' }
  | { readonly kind: 'no-tries-left' }
  | { readonly kind: 'over' };

const VENDOR_RETRY_SECONDS = 30;
/** Longer than the vendor's create may take, retries and all. */
const OPENING_LOCK_SECONDS = 20;
/** How long a claim may stand before the attempt behind it is stored. */
const CLAIM_GRACE_SECONDS = 20;
/** The interaction must outlive the attempt, or the last answer to the client cannot be delivered. */
const INTERACTION_MARGIN_SECONDS = 60;

export interface Beginning {
  begin(input: BeginInput): Promise<BeginOutcome>;
}

export function createBeginning(parts: JourneyParts & { limiter: Limiter; ending: Ending }): Beginning {
  const { vendor, attempts, accounts, devices, invitations, sealer, rules, clock, journal, limiter, ending } = parts;

  async function begin(input: BeginInput): Promise<BeginOutcome> {
    const stored = await attempts.find(input.request.uid);
    if (stored) return resume(stored, input);
    const prepared = await prepare(input);
    if ('kind' in prepared) return prepared;
    return openNext(prepared, input, { isNew: true });
  }

  /** Trying again, starting again, back to the camera: all within what the attempt fixed. */
  async function resume(attempt: LoginAttempt, input: BeginInput): Promise<BeginOutcome> {
    if (!isLive(attempt, clock.now())) return { kind: 'over' };
    const current = currentVerification(attempt);
    if (isUnderWay(current)) return leadBack(attempt, current, input.phone);
    if (attempt.state === 'settled' && current) {
      const binding = bindingOf(attempt, rules.crossDevice);
      if (binding.kind === 'bound') return { kind: 'to-finish' };
      if (binding.kind === 'unproven' && !input.phone) return leadBack(attempt, current, false);
      // a face that cannot be tied to this browser is given up for one that can
      const step = await attempts.change(attempt.uid, (a) =>
        advance(a, { kind: 'discarded', failed: ['captured-elsewhere'] }, rules.attempt, clock.now()),
      );
      if (step?.kind !== 'moved') return { kind: 'over' };
      return openNext(step.attempt, input, { isNew: false });
    }
    if (triesLeft(attempt, rules.attempt) === 0) return { kind: 'no-tries-left' };
    return openNext(attempt, input, { isNew: false });
  }

  /** Back to the hosted page that is open already; costs nothing. */
  async function leadBack(attempt: LoginAttempt, current: Verification, phone: boolean): Promise<BeginOutcome> {
    const secrets = openVerificationSecrets(sealer, attempt);
    if (!secrets) return { kind: 'over' };
    if (!phone) return { kind: 'to-vendor', url: secrets.hostedUrl };
    const phoneToken = newToken();
    const step = await attempts.change(attempt.uid, (a) =>
      advance(
        a,
        {
          kind: 'reopened',
          verificationId: current.id,
          sealed: sealVerification(sealer, a.uid, { ...secrets, phoneToken }),
          phoneToken: hashToken(phoneToken),
        },
        rules.attempt,
        clock.now(),
      ),
    );
    return step?.kind === 'moved' ? { kind: 'to-waiting' } : { kind: 'over' };
  }

  /** A new attempt, not yet stored: who is claimed, and by which right. */
  async function prepare(input: BeginInput): Promise<LoginAttempt | Exclude<BeginOutcome, { kind: 'to-vendor' }>> {
    const { request } = input;
    const who = await identify(input);
    if ('kind' in who && who.kind !== 'person') return who;
    const { account, identifier } = who;
    const consentNeeded = input.typed !== undefined || !account?.consent;
    if (consentNeeded && input.consentVersion === undefined) {
      return {
        kind: 'fault',
        field: 'biometric_consent',
        message: 'Your consent to the face check is needed before it can begin.',
      };
    }
    let invitation: string | undefined;
    if (!account) {
      const entry = await mayEnrol(identifier, input);
      if (entry.kind !== 'welcome') return entry;
      invitation = entry.invitation;
    }
    const now = clock.now();
    const latestEnd = request.interactionExpiresAt - INTERACTION_MARGIN_SECONDS;
    if (latestEnd <= now) return { kind: 'over' };
    const knownDevice = Boolean(
      account && input.device && (await devices.accountsOf(input.device)).includes(account.id),
    );
    const accountId = account?.id ?? newId();
    return {
      uid: request.uid,
      clientId: request.clientId,
      state: 'open',
      claimant: account
        ? { kind: 'account', accountId: account.id }
        : { kind: 'newcomer', ...(invitation ? { invitation } : {}) },
      subject: account?.subject ?? newId(),
      identifierKey: sealer.keyedHash(identifier, 'identifier'),
      sealed: sealPerson(sealer, request.uid, { identifier, accountId }),
      required: { ...request.required, workflowId: loginWorkflow(request) },
      locales: request.locales,
      next: !account ? 'enrol' : account.standing === 'must-re-enrol' ? 're-enrol' : 'login',
      browser: input.browser,
      knownDevice,
      origin: input.origin,
      ...(input.consentVersion === undefined ? {} : { consent: { version: input.consentVersion, at: now } }),
      claims: [],
      createdAt: now,
      expiresAt: Math.min(now + rules.attempt.ttlSeconds, latestEnd),
      latestEnd,
      verifications: [],
      wrongNumbers: 0,
      proofs: [],
    };
  }

  type Person = { readonly kind: 'person'; readonly account: Account | undefined; readonly identifier: string };

  async function identify(input: BeginInput): Promise<Person | (BeginOutcome & { kind: 'fault' | 'limited' })> {
    if (input.typed !== undefined) {
      const reading = readIdentifier(input.typed);
      if (reading.kind === 'refused') return { kind: 'fault', field: 'identifier', message: reading.message };
      const account = await accounts.findByIdentifier(reading.identifier);
      // a hint names somebody: a newcomer, or anybody else, cannot be the one (invariant 6)
      if (!(await input.request.allowsAccount(account?.id ?? ''))) return notTheOneAskedFor(input);
      return { kind: 'person', account, identifier: reading.identifier };
    }
    const account = input.knownAccountId ? await accounts.find(input.knownAccountId) : undefined;
    if (!account) return { kind: 'fault', field: 'identifier', message: 'Type your user name or e-mail address.' };
    if (!(await input.request.allowsAccount(account.id))) return notTheOneAskedFor(input);
    return { kind: 'person', account, identifier: account.identifier };
  }

  async function notTheOneAskedFor(input: BeginInput): Promise<BeginOutcome & { kind: 'fault' | 'limited' }> {
    const allowed = await limiter.spendGuess(input.origin.address);
    if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
    return { kind: 'fault', field: 'identifier', message: 'The application asked for somebody else to sign in.' };
  }

  /** T15: whoever enrols needs the right to this identifier; T26: an unknown one reaches the vendor only where enrolment is open. */
  async function mayEnrol(
    identifier: string,
    input: BeginInput,
  ): Promise<
    | { readonly kind: 'welcome'; readonly invitation?: string }
    | (BeginOutcome & { kind: 'enrolment-refused' | 'limited' | 'fault' })
  > {
    if (rules.enrolment === 'open') return { kind: 'welcome' };
    const allowed = await limiter.spendGuess(input.origin.address);
    if (allowed.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
    if (rules.enrolment === 'closed') return { kind: 'enrolment-refused', reason: 'closed' };
    const token = input.invitation?.trim();
    if (!token) {
      return {
        kind: 'fault',
        field: 'invitation',
        message: 'This user name is new here: an invitation is needed to enrol.',
      };
    }
    const hash = hashToken(token);
    const invitation = await invitations.find(hash);
    const fits = invitation && (invitation.identifier === undefined || invitation.identifier === identifier);
    return fits ? { kind: 'welcome', invitation: hash } : { kind: 'enrolment-refused', reason: 'invitation' };
  }

  function loginWorkflow(request: LoginRequest): string {
    if (request.vendorWorkflow) return request.vendorWorkflow;
    return (request.required.method === 'active' ? rules.workflows.active : undefined) ?? rules.workflows.passive;
  }

  /** One opening at a time within an attempt: a second press of the button would make the vendor overwrite the first callback. */
  async function openNext(attempt: LoginAttempt, input: BeginInput, how: { isNew: boolean }): Promise<BeginOutcome> {
    const lock = `opening:${attempt.uid}`;
    if (!(await parts.store.putIfAbsent(lock, true, OPENING_LOCK_SECONDS))) return { kind: 'to-waiting' };
    try {
      return await openAlone(attempt, input, how);
    } finally {
      await parts.store.delete(lock);
    }
  }

  async function openAlone(
    attempt: LoginAttempt,
    input: BeginInput,
    { isNew }: { isNew: boolean },
  ): Promise<BeginOutcome> {
    const workflowId = attempt.next === 'login' ? attempt.required.workflowId : rules.workflows.enrol;
    const person = attempt.claimant.kind === 'account' ? attempt.claimant.accountId : attempt.identifierKey;
    const allowed = await limiter.spend({
      person,
      knownDevice: attempt.knownDevice,
      address: attempt.origin.address,
      clientId: attempt.clientId,
    });
    if (allowed.kind === 'limited') {
      await journal.record({ event: 'login.limited', attempt: attempt.uid, reasons: [allowed.by] });
      await ending.rememberObstacle(attempt.uid, 'limited');
      return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
    }
    const claim = `${workflowId}:${person}`;
    const taken = await takeClaim(claim, attempt);
    if (taken.kind === 'conflict') {
      await allowed.refund();
      return taken;
    }
    if (isNew && !(await attempts.create(attempt))) {
      // a second press of the button came in between: the first one made the attempt
      await allowed.refund();
      return { kind: 'to-waiting' };
    }
    if (isNew) {
      await ending.scheduleLapse(attempt);
      await journal.record({
        event: 'login.begun',
        attempt: attempt.uid,
        client: attempt.clientId,
        purpose: attempt.next,
      });
    }
    const outcome = await openAtVendor(attempt, workflowId, claim, input.phone);
    if (outcome.refund) await allowed.refund();
    return outcome.begin;
  }

  async function takeClaim(
    key: string,
    attempt: LoginAttempt,
  ): Promise<{ kind: 'taken' } | (BeginOutcome & { kind: 'conflict' })> {
    const challenger: Claim = {
      uid: attempt.uid,
      browser: attempt.browser,
      knownDevice: attempt.knownDevice,
      claimedAt: clock.now(),
      until: attempt.latestEnd,
    };
    let result = await attempts.claim(key, challenger, rules.attempt.contestedAfterSeconds);
    if (result.kind === 'held' && (await isAbandoned(result.holder, result.claimedAt))) {
      await attempts.release(key, result.holder);
      result = await attempts.claim(key, challenger, rules.attempt.contestedAfterSeconds);
    }
    if (result.kind === 'held') {
      await journal.record({ event: 'login.conflict', attempt: attempt.uid });
      return { kind: 'conflict', retryAfterSeconds: result.retryAfterSeconds };
    }
    // the loser's session goes first: the vendor would hand it out again (T1)
    if (result.kind === 'preempt') await ending.end(result.loser, 'preempted', { keepClaim: key });
    return { kind: 'taken' };
  }

  /** A claim outlives its attempt only when a process died in between (R6). */
  async function isAbandoned(holder: string, claimedAt: number): Promise<boolean> {
    const attempt = await attempts.find(holder);
    if (attempt) return !isLive(attempt, clock.now());
    return clock.now() - claimedAt > CLAIM_GRACE_SECONDS;
  }

  async function openAtVendor(
    attempt: LoginAttempt,
    workflowId: string,
    claim: string,
    phone: boolean,
  ): Promise<{ readonly begin: BeginOutcome; readonly refund: boolean }> {
    const returnToken = newToken();
    let opened: OpenedVerification;
    try {
      const portrait = attempt.next === 'login' ? await pinnedPortrait(attempt) : undefined;
      opened = await vendor.openVerification({
        workflowId,
        subject: attempt.subject,
        returnUrl: `${rules.issuer}/interaction/${attempt.uid}/return/${returnToken}`,
        ...(portrait ? { portrait } : {}),
        locales: attempt.locales,
        metadata: {
          purpose: attempt.next,
          client_id: attempt.clientId,
          attempt_id: attempt.uid,
          device: sealer.keyedHash(attempt.browser, 'vendor-device'),
        },
      });
    } catch (error) {
      return explain(error, attempt);
    }
    const repeated = attempt.verifications.some((each) => each.id === opened.verificationId);
    const owned = !repeated && (await attempts.own(opened.verificationId, attempt.uid));
    if (!owned || opened.status !== 'not-started') return burn(attempt, opened.verificationId);
    return { begin: await record(attempt, opened, { workflowId, claim, returnToken, phone }), refund: false };
  }

  /** An id that somebody else ever had, or that was begun before: its verdict never counts (T1). */
  async function burn(attempt: LoginAttempt, verificationId: string) {
    await attempts.own(verificationId, `burnt by ${attempt.uid}`);
    await ending.scheduleDelete(verificationId);
    await journal.record({ event: 'verification.burnt', attempt: attempt.uid, verification: verificationId });
    return { begin: { kind: 'conflict', retryAfterSeconds: 5 } as const, refund: true };
  }

  async function record(
    attempt: LoginAttempt,
    opened: OpenedVerification,
    made: { workflowId: string; claim: string; returnToken: string; phone: boolean },
  ): Promise<BeginOutcome> {
    const now = clock.now();
    const phoneToken = made.phone ? newToken() : undefined;
    const secrets: VerificationSecrets = {
      hostedUrl: opened.url,
      number: newNumber(),
      ...(phoneToken ? { phoneToken } : {}),
    };
    const purpose: VerificationPurpose = attempt.next;
    const verification: Verification = {
      id: opened.verificationId,
      purpose,
      workflowId: made.workflowId,
      // a document check proves who somebody is; how the selfie of it was taken is told by its result
      method: purpose === 'login' ? attempt.required.method : 'passive',
      openedAt: now,
      returnTokens: [hashToken(made.returnToken)],
      status: opened.status,
      statusAt: now,
      ...(phoneToken ? { phoneToken: hashToken(phoneToken) } : {}),
    };
    const event = {
      kind: 'opened',
      verification,
      sealed: sealVerification(sealer, attempt.uid, secrets),
      claim: made.claim,
    } as const;
    const step = await attempts.change(attempt.uid, (a) => advance(a, event, rules.attempt, now));
    await parts.ledger.open({
      verificationId: verification.id,
      client: attempt.clientId,
      account: sealer.keyedHash(openPerson(sealer, attempt).accountId, 'ledger'),
      reason: purpose,
    });
    if (step?.kind !== 'moved') {
      await ending.scheduleDelete(verification.id);
      return { kind: 'over' };
    }
    await Promise.all([
      scheduleFirstLook(parts, verification.id),
      ending.forgetObstacle(attempt.uid),
      journal.record({ event: 'verification.opened', attempt: attempt.uid, verification: verification.id, purpose }),
      parts.bus.publish(attempt.uid),
    ]);
    return made.phone ? { kind: 'to-waiting' } : { kind: 'to-vendor', url: opened.url };
  }

  async function pinnedPortrait(attempt: LoginAttempt): Promise<Uint8Array | undefined> {
    if (attempt.claimant.kind !== 'account') return undefined;
    const account = await accounts.find(attempt.claimant.accountId);
    if (account?.portrait.kind !== 'local') return undefined;
    const jpeg = await accounts.loadPortrait(account.portrait.ref, account.portrait.sha256);
    if (!jpeg)
      parts.log.error(
        { account: account.id },
        'pinned portrait is missing or altered: the vendor compares with its own',
      );
    return jpeg;
  }

  async function explain(error: unknown, attempt: LoginAttempt): Promise<{ begin: BeginOutcome; refund: boolean }> {
    if (error instanceof VendorPortraitMissing) {
      const step = await attempts.change(attempt.uid, (a) =>
        advance(a, { kind: 're-enrol-asked' }, rules.attempt, clock.now()),
      );
      const possible = step !== undefined && step.kind !== 'refused';
      return { begin: { kind: possible ? 'no-portrait' : 'blocked' }, refund: true };
    }
    if (error instanceof VendorSubjectBlocked) {
      await ending.end(attempt.uid, 'refused');
      return { begin: { kind: 'blocked' }, refund: true };
    }
    if (!(error instanceof VendorUnavailable) && !(error instanceof VendorRefused)) throw error;
    await ending.rememberObstacle(attempt.uid, 'vendor-down');
    parts.meter.count('verifications', { reason: attempt.next, outcome: error.code });
    parts.log.error({ attempt: attempt.uid, code: error.code, err: error }, 'no verification could be opened');
    await journal.record({ event: 'verification.not-opened', attempt: attempt.uid, reasons: [error.code] });
    const retryAfterSeconds = (error instanceof VendorUnavailable && error.retryAfterSeconds) || VENDOR_RETRY_SECONDS;
    return { begin: { kind: 'vendor-down', retryAfterSeconds }, refund: error instanceof VendorRefused };
  }

  return { begin };
}
