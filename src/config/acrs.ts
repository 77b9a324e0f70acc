// The strengths of a login by name, and which of them is good enough where another is asked for. The order is that of
// the program itself (a test holds the two together); here it judges what an operator wrote.

/** The ladder, weakest first. */
export const ACRS = {
  recovery: 'urn:selfie-oidc:acr:recovery',
  device: 'urn:selfie-oidc:acr:device',
  selfie: 'urn:selfie-oidc:acr:selfie',
  selfieActive: 'urn:selfie-oidc:acr:selfie-active',
  selfieDevice: 'urn:selfie-oidc:acr:selfie-device',
} as const;

/** A passkey alone: above a remembered device, beside the selfies. */
export const PHR = 'phr';

const LADDER = Object.values(ACRS);
export const STRENGTHS = [...LADDER, PHR] as const;
export type Strength = (typeof STRENGTHS)[number];

/** Other ways in, and what each of them earns. */
export const OTHER_WAYS = { passkey: PHR, email: ACRS.recovery, recovery_code: ACRS.recovery } as const;
export type OtherWay = keyof typeof OTHER_WAYS;

/** Is `held` good enough where `wanted` is asked for? */
export function satisfies(held: Strength, wanted: Strength): boolean {
  if (held === wanted) return true;
  if (held === PHR) return wanted === ACRS.recovery || wanted === ACRS.device;
  if (wanted === PHR) return held === ACRS.selfieDevice;
  return LADDER.indexOf(held) > LADDER.indexOf(wanted);
}

/** Can it be reached only by people who have registered a passkey? */
export function needsPasskey(strength: string): boolean {
  return strength === ACRS.selfieDevice || strength === PHR;
}
