import { afterEach, expect, test } from '@jest/globals';
import { requestId } from '../../../src/http/middleware/request-id.ts';
import { requestState } from '../../../src/http/middleware/request-state.ts';
import { trustedProxy } from '../../../src/http/middleware/trusted-proxy.ts';
import { type Served, serve } from './serve.ts';

let app: Served;
afterEach(() => app.close());

async function start(hops: number): Promise<string[]> {
  const ran: string[] = [];
  const inRequest = (id: string, work: () => Promise<void>) => {
    ran.push(id);
    return work();
  };
  app = await serve(
    trustedProxy({ issuer: 'http://localhost', trust: { hops } }),
    requestId({ inRequest }),
    (ctx) => void (ctx.body = requestState(ctx).requestId),
  );
  return ran;
}

test('every request gets an id of its own, in the answer and around the work', async () => {
  const ran = await start(0);
  const first = await app.ask('/');
  const second = await app.ask('/');
  expect(first.text).toMatch(/^[\w-]{16}$/);
  expect(first.headers['x-request-id']).toBe(first.text);
  expect(second.text).not.toBe(first.text);
  expect(ran).toEqual([first.text, second.text]);
});

test('a stranger cannot choose the id', async () => {
  await start(0);
  expect((await app.ask('/', { headers: { 'X-Request-Id': 'chosen-by-me' } })).text).not.toBe('chosen-by-me');
});

test('a trusted proxy chooses it, if it looks like one', async () => {
  await start(1);
  expect((await app.ask('/', { headers: { 'X-Request-Id': 'a1b2c3d4-e5f6' } })).text).toBe('a1b2c3d4-e5f6');
  for (const odd of ['short', 'x'.repeat(65), 'with space', '{"a":"b"}']) {
    expect((await app.ask('/', { headers: { 'X-Request-Id': odd } })).text).not.toBe(odd);
  }
});
