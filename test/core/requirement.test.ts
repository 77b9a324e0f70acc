import { describe, expect, test } from '@jest/globals';
import {
  ACR_LADDER,
  acrOf,
  acrSatisfies,
  type FactorProof,
  isAtLeast,
  methodReached,
  type Reach,
  reachableAcrs,
  strengthOf,
} from '../../src/core/assurance.ts';
import {
  isEnough,
  mayBeSkipped,
  raise,
  requirementFor,
  type StrengthRequest,
  sessionMeets,
} from '../../src/core/requirement.ts';

const [RECOVERY, DEVICE, SELFIE, ACTIVE, WITH_KEY] = ACR_LADDER;
const PHR = 'phr';
const nothing: StrengthRequest = { voluntary: [], essential: undefined, floors: [] };
const ask = (changes: Partial<StrengthRequest>): StrengthRequest => ({ ...nothing, ...changes });
const all: Reach = { active: true, keys: true, holdsKey: false, skip: true, ways: ['passkey', 'email'] };
const selfiesOnly: Reach = { active: true, keys: false, holdsKey: false, skip: false, ways: [] };
const passiveOnly: Reach = { ...selfiesOnly, active: false };
const holder: Reach = { ...all, holdsKey: true };
const passive = { kind: 'selfie', method: 'passive', key: false, acr: SELFIE };
const active = { kind: 'selfie', method: 'active', key: false, acr: ACTIVE };
const withKey = { kind: 'selfie', method: 'passive', key: true, acr: WITH_KEY };
const unmet = { kind: 'unmet' };

describe('what a login must prove', () => {
  const cases: [string, StrengthRequest, Reach, object][] = [
    ['nothing asked: a passive selfie', nothing, all, passive],
    ['voluntary, the client’s first that can be had', ask({ voluntary: [ACTIVE, SELFIE] }), all, active],
    ['… its order, not ours', ask({ voluntary: [SELFIE, ACTIVE] }), all, passive],
    ['… a key, of somebody who has one', ask({ voluntary: [WITH_KEY, ACTIVE] }), holder, withKey],
    ['… nobody is made to register one for a wish', ask({ voluntary: [WITH_KEY, ACTIVE] }), all, active],
    ['… what cannot be had is passed over', ask({ voluntary: [WITH_KEY, ACTIVE] }), selfiesOnly, active],
    ['… and so is what nobody knows', ask({ voluntary: ['urn:mace:silver', ACTIVE] }), all, active],
    ['… an active selfie that this installation has not', ask({ voluntary: [ACTIVE] }), passiveOnly, passive],
    ['… nothing that can be had is no failure', ask({ voluntary: ['1', '2'] }), all, passive],
    ['less than a selfie asked: a selfie does', ask({ voluntary: [DEVICE] }), all, passive],
    ['essential, and there', ask({ essential: [ACTIVE] }), all, active],
    ['essential, with a key', ask({ essential: [WITH_KEY] }), all, withKey],
    ['essential, a passkey alone: a selfie beside one does too', ask({ essential: [PHR] }), all, withKey],
    ['essential, one of several (T16)', ask({ essential: [WITH_KEY, SELFIE] }), selfiesOnly, passive],
    ['essential, and not to be had (T16)', ask({ essential: [WITH_KEY] }), selfiesOnly, unmet],
    ['essential, a skip where rules let nobody skip', ask({ essential: [DEVICE] }), selfiesOnly, unmet],
    ['essential active without the workflow (T16)', ask({ essential: [ACTIVE] }), passiveOnly, unmet],
    ['essential and unknown (T16)', ask({ essential: ['urn:mace:gold'] }), all, unmet],
    ['a floor', ask({ floors: [ACTIVE] }), all, active],
    ['… that no URL lowers (T21)', ask({ floors: [ACTIVE], voluntary: [SELFIE] }), all, active],
    ['… nor an essential one (T21)', ask({ floors: [ACTIVE], essential: [SELFIE] }), all, active],
    ['… that cannot be had', ask({ floors: [ACTIVE] }), passiveOnly, unmet],
    [
      '… two of them: a client’s and a scope’s',
      ask({ floors: [ACTIVE, WITH_KEY] }),
      all,
      { ...withKey, method: 'active' },
    ],
    ['a floor below what is asked lowers nothing', ask({ floors: [RECOVERY], voluntary: [ACTIVE] }), all, active],
  ];
  test.each(cases)('%s', (_name, request, reach, expected) => {
    expect(requirementFor(request, reach)).toMatchObject(expected);
  });
});

