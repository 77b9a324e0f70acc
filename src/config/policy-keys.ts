// Each policy key once: path in policy.yaml, what it accepts, default, meaning with unit. The documents are written
// from this table.

import type { Strength } from './acrs.ts';
import { OVERRIDABLE_KEYS, type ValuesOf } from './overridable-keys.ts';
import { readPolicyClients, type WrittenClients } from './policy-clients.ts';
import { readScopes } from './policy-scopes.ts';
import { amount, choice, file, files, flag, number, optionalAmount, type PolicyKey, someOf } from './policy-values.ts';

/** What a person is told of by mail. */
export const NOTICES = ['new_device', 'hand_off', 'weak_sign_in', 'face_replaced', 'passkey_added'] as const;
export type Notice = (typeof NOTICES)[number];

const DAY_SECONDS = 86_400;
const MOST_MONEY = 1_000_000_000;
/** Far enough for whoever wants no limit, and exact in every engine. */
const MOST_COUNTED = 1_000_000_000;

export const POLICY_KEYS = {
  'attempt.ttl_seconds': number(1, DAY_SECONDS, 600, 'Seconds until a login that is not finished lapses.'),
  'attempt.tries': number(1, 100, 3, 'Verifications one login may open.'),
  'attempt.review_wait_seconds': number(
    0,
    7 * DAY_SECONDS,
    600,
    'Seconds that a login waits, beyond its life, for a person at the vendor who reviews it.',
  ),
  'attempt.contested_after_seconds': number(
    0,
    30 * DAY_SECONDS,
    180,
    'Seconds after which another browser may contest a login that an unknown device began.',
  ),
  enrolment: {
    ...choice(['open', 'invite', 'closed'], 'open', 'Who may enrol: anybody, whoever holds an invitation, nobody.'),
    fallbackText: '`open` outside production, else `invite`',
  },
  email_code: choice(
    ['required', 'off'],
    'required',
    'Whether somebody who enrols with a mail address proves it by a mailed code; only where `SMTP_URL` is set.',
  ),
  'risk.rules': OVERRIDABLE_KEYS['risk.rules'],
  'risk.known_device_days': number(1, 3650, 90, 'Days without a selfie after which a device is new again.'),
  'risk.known_network_days': number(1, 3650, 90, 'Days without a selfie after which a network is new again.'),
  scopes: {
    read: readScopes,
    accepts: 'a map: see [Scopes](#scopes)',
    fallback: Object.create(null),
    fallbackText: 'none',
    optional: true,
    about: 'Scopes that require a strength. A client that asks for one gets a login that strong.',
  } as PolicyKey<Readonly<Record<string, Strength>>>,
  other_ways: OVERRIDABLE_KEYS.other_ways,
  passkeys: choice(['on', 'off'], 'on', 'Whether somebody may register a passkey after a selfie.'),
  cross_device: OVERRIDABLE_KEYS.cross_device,
  portrait: choice(
    ['local', 'vendor'],
    'local',
    'The face that a selfie is compared with: kept here, encrypted, or the one stored at the vendor.',
  ),
  'networks.tor': files('Addresses and ranges of Tor exits, one a line.'),
  'networks.vpn': files('Addresses and ranges of VPN and proxy services, one a line.'),
  'networks.hosting': files('Addresses and ranges of data centres, one a line.'),
  'networks.country_database': file('file', 'MaxMind `mmdb` that tells country and place of an address.'),
  'networks.anonymous_database': file('file', 'MaxMind `mmdb` that tells anonymising networks.'),
  'limits.sessions_per_account_per_hour': number(0, MOST_COUNTED, 10, 'Verifications one account may open in an hour.'),
  'limits.unknown_devices_per_account_per_hour': {
    ...number(0, MOST_COUNTED, 7, 'How many of these unknown devices may open.'),
    fallbackText: '7 of 10, and as many of more; all of them where fewer than 7 are allowed',
  },
  'limits.sessions_per_address_per_hour': number(
    0,
    MOST_COUNTED,
    30,
    'Verifications one address (IPv6: one /64) may open in an hour.',
  ),
  'limits.sessions_per_client_per_hour': number(
    0,
    MOST_COUNTED,
    1000,
    "Verifications one client's logins may open in an hour.",
  ),
  'limits.sessions_per_day': number(
    0,
    MOST_COUNTED,
    10_000,
    'Verifications that may be opened in a day, all told. 0 stops every one.',
  ),
  'limits.other_ways_per_account_per_hour': number(
    0,
    MOST_COUNTED,
    5,
    'Tries of other ways in that one account has in an hour, all ways together.',
  ),
  'limits.other_ways_per_address_per_hour': number(
    0,
    MOST_COUNTED,
    20,
    'Tries of other ways in that one address (IPv6: one /64) has in an hour.',
  ),
  'vendor.creates_per_minute': number(1, MOST_COUNTED, 600, 'Verifications opened at the vendor in a minute, at most.'),
  'vendor.decisions_per_minute': number(1, MOST_COUNTED, 100, 'Decisions asked of the vendor in a minute, at most.'),
  'verdict.refuse_warnings': OVERRIDABLE_KEYS['verdict.refuse_warnings'],
  'verdict.min_face_score': OVERRIDABLE_KEYS['verdict.min_face_score'],
  'verdict.min_liveness_score': OVERRIDABLE_KEYS['verdict.min_liveness_score'],
  'recovery.code_minutes': number(5, 1440, 60, 'Minutes that a recovery code made by an operator is good for.'),
  'recovery.second_operator': flag(false, 'Whether a second operator must approve a recovery code.'),
  're_enrolment.match': choice(
    ['either', 'document', 'person', 'both'],
    'either',
    'What a new document check must share with the enrolled identity: the document (number and issuer), the person (name and birth date), either of them, or both.',
  ),
  're_enrolment.same_nationality': flag(false, 'Whether the nationality must be the same, too.'),
  're_enrolment.wait_hours': number(
    0,
    720,
    72,
    'Hours until a new face counts when its enrolment was started from a weak way in.',
  ),
  notices: {
    ...someOf(NOTICES, NOTICES, 'What a person is told of by mail; only where `SMTP_URL` is set.'),
    fallbackText: 'all',
  },
  mail_templates: file('directory', 'Templates of your own for mails.'),
  'costs.price_per_verification': amount(
    1000,
    0.1,
    'What one verification costs, in the currency of your bill; for the ledger.',
  ),
  'costs.price_per_enrolment': optionalAmount(
    1000,
    'What one enrolment costs, in the same currency.',
    'as `costs.price_per_verification`',
  ),
  'costs.daily_soft': optionalAmount(MOST_MONEY, 'Cost of a day, in the same currency, at which the operator is told.'),
  'costs.daily_hard': optionalAmount(
    MOST_MONEY,
    'Cost of a day at which no more verifications are opened, and people are led to other ways in.',
  ),
  clients: {
    read: readPolicyClients,
    accepts: 'a map: see [Per client](#per-client)',
    fallback: new Map(),
    fallbackText: 'none',
    optional: true,
    about: 'What holds for one client and no other.',
  } as PolicyKey<WrittenClients>,
} as const;

export type PolicyPath = keyof typeof POLICY_KEYS;
export type PolicyValues = ValuesOf<typeof POLICY_KEYS>;
