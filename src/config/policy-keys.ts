// Each policy key once: path in policy.yaml, what it accepts, default, meaning with unit. The documents are written
// from this table.

import { z } from 'zod';

export interface PolicyKey<T> {
  readonly type: z.ZodType<T>;
  /** what the type accepts, for a fault's fix and for the documents */
  readonly accepts: string;
  readonly fallback: T;
  readonly fallbackText?: string;
  readonly about: string;
}

function number(least: number, most: number, fallback: number, about: string): PolicyKey<number> {
  return {
    type: z.number().int().min(least).max(most),
    accepts: `a whole number from ${least} to ${most}`,
    fallback,
    about,
  };
}

function choice<const T extends string>(words: readonly T[], fallback: T, about: string): PolicyKey<T> {
  return { type: z.enum(words) as unknown as z.ZodType<T>, accepts: `one of ${words.join(', ')}`, fallback, about };
}

function score(about: string): PolicyKey<number | undefined> {
  return {
    type: z.number().min(0).max(100),
    accepts: 'a number from 0 to 100',
    fallback: undefined,
    fallbackText: 'none',
    about,
  };
}

/**
 * The vendor's warnings that its own documentation says always decline a session, about the face. An approval that
 * carries one contradicts itself and is refused. Warnings about age say nothing about who somebody is.
 */
export const DEFAULT_REFUSE_WARNINGS = ['FACE_IN_BLOCKLIST', 'LIVENESS_FACE_ATTACK', 'NO_FACE_DETECTED'];

const DAY_SECONDS = 86_400;

export const POLICY_KEYS = {
  'attempt.ttl_seconds': number(1, DAY_SECONDS, 600, 'Seconds until a login that is not finished lapses.'),
  'attempt.tries': number(1, 20, 3, 'Verifications one login may open.'),
  'attempt.review_wait_seconds': number(
    0,
    7 * DAY_SECONDS,
    600,
    'Seconds that a login waits, beyond its life, for a person at the vendor who reviews it.',
  ),
  'attempt.contested_after_seconds': number(
    0,
    DAY_SECONDS,
    180,
    'Seconds after which another browser may contest a login that an unknown device began.',
  ),
  enrolment: choice(
    ['open', 'invite', 'closed'],
    'open',
    'Who may enrol: anybody, whoever holds an invitation, nobody.',
  ),
  cross_device: choice(
    ['confirm', 'off'],
    'confirm',
    'A selfie shown on another device than the login: confirmed by number, or refused.',
  ),
  portrait: choice(
    ['local', 'vendor'],
    'local',
    'The face that a selfie is compared with: kept here, encrypted, or the one stored at the vendor.',
  ),
  'limits.sessions_per_account_per_hour': number(0, 10_000, 10, 'Verifications one account may open in an hour.'),
  'limits.unknown_devices_per_account_per_hour': {
    ...number(0, 10_000, 7, 'How many of these unknown devices may open.'),
    fallbackText: '7, or all of them where fewer are allowed',
  },
  'limits.sessions_per_address_per_hour': number(
    0,
    1_000_000,
    30,
    'Verifications one address (IPv6: one /64) may open in an hour.',
  ),
  'limits.sessions_per_client_per_hour': number(
    0,
    1_000_000,
    1000,
    "Verifications one client's logins may open in an hour.",
  ),
  'limits.sessions_per_day': number(
    0,
    10_000_000,
    10_000,
    'Verifications that may be opened in a day, all told. 0 stops every one.',
  ),
  'vendor.creates_per_minute': number(1, 100_000, 600, 'Verifications opened at the vendor in a minute, at most.'),
  'vendor.decisions_per_minute': number(1, 100_000, 100, 'Decisions asked of the vendor in a minute, at most.'),
  'verdict.refuse_warnings': {
    type: z.array(z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/)),
    accepts: "a list of the vendor's warnings, in capitals",
    fallback: DEFAULT_REFUSE_WARNINGS,
    about:
      'Warnings of the vendor that refuse an approved verification. The default holds those about the face that its documentation says always decline.',
  },
  'verdict.min_face_score': score("Least score of a face match, on top of the vendor's own threshold."),
  'verdict.min_liveness_score': score("Least score of a liveness check, on top of the vendor's own threshold."),
  'costs.price_per_verification': {
    type: z.number().min(0).max(1000),
    accepts: 'a number from 0 to 1000',
    fallback: 0.1,
    about: 'What one verification costs, in the currency of your bill; for the ledger.',
  },
} as const;

export type PolicyPath = keyof typeof POLICY_KEYS;
export type PolicyValues = {
  -readonly [Path in PolicyPath]: (typeof POLICY_KEYS)[Path] extends { fallback: infer T } ? Widen<T> : never;
};
type Widen<T> = T extends readonly string[] ? readonly string[] : T extends number ? number : T;
