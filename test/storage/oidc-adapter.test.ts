// What the adapter promises beyond races: lives, revocation, sessions of several tabs, and that a store that cannot be read
// is never "not found". The clock is moved; the library's own request context is played where it decides something.

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Store } from '../../src/login/ports.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createOidcAdapter } from '../../src/storage/oidc-adapter.ts';
import { inRequest, takeShare } from '../../src/storage/request-patience.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { movableClock } from '../contract/store.ts';

const sealer = createSealer([new Uint8Array(randomBytes(32))]);
let clock: ReturnType<typeof movableClock>;
let store: Store;
let adapter: (name: string) => Adapter;

beforeEach(async () => {
  clock = movableClock();
  ({ store } = await openBackend('memory:', { clock }));
  adapter = createOidcAdapter({ store, sealer, clock });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const token = (more: AdapterPayload = {}): AdapterPayload => ({ grantId: 'g1', exp: clock.now() + 60, ...more });

describe('consume', () => {
  test('keeps the remaining life: a spent code is known until it would have ended, and no longer', async () => {
    const codes = adapter('AuthorizationCode');
    await codes.upsert('c', token(), 60);
    clock.advance(50);
    await codes.consume('c');
    clock.advance(9);
    expect(await codes.find('c')).toMatchObject({ grantId: 'g1', consumed: clock.now() - 9 });
    clock.advance(1);
    expect(await codes.find('c')).toBeUndefined();
  });

  test('a second time is invalid_grant and ends the grant; so is what was never there', async () => {
    const codes = adapter('RefreshToken');
    await codes.upsert('c', token(), 60);
    await adapter('AccessToken').upsert('a', token(), 60);
    await codes.consume('c');
    expect(await adapter('AccessToken').find('a')).toBeDefined();
    await expect(codes.consume('c')).rejects.toMatchObject({ error: 'invalid_grant', statusCode: 400 });
    expect(await adapter('AccessToken').find('a')).toBeUndefined();
    await expect(codes.consume('never')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('R7: the request that uses it up is seen through; one that resumes is not, as it can be repeated', async () => {
    const codes = adapter('AuthorizationCode');
    const interactions = adapter('Interaction');
    await codes.upsert('c', token(), 60);
    await interactions.upsert('i', { exp: clock.now() + 60 }, 60);
    await inRequest(Object.assign(new EventEmitter(), { headersSent: false }), async () => {
      await interactions.destroy('i');
      expect(takeShare().leftMs).toBeLessThan(2_000);
      await codes.consume('c');
      expect(takeShare().leftMs).toBe(Number.POSITIVE_INFINITY);
    });
  });

  test('a pushed request used twice is invalid_request_uri', async () => {
    const requests = adapter('PushedAuthorizationRequest');
    await requests.upsert('p', { exp: clock.now() + 60, request: 'x' }, 60);
    await requests.consume('p');
    await expect(requests.consume('p')).rejects.toMatchObject({ error: 'invalid_request_uri', statusCode: 400 });
  });

  test.each(['DeviceCode', 'BackchannelAuthenticationRequest'])(
    'a late save does not make a spent %s good again',
    async (name) => {
      const codes = adapter(name);
      await codes.upsert('d', token(), 60);
      await codes.consume('d');
      await codes.upsert('d', token({ accountId: 'late' }), 60);
      expect(await codes.find('d')).toMatchObject({ consumed: clock.now(), accountId: 'late' });
    },
  );
});

describe('revocation by grant', () => {
  test('ends every kind of token and the grant itself, before and after, and no other grant', async () => {
    const names = [
      'AccessToken',
      'AuthorizationCode',
      'RefreshToken',
      'DeviceCode',
      'BackchannelAuthenticationRequest',
    ];
    for (const name of names) await adapter(name).upsert('before', token(), 600);
    await adapter('Grant').upsert('g1', { accountId: 'a' }, 600);
    await adapter('AccessToken').upsert('other', token({ grantId: 'g2' }), 600);
    await adapter('AccessToken').revokeByGrantId('g1');
    for (const name of names) {
      await adapter(name).upsert('after', token(), 600);
      expect([await adapter(name).find('before'), await adapter(name).find('after')]).toEqual([undefined, undefined]);
    }
    expect(await adapter('Grant').find('g1')).toBeUndefined();
    expect(await adapter('AccessToken').find('other')).toBeDefined();
  });

  test('a destroyed grant takes its tokens along', async () => {
    await adapter('AccessToken').upsert('a', token(), 600);
    await adapter('Grant').destroy('g1');
    expect(await adapter('AccessToken').find('a')).toBeUndefined();
  });

  test('R4: of a token that is destroyed the grant goes first, so that a failure leaves what the next try finds it by', async () => {
    const tokens = adapter('RefreshToken');
    await tokens.upsert('r', token(), 60);
    await adapter('AccessToken').upsert('a', token(), 60);
    const spy = jest.spyOn(store, 'delete').mockRejectedValueOnce(new StorageUnavailable('gone for the test'));
    await expect(tokens.destroy('r')).rejects.toThrow(StorageUnavailable);
    expect(await adapter('AccessToken').find('a')).toBeUndefined();
    spy.mockRestore();
    await adapter('AccessToken').upsert('b', token({ grantId: 'g2' }), 60);
    jest.spyOn(store, 'set').mockRejectedValueOnce(new StorageUnavailable('gone for the test'));
    await expect(adapter('AccessToken').destroy('b')).rejects.toThrow(StorageUnavailable);
    expect(await adapter('AccessToken').find('b')).toBeDefined();
  });

  test('is remembered for longer than any token lives', async () => {
    await adapter('AccessToken').revokeByGrantId('g1');
    clock.advance(30 * 86_400);
    await adapter('RefreshToken').upsert('r', token(), 600);
    expect(await adapter('RefreshToken').find('r')).toBeUndefined();
  });
});

describe('other models', () => {
  test('a device code is found by its user code, as long as it lives', async () => {
    const codes = adapter('DeviceCode');
    await codes.upsert('d', token({ userCode: 'ABCDEFGH' }), 60);
    expect(await codes.findByUserCode('ABCDEFGH')).toMatchObject({ userCode: 'ABCDEFGH' });
    await codes.destroy('d');
    expect(await codes.findByUserCode('ABCDEFGH')).toBeUndefined();
  });

  test('what comes without a life gets the longest, and one about to end does not live for ever', async () => {
    await adapter('Grant').upsert('g', { accountId: 'a' });
    await adapter('AccessToken').upsert('a', token(), 0);
    clock.advance(1);
    expect(await adapter('AccessToken').find('a')).toBeUndefined();
    clock.advance(31 * 86_400 - 2);
    expect(await adapter('Grant').find('g')).toBeDefined();
    clock.advance(1);
    expect(await adapter('Grant').find('g')).toBeUndefined();
  });

  test('an interaction is resumed once', async () => {
    await adapter('Interaction').upsert('i', { uid: 'i' }, 60);
    await adapter('Interaction').destroy('i');
    await expect(adapter('Interaction').destroy('i')).rejects.toMatchObject({
      error: 'invalid_request',
      statusCode: 400,
    });
  });

  test('a jti is new once, for as long as its save says and ten minutes at least', async () => {
    const replays = adapter('ReplayDetection');
    expect(await replays.find('j')).toBeUndefined();
    await replays.upsert('j', { iss: 'x' }, 3600);
    clock.advance(3599);
    expect(await replays.find('j')).toBeDefined();
    clock.advance(1);
    expect(await replays.find('j')).toBeUndefined();
  });

  test('clients are never stored', async () => {
    await adapter('Client').upsert('c', { client_id: 'c' });
    expect(await adapter('Client').find('c')).toBeUndefined();
  });

  test.each(['', 'a b', 'ä', 'x'.repeat(129), 'a\0', '../x', 'a:b'])(
    '"%s" is no id, and nothing is asked about it',
    async (id) => {
      const asked = jest.spyOn(store, 'get');
      for (const name of ['AccessToken', 'Session', 'Interaction'])
        expect(await adapter(name).find(id)).toBeUndefined();
      expect(await adapter('Session').findByUid(id)).toBeUndefined();
      expect(await adapter('DeviceCode').findByUserCode(id)).toBeUndefined();
      expect(asked).not.toHaveBeenCalled();
    },
  );

  test('R7: a store that cannot be read is never "not found"', async () => {
    const backend = await openBackend('memory:', { clock });
    const broken = createOidcAdapter({ store: backend.store, sealer, clock });
    await broken('DeviceCode').upsert('d', token({ userCode: 'U' }), 60);
    await backend.close();
    for (const name of ['AccessToken', 'Grant', 'Session', 'Interaction', 'ReplayDetection', 'DeviceCode']) {
      await expect(broken(name).find('d')).rejects.toThrow(StorageUnavailable);
    }
    await expect(broken('Session').findByUid('u')).rejects.toThrow(StorageUnavailable);
    await expect(broken('DeviceCode').findByUserCode('U')).rejects.toThrow(StorageUnavailable);
    await expect(broken('DeviceCode').consume('d')).rejects.toThrow(StorageUnavailable);
    await expect(broken('Interaction').destroy('i')).rejects.toThrow(StorageUnavailable);
    await expect(broken('Session').destroy('s')).rejects.toThrow(StorageUnavailable);
  });
});

describe('T18: what a thief of the database finds', () => {
  const all = async () =>
    JSON.stringify(await Promise.all((await store.keys('')).map(async (key) => [key, await store.get(key)])));
  const CREDENTIALS = [
    ...['AccessToken', 'RefreshToken', 'AuthorizationCode', 'PushedAuthorizationRequest', 'ClientCredentials'],
    ...['DeviceCode', 'BackchannelAuthenticationRequest', 'OfALaterLibrary'],
  ];

  test.each(CREDENTIALS)('%s: its id is stored nowhere, and given back to whoever asks with it', async (name) => {
    const records = adapter(name);
    const payload = token({ jti: 'presented', kind: name, ...(name === 'DeviceCode' ? { userCode: 'ABCD' } : {}) });
    await records.upsert('presented', payload, 60);
    expect(await all()).not.toContain('presented');
    expect(await records.find('presented')).toEqual(payload);
    await records.consume('presented');
    expect(await all()).not.toContain('presented');
    expect(await records.find('presented')).toEqual({ ...payload, consumed: clock.now() });
    for (const key of await store.keys('')) expect(await records.find(key.replace(/^.*:/, ''))).toBeUndefined();
    await records.destroy('presented');
    expect(await records.find('presented')).toBeUndefined();
  });

  test.each(['Interaction', 'PushedAuthorizationRequest'])(
    '%s: what it asks is sealed, for its place',
    async (name) => {
      const requests = adapter(name);
      const payload = {
        jti: 'r',
        exp: clock.now() + 60,
        params: { login_hint: 'anna@home' },
        request: 'anna@home',
        parJti: 'anna@home',
      };
      await requests.upsert('r', payload, 60);
      await requests.upsert('other', { exp: clock.now() + 60 }, 60);
      expect(await all()).not.toContain('anna@');
      expect(await requests.find('r')).toEqual(payload);
      await requests.upsert('r', { ...payload, result: { login: { accountId: 'anna@home' } } }, 60);
      expect(await all()).not.toContain('anna@');
      expect(await requests.find('r')).toMatchObject({ result: { login: { accountId: 'anna@home' } } });
      const [one = '', two = ''] = await store.keys('oidc:');
      await store.set(one, await store.get(two), 60);
      const ids = ['r', 'other'].map((id) => requests.find(id));
      expect((await Promise.allSettled(ids)).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    },
  );

  test('records of the form before are not found, and nothing breaks on them', async () => {
    const old = token({ jti: 'old', params: { login_hint: 'anna' } });
    for (const name of [...CREDENTIALS, 'Interaction']) {
      await store.set(`oidc:${name}:old`, old, 60);
      expect(await adapter(name).find('old')).toBeUndefined();
      await adapter(name).destroy('old');
    }
    await expect(adapter('RefreshToken').consume('old')).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('sessions', () => {
  const LIFE = 3600;
  let sessions: Adapter;

  beforeEach(() => {
    sessions = adapter('Session');
  });

  const session = (id: string, more: AdapterPayload = {}): AdapterPayload => ({
    jti: id,
    uid: 'u',
    accountId: 'person',
    loginTs: clock.now(),
    exp: clock.now() + LIFE,
    ...more,
  });
  const read = async (id: string) => (await sessions.find(id)) as AdapterPayload;
  const save = (payload: AdapterPayload) => sessions.upsert(payload.jti as string, payload, LIFE);
  const clients = async () => Object.keys((await sessions.findByUid('u'))?.authorizations ?? {}).toSorted();

  /** as the library does it within a request: the old id is destroyed, the new one saved */
  async function replace(payload: AdapterPayload, id: string, more: AdapterPayload = {}): Promise<void> {
    const context = jest.spyOn(Provider, 'ctx', 'get');
    context.mockReturnValue({ oidc: { session: { oldId: payload.jti, jti: id } } } as never);
    await sessions.destroy(payload.jti as string);
    context.mockRestore();
    await save({ ...payload, ...more, jti: id });
  }

  test('R3: what two requests add meets in the session, whichever is saved last', async () => {
    await save(session('x', { authorizations: { c0: { sid: '0' } } }));
    const [one, other] = [await read('x'), await read('x')];
    Object.assign(one.authorizations as object, { c1: { sid: '1', grantId: 'g1' } });
    Object.assign(other.authorizations as object, { c2: { sid: '2' } });
    await save(one);
    await save(other);
    expect((await read('x')).authorizations).toEqual({
      c0: { sid: '0' },
      c1: { sid: '1', grantId: 'g1' },
      c2: { sid: '2' },
    });
  });

  test('a client signed out by one request is not brought back by another that had read it', async () => {
    await save(session('x', { authorizations: { c1: { sid: '1' }, c2: { sid: '2' } } }));
    const [signOut, slow, adding] = [await read('x'), await read('x'), await read('x')];
    delete signOut.authorizations?.c1;
    await save(signOut);
    Object.assign(adding.authorizations as object, { c3: { sid: '3' } });
    await save(adding);
    await save(slow);
    expect(await clients()).toEqual(['c2', 'c3']);
  });

  test('a replaced id works for a minute, goes on under a new one, and has proven no more than before', async () => {
    await save(session('x', { acr: 'weak', authorizations: { c1: { sid: '1' } } }));
    const loginTs = clock.now();
    clock.advance(100);
    await replace(await read('x'), 'y', { acr: 'strong', loginTs: clock.now() });
    const late = await read('x');
    expect(late).toMatchObject({ uid: 'u', accountId: 'person', acr: 'weak', loginTs });
    expect(late.jti).not.toBe('x');
    Object.assign(late.authorizations as object, { c2: { sid: '2' } });
    await save(late);
    expect(await read(late.jti as string)).toMatchObject({ acr: 'weak', loginTs });
    expect(await read('y')).toMatchObject({ acr: 'strong', loginTs: clock.now() });
    expect(await sessions.findByUid('u')).toMatchObject({ acr: 'strong', loginTs: clock.now() });
    expect(await clients()).toEqual(['c1', 'c2']);
    clock.advance(60);
    expect(await sessions.find('x')).toBeUndefined();
    expect(await read('y')).toBeDefined();
  });

  test('replacing an id twice does not prolong it', async () => {
    await save(session('x'));
    const [one, other] = [await read('x'), await read('x')];
    await replace(one, 'y');
    clock.advance(59);
    await replace(other, 'z');
    clock.advance(1);
    expect(await sessions.find('x')).toBeUndefined();
    expect([(await read('y')).uid, (await read('z')).uid]).toEqual(['u', 'u']);
  });

  test('T23: an id from before anybody signed in never learns who did', async () => {
    await save({ jti: 'planted', uid: 'u', exp: clock.now() + LIFE });
    await replace(await read('planted'), 'y', { accountId: 'person', loginTs: clock.now() });
    expect(await sessions.find('planted')).toBeUndefined();
    expect(await read('y')).toMatchObject({ accountId: 'person' });
  });

  test('T11: two accounts are never mixed', async () => {
    await save(session('x', { authorizations: { c1: { sid: '1' } } }));
    await save(session('y', { accountId: 'somebody else', authorizations: { c2: { sid: '2' } } }));
    expect(await sessions.find('y')).toBeUndefined();
    expect(await sessions.findByUid('u')).toMatchObject({ accountId: 'person', authorizations: { c1: { sid: '1' } } });
  });

  test('a logout ends every id of the session, and no save under way brings it back', async () => {
    await save(session('x', { authorizations: { c1: { sid: '1' } } }));
    const [underWay, replacing] = [await read('x'), await read('x')];
    await replace(await read('x'), 'y');
    await sessions.destroy('y');
    await save(underWay);
    await replace(replacing, 'z');
    for (const id of ['x', 'y', 'z']) expect(await sessions.find(id)).toBeUndefined();
    expect(await sessions.findByUid('u')).toBeUndefined();
  });

  test.each(['update', 'delete'] as const)(
    'R7: a logout that the storage was away for at its %s is made up for when it is tried again',
    async (step) => {
      await save(session('x'));
      await replace(await read('x'), 'y');
      jest.spyOn(store, step).mockRejectedValueOnce(new StorageUnavailable('away'));
      await expect(sessions.destroy('y')).rejects.toThrow(StorageUnavailable);
      await sessions.destroy('y');
      for (const id of ['x', 'y']) expect(await sessions.find(id)).toBeUndefined();
      expect(await sessions.findByUid('u')).toBeUndefined();
      expect(await store.get('oidc:SessionId:y')).toBeUndefined();
    },
  );

  test('a logout with a replaced id ends the session too', async () => {
    await save(session('x'));
    await replace(await read('x'), 'y');
    const late = await read('x');
    await sessions.destroy(late.jti as string);
    expect(await sessions.find('y')).toBeUndefined();
  });

  test('the secret of a logout form survives a sign-in in another tab', async () => {
    await save(session('x', { state: { secret: 'old' } }));
    const otherTab = await read('x');
    await save({ ...(await read('x')), state: { secret: 'on the screen' } });
    await save(otherTab);
    expect(await read('x')).toMatchObject({ state: { secret: 'on the screen' } });
  });

  test('the session lives as long as the longest of its ids', async () => {
    await save(session('x'));
    clock.advance(LIFE - 1);
    await save(await read('x'));
    clock.advance(LIFE - 1);
    expect(await sessions.findByUid('u')).toBeDefined();
    clock.advance(1);
    expect([await sessions.find('x'), await sessions.findByUid('u')]).toEqual([undefined, undefined]);
  });
});
