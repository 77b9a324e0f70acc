// What holds for one client: inherited, overridden, complete; every refusal with its line and client.

import { describe, expect, test } from '@jest/globals';
import { policyFor, readPolicy } from '../../src/config/policy.ts';

function read(text: string) {
  return readPolicy(text, 'p.yaml', { production: false });
}

function policyOf(text: string) {
  const reading = read(text);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.policy;
}

function faultsOf(text: string): string[] {
  const reading = read(text);
  return reading.ok ? [] : reading.faults.map((fault) => `${fault.where}: ${fault.problem} → ${fault.fix}`);
}

const GENERAL = 'other_ways: [email]\ncross_device: off\nverdict: { refuse_warnings: [A], min_face_score: 50 }\n';
const general = {
  rules: policyOf('').risk.rules,
  otherWays: ['email'],
  crossDevice: 'off',
  verdict: { refuseWarnings: ['A'], minFaceScore: 50 },
};

describe('a client', () => {
  test('of which nothing is said has the general policy', () => {
    const policy = policyOf(`${GENERAL}clients:\n  shop:\n`);
    for (const id of ['shop', 'other', 'constructor', '__proto__']) expect(policyFor(policy, id)).toEqual(general);
    expect(policyFor({ ...policy, clients: {} }, 'constructor')).toEqual(general);
  });

  test('has what is said of it, key by key', () => {
    const policy = policyOf(`${GENERAL}clients:
  shop:
    risk: { rules: [new_device] }
    verdict: { min_liveness_score: 60 }
  bank:
    other_ways: []
    cross_device: confirm
    verdict.refuse_warnings: []
    verdict.min_face_score: 0
`);
    expect(policy.clients.shop).toEqual({
      ...general,
      rules: [{ rule: 'new_device', asks: 'passive', final: false, options: {} }],
      verdict: { refuseWarnings: ['A'], minFaceScore: 50, minLivenessScore: 60 },
    });
    expect(policyFor(policy, 'bank')).toEqual({
      ...general,
      otherWays: [],
      crossDevice: 'confirm',
      verdict: { refuseWarnings: [], minFaceScore: 0 },
    });
    expect(policyFor(policy, 'other')).toEqual(general);
  });

  test('is like another, and that one like a third; what it says itself wins', () => {
    const policy = policyOf(`${GENERAL}clients:
  c: { like: b, verdict.min_face_score: 90 }
  b: { like: a, other_ways: [recovery_code] }
  a: { other_ways: [], cross_device: confirm, verdict.min_face_score: 70 }
`);
    expect(policy.clients.c).toEqual({
      ...general,
      otherWays: ['recovery_code'],
      crossDevice: 'confirm',
      verdict: { refuseWarnings: ['A'], minFaceScore: 90 },
    });
    expect(policy.clients.b?.verdict.minFaceScore).toBe(70);
    expect(policy.clients.a?.otherWays).toEqual([]);
  });

  test('may have any id that the clients file may have', () => {
    const policy = policyOf('clients: { "https://a.example/": { other_ways: [] }, __proto__: { cross_device: off } }');
    expect(policyFor(policy, 'https://a.example/').otherWays).toEqual([]);
    expect(policyFor(policy, '__proto__').crossDevice).toBe('off');
  });

  test('keeps to the ways that are on', () => {
    expect(policyOf('passkeys: off\nclients: { shop: { cross_device: off } }').clients.shop?.otherWays).toEqual([
      'recovery_code',
    ]);
  });
});

