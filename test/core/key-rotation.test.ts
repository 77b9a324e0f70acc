// What a list of keys means, and how its order and its past change.

import { describe, expect, test } from '@jest/globals';
import {
  describeKeys,
  type KeyHistory,
  type KeysHeld,
  type NamedKey,
  noteHeld,
  withNext,
  withPromoted,
} from '../../src/core/key-rotation.ts';

const rs = (id: string): NamedKey => ({ id, alg: 'RS256' });
const es = (id: string): NamedKey => ({ id, alg: 'ES256' });
const held = (...keys: NamedKey[]): KeysHeld => ({ signing: keys, cookie: [], data: [] });
const states = (keys: readonly NamedKey[], history: KeyHistory) =>
  describeKeys('signing', keys, history).map(({ id, state, since }) => [id, state, since]);

describe('a list and its past', () => {
  test('the first of an algorithm is current; one that was announced and never made anything is next', () => {
    const history = { 'signing:b': { addedAt: 5 }, 'signing:c': { replacedAt: 3 } };
    expect(states([rs('a'), es('z'), rs('b'), rs('c')], history)).toEqual([
      ['a', 'current', undefined],
      ['z', 'current', undefined],
      ['b', 'next', 5],
      ['c', 'previous', 3],
    ]);
  });

  test('a list edited by hand means what it says: put first, a key is current, and the one behind it previous from then on', () => {
    let history = noteHeld({}, held(rs('a')), 10);
    history = noteHeld(history, held(rs('by-hand'), rs('a')), 20);
    expect(states([rs('by-hand'), rs('a')], history)).toEqual([
      ['by-hand', 'current', 20],
      ['a', 'previous', 20],
    ]);
    history = noteHeld(history, held(rs('a'), rs('by-hand')), 30);
    expect(states([rs('a'), rs('by-hand')], history)).toEqual([
      ['a', 'current', 30],
      ['by-hand', 'previous', 30],
    ]);
  });

  test('a key behind the first that nobody announced counts as one that was in use, until it was first seen', () => {
    const history = noteHeld({}, held(rs('a'), rs('unknown')), 10);
    expect(states([rs('a'), rs('unknown')], history)[1]).toEqual(['unknown', 'previous', 10]);
  });

  test('what is noted once is noted: the same object, so that nothing is written', () => {
    const history = noteHeld({ 'signing:b': { addedAt: 5 } }, held(rs('a'), rs('b'), rs('c')), 10);
    expect(noteHeld(history, held(rs('a'), rs('b'), rs('c')), 20)).toBe(history);
  });
});

describe('the order', () => {
  test('a next key goes right behind the current one of its algorithm, and in front of it when it is promoted', () => {
    const added = withNext([rs('a'), es('z'), rs('old')], [rs('b'), es('y')]);
    expect(added.map(({ id }) => id)).toEqual(['a', 'b', 'z', 'y', 'old']);
    expect(withPromoted(added, ['b', 'y']).map(({ id }) => id)).toEqual(['b', 'a', 'y', 'z', 'old']);
    expect(withPromoted(added, ['y']).map(({ id }) => id)).toEqual(['a', 'b', 'y', 'z', 'old']);
  });
});
