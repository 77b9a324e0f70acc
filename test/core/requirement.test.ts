import { describe, expect, test } from '@jest/globals';
import { ACR_LADDER, acrOf, acrSatisfies, isAtLeast, methodFor, methodReached } from '../../src/core/assurance.ts';
import { requirementFor, type StrengthRequest, sessionMeets } from '../../src/core/requirement.ts';

const [RECOVERY, DEVICE, SELFIE, ACTIVE, WITH_KEY] = ACR_LADDER;
const nothing: StrengthRequest = { voluntary: [], essential: undefined, minimum: undefined };
const ask = (changes: Partial<StrengthRequest>): StrengthRequest => ({ ...nothing, ...changes });
const passive = { kind: 'selfie', method: 'passive', acr: SELFIE };
const active = { kind: 'selfie', method: 'active', acr: ACTIVE };
const unmet = { kind: 'unmet' };

describe('what a login must prove', () => {
  const cases: [string, StrengthRequest, boolean, object][] = [
    ['nothing asked: a passive selfie', nothing, true, passive],
    ['voluntary, the client’s first that can be had', ask({ voluntary: [ACTIVE, SELFIE] }), true, active],
    ['… its order, not ours', ask({ voluntary: [SELFIE, ACTIVE] }), true, passive],
    ['… what cannot be had is passed over', ask({ voluntary: [WITH_KEY, ACTIVE] }), true, active],
    ['… and so is what nobody knows', ask({ voluntary: ['urn:mace:silver', ACTIVE] }), true, active],
    ['… an active selfie that this installation has not', ask({ voluntary: [ACTIVE] }), false, passive],
    ['… nothing that can be had is no failure', ask({ voluntary: ['1', '2'] }), true, passive],
    ['less than a selfie asked: a selfie all the same', ask({ voluntary: [DEVICE] }), true, passive],
    ['essential, and there', ask({ essential: [ACTIVE] }), true, active],
    ['essential, one of several (T16)', ask({ essential: [WITH_KEY, SELFIE] }), true, passive],
    ['essential, and not to be had (T16)', ask({ essential: [WITH_KEY] }), true, unmet],
    ['essential active without the workflow (T16)', ask({ essential: [ACTIVE] }), false, unmet],
    ['essential and unknown (T16)', ask({ essential: ['urn:mace:gold'] }), true, unmet],
    ['a client’s floor', ask({ minimum: ACTIVE }), true, active],
    ['… that no URL lowers (T21)', ask({ minimum: ACTIVE, voluntary: [SELFIE] }), true, active],
    ['… nor an essential one (T21)', ask({ minimum: ACTIVE, essential: [SELFIE] }), true, active],
    ['… that cannot be had', ask({ minimum: ACTIVE }), false, unmet],
    ['a floor below what is asked lowers nothing', ask({ minimum: RECOVERY, voluntary: [ACTIVE] }), true, active],
  ];
  test.each(cases)('%s', (_name, request, available, expected) => {
    expect(requirementFor(request, available)).toEqual(expected);
  });
});

describe('does a session do already?', () => {
  const cases: [string, string | undefined, StrengthRequest, boolean][] = [
    ['nothing asked', SELFIE, nothing, true],
    ['as strong as asked', SELFIE, ask({ voluntary: [SELFIE] }), true],
    ['stronger than asked', ACTIVE, ask({ voluntary: [SELFIE] }), true],
    ['weaker than the voluntary wish', SELFIE, ask({ voluntary: [ACTIVE] }), false],
    ['a wish that cannot be had asks nobody again', SELFIE, ask({ voluntary: [WITH_KEY] }), true],
    ['weaker than essential', SELFIE, ask({ essential: [ACTIVE] }), false],
    ['one of the essential ones', SELFIE, ask({ essential: [ACTIVE, SELFIE] }), true],
    ['essential and unknown', ACTIVE, ask({ essential: ['urn:mace:gold'] }), false],
    ['below the client’s floor', SELFIE, ask({ minimum: ACTIVE }), false],
    ['below the floor although essential allows it', SELFIE, ask({ minimum: ACTIVE, essential: [SELFIE] }), false],
    ['no strength on record', undefined, ask({ voluntary: [SELFIE] }), false],
    ['an unknown strength on record', 'urn:mace:gold', ask({ essential: [SELFIE] }), false],
  ];
  test.each(cases)('%s', (_name, held, request, expected) => {
    expect(sessionMeets(held, request, true)).toBe(expected);
  });
});

test('the ladder: each rung satisfies itself and what is below, and an unknown one nothing', () => {
  for (const [high, held] of ACR_LADDER.entries()) {
    for (const [low, wanted] of ACR_LADDER.entries()) expect(acrSatisfies(held, wanted)).toBe(high >= low);
    expect(acrSatisfies(held, 'constructor')).toBe(false);
    expect(acrSatisfies('__proto__', held)).toBe(false);
  }
});

test('methods and what they are called', () => {
  expect(ACR_LADDER.map(methodFor)).toEqual(['passive', 'passive', 'passive', 'active', undefined]);
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
