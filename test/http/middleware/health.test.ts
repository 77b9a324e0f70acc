import { afterEach, describe, expect, test } from '@jest/globals';
import { type TrustProxy, trustedProxy } from '../../../src/http/middleware/trusted-proxy.ts';
import { type HealthOptions, healthRoutes } from '../../../src/http/routes/health.ts';
import { type Served, serve } from './serve.ts';

let app: Served | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const warned: object[] = [];
const logger = { debug() {}, info() {}, warn: (fields: object) => void warned.push(fields), error() {} };
const exposition = async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' });

interface Setting extends Partial<HealthOptions> {
  readonly trust?: TrustProxy;
}

async function start({ trust, ...options }: Setting = {}): Promise<Served> {
  const issuer = options.issuer ?? 'https://idp.example';
  app = await serve(
    trustedProxy({ issuer, trust }),
    healthRoutes({ issuer, dependencies: {}, exposition, logger, ...options }),
    (ctx) => void (ctx.body = 'next'),
  );
  return app;
}

describe('/livez and /readyz', () => {
  test('a process that answers is alive', async () => {
    const answer = await (await start()).ask('/livez');
    expect(answer).toMatchObject({ status: 200, text: '{"status":"alive"}' });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('it is ready when all it depends on answers', async () => {
    const served = await start({ dependencies: { storage: async () => 1, vendor: async () => 2 } });
    expect(await served.ask('/readyz')).toMatchObject({ status: 200, text: '{"status":"ready"}' });
  });

  test('a dependency that fails is named, its reason is not', async () => {
    const storage = async () => {
      throw new Error('postgres://user:password@db refused');
    };
    const served = await start({ dependencies: { storage, vendor: async () => 2 } });
    expect(await served.ask('/readyz')).toMatchObject({
      status: 503,
      text: '{"status":"unready","failing":["storage"]}',
    });
    expect(warned.at(-1)).toMatchObject({ dependency: 'storage' });
  });

  test('R7 a dependency that hangs is named after the deadline', async () => {
    const served = await start({ dependencies: { storage: () => new Promise(() => {}) }, deadlineMs: 5 });
    expect(await served.ask('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining('storage') });
  });

  test('R11 a process that drains is alive and not ready', async () => {
    const served = await start({ draining: () => true });
    expect((await served.ask('/readyz')).status).toBe(503);
    expect((await served.ask('/livez')).status).toBe(200);
  });

  test.each(['/livez', '/readyz', '/metrics'])('%s answers HEAD like GET, without a body', async (path) => {
    const answer = await (await start()).ask(path, { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, text: '' });
  });

  test.each(['/livez', '/readyz', '/metrics'])('%s refuses other methods', async (path) => {
    const answer = await (await start()).ask(path, { method: 'POST' });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  test.each(['/', '/livez/', '/metrics/x', '/constructor', '/__proto__'])('%s is somebody else’s', async (path) => {
    expect((await (await start()).ask(path)).text).toBe('next');
  });
});

describe('/metrics', () => {
  test('says nothing rather than a part, when not all could be gathered', async () => {
    const served = await start({ exposition: () => Promise.reject(new Error('the primary did not answer')) });
    expect(await served.ask('/metrics')).toMatchObject({ status: 503, text: '{"error":"unavailable"}' });
  });

  const proxied = { 'X-Forwarded-For': '203.0.113.9' };

  test('a local reader needs no token where none is set', async () => {
    const answer = await (await start()).ask('/metrics');
    expect(answer).toMatchObject({ status: 200, text: 'up 1\n' });
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('T22 what came through a proxy nobody named is from outside, though it looks local', async () => {
    const served = await start();
    expect((await served.ask('/metrics', { headers: proxied })).status).toBe(403);
    expect((await served.ask('/metrics', { headers: { 'X-Forwarded-For': '127.0.0.1' } })).status).toBe(403);
    expect((await served.ask('/metrics', { headers: { Forwarded: 'for=10.0.0.1' } })).status).toBe(403);
    expect((await served.ask('/metrics', { headers: { Via: '1.1 proxy' } })).status).toBe(403);
  });

  test('T22 who asked for the public name came in by the front door', async () => {
    const served = await start();
    expect((await served.ask('/metrics', { headers: { Host: 'idp.example' } })).status).toBe(403);
    expect((await served.ask('/metrics', { headers: { Host: 'IDP.example:443' } })).status).toBe(403);
  });

  test('a provider with a local name is asked by that name', async () => {
    const served = await start({ issuer: 'http://localhost:3000' });
    expect((await served.ask('/metrics', { headers: { Host: 'localhost:3000' } })).status).toBe(200);
  });

  test('behind a trusted proxy the client’s address decides', async () => {
    const served = await start({ trust: { hops: 1 } });
    expect((await served.ask('/metrics', { headers: proxied })).status).toBe(403);
    expect((await served.ask('/metrics', { headers: { 'X-Forwarded-For': '10.1.2.3' } })).status).toBe(200);
  });

  test('with a token, the token decides for everybody', async () => {
    const served = await start({ metricsToken: 'm3trics-token' });
    const asked = (authorization: string) =>
      served.ask('/metrics', { headers: { Authorization: authorization, ...proxied } });
    expect((await asked('Bearer m3trics-token')).status).toBe(200);
    expect((await asked('bearer m3trics-token')).status).toBe(200);
    for (const wrong of ['', 'Bearer', 'Bearer m3trics-toke', 'Bearer m3trics-tokenx', 'Basic m3trics-token']) {
      expect((await asked(wrong)).status).toBe(401);
    }
    const bare = await served.ask('/metrics');
    expect(bare.status).toBe(401);
    expect(bare.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});
