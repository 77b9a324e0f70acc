import { describe, expect, test } from '@jest/globals';
import { type Account, identityMatches } from '../../src/core/account.ts';
import { claimsOf, matchingTexts, profileOf } from '../../src/core/claims.ts';
import type { Identity } from '../../src/core/verdict-types.ts';

const document: Identity = {
  givenName: 'José',
  familyName: 'Núñez',
  fullName: 'José Núñez',
  birthDate: '1980-02-03',
  gender: 'M',
  documentNumber: 'AB 123-456',
  documentIssuer: 'ESP',
};

const EITHER = { match: 'either', sameNationality: false } as const;

describe('what is kept of a document', () => {
  test('only what a scope can release', () => {
    expect(profileOf(document)).toEqual({
      name: 'José Núñez',
      given_name: 'José',
      family_name: 'Núñez',
      birthdate: '1980-02-03',
      gender: 'male',
    });
    expect(profileOf({ givenName: 'Aiko', familyName: 'Abe' })).toEqual({
      name: 'Aiko Abe',
      given_name: 'Aiko',
      family_name: 'Abe',
    });
    expect(profileOf({ gender: 'F' })).toEqual({ gender: 'female' });
    expect(profileOf({ gender: 'X' })).toEqual({ gender: 'x' });
    expect(profileOf(undefined)).toEqual({});
  });

  test('the same document in another spelling gives the same text to compare (T14)', () => {
    const texts = matchingTexts(document);
    expect(matchingTexts({ ...document, documentNumber: 'ab123456', documentIssuer: 'ESP' })).toEqual(texts);
    expect(matchingTexts({ ...document, fullName: 'NUNEZ, JOSE' }).person).toBe(texts.person);
    expect(
      matchingTexts({ ...document, fullName: undefined as never, givenName: 'Jose', familyName: 'Nunez' }).person,
    ).toBe(texts.person);
  });

  test.each<[string, Identity | undefined, string[]]>([
    ['nothing at all', undefined, []],
    ['a number without its issuer', { documentNumber: 'A1' }, []],
    ['an issuer without a number', { documentIssuer: 'ESP' }, []],
    ['a name without a birth date', { fullName: 'José Núñez' }, []],
    ['a birth date without a name', { birthDate: '1980-02-03' }, []],
    ['a name of no letters', { fullName: '…', birthDate: '1980-02-03' }, []],
    ['number and issuer', { documentNumber: 'A1', documentIssuer: 'ESP' }, ['document']],
    ['name and birth date', { fullName: 'X', birthDate: '1980-02-03' }, ['person']],
  ])('%s is compared by nothing that half the world shares', (_name, identity, kept) => {
    expect(Object.keys(matchingTexts(identity))).toEqual(kept);
  });

  test('other people, other texts', () => {
    const { document: first, person } = matchingTexts(document);
    expect(matchingTexts({ ...document, documentNumber: 'AB123457' }).document).not.toBe(first);
    expect(matchingTexts({ ...document, documentIssuer: 'PRT' }).document).not.toBe(first);
    expect(matchingTexts({ ...document, birthDate: '1980-03-02' }).person).not.toBe(person);
    expect(matchingTexts({ ...document, fullName: 'José Núñe' }).person).not.toBe(person);
  });
});

describe('is it the person who enrolled? (T14)', () => {
  const enrolled = { document: ['d-new', 'd-old'], person: ['p-new'] };
  test.each<[string, { document: string[]; person: string[] }, boolean]>([
    ['the same document', { document: ['d-new'], person: [] }, true],
    ['the same document under an older key', { document: ['d-old'], person: ['other'] }, true],
    ['the same name and birth date, a new document', { document: ['other'], person: ['p-new'] }, true],
    ['neither', { document: ['other'], person: ['other'] }, false],
    ['a document that says nothing', { document: [], person: [] }, false],
    ['a person’s hash where a document’s is kept', { document: ['p-new'], person: ['d-new'] }, false],
  ])('%s', (_name, shown, expected) => {
    expect(identityMatches(enrolled, shown, EITHER)).toBe(expected);
  });

  test('an account of which nothing is known matches nobody, not even a document that says nothing', () => {
    expect(identityMatches({ document: [], person: [] }, { document: [], person: [] }, EITHER)).toBe(false);
  });

  const kept = { document: ['d'], person: ['p'], nationality: ['n'] };
  test.each([
    ['document', { document: ['d'], person: ['x'] }, true],
    ['document', { document: ['x'], person: ['p'] }, false],
    ['person', { document: ['x'], person: ['p'] }, true],
    ['person', { document: ['d'], person: ['x'] }, false],
    ['both', { document: ['d'], person: ['x'] }, false],
    ['both', { document: ['d'], person: ['p'] }, true],
  ] as const)('policy %s: %o is %s', (match, shown, expected) => {
    expect(identityMatches(kept, shown, { match, sameNationality: false })).toBe(expected);
  });

  test('where the nationality has to agree, one that is not known does not', () => {
    const rules = { match: 'either', sameNationality: true } as const;
    expect(identityMatches(kept, { ...kept, nationality: ['n'] }, rules)).toBe(true);
    expect(identityMatches(kept, { ...kept, nationality: ['x'] }, rules)).toBe(false);
    expect(identityMatches(kept, { document: ['d'], person: ['p'] }, rules)).toBe(false);
    expect(identityMatches({ document: ['d'], person: ['p'] }, kept, rules)).toBe(false);
  });
});

test('claims: the identifier is a user name, and an e-mail address only once it was proven', () => {
  const account: Account = {
    id: 'a1',
    subject: 's1',
    identifier: 'alice@example.org',
    createdAt: 1,
    updatedAt: 2,
    standing: 'good',
    profile: { given_name: 'Alice' },
    matching: { document: ['d'], person: ['p'] },
    portrait: { kind: 'vendor' },
    enrolledBy: { verificationId: 'v', at: 1, purpose: 'enrol' },
    consent: null,
  };
  const claims = { given_name: 'Alice', preferred_username: 'alice@example.org', updated_at: 2 };
  expect(claimsOf(account)).toEqual(claims);
  expect(claimsOf({ ...account, email: { address: 'alice@example.org', verifiedAt: 3 } })).toEqual({
    ...claims,
    email: 'alice@example.org',
    email_verified: true,
  });
});
