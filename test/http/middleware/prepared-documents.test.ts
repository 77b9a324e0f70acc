import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Context } from 'koa';
import { preparedDocuments } from '../../../src/http/middleware/prepared-documents.ts';
import { type Served, serve } from './serve.ts';

let asked: string[] = [];
let isBroken = false;
let served: Served;

beforeAll(async () => {
  served = await serve(preparedDocuments(['/jwks']), (ctx: Context) => {
    asked.push(ctx.url);
    if (isBroken) ctx.throw(503);
    ctx.body = { keys: [{ kid: String(asked.length) }] };
    ctx.type = 'application/jwk-set+json; charset=utf-8';
    ctx.set('Access-Control-Allow-Origin', ctx.get('Origin') || '*');
    ctx.vary('Origin');
  });
});
afterAll(() => served.close());

test('what failed is not remembered, and what was made once is answered again, word for word', async () => {
  isBroken = true;
  expect((await served.ask('/jwks')).status).toBe(503);
  isBroken = false;
  const first = await served.ask('/jwks');
  const second = await served.ask('/jwks');
  expect(asked).toHaveLength(2);
  const { date: _first, ...headers } = first.headers;
  const { date: _second, ...again } = second.headers;
  expect({ ...second, headers: again }).toEqual({ ...first, headers });
  expect(again['content-type']).toBe('application/jwk-set+json; charset=utf-8');
});

test.each([
  ['another origin', '/jwks', { headers: { origin: 'https://app.example' } }],
  ['another method', '/jwks', { method: 'POST' }],
  ['a query', '/jwks?x=1', {}],
  ['another path', '/jwks/', {}],
])('%s is left to whoever is behind', async (_, target, asking) => {
  await served.ask('/jwks');
  asked = [];
  const answer = await served.ask(target, asking);
  expect(asked).toEqual([target]);
  expect(answer.headers['access-control-allow-origin']).toBe('headers' in asking ? asking.headers?.origin : '*');
});
