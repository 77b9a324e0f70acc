// What codes mean, for the person they are about: how strong a sign-in was, why so much was asked, what an application may see. A rule
// of risk without a sentence does not compile.

import type { Account } from '../../core/account.ts';
import { type Acr, isAcr } from '../../core/assurance.ts';
import type { RuleName } from '../../core/risk.ts';
import type { ConsentRecord } from '../../oidc/consents.ts';
import { describeGrants } from './consent.ts';

const STRENGTHS: Readonly<Record<Acr, string>> = {
  'urn:selfie-oidc:acr:recovery': 'with a code by e-mail or from support, without a selfie',
  'urn:selfie-oidc:acr:device': 'on a known device, without a new selfie',
  'urn:selfie-oidc:acr:selfie': 'with a selfie',
  'urn:selfie-oidc:acr:selfie-active': 'with a selfie in which you had to move',
  'urn:selfie-oidc:acr:selfie-device': 'with a selfie and a passkey',
  phr: 'with a passkey',
};

export function describeStrength(acr: string): string {
  return isAcr(acr) ? STRENGTHS[acr] : 'in another way';
}

type Kebab<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}-${Kebab<Tail>}` : S;

/** By the part of a reason before its detail: the codes of `core/risk-rules/`. */
const REASONS: Readonly<Record<Kebab<RuleName> | 'no-rule-spoke' | 'active-unavailable', string>> = {
  'account-under-review': 'Your account was marked to be watched more closely.',
  'repeated-declines': 'Selfies for your account had been refused shortly before.',
  'anonymising-new-device': 'A new browser came through a network that hides where people are.',
  'anonymising-network': 'It came through a network that hides where people are.',
  'impossible-travel': 'It was too far from the place of the sign-in before to have travelled there in that time.',
  'sensitive-scope': 'The application asked for something that needs more proof.',
  'selfie-age': 'The last selfie in that browser was too long ago, or there was none.',
  'new-device': 'The browser was new to us.',
  'new-network': 'The network was new for that browser.',
  'known-device-and-network': 'Browser and network were known to us.',
  'active-unavailable': 'A stronger selfie would have been asked for, and there is none here.',
  'no-rule-spoke': 'Nothing was unusual; a selfie is the rule.',
};

/** The kinds of networks that a reason can name behind its colon. */
const NETWORKS: Readonly<Record<string, string>> = {
  tor: 'Tor',
  vpn: 'a VPN',
  proxy: 'an open proxy',
  hosting: 'a data centre',
};

export function describeReasons(reasons: readonly string[]): readonly string[] {
  return [...new Set(reasons.map(describeReason))];
}

function describeReason(reason: string): string {
  const [code = '', detail = ''] = reason.split(':');
  const words = Object.hasOwn(REASONS, code) ? REASONS[code as keyof typeof REASONS] : undefined;
  if (words === undefined) return 'Another rule of this service asked for it.';
  const network = code.startsWith('anonymising-') && Object.hasOwn(NETWORKS, detail) ? NETWORKS[detail] : undefined;
  return network === undefined ? words : words.replace(/\.$/, ` (${network}).`);
}

const REVIEWS: Readonly<Record<string, string>> = {
  'denied-by-person': 'You said that a sign-in was not yours.',
  'late-refusal': 'A check that had been accepted was refused afterwards.',
  'passkey-copied': 'Somebody used a copy of one of your passkeys.',
};

/** An operator's own words are notes about the case, and stay where they are. */
export function describeReview(reasons: readonly string[]): readonly string[] {
  const words = reasons.map((reason) => (Object.hasOwn(REVIEWS, reason) ? REVIEWS[reason] : undefined));
  return [...new Set(words.map((each) => each ?? 'Whoever runs this service asked for it.'))];
}

/** In the order of a document. */
const CLAIMS = {
  name: 'Name',
  given_name: 'Given name',
  family_name: 'Family name',
  birthdate: 'Date of birth',
  gender: 'Gender',
} as const satisfies Record<keyof Account['profile'], string>;

export function describeClaims({ profile }: Account): readonly { readonly name: string; readonly value: string }[] {
  return Object.entries(CLAIMS).flatMap(([claim, name]) => {
    const value = profile[claim as keyof Account['profile']];
    return value === undefined ? [] : [{ name, value }];
  });
}

/** What a consent allows, with the scopes of the policy and of resources by their names. */
export function describeConsent({ scopes, claims, resources = {} }: ConsentRecord): readonly string[] {
  const ofResources = Object.entries(resources).flatMap(([resource, names]) =>
    names.length > 0 ? [`Use ${names.join(', ')} at ${resource}`] : [],
  );
  return [...describeGrants(scopes, claims), ...ofResources];
}
