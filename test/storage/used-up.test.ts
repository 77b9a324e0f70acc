// What a failed request takes back of what it has used up (R7), over two "processes": one store, an adapter and a list of uses for each. The
// library's request is played. What must stay: exactly one use (R1, R2, T13), and a replay in between that ends the family.

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import Provider, { type AdapterPayload, type KoaContextWithOIDC } from 'oidc-provider';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Store } from '../../src/login/ports.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createOidcAdapter } from '../../src/storage/oidc-adapter.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { createUsedUp } from '../../src/storage/used-up.ts';
import { movableClock } from '../contract/store.ts';

const sealer = createSealer([new Uint8Array(randomBytes(32))]);
let clock: ReturnType<typeof movableClock>;
let store: Store;

beforeEach(async () => {
  clock = movableClock();
  ({ store } = await openBackend('memory:', { clock }));
});
afterEach(() => {
  jest.restoreAllMocks();
});

interface Played {
  status: number;
  body?: { error?: string };
  readonly req: object;
  readonly res: EventEmitter;
}

function startProcess() {
  const usedUp = createUsedUp();
  const adapter = createOidcAdapter({ store, sealer, clock, usedUp });
  return {
    usedUp,
    adapter,
    /** @param work what the library does in it; @returns the request as it is answered */
    async request(route: string, work: () => Promise<unknown>): Promise<Played> {
      const ctx: Played & { oidc: object } = { status: 404, req: {}, res: new EventEmitter(), oidc: { route } };
      await usedUp
        .around(ctx as unknown as KoaContextWithOIDC, async () => {
          const spy = jest.spyOn(Provider, 'ctx', 'get').mockReturnValue(ctx as unknown as KoaContextWithOIDC);
          await work().then(
            () => {
              ctx.status = 200;
            },
            (error) => {
              ctx.status = error.statusCode ?? 500;
            },
          );
          spy.mockRestore();
        })
        .catch((error) => {
          expect(error).toBeInstanceOf(StorageUnavailable);
          ctx.status = 503;
        });
      return ctx;
    },
  };
}

const token = (more: AdapterPayload = {}): AdapterPayload => ({ grantId: 'g1', exp: clock.now() + 60, ...more });
const away = () => Promise.reject(new StorageUnavailable('away'));
const never = new Promise(() => {});

test('R1: a code is used up after everything else, by the first of two whose tokens are stored', async () => {
  const [one, other] = [startProcess(), startProcess()];
  await one.adapter('AuthorizationCode').upsert('c', token(), 60);
  const play = ({ adapter, request }: ReturnType<typeof startProcess>, name: string) =>
    request('token', async () => {
      await adapter('AuthorizationCode').consume('c');
      expect(await adapter('AuthorizationCode').find('c')).not.toHaveProperty('consumed');
      await adapter('AccessToken').upsert(name, token(), 60);
    });
  expect((await play(one, 'a1')).status).toBe(200);
  const replay = one.request('token', () => one.adapter('AuthorizationCode').consume('c'));
  expect(await replay).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  expect(await other.adapter('AccessToken').find('a1')).toBeUndefined();
});

test('a request that is refused uses its code up as well, and one that fails does not', async () => {
  const { adapter, request } = startProcess();
  await adapter('AuthorizationCode').upsert('c', token(), 60);
  const use = async (error: object) => {
    await adapter('AuthorizationCode').consume('c');
    throw error;
  };
  expect((await request('token', () => use(new Error('ours')))).status).toBe(500);
  expect(await adapter('AuthorizationCode').find('c')).not.toHaveProperty('consumed');
  expect((await request('token', () => use({ statusCode: 400 }))).status).toBe(400);
  expect(await adapter('AuthorizationCode').find('c')).toHaveProperty('consumed');
});

test('a use is taken back by the request that made it, and leaves the record its life', async () => {
  const { adapter, usedUp, request } = startProcess();
  await adapter('PushedAuthorizationRequest').upsert('p', { exp: clock.now() + 60, request: 'x' }, 60);
  clock.advance(50);
  const { req } = await request('authorization', () => adapter('PushedAuthorizationRequest').consume('p'));
  expect(await adapter('PushedAuthorizationRequest').find('p')).toHaveProperty('consumed');
  await usedUp.giveBack(req);
  expect(await adapter('PushedAuthorizationRequest').find('p')).not.toHaveProperty('consumed');
  clock.advance(10);
  expect(await adapter('PushedAuthorizationRequest').find('p')).toBeUndefined();
});

test('T13: who lost takes nothing back from who won', async () => {
  const [one, other] = [startProcess(), startProcess()];
  await one.adapter('Interaction').upsert('i', { exp: clock.now() + 60 }, 60);
  expect((await one.request('resume', () => one.adapter('Interaction').destroy('i'))).status).toBe(200);
  const lost = await other.request('resume', () => other.adapter('Interaction').destroy('i'));
  expect(lost.status).toBe(400);
  await other.usedUp.giveBack(lost.req);
  expect(await other.adapter('Interaction').find('i')).toBeUndefined();
  await expect(other.adapter('Interaction').destroy('i')).rejects.toMatchObject({ error: 'invalid_request' });
});

test('T13: an interaction that is being resumed takes no other answer, and is gone when the answer is out', async () => {
  const { adapter, request } = startProcess();
  const payload = { exp: clock.now() + 60 };
  await adapter('Interaction').upsert('i', payload, 60);
  const { res } = await request('resume', () => adapter('Interaction').destroy('i'));
  await adapter('Interaction').upsert('i', { ...payload, result: { login: { accountId: 'x' } } }, 60);
  expect(await adapter('Interaction').find('i')).toBeUndefined();
  expect(await store.get('oidc:Interaction:i')).toBeDefined();
  res.emit('finish');
  expect(await store.get('oidc:Interaction:i')).toBeUndefined();
});

test('R2: a replay that comes before it was taken back ends the family, for good', async () => {
  const [one, other] = [startProcess(), startProcess()];
  await one.adapter('RefreshToken').upsert('r', token(), 60);
  const update = store.update.bind(store);
  // the write is carried out, and its answer lost
  const spy = jest.spyOn(store, 'update').mockImplementation((async (...args: Parameters<typeof update>) => {
    await update(...args);
    return away();
  }) as never);
  const failed = await one.request('token', () => one.adapter('RefreshToken').consume('r'));
  expect(failed.status).toBe(503);
  spy.mockRestore();
  await expect(other.adapter('RefreshToken').consume('r')).rejects.toMatchObject({ error: 'invalid_grant' });
  await one.usedUp.giveBack(failed.req);
  expect(await store.get('oidc:revoked:g1')).toBeDefined();
  expect(await other.adapter('RefreshToken').find('r')).toBeUndefined();
});

test('while the storage is away it is tried again and again; who reads it here meanwhile is told to come back', async () => {
  const { adapter, usedUp, request } = startProcess();
  await adapter('PushedAuthorizationRequest').upsert('p', { exp: clock.now() + 60, request: 'x' }, 60);
  const { req } = await request('authorization', () => adapter('PushedAuthorizationRequest').consume('p'));
  const spy = jest.spyOn(store, 'update').mockImplementation(() => never as never);
  const begunAtMs = performance.now();
  await usedUp.giveBack(req);
  expect(performance.now() - begunAtMs).toBeLessThan(1_000);
  spy.mockImplementation(away as never);
  await expect(adapter('PushedAuthorizationRequest').find('p')).rejects.toThrow(StorageUnavailable);
  spy.mockRestore();
  expect(await adapter('PushedAuthorizationRequest').find('p')).not.toHaveProperty('consumed');
});
