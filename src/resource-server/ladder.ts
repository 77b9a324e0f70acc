// The strengths that this provider can tell in `acr`, for a resource server that wants "this or better". A copy of what the
// provider knows, so that this folder works far away from it; a test holds the two together.

const LADDER = [
  'urn:selfie-oidc:acr:recovery',
  'urn:selfie-oidc:acr:device',
  'urn:selfie-oidc:acr:selfie',
  'urn:selfie-oidc:acr:selfie-active',
  'urn:selfie-oidc:acr:selfie-device',
] as const;

/** A passkey alone. More than a known device and no face, so it stands beside the ladder: only a face with a key is both. */
const PASSKEY = 'phr';
const ABOVE_PASSKEY = 'urn:selfie-oidc:acr:selfie-device';
const BELOW_PASSKEY: readonly string[] = ['urn:selfie-oidc:acr:recovery', 'urn:selfie-oidc:acr:device'];

export type SelfieAcr = (typeof LADDER)[number] | typeof PASSKEY;

/**
 * This strength and every stronger one. Itself comes first: the order is that of preference (RFC 9470 §3), and the weakest
 * that is enough costs the person least.
 *
 * All of them are needed: a provider that knows a passkey to be more than a known device does not ask its owner for less,
 * and the token would be refused for ever.
 *
 * @throws TypeError for a value that is none of them: a misspelt one would let nobody in
 */
export function atLeast(acr: SelfieAcr): readonly SelfieAcr[] {
  if (acr === PASSKEY) return [PASSKEY, ABOVE_PASSKEY];
  const index = LADDER.indexOf(acr);
  if (index === -1) throw new TypeError(`${JSON.stringify(acr)} is not a strength of this provider`);
  return [...LADDER.slice(index), ...(BELOW_PASSKEY.includes(acr) ? ([PASSKEY] as const) : [])];
}