describe('what is enough for it', () => {
  const need = (request: StrengthRequest) => {
    const requirement = requirementFor(request, all);
    if (requirement.kind === 'unmet') throw new Error('unmet');
    return requirement;
  };
  const enough: [string, string, StrengthRequest, boolean][] = [
    ['anything where nothing is asked', RECOVERY, nothing, true],
    ['a wish is no demand', RECOVERY, ask({ voluntary: [ACTIVE] }), true],
    ['not less than essential', SELFIE, ask({ essential: [ACTIVE] }), false],
    ['any of several essential ones', PHR, ask({ essential: [ACTIVE, PHR] }), true],
    ['not a passkey for a face', PHR, ask({ floors: [SELFIE] }), false],
    ['not a face for a passkey', ACTIVE, ask({ essential: [PHR] }), false],
    ['a face with a key for either', WITH_KEY, ask({ essential: [PHR], floors: [ACTIVE] }), true],
    ['all floors at once', ACTIVE, ask({ floors: [SELFIE, PHR] }), false],
  ];
  test.each(enough)('%s', (_name, acr, request, expected) => {
    expect(isEnough(acr, need(request))).toBe(expected);
  });

  const skips: [string, StrengthRequest, boolean][] = [
    ['nothing is asked', nothing, true],
    ['a device is asked for', ask({ essential: [DEVICE] }), true],
    ['a device is wished for', ask({ voluntary: [DEVICE] }), true],
    ['more is wished for', ask({ voluntary: [SELFIE] }), false],
    ['more is essential', ask({ essential: [SELFIE] }), false],
    ['the client’s floor is higher', ask({ floors: [SELFIE] }), false],
    ['one of two floors is higher', ask({ floors: [RECOVERY, PHR] }), false],
    ['what is wished for cannot be had', ask({ voluntary: ['urn:mace:gold'] }), true],
  ];
  test.each(skips)('a known device may be enough when %s: %s', (_name, request, expected) => {
    expect(mayBeSkipped(need(request))).toBe(expected);
  });

  test('a need is raised, and never lowered', () => {
    expect(raise(need(nothing), 'active')).toMatchObject({ method: 'active', acr: ACTIVE });
    expect(raise(need(ask({ floors: [ACTIVE] })), 'passive')).toMatchObject({ method: 'active', acr: ACTIVE });
    expect(raise(need(ask({ floors: [WITH_KEY] })), 'active')).toMatchObject({ method: 'active', acr: WITH_KEY });
  });
});

describe('does a session do already?', () => {
  const cases: [string, string | undefined, StrengthRequest, boolean][] = [
    ['nothing asked', SELFIE, nothing, true],
    ['as strong as asked', SELFIE, ask({ voluntary: [SELFIE] }), true],
    ['stronger than asked', ACTIVE, ask({ voluntary: [SELFIE] }), true],
    ['weaker than the voluntary wish', SELFIE, ask({ voluntary: [ACTIVE] }), false],
    ['a known device for a selfie', DEVICE, ask({ voluntary: [SELFIE] }), false],
    ['a wish that cannot be had asks nobody again', SELFIE, ask({ voluntary: ['urn:mace:gold'] }), true],
    ['nor one for a key that the person has not', SELFIE, ask({ voluntary: [WITH_KEY] }), true],
    ['weaker than essential', SELFIE, ask({ essential: [ACTIVE] }), false],
    ['one of the essential ones', SELFIE, ask({ essential: [ACTIVE, SELFIE] }), true],
    ['essential and unknown', ACTIVE, ask({ essential: ['urn:mace:gold'] }), false],
    ['below a floor', SELFIE, ask({ floors: [ACTIVE] }), false],
    ['below the floor although essential allows it', SELFIE, ask({ floors: [ACTIVE], essential: [SELFIE] }), false],
    ['a passkey where a face is the floor', PHR, ask({ floors: [SELFIE] }), false],
    ['a code at a client that takes none (T16)', RECOVERY, nothing, false],
    ['no strength on record', undefined, ask({ voluntary: [SELFIE] }), false],
    ['an unknown strength on record', 'urn:mace:gold', ask({ essential: [SELFIE] }), false],
  ];
  test.each(cases)('%s', (_name, held, request, expected) => {
    const reach = held === RECOVERY ? { ...all, ways: [] } : all;
    expect(sessionMeets(held, request, reach)).toBe(expected);
  });
});

