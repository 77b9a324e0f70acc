// Addresses of clients: where a login may end, and where this server calls.

import { describe, expect, test } from '@jest/globals';
import { readCalledUri, readPageUri, readRedirectUri } from '../../src/config/client-addresses.ts';
import { isLoopbackHost, isSpecialUseHost } from '../../src/config/network.ts';

describe('a redirect URI', () => {
  test.each<[string, 'web' | 'native']>([
    ['https://shop.example/cb?x=1', 'web'],
    ['https://shop.example/cb', 'native'],
    ['http://localhost:8080/cb', 'web'],
    ['http://[::1]/cb', 'native'],
    ['com.example.app:/cb', 'native'],
  ])('may be %s for %s', (uri, type) => {
    expect(readRedirectUri(uri, type)).toEqual({ ok: true, value: uri });
  });

  test.each<[string, string, 'web' | 'native']>([
    ['has a wildcard', 'https://*.shop.example/cb', 'web'],
    ['has a wildcard', 'https://shop.example/*', 'web'],
    ['has a fragment', 'https://shop.example/cb#', 'web'],
    ['is http on a host', 'http://shop.example/cb', 'web'],
    ['is http on a host', 'http://localhost.shop.example/cb', 'web'],
    ['is http on a host', 'http://shop.example/cb', 'native'],
    ['is http on a host', 'http://127.0.0.2/cb', 'web'],
    ['holds a user name', 'https://user@shop.example/cb', 'web'],
    ['has a private scheme', 'com.example.app:/cb', 'web'],
    ['has a private scheme without a dot', 'myapp:/cb', 'native'],
    ['must not receive', 'javascript:alert(1)', 'native'],
    ['must not receive', 'data:text/html,x', 'web'],
    ['is https on loopback', 'https://localhost/cb', 'native'],
    ['is not an absolute address', '/cb', 'web'],
  ])('is refused when it %s: %s', (problem, uri, type) => {
    const reading = readRedirectUri(uri, type);
    expect(reading).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('an address that this server calls', () => {
  test.each([
    ['https://out.example/x', []],
    ['http://intern.example/x', ['intern.example']],
    ['http://10.1.2.3:8080/x', ['10.1.2.0/24']],
    ['https://[fd00::5]/x', ['fd00::/8']],
  ])('may be %s with %j allowed', (uri, allowed) => {
    expect(readCalledUri(uri, allowed)).toEqual({ ok: true, value: uri });
  });

  test.each([
    'http://localhost:9/x',
    'https://127.0.0.1/x',
    'https://192.168.1.1/x',
    'https://169.254.169.254/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://[fd00::5]/x',
  ])('is warned of when special-use: %s', (uri) => {
    expect(readCalledUri(uri, ['10.9.0.0/16'])).toMatchObject({
      ok: true,
      warning: expect.stringContaining('special-use'),
    });
  });

  test.each(['http://out.example/', 'ftp://out.example/', 'https://out.example/#a', 'https://u:p@out.example/', 'x'])(
    'is refused: %s',
    (uri) => {
      expect(readCalledUri(uri, ['other.example']).ok).toBe(false);
    },
  );
});

test('a page is https, or http on loopback', () => {
  expect(readPageUri('https://a.example/').ok).toBe(true);
  expect(readPageUri('http://localhost:3000/').ok).toBe(true);
  for (const uri of ['http://a.example/', 'javascript:alert(1)', 'https://u@a.example/', 'x'])
    expect(readPageUri(uri).ok).toBe(false);
});

test('loopback and special use are told by literal name and address only', () => {
  for (const host of ['localhost', 'a.localhost', '127.8.9.1', '[::1]', '::ffff:127.0.0.1'])
    expect([host, isLoopbackHost(host)]).toEqual([host, true]);
  for (const host of ['localhost.example', '0.0.0.0', '10.0.0.1', '::'])
    expect([host, isLoopbackHost(host)]).toEqual([host, false]);
  expect(isSpecialUseHost('0.0.0.0')).toBe(true);
  expect(isSpecialUseHost('8.8.8.8')).toBe(false);
  expect(isSpecialUseHost('example.com')).toBe(false);
});
