import { connect } from 'node:net';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import type { Middleware } from 'koa';
import Provider from 'oidc-provider';
import { requestState } from '../../../src/http/middleware/request-state.ts';
import { clientAddress, type TrustProxy, trustedProxy } from '../../../src/http/middleware/trusted-proxy.ts';
import { type Served, serve } from './serve.ts';

const ISSUER = 'https://idp.example:8443';
let served: Served | undefined;

afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** Answers with what everything behind the middleware would believe. */
const tell: Middleware = (ctx) => {
  ctx.cookies.set('probe', 'x');
  ctx.body = {
    href: ctx.href,
    url: ctx.URL.href,
    host: ctx.host,
    protocol: ctx.protocol,
    secure: ctx.secure,
    ip: ctx.ip,
    path: ctx.path,
    query: ctx.querystring,
    headers: ctx.req.headers,
    state: requestState(ctx),
  };
};

async function start(trust: TrustProxy, issuer = ISSUER): Promise<Served> {
  served = await serve(trustedProxy({ issuer, trust }), tell);
  return served;
}

const FORGED = {
  Host: 'evil.example',
  'X-Forwarded-Host': 'evil.example',
  'X-Forwarded-Proto': 'http',
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Prefix': '/evil',
  'X-Original-URL': '/metrics',
  'X-Real-IP': '203.0.113.9',
  Forwarded: 'for=203.0.113.9;host=evil.example;proto=http',
};

describe('T22 forged X-Forwarded-*', () => {
  test('addresses are built from ISSUER whatever Host and forwarding headers say', async () => {
    const app = await start(undefined);
    const seen = JSON.parse((await app.ask('/auth?client_id=a', { headers: FORGED })).text);
    expect(seen).toMatchObject({
      href: `${ISSUER}/auth?client_id=a`,
      url: `${ISSUER}/auth?client_id=a`,
      host: 'idp.example:8443',
      protocol: 'https',
      secure: true,
    });
  });

  test('the address of an untrusted peer is its own', async () => {
    const app = await start(undefined);
    const seen = JSON.parse((await app.ask('/', { headers: FORGED })).text);
    expect(seen.state).toMatchObject({ clientAddress: '127.0.0.1', peerTrusted: false, forwarding: 'untrusted' });
    expect(seen.ip).toBe('127.0.0.1');
  });

  test('nothing forged is left in the headers', async () => {
    const app = await start(undefined);
    const seen = JSON.parse((await app.ask('/', { headers: FORGED })).text);
    expect(JSON.stringify(seen.headers)).not.toMatch(/evil|203\.0\.113|metrics/);
    expect(seen.headers).not.toHaveProperty('forwarded');
  });

  test('a trusted proxy names the client, but never host or scheme', async () => {
    const app = await start({ hops: 1 });
    const seen = JSON.parse((await app.ask('/', { headers: FORGED })).text);
    expect(seen.state).toMatchObject({ clientAddress: '203.0.113.9', peerTrusted: true, forwarding: 'trusted' });
    expect(seen).toMatchObject({ ip: '203.0.113.9', href: `${ISSUER}/` });
  });

  test('X-Forwarded-Proto: https does not make a plain issuer secure', async () => {
    const app = await start({ hops: 1 }, 'http://localhost:3000');
    const answer = await app.ask('/', { headers: { 'X-Forwarded-Proto': 'https' } });
    expect(JSON.parse(answer.text)).toMatchObject({ secure: false, href: 'http://localhost:3000/' });
    expect(answer.headers['set-cookie']?.[0]).not.toMatch(/secure/i);
  });

  test('cookies are Secure for an https issuer behind a plain proxy', async () => {
    const app = await start(undefined);
    const answer = await app.ask('/');
    expect(answer.headers['set-cookie']?.[0]).toMatch(/; secure/i);
  });

  test('an absolute-form target brings its path and nothing else', async () => {
    const app = await start(undefined);
    const seen = JSON.parse((await app.ask('http://evil.example:99/auth?x=1', { headers: FORGED })).text);
    expect(seen).toMatchObject({ href: `${ISSUER}/auth?x=1`, url: `${ISSUER}/auth?x=1`, path: '/auth', query: 'x=1' });
  });

  test.each(['*', 'evil.example', 'ftp://evil.example/x'])('the target "%s" is refused', async (target) => {
    const app = await start(undefined);
    const answer = await raw(app.port, `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toContain('evil.example');
  });

  test.each(['a@evil.example', 'evil.example, idp.example', '[::1', 'evil.example/path?', 'idp.example#'])(
    'the host "%s" changes nothing',
    async (host) => {
      const app = await start(undefined);
      const answer = await raw(app.port, `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toContain(`"href":"${ISSUER}/x"`);
    },
  );

  test('HTTP/1.0 without a Host is answered like any other', async () => {
    const app = await start(undefined);
    expect(await raw(app.port, 'GET /x HTTP/1.0\r\n\r\n')).toContain(`"href":"${ISSUER}/x"`);
  });

  test('a path that looks like an address stays a path of ours', async () => {
    const app = await start(undefined);
    const seen = JSON.parse((await app.ask('//evil.example/x')).text);
    expect(new URL(seen.href).host).toBe('idp.example:8443');
  });
});

describe('T22 oidc-provider behind it', () => {
  const silent = jest.spyOn(console, 'info').mockImplementation(() => {});
  const silentToo = jest.spyOn(console, 'warn').mockImplementation(() => {});
  afterAll(() => {
    silent.mockRestore();
    silentToo.mockRestore();
  });

  test('discovery names ISSUER only, and cookies are Secure, whatever was forged', async () => {
    const provider = new Provider(ISSUER, {
      clients: [{ client_id: 'shop', client_secret: 's'.repeat(32), redirect_uris: ['https://shop.example/cb'] }],
      pkce: { required: () => false },
    });
    provider.proxy = true;
    const callback = provider.callback();
    const handOn: Middleware = async (ctx) => {
      ctx.respond = false;
      await callback(ctx.req, ctx.res);
    };
    served = await serve(trustedProxy({ issuer: ISSUER, trust: undefined }), handOn);
    for (const target of [
      '/.well-known/openid-configuration',
      'http://evil.example/.well-known/openid-configuration',
    ]) {
      const discovery = await served.ask(target, { headers: FORGED });
      expect(discovery.text).not.toMatch(/evil|http:/);
      expect(JSON.parse(discovery.text).token_endpoint).toBe(`${ISSUER}/token`);
    }
    const target = '/auth?client_id=shop&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fshop.example%2Fcb';
    const auth = await served.ask(target, { headers: FORGED });
    expect(auth.status).toBe(303);
    expect(auth.headers.location).not.toContain('evil');
    const cookies = auth.headers['set-cookie'] ?? [];
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) expect(cookie).toMatch(/; secure/i);
  });
});