test('the ladder: each rung satisfies itself and what is below, and an unknown one nothing', () => {
  for (const [high, held] of ACR_LADDER.entries()) {
    for (const [low, wanted] of ACR_LADDER.entries()) expect(acrSatisfies(held, wanted)).toBe(high >= low);
    expect(acrSatisfies(held, 'constructor')).toBe(false);
    expect(acrSatisfies('__proto__', held)).toBe(false);
  }
});

test('a passkey alone stands beside the ladder: above a device, no face, and below only a face with a key', () => {
  expect(ACR_LADDER.filter((acr) => acrSatisfies(PHR, acr))).toEqual([RECOVERY, DEVICE]);
  expect(ACR_LADDER.filter((acr) => acrSatisfies(acr, PHR))).toEqual([WITH_KEY]);
  expect(acrSatisfies(PHR, PHR)).toBe(true);
});

test('what can be had is what is configured, and nothing else', () => {
  expect(reachableAcrs(all)).toEqual([RECOVERY, DEVICE, SELFIE, ACTIVE, WITH_KEY, PHR]);
  expect(reachableAcrs({ ...all, ways: [] })).toEqual([DEVICE, SELFIE, ACTIVE, WITH_KEY]);
  expect(reachableAcrs(passiveOnly)).toEqual([SELFIE]);
});

describe('what was proven adds up, and nothing is added that did not happen', () => {
  const selfie = { method: 'passive', authTime: 100 } as const;
  const factor = (name: FactorProof['factor'], more: Partial<FactorProof> = {}): FactorProof => ({
    factor: name,
    at: 50,
    rests: [],
    ...more,
  });
  const cases: [string, Parameters<typeof strengthOf>[0], FactorProof[], object | undefined][] = [
    ['nothing', undefined, [], undefined],
    ['a selfie', selfie, [], { acr: SELFIE, amr: ['face'], authTime: 100 }],
    ['an active one', { ...selfie, method: 'active' }, [], { acr: ACTIVE, amr: ['face'], authTime: 100 }],
    ['a selfie is worth no more for a known device', selfie, [factor('device')], { acr: SELFIE, amr: ['face'] }],
    ['… nor for a code', selfie, [factor('email')], { acr: SELFIE, amr: ['face'] }],
    [
      'a selfie and a hardware key',
      selfie,
      [factor('passkey', { key: 'hwk' })],
      { acr: WITH_KEY, amr: ['face', 'hwk', 'mfa'], authTime: 100 },
    ],
    ['a known device keeps the old time', undefined, [factor('device')], { acr: DEVICE, amr: ['rba'], authTime: 50 }],
    [
      'a passkey alone, the person verified by it',
      undefined,
      [factor('passkey', { key: 'swk', verified: true })],
      { acr: PHR, amr: ['swk', 'user', 'mfa'], authTime: 50 },
    ],
    ['… or only there', undefined, [factor('passkey', { key: 'hwk' })], { acr: PHR, amr: ['hwk', 'user'] }],
    ['a mailed code', undefined, [factor('email')], { acr: RECOVERY, amr: ['otp'], authTime: 50 }],
    ['a code from support', undefined, [factor('recovery_code')], { acr: RECOVERY, amr: ['otp'] }],
  ];
  test.each(cases)('%s', (_name, face, factors, expected) => {
    const strength = strengthOf(face, factors);
    if (expected === undefined) expect(strength).toBeUndefined();
    else expect(strength).toMatchObject(expected);
  });
});

test('methods and what they are called', () => {
  expect((['passive', 'active'] as const).map(acrOf)).toEqual([SELFIE, ACTIVE]);
  expect((['passive', 'flashing', 'active-3d', 'unknown'] as const).map(methodReached)).toEqual([
    'passive',
    'active',
    'active',
    undefined,
  ]);
  expect(isAtLeast('passive', 'active')).toBe(false);
  expect(isAtLeast('active', 'passive')).toBe(true);
});
