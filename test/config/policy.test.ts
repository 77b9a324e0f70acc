// The policy file: defaults, every key, every refusal with its line.

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { defaultPolicy, type Policy, type PolicyOptions, readPolicy } from '../../src/config/policy.ts';
import { POLICY_KEYS } from '../../src/config/policy-keys.ts';
import { DEFAULT_RULES } from '../../src/config/risk-rules.ts';

const PRODUCTION = { production: true };
const DEVELOPING = { production: false, cwd: '/srv' };

function policyOf(text: string, mode: PolicyOptions = DEVELOPING): Policy {
  const reading = readPolicy(text, 'p.yaml', mode);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.policy;
}

function faultsOf(text: string): string[] {
  const reading = readPolicy(text, 'p.yaml', DEVELOPING);
  return reading.ok ? [] : reading.faults.map((fault) => `${fault.where}: ${fault.problem} → ${fault.fix}`);
}

describe('without a word', () => {
  test('the defaults hold', () => {
    const defaults: Policy = {
      attempt: { ttlSeconds: 600, tries: 3, reviewWaitSeconds: 600, contestedAfterSeconds: 180 },
      enrolment: 'open',
      emailCode: 'required',
      risk: { rules: DEFAULT_RULES, knownDeviceDays: 90, knownNetworkDays: 90 },
      scopes: {},
      otherWays: ['passkey', 'recovery_code'],
      passkeys: 'on',
      crossDevice: 'confirm',
      portrait: 'local',
      networks: { tor: [], vpn: [], hosting: [] },
      limits: {
        sessionsPerAccountPerHour: 10,
        unknownDevicesPerAccountPerHour: 7,
        sessionsPerAddressPerHour: 30,
        sessionsPerClientPerHour: 1000,
        sessionsPerDay: 10_000,
        otherWaysPerAccountPerHour: 5,
        otherWaysPerAddressPerHour: 20,
      },
      vendor: { createsPerMinute: 600, decisionsPerMinute: 100 },
      verdict: { refuseWarnings: ['FACE_IN_BLOCKLIST', 'LIVENESS_FACE_ATTACK', 'NO_FACE_DETECTED'] },
      recovery: { codeMinutes: 60, secondOperator: false },
      reEnrolment: { match: 'either', sameNationality: false, waitHours: 72 },
      notices: ['new_device', 'hand_off', 'weak_sign_in', 'face_replaced', 'passkey_added'],
      costs: { pricePerVerification: 0.1, pricePerEnrolment: 0.1 },
      clients: {},
    };
    expect(policyOf('')).toEqual(defaults);
    expect(policyOf('# nothing\nlimits:\n  # nothing\n')).toEqual(defaults);
    expect(policyOf('scopes:\nclients:\nnetworks:\n  tor:\nmail_templates:\ncosts.daily_soft:\n')).toEqual(defaults);
    expect(defaultPolicy(DEVELOPING)).toEqual(defaults);
    expect(defaultPolicy(PRODUCTION)).toEqual({ ...defaults, enrolment: 'invite' });
  });

  test('production invites, unless it says otherwise', () => {
    expect(policyOf('', PRODUCTION).enrolment).toBe('invite');
    expect(policyOf('enrolment: open', PRODUCTION).enrolment).toBe('open');
  });
});

test('the example is the defaults, but for enrolment', async () => {
  const text = await readFile(new URL('../../config/policy.example.yaml', import.meta.url), 'utf8');
  expect(policyOf(text)).toEqual(defaultPolicy(PRODUCTION));
  for (const path of Object.keys(POLICY_KEYS)) expect(text).toMatch(new RegExp(`\\b${path.split('.').at(-1)}:`));
});

