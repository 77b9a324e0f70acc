import { describe, expect, test } from '@jest/globals';
import { heard } from './signals.ts';

describe('a scope the operator holds dear', () => {
  const cases: [string, string[], string[], string | undefined][] = [
    ['asked for', ['payments'], ['openid', 'payments'], 'sensitive-scope:payments'],
    ['not asked for', ['payments'], ['openid'], undefined],
    ['nothing asked for', ['payments'], [], undefined],
    ['no list', [], ['openid', 'payments'], undefined],
    ['one of several', ['payments', 'address'], ['openid', 'address'], 'sensitive-scope:address'],
    ['several: the first of the list', ['payments', 'address'], ['address', 'payments'], 'sensitive-scope:payments'],
    ['part of a name', ['pay'], ['payments'], undefined],
    ['a name that goes on', ['payments'], ['pay'], undefined],
    ['another case is another scope', ['Payments'], ['payments'], undefined],
  ];
  test.each(cases)('%s', (_name, listed, scopes, expected) => {
    expect(heard('sensitive_scope', { scopes }, { scopes: listed })).toBe(expected);
  });

  test('without a list nothing is dear', () => {
    expect(heard('sensitive_scope', { scopes: ['openid', 'payments', 'offline_access'] })).toBeUndefined();
  });
});
