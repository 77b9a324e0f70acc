// How strong a login was, and what that is called: the ladder of `acr` values and the `amr` each rung earns. What we say
// about strength is what happened; nothing here looks at what was asked for.

import type { LivenessMethod } from './verdict-types.ts';

/** Weakest first (OpenID Connect Core §2 `acr`; the order is ours). */
export const ACR_LADDER = [
  'urn:selfie-oidc:acr:recovery',
  'urn:selfie-oidc:acr:device',
  'urn:selfie-oidc:acr:selfie',
  'urn:selfie-oidc:acr:selfie-active',
  'urn:selfie-oidc:acr:selfie-device',
] as const;

export type Acr = (typeof ACR_LADDER)[number];

/** What a selfie must be: `passive` is one still picture, `active` a challenge that moves or flashes. */
export type SelfieMethod = 'passive' | 'active';

const ACR_OF_METHOD: Record<SelfieMethod, Acr> = {
  passive: 'urn:selfie-oidc:acr:selfie',
  active: 'urn:selfie-oidc:acr:selfie-active',
};

export function isAcr(value: unknown): value is Acr {
  return typeof value === 'string' && (ACR_LADDER as readonly string[]).includes(value);
}

/** Is `held` at least as strong as `wanted`? An `acr` we do not know satisfies nothing and is satisfied by nothing. */
export function acrSatisfies(held: string | undefined, wanted: string): boolean {
  return isAcr(held) && isAcr(wanted) && ACR_LADDER.indexOf(held) >= ACR_LADDER.indexOf(wanted);
}

/** The selfie that is enough for an `acr`; undefined where no selfie alone reaches it. */
export function methodFor(acr: Acr): SelfieMethod | undefined {
  if (acr === 'urn:selfie-oidc:acr:selfie-device') return undefined;
  return acr === 'urn:selfie-oidc:acr:selfie-active' ? 'active' : 'passive';
}

/** Can a login here end in exactly this `acr`? These are what discovery names. */
export function isEarned(acr: string): acr is Acr {
  return Object.values<string>(ACR_OF_METHOD).includes(acr);
}

export function acrOf(method: SelfieMethod): Acr {
  return ACR_OF_METHOD[method];
}

/** RFC 8176. A face at a vendor is `face`; nothing that did not happen is added. */
export function amrOf(_method: SelfieMethod): readonly string[] {
  return ['face'];
}

/** A flashing or moving challenge is active, a still picture passive; a method we were not told proves nothing. */
export function methodReached(liveness: LivenessMethod): SelfieMethod | undefined {
  switch (liveness) {
    case 'active-3d':
    case 'flashing':
      return 'active';
    case 'passive':
      return 'passive';
    case 'unknown':
      return undefined;
  }
}

export function isAtLeast(reached: SelfieMethod | undefined, required: SelfieMethod): boolean {
  return reached === 'active' || reached === required;
}
