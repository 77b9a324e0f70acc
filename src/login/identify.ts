// Who is claimed, and by which right: typed, or known from a hint, a session or a device; with consent to the face check; a newcomer
// with the right to this identifier. The answer is an attempt that is fixed from here on (invariant 6).

import type { Account } from '../core/account.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import { readIdentifier } from '../core/identifier.ts';
import type { BeginInput, BeginOutcome, LoginRequest } from './begin.ts';
import type { Limiter } from './limits.ts';
import type { JourneyParts } from './rules.ts';
import { sealPerson } from './secrets.ts';
import { hashToken, newId } from './tokens.ts';

/** The interaction must outlive the attempt, or the last answer to the client cannot be delivered. */
const INTERACTION_MARGIN_SECONDS = 60;

type Person = { readonly kind: 'person'; readonly account: Account | undefined; readonly identifier: string };

export interface Identification {
  /** An attempt that is not stored yet, or why there can be none. */
  newAttempt(input: BeginInput): Promise<LoginAttempt | Exclude<BeginOutcome, { kind: 'to-vendor' }>>;
}

export function createIdentification(parts: JourneyParts & { limiter: Limiter }): Identification {
  const { accounts, devices, invitations, sealer, rules, clock, limiter } = parts;

  /** A new attempt, not yet stored: who is claimed, and by which right. */
  async function newAttempt(input: BeginInput): Promise<LoginAttempt | Exclude<BeginOutcome, { kind: 'to-vendor' }>> {
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
      next: !account ? 'enrol' : account.standing === 'good' ? 'login' : 're-enrol',
      browser: input.browser,
      knownDevice,
      origin: input.origin,
      ...(input.consentVersion === undefined ? {} : { consent: { version: input.consentVersion, at: now } }),
      claims: invitation ? [`invitation:${invitation}`] : [],
      createdAt: now,
      expiresAt: Math.min(now + rules.attempt.ttlSeconds, latestEnd),
      latestEnd,
      verifications: [],
      wrongNumbers: 0,
      proofs: [],
    };
  }

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

  return { newAttempt };
}
