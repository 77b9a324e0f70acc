// Begin: who is claimed, what must be proven, and one verification opened for it. Whoever is here already goes on where the attempt
// stands: back to the camera, to the finish, or to another try within what was fixed at the start.

import { advance } from '../core/advance.ts';
import type { Acr, SelfieMethod } from '../core/assurance.ts';
import {
  currentVerification,
  isLive,
  isUnderWay,
  type LoginAttempt,
  triesLeft,
  type Verification,
} from '../core/attempt.ts';
import type { LoginOrigin } from '../core/binding.ts';
import { bindingOf } from './bind.ts';
import type { Ending } from './ending.ts';
import { createIdentification } from './identify.ts';
import type { Limiter } from './limits.ts';
import { createOpening } from './open.ts';
import type { JourneyParts } from './rules.ts';
import { openVerificationSecrets, sealVerification } from './secrets.ts';
import { hashToken, newToken } from './tokens.ts';

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

export interface Beginning {
  begin(input: BeginInput): Promise<BeginOutcome>;
}

export function createBeginning(parts: JourneyParts & { limiter: Limiter; ending: Ending }): Beginning {
  const { attempts, sealer, rules, clock } = parts;
  const { newAttempt } = createIdentification(parts);
  const { openNext, reopen } = createOpening(parts);

  async function begin(input: BeginInput): Promise<BeginOutcome> {
    const stored = await attempts.find(input.request.uid);
    if (stored) return resume(stored, input);
    const prepared = await newAttempt(input);
    if ('kind' in prepared) return prepared;
    return openNext(prepared, { isNew: true, phone: input.phone });
  }

  /** Trying again, starting again, back to the camera: all within what the attempt fixed. */
  async function resume(attempt: LoginAttempt, input: BeginInput): Promise<BeginOutcome> {
    if (!isLive(attempt, clock.now())) return { kind: 'over' };
    const current = currentVerification(attempt);
    // without a return token nothing can tie the next capture to this browser: the vendor's callback has to be renewed
    if (isUnderWay(current) && current.returnTokens.length === 0) return reopen(attempt, current, input.phone);
    if (isUnderWay(current)) return leadBack(attempt, current, input.phone);
    if (attempt.state === 'settled' && current) {
      const binding = bindingOf(attempt, rules.crossDevice);
      if (binding.kind === 'bound') return { kind: 'to-finish' };
      const mayStillReturn = binding.kind === 'unproven' && current.returnTokens.length > 0;
      if (mayStillReturn && !input.phone) return leadBack(attempt, current, false);
      // a face that cannot be tied to this browser is given up for one that can
      const step = await attempts.change(attempt.uid, (a) =>
        advance(a, { kind: 'discarded', failed: ['captured-elsewhere'] }, rules.attempt, clock.now()),
      );
      if (step?.kind !== 'moved') return { kind: 'over' };
      return openNext(step.attempt, { isNew: false, phone: input.phone });
    }
    if (triesLeft(attempt, rules.attempt) === 0) return { kind: 'no-tries-left' };
    return openNext(attempt, { isNew: false, phone: input.phone });
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

  return { begin };
}