describe('is refused, with line and client:', () => {
  const here =
    'risk.rules, other_ways, cross_device, verdict.refuse_warnings, verdict.min_face_score, verdict.min_liveness_score, like';
  test.each<[string, string, ...string[]]>([
    [
      'an unknown key',
      'clients:\n  shop:\n    other_way: []\n    verdict: { min_fase_score: 3 }\n    min_face_score: 3',
      'p.yaml:3, client "shop": "other_way" is not a policy key that one client may have → did you mean other_ways?',
      'p.yaml:4, client "shop": "verdict.min_fase_score" is not a policy key that one client may have → did you mean verdict.min_face_score?',
      'p.yaml:5, client "shop": "min_face_score" is not a policy key that one client may have → did you mean verdict.min_face_score?',
    ],
    [
      'a key that is for all',
      'clients:\n  shop:\n    attempt: { tries: 3 }',
      `p.yaml:3, client "shop": "attempt" is not a policy key that one client may have → remove it, or write it for all; here may stand ${here}`,
    ],
    [
      'a value that is wrong',
      'clients:\n  shop:\n    cross_device: maybe\n    other_ways:\n      - passkey\n      - fax\n    risk:\n      rules:\n        - new_devise',
      'p.yaml:3, client "shop": cross_device is not one of confirm, off → write one of confirm, off',
      'p.yaml:6, client "shop": other_ways[1] "fax" is not one of passkey, email, recovery_code → write one of passkey, email, recovery_code',
      'p.yaml:9, client "shop": risk.rules[0] "new_devise" is not a rule → did you mean new_device?',
    ],
    [
      'nothing for a score',
      'clients:\n  shop:\n    verdict.min_face_score:',
      'p.yaml:3, client "shop": verdict.min_face_score is not a number from 0 to 100 → write a number from 0 to 100',
    ],
    [
      'a key twice, in two ways',
      'clients:\n  shop:\n    risk: { rules: [new_device] }\n    risk.rules: [new_device]',
      'p.yaml:4, client "shop": risk.rules stood in line 3 before → write it once',
    ],
    [
      'a client twice',
      'clients:\n  shop: { cross_device: off }\n  shop: { cross_device: confirm }',
      'p.yaml:3: has a name that stood in the same place before → write each name once',
    ],
    [
      'no map',
      'clients: [shop]',
      'p.yaml:1: clients is not a map of clients → write each client_id with its keys: my-app: { other_ways: [] }',
    ],
    [
      'a client that is no map',
      'clients:\n  shop: off',
      'p.yaml:2, client "shop": is not a map of policy keys → begin like this: cross_device: off',
    ],
    [
      'an id that is none',
      'clients: { "a b": { cross_device: off } }',
      'p.yaml:1: clients: "a b" is not a client_id → write it as it stands in the clients file',
    ],
    [
      'like somebody who is not there',
      'clients:\n  shop:\n    like: bnak\n  bank:\n    like: moon\n  mill:\n    like: 3',
      'p.yaml:3, client "shop": like names "bnak", which has no entry here → did you mean bank?',
      'p.yaml:5, client "bank": like names "moon", which has no entry here → name a client that has an entry here, or remove it',
      'p.yaml:7, client "mill": like is not text → put it between quotes',
    ],
    [
      'like nearly itself',
      'clients: { shop: { like: shpo } }',
      'p.yaml:1, client "shop": like names "shpo", which has no entry here → name a client that has an entry here, or remove it',
    ],
    [
      'like somebody who is nothing like anybody',
      'clients: { shop: { like: elsewhere } }',
      'p.yaml:1, client "shop": like names "elsewhere", which has no entry here → name a client that has an entry here, or remove it',
    ],
    [
      'a loop, once, and not those who lead into it',
      'clients:\n  in: { like: a }\n  a: { like: b }\n  b: { like: c }\n  c: { like: a }\n  self: { like: self }',
      'p.yaml:3, client "a": like leads back to itself: a → b → c → a → let one of them stand without like',
      'p.yaml:6, client "self": like leads back to itself: self → self → let one of them stand without like',
    ],
    [
      'a passkey where they are off',
      'passkeys: off\nclients:\n  shop: { other_ways: [passkey] }',
      'p.yaml:3, client "shop": other_ways has passkey, and passkeys are off → remove it, or write passkeys: on',
    ],
    [
      'a scope that nobody can ask for',
      'clients:\n  shop:\n    risk.rules: [{ sensitive_scope: { scopes: [payments] } }]',
      'p.yaml:3, client "shop": risk.rules: sensitive_scope names "payments", which is no scope here → add it to scopes, with the acr it requires at least',
    ],
  ])('%s', (_what, text, ...faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });
});
