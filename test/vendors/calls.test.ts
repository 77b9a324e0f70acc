// Every call on a bad day: retries, deadlines, the breaker, and what a poll or a delete makes of an answer (R8).

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createDiditVendor } from '../../src/vendors/didit/vendor.ts';
import { decision, NOW, SESSION } from './deliveries.ts';
import { diditAt, fakeShared, fakeTiming, type TestVendor, WORKFLOWS } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

let server: LocalServer;
let didit: TestVendor;
let before = 0;

beforeAll(async () => {
  server = await startLocalServer();
});
afterAll(() => server.close());
beforeEach(() => {
  didit = diditAt(server.url);
  before = server.asked.length;
});

const asked = () => server.asked.length - before;
const created = {
  status: 201,
  body: { session_id: SESSION, url: 'https://verify.didit.me/session/x', status: 'Not Started' },
};
const open = () =>
  didit.vendor.openVerification({
    workflowId: WORKFLOWS.passive,
    subject: 'user-42',
    returnUrl: 'https://id.example/r',
    metadata: {},
  });
const read = () => didit.vendor.readVerification(SESSION);
const remove = () => didit.vendor.deleteVerification(SESSION);

describe('a create', () => {
  test.each([
    ['500', { status: 500, body: '<html>' }],
    ['502', { status: 502 }],
    ['503', { status: 503 }],
    ['a dropped connection', 'reset'],
  ] as const)('is repeated after %s, twice at most, with jitter', async (_what, reply) => {
    server.answer(reply, reply, created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
    expect(asked()).toBe(3);
    expect(didit.timing.slept).toEqual([200, 500]);
    expect(server.asked.at(-1)?.text).toBe(server.asked.at(-3)?.text);
  });

  test('that never succeeds ends after three tries', async () => {
    server.answer({ status: 500 });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toBe(3);
  });

  test('that is not answered in time is repeated', async () => {
    didit = diditAt(server.url, { timeoutMs: 60 });
    server.answer('hang', created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
    expect(asked()).toBe(2);
  });

  test('whose answer breaks off in the middle is repeated', async () => {
    didit = diditAt(server.url, { timeoutMs: 60 });
    server.answer((response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"session_id":');
    }, created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
  });

  test('waits as long as Retry-After says when that fits, and gives up when it does not', async () => {
    server.answer({ status: 503, headers: { 'retry-after': '3' } }, created);
    await open();
    expect(didit.timing.slept).toEqual([3000]);
    before = server.asked.length;
    server.answer({ status: 503, headers: { 'retry-after': '30' } });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 30 });
    expect(asked()).toBe(1);
  });

  test('keeps to eight seconds in all', async () => {
    const timing = fakeTiming();
    server.answer((response) => {
      timing.advance(4900);
      response.writeHead(500).end();
    });
    didit = diditAt(server.url, { timing });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toBe(2);
  });

  test.each(['999999999', '999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'nobody is told to wait until %s',
    async (value) => {
      server.answer({ status: 429, headers: { 'retry-after': value } });
      await expect(open()).rejects.toMatchObject({ retryAfterSeconds: 3600 });
    },
  );

  test('refused with 429 is not repeated, and holds back the next ones', async () => {
    server.answer({ status: 429, headers: { 'retry-after': '7' }, body: { detail: 'rate limit' } });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 7 });
    didit.timing.advance(6000);
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 1 });
    expect(asked()).toBe(1);
    didit.timing.advance(1001);
    server.answer(created);
    await open();
    expect(asked()).toBe(2);
  });

  test('does not follow a redirect: the key stays here', async () => {
    const other = await startLocalServer();
    server.answer({ status: 307, headers: { location: other.url } });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(other.asked).toEqual([]);
    await other.close();
  });

  test('an endless answer is cut off', async () => {
    server.answer((response) => {
      response.writeHead(201);
      const flood = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
      };
      response.on('drain', flood);
      flood();
    });
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  });

  test('a vendor nobody reaches is unavailable', async () => {
    const gone = await startLocalServer();
    await gone.close();
    didit = diditAt(gone.url);
    const error = await open().catch((caught) => caught);
    expect(error).toMatchObject({ code: 'vendor_unavailable', message: 'create: econnrefused' });
    expect(JSON.stringify(error.cause)).not.toContain('key-that-must-stay-here');
  });
});

