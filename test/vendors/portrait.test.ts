// Pictures by address: what is fetched, and what a forged address cannot reach (T20).

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createOutgoingPolicy } from '../../src/core/outgoing.ts';
import { fetchPortrait, type PortraitRules } from '../../src/vendors/didit/portrait.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

let server: LocalServer;
let before = 0;

beforeAll(async () => {
  server = await startLocalServer();
});
afterAll(() => server.close());
beforeEach(() => {
  before = server.asked.length;
});

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x02, 0xff, 0xd9]);
const standIn: PortraitRules = { outgoing: createOutgoingPolicy([]), loopback: true, timeoutMs: 2000 };
const live: PortraitRules = { ...standIn, loopback: false };
const resolving = (...addresses: string[]): Pick<PortraitRules, 'resolve'> => ({
  resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
});

describe('a stand-in on this machine', () => {
  test('its pictures are fetched over http, without a key', async () => {
    server.answer({ body: JPEG, headers: { 'content-type': 'image/jpeg' } });
    const reading = await fetchPortrait(`${server.url}/p.jpg?X-Amz-Signature=1`, standIn);
    expect(reading).toEqual({ kind: 'jpeg', bytes: new Uint8Array(JPEG) });
    expect(server.asked.at(-1)?.path).toBe('/p.jpg?X-Amz-Signature=1');
    expect(server.asked.at(-1)?.headers).not.toHaveProperty('x-api-key');
  });

  test('by the name localhost too', async () => {
    server.answer({ body: JPEG });
    const rules = { ...standIn, ...resolving('127.0.0.1') };
    expect((await fetchPortrait(`http://localhost:${server.port}/p.jpg`, rules)).kind).toBe('jpeg');
  });

  test('a live vendor names no picture on this machine', async () => {
    for (const url of [server.url, `http://localhost:${server.port}`, `https://127.0.0.1:${server.port}`]) {
      expect((await fetchPortrait(`${url}/p.jpg`, live)).kind).toBe('unusable');
    }
    expect(server.asked.length).toBe(before);
  });

  test('loopback by name only is not loopback', async () => {
    const url = `http://localhost:${server.port}/p.jpg`;
    expect(await fetchPortrait(url, { ...standIn, ...resolving('10.0.0.1') })).toEqual({
      kind: 'unusable',
      reason: 'forbidden-address',
    });
  });
});

describe('addresses', () => {
  test.each([
    ['', 'bad-address'],
    ['nonsense', 'bad-address'],
    ['http://media.example/p.jpg', 'not-https'],
    ['http://10.0.0.1/p.jpg', 'not-https'],
    ['file:///etc/passwd', 'not-https'],
    ['data:image/jpeg;base64,/9j/', 'not-https'],
    ['https://user:pass@media.example/p.jpg', 'bad-address'],
  ])('%s: %s', async (url, reason) => {
    for (const rules of [standIn, live]) expect(await fetchPortrait(url, rules)).toEqual({ kind: 'unusable', reason });
  });

  test.each([
    'https://169.254.169.254/latest/meta-data/',
    'https://127.0.0.1/p.jpg',
    'https://127.1/p.jpg',
    'https://2130706433/p.jpg',
    'https://0x7f000001/p.jpg',
    'https://[::1]/p.jpg',
    'https://[::ffff:127.0.0.1]/p.jpg',
    'https://[fd00::1]/p.jpg',
    'https://10.0.0.1/p.jpg',
    'https://192.168.1.1:8443/p.jpg',
    'https://0.0.0.0/p.jpg',
  ])('the literal %s is not reached', async (url) => {
    expect(await fetchPortrait(url, live)).toEqual({ kind: 'unusable', reason: 'forbidden-address' });
  });

  test.each([
    [['10.0.0.1']],
    [['127.0.0.1']],
    [['::1']],
    [['169.254.169.254']],
    [['100.64.0.1']],
    [['::ffff:10.0.0.1']],
    [['8.8.8.8', '10.0.0.1']],
  ])('a name that leads to %j is not reached', async (addresses) => {
    expect(await fetchPortrait('https://media.example/p.jpg', { ...live, ...resolving(...addresses) })).toEqual({
      kind: 'unusable',
      reason: 'forbidden-address',
    });
  });

  test('a name that leads nowhere, or takes for ever', async () => {
    const nowhere = { ...live, resolve: () => Promise.reject(new Error('ENOTFOUND')) };
    expect(await fetchPortrait('https://media.example/p.jpg', nowhere)).toEqual({
      kind: 'unusable',
      reason: 'unresolvable',
    });
    const never = { ...live, timeoutMs: 20, resolve: () => new Promise<never>(() => {}) };
    expect(await fetchPortrait('https://media.example/p.jpg', never)).toEqual({
      kind: 'unusable',
      reason: 'unresolvable',
    });
  });

  test('the address that was judged is the one connected to, and it is asked for once', async () => {
    // a name that is public when judged and inside when connected to (rebinding)
    let asked = 0;
    const resolve = async () => {
      asked++;
      return [{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }];
    };
    server.answer({ body: JPEG });
    const reading = await fetchPortrait(`http://localhost:${server.port}/p.jpg`, { ...standIn, resolve });
    expect(reading.kind).toBe('jpeg');
    expect(asked).toBe(1);
  });

  test('an operator may allow what runs inside; it stays https', async () => {
    const rules = { ...live, outgoing: createOutgoingPolicy(['media.internal']), ...resolving('127.0.0.1') };
    const connected = server.connections();
    const reading = await fetchPortrait(`https://media.internal:${server.port}/p.jpg`, rules);
    // admitted, and connected to where the name was judged to lead; then no TLS there
    expect(server.connections()).toBe(connected + 1);
    expect(reading).toMatchObject({ kind: 'unusable', reason: expect.not.stringContaining('forbidden') });
    expect(await fetchPortrait(`http://media.internal:${server.port}/p.jpg`, rules)).toMatchObject({
      reason: 'not-https',
    });
  });
});

