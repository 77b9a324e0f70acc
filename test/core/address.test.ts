import { describe, expect, test } from '@jest/globals';
import {
  addressPrefix,
  addressWithin,
  isNetwork,
  isPrivateAddress,
  normaliseAddress,
  sameAddress,
} from '../../src/core/address.ts';

describe('normaliseAddress', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9 ', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:cb00:7109', '203.0.113.9'],
    ['2001:0DB8:0::0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', undefined],
    ['unknown', undefined],
    ['1', undefined],
    ['0x7f.1', undefined],
    ['127.1', undefined],
    ['203.0.113.9:80', undefined],
    ['203.0.113.256', undefined],
    ['1.2.3.4, 5.6.7.8', undefined],
  ])('%p → %p', (text, expected) => {
    expect(normaliseAddress(text)).toBe(expected);
  });
});

describe('addressPrefix', () => {
  test.each([
    ['203.0.113.9', '203.0.113.0/24'],
    ['::ffff:203.0.113.200', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['nobody', 'unknown'],
  ])('%s → %s', (text, expected) => {
    expect(addressPrefix(text)).toBe(expected);
  });
});

describe('sameAddress', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9', true],
    ['203.0.113.9', '::ffff:203.0.113.9', true],
    ['203.0.113.9', '203.0.113.10', false],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['203.0.113.9', '2001:db8::1', false],
    ['', '', false],
    ['unknown', 'unknown', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameAddress(a, b)).toBe(same);
    expect(sameAddress(b, a)).toBe(same);
  });
});

describe('isPrivateAddress', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '::1',
    'fd00::1',
    'fe80::1',
    '::ffff:10.0.0.1',
  ])('%s is', (text) => expect(isPrivateAddress(text)).toBe(true));
  test.each([
    '203.0.113.9',
    '8.8.8.8',
    '172.32.0.1',
    '100.64.0.1',
    '0.0.0.0',
    '2001:4860::1',
    '64:ff9b::a00:1',
    '',
    'localhost',
  ])('%s is not', (text) => expect(isPrivateAddress(text)).toBe(false));
});

describe('addressWithin', () => {
  const networks = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', 'nonsense', '10.0.0.0/99'];
  test.each([
    ['10.255.0.1', true],
    ['::ffff:10.0.0.1', true],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['fd12::1', true],
    ['fe80::1', false],
    ['nonsense', false],
  ])('%s: %s', (text, within) => {
    expect(addressWithin(text, networks)).toBe(within);
  });
});

describe('isNetwork', () => {
  test.each(['10.0.0.0/8', '10.0.0.1', '::/0', 'fd00::/8'])('%s is', (text) => expect(isNetwork(text)).toBe(true));
  test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10/8', 'x', '', '::/129'])('%s is not', (text) =>
    expect(isNetwork(text)).toBe(false),
  );
});