describe('the breaker', () => {
  const fail = async (times: number) => {
    server.answer({ status: 500 });
    for (let i = 0; i < times; i++) await open().catch(() => {});
  };

  test('after nine failures in a row, those of three whole calls, calls fail at once, then one probe decides', async () => {
    await fail(3);
    expect(asked()).toBe(9);
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable', retryAfterSeconds: 3 });
    expect(asked()).toBe(9);

    didit.timing.advance(3_000);
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toBe(10);
    await expect(open()).rejects.toMatchObject({ retryAfterSeconds: 3 });

    didit.timing.advance(3_000);
    server.answer(created);
    await open();
    await open();
    expect(asked()).toBe(12);
  });

  test('only one of many goes out as the probe', async () => {
    await fail(3);
    didit.timing.advance(3_000);
    server.answer(created);
    before = server.asked.length;
    const results = await Promise.allSettled([open(), open(), open(), open()]);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(asked()).toBe(1);
  });

  test('a probe that finds no room in the budget does not keep the next one from going', async () => {
    didit = diditAt(server.url, { limits: { createsPerMinute: 9, decisionsPerMinute: 100 } });
    await fail(3);
    didit.timing.advance(3_000);
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(didit.meter.counted.at(-1)).toBe('vendor_requests create over-budget');
    didit.timing.advance(120_000);
    server.answer(created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
  });

  test('a refusal is an answer: it closes the row of failures', async () => {
    await fail(2);
    server.answer({ status: 400, body: { detail: 'x' } });
    await open().catch(() => {});
    await fail(2);
    server.answer(created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
  });

  test('a dead decision endpoint does not stop creates', async () => {
    server.answer({ status: 500 });
    for (let i = 0; i < 5; i++) await read().catch(() => {});
    expect(didit.meter.counted).toContain('vendor_requests decision held-back');
    server.answer(created);
    await expect(open()).resolves.toMatchObject({ verificationId: SESSION });
  });
});

describe('a decision', () => {
  test('is read with the key, at the moment of our clock', async () => {
    server.answer({ body: decision() });
    await expect(read()).resolves.toMatchObject({
      verificationId: SESSION,
      status: 'approved',
      decidedAt: NOW,
      complete: true,
    });
    expect(server.asked.at(-1)).toMatchObject({
      method: 'GET',
      path: `/v3/session/${SESSION}/decision/`,
      headers: { 'x-api-key': 'key-that-must-stay-here' },
    });
  });

  test.each([
    ['JSON', { detail: 'Session not found.' }],
    ['a page', '<!doctype html><html><body>Not Found</body></html>'],
    ['nothing', ''],
  ])('that is unknown is undefined (404 with %s)', async (_what, body) => {
    server.answer({ status: 404, body });
    await expect(read()).resolves.toBeUndefined();
  });

  test.each(['', 'x', SESSION.slice(1), `${SESSION}/../..`, 'AAAAAAAA-2222-4333-8444-555555555555'])(
    'of %j, which is no id, is undefined without a call',
    async (id) => {
      await expect(didit.vendor.readVerification(id)).resolves.toBeUndefined();
      await expect(didit.vendor.deleteVerification(id)).resolves.toBeUndefined();
      expect(asked()).toBe(0);
    },
  );

  test.each([
    ['about another session', decision({ session_id: SESSION.replace('1', '2') })],
    ['without a status', decision({ status: undefined })],
    ['that is a list', [decision()]],
    ['that is broken', '{"session_id":'],
    ['that is empty', ''],
    ['that repeats a key', `{"session_id":"${SESSION}","status":"Declined","status":"Approved"}`],
  ])('%s is no answer', async (_what, body) => {
    server.answer({ body });
    await expect(read()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  });

  test.each([400, 401, 402, 403])('refused with %d is the operator’s', async (status) => {
    server.answer({ status, body: { detail: 'x' } });
    await expect(read()).rejects.toMatchObject({ code: 'vendor_refused' });
    expect(asked()).toBe(1);
  });

  test('is asked for once more after a failure', async () => {
    server.answer('reset', { body: decision() });
    await expect(read()).resolves.toMatchObject({ status: 'approved' });
    server.answer({ status: 500 });
    await expect(read()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toBe(4);
  });

  test('beyond the budget is refused at once, without a call', async () => {
    didit = diditAt(server.url, { limits: { createsPerMinute: 600, decisionsPerMinute: 3 } });
    server.answer({ body: decision() });
    for (let i = 0; i < 3; i++) await read();
    const error = await read().catch((caught) => caught);
    expect(error).toMatchObject({ code: 'vendor_unavailable' });
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
    expect(asked()).toBe(3);
    didit.timing.advance(error.retryAfterSeconds * 1000);
    await expect(read()).resolves.toMatchObject({ status: 'approved' });
  });
});

describe('a delete', () => {
  test.each([
    [200, { session_id: SESSION }],
    [204, ''],
    [202, 'gone'],
    [404, { detail: 'Not found.' }],
    [404, '<html></html>'],
  ])('answered with %d is done', async (status, body) => {
    server.answer({ status, body });
    await expect(remove()).resolves.toBeUndefined();
    expect(server.asked.at(-1)).toMatchObject({ method: 'DELETE', path: `/v3/session/${SESSION}/delete/` });
  });

  test('answered with 503 is repeated', async () => {
    server.answer({ status: 503 }, { status: 503 }, { status: 204 });
    await expect(remove()).resolves.toBeUndefined();
    expect(asked()).toBe(3);
  });

  test('refused is told', async () => {
    server.answer({ status: 403, body: { detail: 'x' } });
    await expect(remove()).rejects.toMatchObject({ code: 'vendor_refused' });
    server.answer({ status: 503 });
    await expect(remove()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  });
});

test('requests are counted by call and result', async () => {
  server.answer(created);
  await open();
  server.answer({ status: 404 });
  await read();
  server.answer({ status: 403 });
  await remove().catch(() => {});
  server.answer({ status: 429 });
  await read().catch(() => {});
  expect(didit.meter.counted).toEqual([
    'vendor_requests create ok',
    'vendor_requests decision not-found',
    'vendor_requests delete refused',
    'vendor_requests decision unavailable',
  ]);
});

describe('a base that would send the key in the clear', () => {
  const build = (baseUrl: string, webhookSecrets = ['s']) =>
    createDiditVendor({
      apiKey: 'k',
      webhookSecrets,
      baseUrl,
      environment: 'live',
      workflows: WORKFLOWS,
      limits: { createsPerMinute: 1, decisionsPerMinute: 1 },
      ...fakeShared(fakeTiming()),
      outgoingPolicy: { permits: () => false },
      clock: { now: () => NOW },
    });

  test.each(['http://verification.didit.me', 'http://localhost.evil.example', 'ftp://localhost', 'http://10.0.0.1'])(
    '%s is refused',
    (url) => {
      expect(() => build(url)).toThrow(TypeError);
    },
  );
  test.each([
    'https://verification.didit.me',
    'https://verification.didit.me/',
    'http://localhost:3001',
    'http://[::1]:3001',
  ])('%s is not', (url) => {
    expect(() => build(url)).not.toThrow();
  });
  test('neither is an empty webhook secret taken, which anyone could sign with', () => {
    expect(() => build('https://a.example', [''])).toThrow(TypeError);
  });
});
