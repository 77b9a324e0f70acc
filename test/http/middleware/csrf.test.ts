import { describe, expect, test } from '@jest/globals';
import { createCsrf, readSite } from '../../../src/http/middleware/csrf.ts';

describe('T23 the token of a form', () => {
  const csrf = createCsrf(['newest', 'older']);

  test('fits the interaction it was issued for, and no other', () => {
    const token = csrf.issue('uid1');
    expect(csrf.check('uid1', token)).toBe(true);
    expect(csrf.check('uid2', token)).toBe(false);
    expect(csrf.check('uid', token)).toBe(false);
  });

  test('fits as long as the key it was issued under is configured', () => {
    const token = createCsrf(['older']).issue('uid1');
    expect(csrf.check('uid1', token)).toBe(true);
    expect(createCsrf(['newest']).check('uid1', token)).toBe(false);
  });

  test.each([undefined, '', 'x', 'é'.repeat(43), '\0'])('%p is no token', (token) => {
    expect(csrf.check('uid1', token)).toBe(false);
  });

  test('without an interaction nothing fits, not even what was issued for none', () => {
    expect(csrf.check('', csrf.issue(''))).toBe(false);
  });

  test('there is no token without a key', () => {
    expect(() => createCsrf([])).toThrow(TypeError);
  });
});

describe('T23 where a form was sent from', () => {
  const issuer = 'https://idp.example';
  test.each([
    [{ 'sec-fetch-site': 'same-origin' }, 'same'],
    [{ 'sec-fetch-site': 'none' }, 'same'],
    [{ 'sec-fetch-site': 'cross-site', origin: issuer }, 'refused'],
    [{ 'sec-fetch-site': 'same-site' }, 'refused'],
    [{ 'sec-fetch-site': '' }, 'refused'],
    [{ origin: issuer }, 'same'],
    [{ origin: 'https://evil.example' }, 'refused'],
    [{ origin: 'https://idp.example.evil.example' }, 'refused'],
    [{ origin: 'http://idp.example' }, 'refused'],
    [{ origin: 'null' }, 'refused'],
    [{}, 'same'],
  ] as const)('%j → %s', (headers, kind) => {
    expect(readSite(headers, issuer).kind).toBe(kind);
  });

  test('a refusal is a 403', () => {
    expect(readSite({ origin: 'null' }, issuer)).toEqual({ kind: 'refused', status: 403, reason: 'other-origin' });
  });
});
