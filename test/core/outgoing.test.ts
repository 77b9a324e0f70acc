// Which addresses a request may reach when somebody else named the URL (T20).

import { describe, expect, test } from '@jest/globals';
import { createOutgoingPolicy, isLoopbackAddress, isLoopbackHost, isSpecialUse } from '../../src/core/outgoing.ts';

describe('special-use addresses', () => {
  test.each([
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '192.168.1.1'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ["a cloud's metadata", '169.254.169.254'],
    ['carrier NAT', '100.64.0.1'],
    ['this network', '0.0.0.0'],
    ['multicast', '224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['reserved', '240.0.0.1'],
    ['protocol assignments', '192.0.0.1'],
    ['benchmarking', '198.18.0.1'],
    ['documentation', '203.0.113.1'],
    ['loopback', '::1'],
    ['unspecified', '::'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['unique local', 'fd00::1'],
    ['multicast', 'ff02::1'],
    ['site-local', 'fec0::1'],
    ['documentation', '2001:db8::1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001::1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped loopback in hex', '::ffff:7f00:1'],
    ['compatible loopback', '::127.0.0.1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'],
    ['local NAT64', '64:ff9b:1::1'],
    ['outside global unicast', '4000::1'],
    ['octal', '0177.0.0.1'],
    ['one number', '2130706433'],
    ['a name', 'example.com'],
    ['nothing', ''],
  ])('%s is refused: %s', (_kind, address) => {
    expect(isSpecialUse(address)).toBe(true);
    expect(createOutgoingPolicy([]).permits('example.com', address)).toBe(false);
  });

  test.each(['8.8.8.8', '192.0.1.1', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '[2606:4700::1]'])(
    'a public address is allowed: %s',
    (address) => {
      expect(isSpecialUse(address)).toBe(false);
      expect(createOutgoingPolicy([]).permits('example.com', address)).toBe(true);
    },
  );
});

describe('what an operator allows', () => {
  test.each([
    ['10.1.0.0/16', 'a.example', '10.1.2.3', true],
    ['10.1.0.0/16', 'a.example', '10.2.2.3', false],
    ['10.1.2.3', 'a.example', '10.1.2.3', true],
    ['10.1.2.3', 'a.example', '10.1.2.4', false],
    ['fd00:1::/32', 'a.example', 'fd00:1::9', true],
    ['[fd00:1::9]', 'a.example', 'fd00:1::9', true],
    ['10.1.0.0/16', 'a.example', '::ffff:10.1.2.3', true],
    ['10.1.0.0/16', 'a.example', 'fd00::1', false],
    ['Logout.Internal', 'logout.internal', '10.1.2.3', true],
    ['logout.internal', 'logout.internal.', '10.1.2.3', true],
    ['logout.internal', 'x.logout.internal', '10.1.2.3', false],
    ['logout.internal', 'logout.internal', 'no address', false],
  ])('%s with %s at %s: %s', (entry, hostname, address, allowed) => {
    expect(createOutgoingPolicy([entry]).permits(hostname, address)).toBe(allowed);
  });

  test.each(['10.0.0.0/33', 'https://a.example', 'a b', '', '*.example'])(
    'an entry that is none is a fault: %s',
    (entry) => {
      expect(() => createOutgoingPolicy([entry])).toThrow(TypeError);
    },
  );
});

describe('loopback', () => {
  test.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '[::1]', '::1'])('%s is this machine', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });
  test.each(['localhost.example.com', 'example.com', '128.0.0.1', '[::2]', '0.0.0.0', ''])('%s is not', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
  test('an address is judged without its name', () => {
    expect(isLoopbackAddress('::ffff:127.0.0.1')).toBe(true);
    expect(isLoopbackAddress('localhost')).toBe(false);
  });
});
