import { afterEach, expect, test } from '@jest/globals';
import type { Middleware } from 'koa';
import { accessLog } from '../../../src/http/middleware/access-log.ts';
import { requestId } from '../../../src/http/middleware/request-id.ts';
import { trustedProxy } from '../../../src/http/middleware/trusted-proxy.ts';
import { redactPath } from '../../../src/telemetry/log.ts';
import { type Served, serve } from './serve.ts';

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
}

let app: Served;
afterEach(() => app.close());

/** The application, and a promise of its next log line. */
async function start(last: Middleware): Promise<() => Promise<Line>> {
  const lines: Line[] = [];
  const readers: ((line: Line) => void)[] = [];
  const take = (level: string) => (fields: object) => {
    const line = { level, fields: fields as Record<string, unknown> };
    const reader = readers.shift();
    if (reader === undefined) lines.push(line);
    else reader(line);
  };
  const logger = { debug: take('debug'), info: take('info'), warn: take('warn'), error: take('error') };
  let ms = 0;
  const elapsedMs = () => {
    ms += 12.34;
    return ms;
  };
  app = await serve(
    trustedProxy({ issuer: 'http://localhost', trust: undefined }),
    requestId({}),
    accessLog({ logger, redactPath, elapsedMs }),
    last,
  );
  return () =>
    new Promise((resolve) => {
      const line = lines.shift();
      if (line === undefined) readers.push(resolve);
      else resolve(line);
    });
}

test('T18 a request is one line without query, token, address or header', async () => {
  const next = await start((ctx) => void (ctx.status = 204));
  const answer = await app.ask('/interaction/u1/return/s3cret?status=Approved&x=anna@example.org', {
    headers: { Authorization: 'Bearer abc', Cookie: 'a=b' },
  });
  const { level, fields } = await next();
  expect(level).toBe('info');
  expect(fields).toEqual({
    request_id: answer.headers['x-request-id'],
    method: 'GET',
    path: '/interaction/u1/return/[redacted]',
    status: 204,
    ms: 12.3,
  });
});

test('a request that fails is logged with the status it was answered with', async () => {
  const next = await start(() => {
    throw new Error('broken');
  });
  await app.ask('/x');
  expect((await next()).fields).toMatchObject({ path: '/x', status: 500 });
});

test('a connection that goes away is logged as cut off', async () => {
  const next = await start((ctx) => {
    ctx.respond = false;
    ctx.status = 200;
    ctx.res.flushHeaders();
  });
  (await app.open('/events')).destroy();
  expect((await next()).fields).toMatchObject({ path: '/events', status: 200, cut_off: true });
});

test('what machines ask every few seconds is logged at debug', async () => {
  const next = await start((ctx) => void (ctx.status = 200));
  await app.ask('/livez');
  expect((await next()).level).toBe('debug');
});
