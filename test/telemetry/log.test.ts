import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { StorageUnavailable, VendorUnavailable } from '../../src/core/errors.ts';
import { createLogger, type LogLevel, redactPath } from '../../src/telemetry/log.ts';
import { describeError, redactFields, redactText } from '../../src/telemetry/redact.ts';

function logging(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({ level, destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  return { logger, lines };
}

describe('redactPath', () => {
  test.each([
    ['/interaction/u1/return/s3cret', '/interaction/u1/return/[redacted]'],
    ['/interaction/u1/phone/s3cret', '/interaction/u1/phone/[redacted]'],
    ['/invite/s3cret', '/invite/[redacted]'],
    ['/interaction/u1/return/s3cret?status=Approved', '/interaction/u1/return/[redacted]'],
    ['/interaction/u1/return/s3cret/more', '/interaction/u1/return/[redacted]'],
    ['//interaction//u1//return//s3cret', '//interaction//u1//return/[redacted]'],
    ['/interaction/u1/%72eturn/s3cret', '/interaction/u1/%72eturn/[redacted]'],
    ['/interaction/u1/RETURN/s3cret', '/interaction/u1/RETURN/[redacted]'],
    ['https://idp.example/invite/s3cret#x', '/invite/[redacted]'],
    ['/interaction/u1/return/', '/interaction/u1/return/'],
    ['/interaction/u1/waiting', '/interaction/u1/waiting'],
    ['/auth?client_id=a&login_hint=anna', '/auth'],
    ['/auth#fragment', '/auth'],
    ['/returned/x', '/returned/x'],
    ['/me?return/s3cret', '/me'],
    ['/%E0%A4%A', '/%E0%A4%A'],
    ['/me/%2', '/me/%2'],
    ['/account/sign-out-everywhere', '/account/sign-out-everywhere'],
    ['/interaction/u1/favicon.ico', '/interaction/u1/favicon.ico'],
    ['', '/'],
    ['?x', '/'],
  ])('%s → %s', (path, expected) => {
    expect(redactPath(path)).toBe(expected);
  });

  const [UID, TOKEN] = ['h3Yw_0t-'.repeat(6).slice(0, 43), 'Zk9_qT-4vWm2Xc7LrB1dEa'];

  test.each([
    [`/interaction/${UID}/return%2F${TOKEN}`, `/interaction/${UID}/return%2F[redacted]`],
    [`/interaction/${UID}/return%2f${TOKEN}`, `/interaction/${UID}/return%2f[redacted]`],
    [`/interaction/${UID}/return%252F${TOKEN}`, `/interaction/${UID}/return%252F[redacted]`],
    [`/interaction/${UID}/return%5c${TOKEN}`, `/interaction/${UID}/return%5c[redacted]`],
    [`/interaction/${UID}/return\\${TOKEN}`, `/interaction/${UID}/return\\[redacted]`],
    [`/interaction/${UID}%2Freturn%2F${TOKEN}`, `/interaction/${UID}%2Freturn%2F[redacted]`],
    [`/interaction%2F${UID}%2Freturn%2F${TOKEN}`, `/interaction%2F${UID}%2Freturn%2F[redacted]`],
    [`/interaction/${UID}/${TOKEN}`, `/interaction/${UID}/[redacted]`],
    [`/interaction/${UID}/${TOKEN}/return`, `/interaction/${UID}/[redacted]`],
    [`/interaction/${UID}/return%ZZ/${TOKEN}`, `/interaction/${UID}/return%ZZ/[redacted]`],
    [`/interaction/${UID}/return%3F${TOKEN}`, `/interaction/${UID}/[redacted]`],
    [`/interaction/${UID}/return=${TOKEN}`, `/interaction/${UID}/[redacted]`],
    [`/interaction/${UID};return;${TOKEN}`, '/interaction/[redacted]'],
    [`/interaction/${UID}${TOKEN}`, '/interaction/[redacted]'],
    [`/interaction/${UID}/phone/%E0%A4%A${TOKEN}`, `/interaction/${UID}/phone/[redacted]`],
    [`/${UID}/return/${TOKEN}`, '/[redacted]'],
    [`/base/invite%2F%2F${TOKEN}`, '/base/invite%2F%2F[redacted]'],
    [`/invite%0A/${TOKEN}`, '/invite%0A/[redacted]'],
    [`/inv%69te%ff/${TOKEN}`, '/inv%69te%ff/[redacted]'],
    [`/invite${TOKEN}`, '/[redacted]'],
    [`/not-me%2f${TOKEN}.`, '/not-me%2f[redacted]'],
    [`/not%2Dme/${TOKEN}`, '/not%2Dme/[redacted]'],
    [`/account/${TOKEN}`, '/account/[redacted]'],
    [`/account%2Fdeleted%2F${TOKEN}`, '/account%2Fdeleted%2F[redacted]'],
    [`/link/${TOKEN}`, '/link/[redacted]'],
  ])('T18 a path that was mangled on its way hides its token: %s', (path, expected) => {
    expect(redactPath(path)).toBe(expected);
  });

  test('every path that has a route is told as it is, but for its token', () => {
    const source = readFileSync(resolve(import.meta.dirname, '../../src/http/mount.ts'), 'utf8');
    const routes = [...source.matchAll(/\.(?:get|post)\('([^']+)'/g)].map(([, route = '']) => route);
    expect(routes.length).toBeGreaterThan(30);
    const fill = (route: string, token: string) =>
      route
        .replace(':uid', UID)
        .replace(/:(?:token|receipt)/, token)
        .replace(/:\w+/, 'name');
    for (const route of routes) expect(redactPath(fill(route, TOKEN))).toBe(fill(route, '[redacted]'));
  });

  test('cuts what is too long to be a path of ours', () => {
    expect(redactPath(`/${'x'.repeat(5000)}`)).toHaveLength(256);
  });
});

describe('redactText', () => {
  test.each([
    [
      'asked https://verify.vendor.example/session/abc?x=1 in vain',
      'asked https://verify.vendor.example/[redacted] in vain',
    ],
    ['postgres://user:pass@db:5432/x refused', 'postgres://db:5432/[redacted] refused'],
    ['at /interaction/u1%2Freturn%2Fs3cret', 'at /interaction/u1%2Freturn%2F[redacted]'],
    ['at interaction\\return\\s3cret', 'at interaction\\return\\[redacted]'],
    ['at /interaction/u1/return/s3cret?x=1', 'at /interaction/u1/return/[redacted]'],
    ['Authorization: Bearer abcdefgh12345', 'Authorization: Bearer [redacted]'],
    ['token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln here', 'token [redacted] here'],
    ['anna@example.org is taken', '[redacted] is taken'],
    ['GET /auth?login_hint=anna failed', 'GET /auth failed'],
    ['nothing to hide', 'nothing to hide'],
  ])('%s', (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });
});

describe('redactFields', () => {
  test('T18 hides by name, at any depth', () => {
    const redacted = redactFields({
      authorization: 'x',
      headers: { cookie: 'a=b' },
      deep: { list: [{ refresh_token: 'x', returnToken: 'y', client_secret: 'z', kept: 1 }] },
      'x-api-key': 'k',
      email: 'anna@example.org',
      clientAddress: '203.0.113.9',
      portrait: Buffer.from('face'),
      code: 'storage_unavailable',
      attempt: 'a1',
    });
    expect(redacted).toEqual({
      authorization: '[redacted]',
      headers: '[redacted]',
      deep: {
        list: [{ refresh_token: '[redacted]', returnToken: '[redacted]', client_secret: '[redacted]', kept: 1 }],
      },
      'x-api-key': '[redacted]',
      email: '[redacted]',
      clientAddress: '[redacted]',
      portrait: '[redacted]',
      code: 'storage_unavailable',
      attempt: 'a1',
    });
  });

  test('bytes become their number, circles and depths an ellipsis', () => {
    const circle: Record<string, unknown> = { bytes: new Uint8Array(3), at: new Date(0), big: 1n };
    circle['self'] = circle;
    expect(redactFields(circle)).toEqual({ bytes: '[3 bytes]', at: '1970-01-01T00:00:00.000Z', big: '1', self: '[…]' });
  });

  test('paths lose query and token', () => {
    expect(redactFields({ path: '/invite/abc?x', url: '/auth?y' })).toEqual({
      path: '/invite/[redacted]',
      url: '/auth',
    });
  });
});

describe('errors', () => {
  test('are told by type, code, message, place and cause', () => {
    const error = new StorageUnavailable('no answer in 2000 ms', {
      cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
    });
    expect(describeError(error)).toEqual({
      type: 'StorageUnavailable',
      code: 'storage_unavailable',
      message: 'no answer in 2000 ms',
      stack: expect.stringMatching(/^\s+at .*log\.test\.ts/),
      cause: { type: 'Error', code: 'ECONNREFUSED', message: 'x', stack: expect.any(String) },
    });
  });

  test('T18 nothing of a vendor’s answer gets out, whatever carries it', () => {
    const payload = '{"first_name":"Anna","session_token":"s3cret"';
    let syntax: unknown;
    try {
      JSON.parse(payload);
    } catch (fault) {
      syntax = fault;
    }
    const got = Object.assign(new Error('Request failed with status code 400: GET https://v.example/session/s3cret'), {
      code: 'ERR_NON_2XX_3XX_RESPONSE',
      response: { body: payload },
      options: { headers: { 'x-api-key': 's3cret' } },
      cause: syntax,
    });
    const { logger, lines } = logging();
    logger.error({ err: new VendorUnavailable('decision could not be read', { cause: got }) }, 'vendor');
    expect(JSON.stringify(lines)).not.toMatch(/Anna|s3cret/);
    expect(lines[0]).toMatchObject({ err: { code: 'vendor_unavailable', message: 'decision could not be read' } });
  });

  test('an error in the place of fields is told the same way', () => {
    const { logger, lines } = logging();
    logger.error(Object.assign(new Error('broken'), { body: 'Anna' }), 'x');
    expect(lines[0]).toMatchObject({ err: { type: 'Error', message: 'broken' } });
    expect(JSON.stringify(lines)).not.toContain('Anna');
  });

  test('a stack shows frames only, as its first lines repeat the message', () => {
    expect(describeError(new Error('one\ntwo s3cret')).stack).not.toContain('s3cret');
  });

  test('a code with a sentence in it is none', () => {
    expect(describeError(Object.assign(new Error('x'), { code: 'Anna Example' })).code).toBe('[redacted]');
  });
});

describe('createLogger', () => {
  test('writes JSON lines with level, time and message', () => {
    const { logger, lines } = logging();
    logger.info({ attempt: 'a1' }, 'login begun');
    expect(lines).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), attempt: 'a1', msg: 'login begun' },
    ]);
  });

  test('writes nothing below its level', () => {
    const { logger, lines } = logging('warn');
    logger.info({}, 'x');
    logger.warn({}, 'y');
    expect(lines.map(({ msg }) => msg)).toEqual(['y']);
  });

  test('every line of a request carries its id, however deep', async () => {
    const { logger, lines } = logging();
    const work = (name: string) => async () => {
      await new Promise((resolve) => setImmediate(resolve));
      logger.info({}, name);
    };
    await Promise.all([logger.inRequest('r1', work('one')), logger.inRequest('r2', work('two'))]);
    logger.info({}, 'outside');
    expect(lines.map(({ msg, request_id }) => [msg, request_id])).toEqual([
      ['one', 'r1'],
      ['two', 'r2'],
      ['outside', undefined],
    ]);
  });

  test('messages are redacted too', () => {
    const { logger, lines } = logging();
    logger.warn({}, 'callback /interaction/u1/return/s3cret?status=Approved');
    expect(lines[0]?.['msg']).toBe('callback /interaction/u1/return/[redacted]');
  });
});