test('every key can be set, nested or with dots', () => {
  const policy = policyOf(`
attempt: { ttl_seconds: 5, tries: 1, review_wait_seconds: 0, contested_after_seconds: 2 }
enrolment: closed
cross_device: off
portrait: vendor
email_code: off
risk: { rules: [new_device], known_device_days: 1, known_network_days: 2 }
scopes: { payments: urn:selfie-oidc:acr:selfie-active, profile: phr, "https://api.example/read": urn:selfie-oidc:acr:selfie-device }
other_ways: [email]
passkeys: on
networks: { tor: [tor.txt, /lists/tor], vpn: [vpn.txt], country_database: geo.mmdb }
networks.hosting: []
networks.anonymous_database: /mm/anonymous.mmdb
recovery: { code_minutes: 5, second_operator: true }
re_enrolment: { match: both, same_nationality: true, wait_hours: 0 }
notices: [face_replaced]
mail_templates: mails
clients: { shop: { cross_device: confirm } }
limits.sessions_per_account_per_hour: 4
limits.unknown_devices_per_account_per_hour: 2
limits.other_ways_per_account_per_hour: 6
limits.other_ways_per_address_per_hour: 7
limits: { sessions_per_address_per_hour: 3, sessions_per_client_per_hour: 5, sessions_per_day: 0 }
vendor: { creates_per_minute: 1, decisions_per_minute: 2 }
verdict: { refuse_warnings: [], min_face_score: 70.5, min_liveness_score: 0 }
costs: { price_per_verification: 0, price_per_enrolment: 0.5, daily_soft: 10, daily_hard: 10 }
`);
  expect(policy).toEqual({
    attempt: { ttlSeconds: 5, tries: 1, reviewWaitSeconds: 0, contestedAfterSeconds: 2 },
    enrolment: 'closed',
    emailCode: 'off',
    risk: {
      rules: [{ rule: 'new_device', asks: 'passive', final: false, options: {} }],
      knownDeviceDays: 1,
      knownNetworkDays: 2,
    },
    scopes: {
      payments: 'urn:selfie-oidc:acr:selfie-active',
      profile: 'phr',
      'https://api.example/read': 'urn:selfie-oidc:acr:selfie-device',
    },
    otherWays: ['email'],
    passkeys: 'on',
    crossDevice: 'off',
    portrait: 'vendor',
    networks: {
      tor: ['/srv/tor.txt', '/lists/tor'],
      vpn: ['/srv/vpn.txt'],
      hosting: [],
      countryDatabase: '/srv/geo.mmdb',
      anonymousDatabase: '/mm/anonymous.mmdb',
    },
    limits: {
      sessionsPerAccountPerHour: 4,
      unknownDevicesPerAccountPerHour: 2,
      sessionsPerAddressPerHour: 3,
      sessionsPerClientPerHour: 5,
      sessionsPerDay: 0,
      otherWaysPerAccountPerHour: 6,
      otherWaysPerAddressPerHour: 7,
    },
    vendor: { createsPerMinute: 1, decisionsPerMinute: 2 },
    verdict: { refuseWarnings: [], minFaceScore: 70.5, minLivenessScore: 0 },
    recovery: { codeMinutes: 5, secondOperator: true },
    reEnrolment: { match: 'both', sameNationality: true, waitHours: 0 },
    notices: ['face_replaced'],
    mailTemplates: '/srv/mails',
    costs: { pricePerVerification: 0, pricePerEnrolment: 0.5, dailySoft: 10, dailyHard: 10 },
    clients: {
      shop: {
        rules: [{ rule: 'new_device', asks: 'passive', final: false, options: {} }],
        otherWays: ['email'],
        crossDevice: 'confirm',
        verdict: { refuseWarnings: [], minFaceScore: 70.5, minLivenessScore: 0 },
      },
    },
  });
});

