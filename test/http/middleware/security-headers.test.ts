import { afterEach, describe, expect, test } from '@jest/globals';
import { securityHeaders } from '../../../src/http/middleware/security-headers.ts';
import { type Served, serve } from './serve.ts';

let app: Served;
afterEach(() => app.close());

async function headersOf(path: string, options = { issuer: 'https://idp.example' }) {
  app = await serve(securityHeaders(options), (ctx) => void (ctx.body = 'x'));
  return (await app.ask(path)).headers;
}

describe('security headers', () => {
  test('T25 T27 nothing inline, nothing framed, and exactly these sources', async () => {
    const headers = await headersOf('/');
    expect(String(headers['content-security-policy']).split(';')).toEqual([
      "default-src 'none'",
      "style-src 'self'",
      "script-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers['x-frame-options']).toBe('DENY');
  });

  test('a form may redirect to the vendor and to clients', async () => {
    const policy = (await headersOf('/'))['content-security-policy'];
    expect(policy).not.toMatch(/form-action|upgrade-insecure-requests/);
  });

  test('the rest of what a browser enforces', async () => {
    expect(await headersOf('/')).toMatchObject({
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('camera=()'),
    });
  });

  test('the tie to an opening window can be kept', async () => {
    const headers = await headersOf('/', { issuer: 'https://a.example', openerPolicy: 'unsafe-none' } as never);
    expect(headers['cross-origin-opener-policy']).toBe('unsafe-none');
  });

  test('HSTS is sent for an https issuer only', async () => {
    expect((await headersOf('/'))['strict-transport-security']).toBe('max-age=31536000');
    await app.close();
    expect(await headersOf('/', { issuer: 'http://localhost:3000' })).not.toHaveProperty('strict-transport-security');
  });

  test.each([
    ['/interaction/u1', 'no-store'],
    ['/interaction/u1/waiting', 'no-store'],
    ['/invite/abc', 'no-store'],
    ['/INVITE/abc', 'no-store'],
    ['/jwks', undefined],
    ['/interactions.css', undefined],
  ])('T18 %s is kept by caches: %s', async (path, expected) => {
    expect((await headersOf(path))['cache-control']).toBe(expected);
  });
});
