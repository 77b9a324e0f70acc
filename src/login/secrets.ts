// What an attempt keeps sealed: who is claimed and what an accepted document said, and of the verification under way the
// hosted address, the number and the hand-off token (invariant 11).

import type { IdentityMatch, Portrait, Profile } from '../core/account.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import type { Sealer } from './ports.ts';

export interface PersonSecrets {
  readonly identifier: string;
  /** the account a newcomer will get: fixed beforehand, so that finishing twice makes one account */
  readonly accountId: string;
  readonly found?: { readonly profile: Profile; readonly matching: IdentityMatch; readonly portrait: Portrait };
}

export interface VerificationSecrets {
  readonly hostedUrl: string;
  readonly number: string;
  readonly phoneToken?: string;
}

export function sealPerson(sealer: Sealer, uid: string, secrets: PersonSecrets): string {
  return sealer.seal(JSON.stringify(secrets), `attempt:${uid}:person`);
}

export function openPerson(sealer: Sealer, attempt: LoginAttempt): PersonSecrets {
  return JSON.parse(sealer.openText(attempt.sealed, `attempt:${attempt.uid}:person`));
}

export function sealVerification(sealer: Sealer, uid: string, secrets: VerificationSecrets): string {
  return sealer.seal(JSON.stringify(secrets), `attempt:${uid}:verification`);
}

export function openVerificationSecrets(sealer: Sealer, attempt: LoginAttempt): VerificationSecrets | undefined {
  if (attempt.sealedVerification === undefined) return undefined;
  return JSON.parse(sealer.openText(attempt.sealedVerification, `attempt:${attempt.uid}:verification`));
}
