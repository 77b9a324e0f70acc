// The policy file: defaults, every key, every refusal with its line.

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { defaultPolicy, type Policy, readPolicy } from '../../src/config/policy.ts';
import { POLICY_KEYS } from '../../src/config/policy-keys.ts';

const PRODUCTION = { production: true };
const DEVELOPING = { production: false };

function policyOf(text: string, mode = DEVELOPING): Policy {
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
      crossDevice: 'confirm',
      portrait: 'local',
      limits: {
        sessionsPerAccountPerHour: 10,
        unknownDevicesPerAccountPerHour: 7,
        sessionsPerAddressPerHour: 30,
        sessionsPerClientPerHour: 1000,
        sessionsPerDay: 10_000,
      },
      vendor: { createsPerMinute: 600, decisionsPerMinute: 100 },
      verdict: { refuseWarnings: ['FACE_IN_BLOCKLIST', 'LIVENESS_FACE_ATTACK', 'NO_FACE_DETECTED'] },
      costs: { pricePerVerification: 0.1 },
    };
    expect(policyOf('')).toEqual(defaults);
    expect(policyOf('# nothing\nlimits:\n  # nothing\n')).toEqual(defaults);
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
limits.sessions_per_account_per_hour: 4
limits.unknown_devices_per_account_per_hour: 2
limits: { sessions_per_address_per_hour: 3, sessions_per_client_per_hour: 5, sessions_per_day: 0 }
vendor: { creates_per_minute: 1, decisions_per_minute: 2 }
verdict: { refuse_warnings: [], min_face_score: 70.5, min_liveness_score: 0 }
costs: { price_per_verification: 0 }
`);
  expect(policy).toEqual({
    attempt: { ttlSeconds: 5, tries: 1, reviewWaitSeconds: 0, contestedAfterSeconds: 2 },
    enrolment: 'closed',
    crossDevice: 'off',
    portrait: 'vendor',
    limits: {
      sessionsPerAccountPerHour: 4,
      unknownDevicesPerAccountPerHour: 2,
      sessionsPerAddressPerHour: 3,
      sessionsPerClientPerHour: 5,
      sessionsPerDay: 0,
    },
    vendor: { createsPerMinute: 1, decisionsPerMinute: 2 },
    verdict: { refuseWarnings: [], minFaceScore: 70.5, minLivenessScore: 0 },
    costs: { pricePerVerification: 0 },
  });
});

test('the share of unknown devices shrinks with what it is a share of', () => {
  expect(policyOf('limits.sessions_per_account_per_hour: 3').limits.unknownDevicesPerAccountPerHour).toBe(3);
  expect(policyOf('limits.sessions_per_account_per_hour: 30').limits.unknownDevicesPerAccountPerHour).toBe(7);
});

describe('is refused, with the line:', () => {
  test.each<[string, string, string]>([
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
      'p.yaml:1: attempt.tries is not a whole number from 1 to 20 → write a whole number from 1 to 20',
    ],
    [
      'a number out of range',
      'attempt.tries: 0',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 20 → write a whole number from 1 to 20',
    ],
    [
      'a broken number',
      'attempt.tries: 1.5',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 20 → write a whole number from 1 to 20',
    ],
    [
      'nothing for a number',
      'attempt.tries:',
      'p.yaml:1: attempt.tries is not a whole number from 1 to 20 → write a whole number from 1 to 20',
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
    ['a name of JavaScript’s', 'constructor: 1', 'p.yaml:1: "constructor" is not a policy key → remove it'],
  ])('%s', (_what, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  test('all at once', () => {
    expect(
      faultsOf('portrait: x\nportrait: y\nattempt:\n  tries: 99\nfoo: 1').map((fault) => fault.split(': ')[0]),
    ).toEqual(['p.yaml:1', 'p.yaml:2', 'p.yaml:2', 'p.yaml:4', 'p.yaml:5']);
  });
});
