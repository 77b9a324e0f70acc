import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createCookieSigner } from '../../src/oidc/cookie-signer.ts';

const NEW = 'n'.repeat(48);
const OLD = 'o'.repeat(48);

test('a signature is HMAC-SHA-256 under the newest key (RFC 2104)', () => {
  const expected = createHmac('sha256', NEW).update('_session=abc').digest('base64url');
  expect(createCookieSigner([NEW, OLD]).sign('_session=abc')).toBe(expected);
});

test('a cookie under an older key is accepted, and told apart so that it is signed anew', () => {
  const signer = createCookieSigner([NEW, OLD]);
  expect(signer.index('a=b', createCookieSigner([NEW]).sign('a=b'))).toBe(0);
  expect(signer.index('a=b', createCookieSigner([OLD]).sign('a=b'))).toBe(1);
  expect(signer.verify('a=b', createCookieSigner([OLD]).sign('a=b'))).toBe(true);
});

test.each([
  ['a changed value', (signature: string) => ['a=c', signature]],
  ['another cookie of the same value', (signature: string) => ['_a=b', signature]],
  [
    'a changed signature',
    (signature: string) => ['a=b', signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
  ],
  ['a signature cut short', (signature: string) => ['a=b', signature.slice(0, -1)]],
  ['an empty signature', () => ['a=b', '']],
  ['a signature with more behind it', (signature: string) => ['a=b', `${signature}=`]],
  ['a signature of other characters', () => ['a=b', '\u{1F600}'.repeat(11)]],
])('%s is refused', (_, forge) => {
  const signer = createCookieSigner([NEW]);
  const [data = '', signature = ''] = forge(signer.sign('a=b'));
  expect(signer.index(data, signature)).toBe(-1);
});

test('a key that is gone signs nothing any more', () => {
  expect(createCookieSigner([NEW]).verify('a=b', createCookieSigner([OLD]).sign('a=b'))).toBe(false);
});

test('no key is a fault of the program', () => {
  expect(() => createCookieSigner([])).toThrow('at least one key');
});