describe('answers', () => {
  const fetched = (path = '/p.jpg', rules = standIn) => fetchPortrait(`${server.url}${path}`, rules);

  test.each([301, 302, 303, 307, 308])('a redirect (%d) is not followed', async (status) => {
    server.answer({ status, headers: { location: `${server.url}/other` } }, { body: JPEG });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: 'redirect' });
    expect(server.asked.length).toBe(before + 1);
  });

  test.each([204, 206, 403, 404, 500])('a status of %d is no picture', async (status) => {
    server.answer({ status, body: status === 204 ? '' : JPEG });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: `status-${status}` });
  });

  test.each([
    ['PNG', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
    ['a page', Buffer.from('<html></html>')],
    ['nothing', Buffer.alloc(0)],
    ['a beginning only', JPEG.subarray(0, 10)],
    ['an end only', Buffer.from([0xff, 0xd9])],
    ['too little', Buffer.from([0xff, 0xd8, 0xff, 0xd9])],
  ])('%s is no JPEG', async (_what, body) => {
    server.answer({ body, headers: { 'content-type': 'image/jpeg' } });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: 'not-jpeg' });
  });

  test.each([
    ['padding behind the end', Buffer.concat([JPEG, Buffer.from([0, 0, 0x0d, 0x0a])])],
    ['what a camera writes behind the end', Buffer.concat([JPEG, Buffer.from('a video of three seconds')])],
    ['a missing end', Buffer.concat([JPEG.subarray(0, 3), Buffer.alloc(1000, 7)])],
  ])('%s is no harm', async (_what, body) => {
    server.answer({ body });
    expect((await fetched()).kind).toBe('jpeg');
  });

  test('what could be sent back at a login is the largest that is kept', async () => {
    const sized = (size: number) =>
      Buffer.concat([JPEG.subarray(0, 13), Buffer.alloc(size - 15, 1), JPEG.subarray(13)]);
    server.answer({ body: sized(750_000) });
    expect((await fetched()).kind).toBe('jpeg');
    server.answer({ body: sized(750_001) });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: 'too-large' });
  });

  test('an endless picture is cut off', async () => {
    server.answer((response) => {
      response.writeHead(200);
      const flood = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0xff)));
      };
      response.on('drain', flood);
      flood();
    });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: 'too-large' });
  });

  test('a picture that does not come, or breaks off', async () => {
    const hasty = { ...standIn, timeoutMs: 60 };
    server.answer('hang');
    expect(await fetched('/p.jpg', hasty)).toEqual({ kind: 'unusable', reason: 'etimedout' });
    server.answer('reset');
    expect(await fetched()).toMatchObject({ kind: 'unusable' });
    server.answer((response) => {
      response.writeHead(200, { 'content-length': '15' });
      response.write(JPEG.subarray(0, 5));
      response.destroy();
    });
    expect(await fetched()).toMatchObject({ kind: 'unusable' });
  });

  test('a compressed answer is not unpacked', async () => {
    server.answer({ body: Buffer.from([0x1f, 0x8b, 0x08]), headers: { 'content-encoding': 'gzip' } });
    expect(await fetched()).toEqual({ kind: 'unusable', reason: 'not-jpeg' });
    expect(server.asked.at(-1)?.headers['accept-encoding'] ?? '').not.toContain('gzip');
  });
});
