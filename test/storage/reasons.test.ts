// Why a storage did not do what it was asked: the cause by its code and in words, and nothing of what the URL may have held.

import { expect, test } from '@jest/globals';
import { failureOf, reasonOf } from '../../src/storage/reasons.ts';

const coded = (code: string, message = 'secret') => Object.assign(new Error(message), { code });

test.each([
  [coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'), 'ECONNREFUSED: nothing listens there'],
  [coded('28P01', 'for user "secret"'), '28P01: the user or the password is wrong'],
  [coded('3D000'), '3D000: there is no such database'],
  [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [new Error('WRONGPASS invalid secret'), 'WRONGPASS: the user or the password is wrong'],
  [new Error('ERR DB index is out of range'), 'ERR: there is no such database'],
  [new Error('ERR AUTH <password> called without any password configured'), /^ERR: the URL has a password/],
  [new Error('no answer within 900 ms'), /^no answer: a firewall/],
  [new Error('The server does not support SSL connections'), 'the server speaks no TLS'],
  [new Error('some secret of a driver'), undefined],
  [undefined, undefined],
])('%s', (error, reason) => {
  if (reason instanceof RegExp) expect(reasonOf(error)).toMatch(reason);
  else expect(reasonOf(error)).toBe(reason);
  expect(failureOf(error)).not.toContain('secret');
});

test('an operation that failed says why, as far as that is known', () => {
  expect(failureOf(new Error('OOM command not allowed'))).toBe('did not do it (OOM: the memory of the server is full)');
  expect(failureOf(new Error('gone'))).toBe('did not answer');
});
