// Who is claimed, and by which right: typed, or known from a hint, a session or a device; with consent to the face check; a newcomer
// with the right to this identifier. The answer is an attempt that is fixed from here on (invariant 6).

import type { Account } from '../core/account.ts';
import type { FactorProof, SelfieMethod } from '../core/assurance.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import { readIdentifier } from '../core/identifier.ts';
import { mayBeSkipped, type Need, raise } from '../core/requirement.ts';
import type { RiskAssessment } from '../core/risk.ts';
import type { BeginInput, BeginOutcome, LoginRequest } from './begin.ts';
import type { Limiter } from './limits.ts';
import type { Assessed, RiskView } from './risk.ts';
import type { JourneyParts, JourneyRules } from './rules.ts';
import { sealPerson } from './secrets.ts';
import type { DeviceUse } from './stores.ts';
import { hashToken, newId } from './tokens.ts';

/** The interaction must outlive the attempt, or the last answer to the client cannot be delivered. */
const INTERACTION_MARGIN_SECONDS = 60;

export const CONSENT_MISSING = {
  kind: 'fault',
  field: 'biometric_consent',
  message: 'Your consent to the face check is needed before it can begin.',
} as const satisfies BeginOutcome;

type Person = { readonly kind: 'person'; readonly account: Account | undefined; readonly identifier: string };

export interface Identification {
  /** An attempt that is not stored yet, or why there can be none. */
  newAttempt(input: BeginInput): Promise<LoginAttempt | Exclude<BeginOutcome, { kind: 'to-vendor' }>>;
}

export function createIdentification(parts: JourneyParts & { limiter: Limiter; risk: RiskView }): Identification {
  const { accounts, invitations, sealer, rules, clock, limiter, risk } = parts;

  /** A new attempt, not yet stored: who is claimed, and by which right. */
  async function newAttempt(input: BeginInput): Promise<LoginAttempt | Exclude<BeginOutcome, { kind: 'to-vendor' }>> {
    const { request } = input;
    const who = await identify(input);
    if ('kind' in who && who.kind !== 'person') return who;
    const { account, identifier } = who;
    const now = clock.now();
    const latestEnd = request.interactionExpiresAt - INTERACTION_MARGIN_SECONDS;
    if (latestEnd <= now) return { kind: 'over' };
    const assessed = await risk.assess({
      account,
      device: input.device,
      origin: input.origin,
      clientId: request.clientId,
      scopes: request.scopes,
    });
    const required = requiredBy(request, assessed, rules);
    const skipped = input.wish === undefined && account ? skipFor(account, request, assessed) : undefined;
    const consentNeeded = (input.typed !== undefined || !account?.consent) && !skipped && input.wish !== 'other-way';
    if (consentNeeded && input.consentVersion === undefined) return CONSENT_MISSING;
    let claimant: LoginAttempt['claimant'] = account
      ? { kind: 'account', accountId: account.id }
      : { kind: 'stranger' };
    if (!account) {
      const entry = await mayEnrol(identifier, input);
      if (entry.kind === 'welcome') {
        claimant = { kind: 'newcomer', ...(entry.invitation ? { invitation: entry.invitation } : {}) };
      } else if (input.wish !== 'other-way') return entry;
    }
    const invitation = claimant.kind === 'newcomer' ? claimant.invitation : undefined;
    // whoever was typed in is asked, whatever is on record: else the question would tell who has an account (T26)
    const onRecord = input.typed === undefined ? account?.consent : undefined;
    const consent = input.consentVersion === undefined ? onRecord : { version: input.consentVersion, at: now };
    const accountId = account?.id ?? newId();
    return {
      uid: request.uid,
      clientId: request.clientId,
      state: skipped ? 'settled' : 'open',
      claimant,
      subject: account?.subject ?? newId(),
      identifierKey: sealer.keyedHash(identifier, 'identifier'),
      sealed: sealPerson(sealer, request.uid, { identifier, accountId }),
      required,
      reasons: reasonsOf(assessed, required),
      locales: request.locales,
      next: !account ? 'enrol' : account.standing === 'good' ? 'login' : 're-enrol',
      browser: input.browser,
      knownDevice: assessed.use !== undefined,
      origin: input.origin,
      ...(consent ? { consent } : {}),
      claims: invitation ? [`invitation:${invitation}`] : [],
      createdAt: now,
      expiresAt: Math.min(now + rules.attempt.ttlSeconds, latestEnd),
      latestEnd,
      verifications: [],
      wrongNumbers: 0,
      proofs: [],
      factors: skipped ? [skipped] : [],
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
    const account = input.known;
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
    // another way answers everybody alike and tells nothing; a count of the unknown alone would, once it is full
    const allowed = input.wish === 'other-way' ? undefined : await limiter.spendGuess(input.origin.address);
    if (allowed?.kind === 'limited') return { kind: 'limited', retryAfterSeconds: allowed.retryAfterSeconds };
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

  return { newAttempt };
}

/**
 * The proof that a known device on a known network is, where neither the rules nor the request ask for more. It keeps the time of the
 * selfie that made the device known (invariant 8), and is taken back with it.
 */
export function skipFor(account: Account, request: LoginRequest, assessed: Assessed): FactorProof | undefined {
  if (assessed.demand !== 'skip' || request.wantsNewProof || account.standing !== 'good') return undefined;
  if (!mayBeSkipped(request.need)) return undefined;
  return deviceProof(assessed.use);
}

function deviceProof(use: DeviceUse | undefined): FactorProof | undefined {
  if (!use?.selfie) return undefined;
  const { at, verificationIds, faces, login } = use.selfie;
  return { factor: 'device', at, rests: [...verificationIds, login], ...(faces ? { faces } : {}) };
}

/** What the request needs and what the rules ask for, whichever is more. */
export function requiredBy(
  request: Pick<LoginRequest, 'need' | 'vendorWorkflow'>,
  assessed: Pick<Assessed, 'demand'>,
  rules: Pick<JourneyRules, 'workflows'>,
): LoginAttempt['required'] {
  // a workflow of the client's own is the operator's choice for every selfie of it: no rule can ask for another
  const canBeActive = rules.workflows.active !== undefined && request.vendorWorkflow === undefined;
  const asked: SelfieMethod = assessed.demand === 'active' && canBeActive ? 'active' : 'passive';
  const need = raise(request.need, asked);
  return { ...need, workflowId: request.vendorWorkflow ?? workflowFor(need.method, rules) };
}

function workflowFor(method: SelfieMethod, { workflows }: Pick<JourneyRules, 'workflows'>): string {
  return (method === 'active' ? workflows.active : undefined) ?? workflows.passive;
}

/** Why so much was asked; and where more should have been and could not be had, that as well. */
export function reasonsOf({ demand, reasons }: RiskAssessment, { method }: Pick<Need, 'method'>): readonly string[] {
  return demand === 'active' && method !== 'active' ? [...reasons, 'active-unavailable'] : reasons;
}
