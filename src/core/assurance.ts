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

/** A passkey alone: phishing-resistant (OpenID Connect Extended Authentication Profile ACR Values 1.0). It stands beside the ladder. */
export const PHISHING_RESISTANT = 'phr';

export type Acr = (typeof ACR_LADDER)[number] | typeof PHISHING_RESISTANT;

const RECOVERY: Acr = 'urn:selfie-oidc:acr:recovery';
const DEVICE: Acr = 'urn:selfie-oidc:acr:device';
const SELFIE_ACTIVE: Acr = 'urn:selfie-oidc:acr:selfie-active';
const SELFIE_DEVICE: Acr = 'urn:selfie-oidc:acr:selfie-device';

/** What a selfie must be: `passive` is one still picture, `active` a challenge that moves or flashes. */
export type SelfieMethod = 'passive' | 'active';

/** Other ways in than a selfie, which a person chooses. */
export type Way = 'passkey' | 'email' | 'recovery_code';

const ACR_OF_METHOD: Record<SelfieMethod, Acr> = {
  passive: 'urn:selfie-oidc:acr:selfie',
  active: SELFIE_ACTIVE,
};

const ACR_OF_WAY: Record<Way, Acr> = {
  passkey: PHISHING_RESISTANT,
  email: RECOVERY,
  recovery_code: RECOVERY,
};

export function isAcr(value: unknown): value is Acr {
  return value === PHISHING_RESISTANT || isRung(value);
}

function isRung(value: unknown): value is (typeof ACR_LADDER)[number] {
  return typeof value === 'string' && (ACR_LADDER as readonly string[]).includes(value);
}

/**
 * Is `held` at least as strong as `wanted`? An `acr` we do not know satisfies nothing and is satisfied by nothing. A passkey is more
 * than a known device, and no face: only a face with a key is both.
 */
export function acrSatisfies(held: string | undefined, wanted: string): boolean {
  if (!isAcr(held) || !isAcr(wanted)) return false;
  if (held === wanted) return true;
  if (held === PHISHING_RESISTANT) return wanted === RECOVERY || wanted === DEVICE;
  if (wanted === PHISHING_RESISTANT) return held === SELFIE_DEVICE;
  return ACR_LADDER.indexOf(held) >= ACR_LADDER.indexOf(wanted);
}

/** What can be had here, by configuration and for this client. */
export interface Reach {
  /** an active selfie */
  readonly active: boolean;
  /** a passkey may be registered and used beside a selfie */
  readonly keys: boolean;
  /** the person has one already: only then a wish for a key, as opposed to a demand, is followed */
  readonly holdsKey: boolean;
  /** the policy's rules can let a known device in */
  readonly skip: boolean;
  readonly ways: readonly Way[];
}

/** Every `acr` that a login here can end in, weakest first: these are what discovery names. */
export function reachableAcrs(reach: Reach): Acr[] {
  const earned: readonly Acr[] = [
    ...reach.ways.map((way) => ACR_OF_WAY[way]),
    ...(reach.skip ? [DEVICE] : []),
    ACR_OF_METHOD.passive,
    ...(reach.active ? [ACR_OF_METHOD.active] : []),
    ...(reach.keys ? [SELFIE_DEVICE] : []),
  ];
  return [...ACR_LADDER, PHISHING_RESISTANT].filter((acr): acr is Acr => (earned as string[]).includes(acr));
}

/** The selfie that an `acr` needs; `key` where no selfie alone reaches it. */
export function selfieFor(acr: Acr): { readonly method: SelfieMethod; readonly key: boolean } {
  return {
    method: acr === SELFIE_ACTIVE ? 'active' : 'passive',
    key: acr === SELFIE_DEVICE || acr === PHISHING_RESISTANT,
  };
}

export function acrOf(method: SelfieMethod): Acr {
  return ACR_OF_METHOD[method];
}

export function acrOfWay(way: Way): Acr {
  return ACR_OF_WAY[way];
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

/** What was proven in a login beside a selfie: a known device, a key, a code. */
export interface FactorProof {
  readonly factor: 'device' | Way;
  /** epoch seconds; of a known device the time of the selfie that made it known */
  readonly at: number;
  /** what is taken back with it: the verifications it rests on */
  readonly rests: readonly string[];
  /** of a code from support: when it was made, epoch seconds */
  readonly madeAt?: number;
  /** what the face stood on that is behind it: nothing of it is looked at, but it ends with it */
  readonly faces?: readonly string[];
  /** of a passkey: which one, as long as the login is under way */
  readonly credential?: string;
  /** of a passkey: kept by hardware, or synchronised between devices */
  readonly key?: 'hwk' | 'swk';
  /** of a passkey: the person was verified by it (PIN, finger), beyond being there */
  readonly verified?: boolean;
}

export interface Strength {
  readonly acr: Acr;
  readonly amr: readonly string[];
  /** epoch seconds */
  readonly authTime: number;
}

/** What all that was proven adds up to; undefined when nothing was. RFC 8176 for `amr`. */
export function strengthOf(
  selfie: { readonly method: SelfieMethod; readonly authTime: number } | undefined,
  factors: readonly FactorProof[],
): Strength | undefined {
  const passkey = factors.find(({ factor }) => factor === 'passkey');
  if (selfie && passkey) {
    return {
      acr: SELFIE_DEVICE,
      amr: [...amrOf(selfie.method), passkey.key ?? 'swk', 'mfa'],
      authTime: selfie.authTime,
    };
  }
  if (selfie) return { acr: acrOf(selfie.method), amr: amrOf(selfie.method), authTime: selfie.authTime };
  if (passkey) {
    const amr = [passkey.key ?? 'swk', 'user', ...(passkey.verified ? ['mfa'] : [])];
    return { acr: PHISHING_RESISTANT, amr, authTime: passkey.at };
  }
  const device = factors.find(({ factor }) => factor === 'device');
  if (device) return { acr: DEVICE, amr: ['rba'], authTime: device.at };
  const code = factors.at(-1);
  return code && { acr: RECOVERY, amr: ['otp'], authTime: code.at };
}