test('what the example has in comments holds, too', async () => {
  const text = await readFile(new URL('../../config/policy.example.yaml', import.meta.url), 'utf8');
  const written = text.replaceAll(/^( *)# (\s*\w[\w.]*:.*)$/gm, '$1$2');
  expect(written).not.toBe(text);
  const policy = policyOf(written);
  expect(policy.scopes).toEqual({ payments: 'urn:selfie-oidc:acr:selfie-active' });
  expect(policy.networks.countryDatabase).toBe('/srv/data/GeoLite2-City.mmdb');
  expect(policy.costs).toMatchObject({ pricePerEnrolment: 0.5, dailySoft: 80, dailyHard: 100 });
  expect(policy.clients.payroll).toMatchObject({ otherWays: [], verdict: { minFaceScore: 80 } });
});

test('an enrolment costs what a verification does, unless it is said', () => {
  expect(policyOf('costs.price_per_verification: 2').costs).toEqual({ pricePerVerification: 2, pricePerEnrolment: 2 });
});

test('without passkeys nobody is offered one, unless it is asked for, which is a fault', () => {
  expect(policyOf('passkeys: off').otherWays).toEqual(['recovery_code']);
  expect(policyOf('passkeys: off\nother_ways: [email]').otherWays).toEqual(['email']);
});

test('no name of an operator’s is found where none was written', () => {
  const { scopes } = policyOf('scopes: { constructor: phr }');
  expect(scopes).toEqual({ constructor: 'phr' });
  expect(defaultPolicy(DEVELOPING).scopes.constructor).toBeUndefined();
  expect(scopes.toString).toBeUndefined();
});

test('the share of unknown devices grows and shrinks with what it is a share of', () => {
  expect(policyOf('limits.sessions_per_account_per_hour: 3').limits.unknownDevicesPerAccountPerHour).toBe(3);
  expect(policyOf('limits.sessions_per_account_per_hour: 30').limits.unknownDevicesPerAccountPerHour).toBe(21);
  expect(policyOf('limits.sessions_per_account_per_hour: 8').limits.unknownDevicesPerAccountPerHour).toBe(7);
});

describe('is refused, with the line:', () => {
  test.each<[string, string, ...string[]]>([
    [
      'an unknown key',
      'attempt:\n  trys: 3',
      'p.yaml:2: "attempt.trys" is not a policy key → did you mean attempt.tries?',
    ],
    ['an unknown group', 'atempt:\n  tries: 3', 'p.yaml:1: "atempt" is not a policy key → did you mean attempt?'],
    ['a key outside its group', 'tries: 3', 'p.yaml:1: "tries" is not a policy key → did you mean attempt.tries?'],
    [
      'an unknown word',
      '\nenrolment: opne',
      'p.yaml:2: enrolment is not one of open, invite, closed → write one of open, invite, closed',
    ],
    [
      'text for a number',
      'attempt.tries: "3"',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 100 → write a whole number from 1 to 100',
    ],
    [
      'a number out of range',
      'attempt.tries: 0',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 100 → write a whole number from 1 to 100',
    ],
    [
      'a broken number',
      'attempt.tries: 1.5',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 100 → write a whole number from 1 to 100',
    ],
    [
      'nothing for a number',
      'attempt.tries:',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 100 → write a whole number from 1 to 100',
    ],
    [
      'a score above 100',
      'verdict.min_face_score: 101',
      'p.yaml:1: verdict.min_face_score is not a number from 0 to 100 → write a number from 0 to 100',
    ],
    [
      'a warning in small letters',
      'verdict.refuse_warnings: [face]',
      "p.yaml:1: verdict.refuse_warnings is not a list of the vendor's warnings, in capitals → write a list of the vendor's warnings, in capitals",
    ],
    [
      'a group with a value',
      'limits: 3',
      'p.yaml:1: limits is a group of keys and has a value → write the keys below it, indented',
    ],
    ['a list', '- a', 'p.yaml:1: is not a map of policy keys → begin like this: enrolment: invite'],
    [
      'a key twice, in two ways',
      'attempt: { tries: 2 }\nattempt.tries: 2',
      'p.yaml:2: attempt.tries stood in line 1 before → write it once',
    ],
    [
      'a key twice',
      'portrait: local\nportrait: vendor',
      'p.yaml:2: has a name that stood in the same place before → write each name once',
    ],
    [
      'a share above the whole',
      'limits:\n  sessions_per_account_per_hour: 3\n  unknown_devices_per_account_per_hour: 4',
      'p.yaml:3: limits.unknown_devices_per_account_per_hour is more than limits.sessions_per_account_per_hour, of which it is a share → write 3 or less',
    ],
    [
      'an unknown way in, one twice',
      'other_ways:\n  - pass_key\n  - email\n  - email',
      'p.yaml:2: other_ways[0] "pass_key" is not one of passkey, email, recovery_code → did you mean passkey?',
      'p.yaml:4: other_ways[2] stood in the list before → write each one once',
    ],
    ['one way as a word', 'other_ways: passkey', 'p.yaml:1: other_ways is not a list → write it as a list: [ … ]'],
    [
      'an unknown notice',
      'notices: [new_devices]',
      'p.yaml:1: notices[0] "new_devices" is not one of new_device, hand_off, weak_sign_in, face_replaced, passkey_added → did you mean new_device?',
    ],
    [
      'passkeys that are on and off',
      'passkeys: off\nother_ways: [recovery_code, passkey]',
      'p.yaml:2: other_ways has passkey, and passkeys are off → remove it, or write passkeys: on',
    ],
    ['a switch by another word', 'passkeys: true', 'p.yaml:1: passkeys is not one of on, off → write one of on, off'],
    [
      'a scope that needs the passkeys that are off',
      'passkeys: off\nscopes:\n  a: phr\n  b: urn:selfie-oidc:acr:selfie-device\n  c: urn:selfie-oidc:acr:selfie',
      'p.yaml:3: scopes: a requires phr, which needs a passkey, and passkeys are off → write another acr, or passkeys: on',
      'p.yaml:4: scopes: b requires urn:selfie-oidc:acr:selfie-device, which needs a passkey, and passkeys are off → write another acr, or passkeys: on',
    ],
    [
      'scopes that are none of its own',
      'scopes:\n  openid: phr\n  offline_access: phr\n  "a b": phr',
      'p.yaml:2: scopes: openid is part of every login, and would be a minimum for everybody → remove it, and give clients that need more a minimum_acr in the clients file',
      'p.yaml:3: scopes: offline_access is dropped from many requests before a policy is asked → remove it, and give clients that need more a minimum_acr in the clients file',
      'p.yaml:4: scopes: "a b" is not the name of a scope → write printable ASCII without spaces, quotes and backslashes',
    ],
    [
      'a list of scopes',
      'scopes: [payments]',
      'p.yaml:1: scopes is not a map of scopes → write each with the acr it requires: payments: urn:selfie-oidc:acr:selfie-active',
    ],
    [
      'an acr that is none',
      'scopes:\n  payments: urn:selfie-oidc:acr:selfie-activ',
      'p.yaml:2: scopes: the acr of payments "urn:selfie-oidc:acr:selfie-activ" is not one of urn:selfie-oidc:acr:recovery, urn:selfie-oidc:acr:device, urn:selfie-oidc:acr:selfie, urn:selfie-oidc:acr:selfie-active, urn:selfie-oidc:acr:selfie-device, phr → did you mean urn:selfie-oidc:acr:selfie-active?',
    ],
    [
      'a scope without its acr',
      'scopes:\n  payments:',
      'p.yaml:2: scopes: the acr of payments is not text → write one of urn:selfie-oidc:acr:recovery, urn:selfie-oidc:acr:device, urn:selfie-oidc:acr:selfie, urn:selfie-oidc:acr:selfie-active, urn:selfie-oidc:acr:selfie-device, phr',
    ],
    [
      'a soft edge above the hard one',
      'costs:\n  daily_soft: 11\n  daily_hard: 10',
      'p.yaml:2: costs.daily_soft is more than costs.daily_hard, and would never be told → write 10 or less',
    ],
    [
      'a budget below nothing',
      'costs.daily_hard: -1',
      'p.yaml:1: costs.daily_hard is not a number from 0 to 1000000000 → write a number from 0 to 1000000000',
    ],
    [
      'a file as a word, where there may be several',
      'networks.tor: tor.txt',
      'p.yaml:1: networks.tor is not a list → write it as a list: [ … ]',
    ],
    [
      'files that have no name',
      'networks:\n  vpn: ["", 3]\n  country_database: ""\nmail_templates: [a]',
      'p.yaml:2: networks.vpn[0] is not the name of a file → write the name of a file',
      'p.yaml:2: networks.vpn[1] is not text → put it between quotes',
      'p.yaml:3: networks.country_database is not the name of a file → write the name of a file',
      'p.yaml:4: mail_templates is not the name of a directory → write the name of a directory',
    ],
    [
      'a life of a code that is none',
      'recovery.code_minutes: 4',
      'p.yaml:1: recovery.code_minutes is not a whole number from 5 to 1440 → write a whole number from 5 to 1440',
    ],
    [
      'a wait beyond a month',
      're_enrolment.wait_hours: 721',
      'p.yaml:1: re_enrolment.wait_hours is not a whole number from 0 to 720 → write a whole number from 0 to 720',
    ],
    [
      'a yes that is no YAML 1.2',
      'recovery.second_operator: yes',
      'p.yaml:1: recovery.second_operator is not true or false → write true or false',
    ],
    [
      'an unknown kind of match',
      're_enrolment: { match: all }',
      'p.yaml:1: re_enrolment.match is not one of either, document, person, both → write one of either, document, person, both',
    ],
    [
      'an unknown switch',
      'email_code: on',
      'p.yaml:1: email_code is not one of required, off → write one of required, off',
    ],
    [
      'no days',
      'risk: { known_device_days: 0 }',
      'p.yaml:1: risk.known_device_days is not a whole number from 1 to 3650 → write a whole number from 1 to 3650',
    ],
    [
      'a misspelt group of the new ones',
      're_enrollment: {}',
      'p.yaml:1: "re_enrollment" is not a policy key → did you mean re_enrolment?',
    ],
    [
      'a value for a group of the new ones',
      'risk: high',
      'p.yaml:1: risk is a group of keys and has a value → write the keys below it, indented',
    ],
    ['a name of JavaScript’s', 'constructor: 1', 'p.yaml:1: "constructor" is not a policy key → remove it'],
  ])('%s', (_what, text, ...faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  test('all at once', () => {
    expect(
      faultsOf('portrait: x\nportrait: y\nattempt:\n  tries: 999\nfoo: 1').map((fault) => fault.split(': ')[0]),
    ).toEqual(['p.yaml:1', 'p.yaml:2', 'p.yaml:2', 'p.yaml:4', 'p.yaml:5']);
  });
});