describe('the client is found from the right of X-Forwarded-For', () => {
  const cidrs = { cidrs: ['10.0.0.0/8', 'fd00::/8', '127.0.0.1'] };
  test.each([
    ['nobody is trusted', undefined, '198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['one hop', { hops: 1 }, '10.0.0.1', '6.6.6.6, 203.0.113.9', '203.0.113.9'],
    ['two hops', { hops: 2 }, '10.0.0.1', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['two hops, one entry', { hops: 2 }, '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['one hop, none', { hops: 1 }, '10.0.0.1', undefined, '10.0.0.1'],
    ['no hops', { hops: 0 }, '10.0.0.1', '203.0.113.9', '10.0.0.1'],
    ['a peer outside the networks', cidrs, '198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['the first outside the networks', cidrs, '10.0.0.1', '6.6.6.6, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['a client that claims a trusted address', cidrs, '10.0.0.1', '10.9.9.9, 203.0.113.9', '203.0.113.9'],
    ['all inside', cidrs, '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['unreadable entries', cidrs, '10.0.0.1', '203.0.113.9, unknown, 10.0.0.2', '10.0.0.2'],
    ['an unreadable last entry', { hops: 1 }, '10.0.0.1', '203.0.113.9, _hidden', '10.0.0.1'],
    ['a port', { hops: 1 }, '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['brackets and a port', { hops: 1 }, '10.0.0.1', '[2001:DB8::1]:4711', '2001:db8::1'],
    ['IPv4 mapped', { hops: 1 }, '10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['a trusted IPv6 peer', cidrs, 'fd00::1', '203.0.113.9', '203.0.113.9'],
    ['several headers', { hops: 1 }, '10.0.0.1', ['6.6.6.6', '203.0.113.9'], '203.0.113.9'],
  ] as const)('%s', (_, trust, peer, header, expected) => {
    expect(clientAddress(trust, peer, header as string | string[] | undefined)).toBe(expected);
  });
});

/** Sends bytes no client library would, and gives all that comes back. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8').on('data', (part) => {
      answer += part;
    });
    socket.once('end', () => resolve(answer)).once('error', reject);
  });
}
