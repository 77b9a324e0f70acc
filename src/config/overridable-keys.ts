// The policy keys that one client may have a value of its own for.

import { z } from 'zod';
import { OTHER_WAYS, type OtherWay } from './acrs.ts';
import { choice, optionalAmount, type PolicyKey, someOf, whole } from './policy-values.ts';
import { DEFAULT_RULES, type RuleSetting } from './risk-rules.ts';
import { readRules } from './risk-rules-reader.ts';

/**
 * The vendor's warnings that its own documentation says always decline a session, about the face. An approval that
 * carries one contradicts itself and is refused. Warnings about age say nothing about who somebody is.
 */
const DEFAULT_REFUSE_WARNINGS = ['FACE_IN_BLOCKLIST', 'LIVENESS_FACE_ATTACK', 'NO_FACE_DETECTED'];

const WARNINGS = whole(
  z.array(z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/)) as z.ZodType<readonly string[]>,
  "a list of the vendor's warnings, in capitals",
);

export const OVERRIDABLE_KEYS = {
  'risk.rules': {
    read: readRules,
    accepts: 'a list of rules: see [Rules](#rules)',
    fallback: DEFAULT_RULES,
    fallbackText: 'all, as the table there has them',
    about: 'What is asked about device, network and account before a login, in this order.',
  } as PolicyKey<readonly RuleSetting[]>,
  other_ways: {
    ...someOf(
      Object.keys(OTHER_WAYS) as OtherWay[],
      ['passkey', 'recovery_code'],
      'Ways in for whoever cannot or will not show a face. `email` needs `SMTP_URL`, `passkey` needs `passkeys: on`.',
    ),
    fallbackText: '`passkey` (with `passkeys: on`), `recovery_code`',
  },
  cross_device: choice(
    ['confirm', 'off'],
    'confirm',
    'A selfie shown on another device than the login: confirmed by number, or refused.',
  ),
  'verdict.refuse_warnings': {
    ...WARNINGS,
    fallback: DEFAULT_REFUSE_WARNINGS,
    about:
      'Warnings of the vendor that refuse an approved verification. The default holds those about the face that its documentation says always decline.',
  } as PolicyKey<readonly string[]>,
  'verdict.min_face_score': optionalAmount(100, "Least score of a face match, on top of the vendor's own threshold."),
  'verdict.min_liveness_score': optionalAmount(
    100,
    "Least score of a liveness check, on top of the vendor's own threshold.",
  ),
} as const;

export type ValuesOf<Keys> = {
  -readonly [Path in keyof Keys]: Keys[Path] extends PolicyKey<infer T> ? T : never;
};
export type OverridableValues = ValuesOf<typeof OVERRIDABLE_KEYS>;
export type OverridablePath = keyof typeof OVERRIDABLE_KEYS;
