// Passkeys on the engines that need no server: whose they are, how many, and a counter that went back.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/login/ports.ts';
import type { Passkey, PasskeyStore } from '../../src/login/stores.ts';
import { createPasskeyStore } from '../../src/storage/passkeys.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { LOCAL_ENGINES, openTwice } from './fixtures/two-backends.ts';

const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
const NOW = 1_795_000_000;
const clock = { now: () => NOW };

const passkey = (id: string, changes: Partial<Passkey> = {}): Passkey => ({
  id,
  publicKey: 'public',
  counter: 0,
  transports: ['internal'],
  isSynced: false,
  userHandle: 'handle',
  name: 'Firefox on Windows, 21 November 2026',
  createdAt: NOW,
  madeIn: 'login-1',
  rests: ['verification-1'],
  ...changes,
});

describe.each(LOCAL_ENGINES)('%s', (engine) => {
  let close: () => Promise<void>;
  let store: Store;
  let passkeys: PasskeyStore;
  /** another process */
  let other: PasskeyStore;

  beforeEach(async () => {
    const { one, two, close: closeBoth } = await openTwice(engine, clock);
    const sealer = createSealer(KEYS);
    store = one.store;
    passkeys = createPasskeyStore({ store, sealer });
    other = createPasskeyStore({ store: two.store, sealer });
    close = closeBoth;
  });
  afterEach(() => close());

  const idsOf = async (accountId: string) => (await passkeys.list(accountId)).map(({ id }) => id);

  test('a passkey is found with its account, and by its credential', async () => {
    expect(await passkeys.add('a', passkey('k1'))).toBe('added');
    expect(await passkeys.add('a', passkey('k2'))).toBe('added');
    expect(await other.list('a')).toEqual([passkey('k1'), passkey('k2')]);
    expect(await other.ownerOf('k1')).toBe('a');
    expect(await passkeys.list('b')).toEqual([]);
    expect(await passkeys.ownerOf('k3')).toBeUndefined();
  });

  test('one credential is never two accounts’, nor twice in one', async () => {
    const added = await Promise.all([passkeys.add('a', passkey('k')), other.add('b', passkey('k'))]);
    expect(added.toSorted()).toEqual(['added', 'taken']);
    expect([...(await idsOf('a')), ...(await idsOf('b'))]).toEqual(['k']);
    const owner = added[0] === 'added' ? 'a' : 'b';
    expect(await passkeys.ownerOf('k')).toBe(owner);
    expect(await passkeys.add(owner, passkey('k'))).toBe('taken');
  });

  test('an account has ten at the most, also of twenty that are added at once', async () => {
    const adding = Array.from({ length: 20 }, (_, index) =>
      [passkeys, other][index % 2]?.add('a', passkey(`k${index}`)),
    );
    const results = await Promise.all(adding);
    expect(results.filter((result) => result === 'added')).toHaveLength(10);
    expect(results.filter((result) => result === 'full')).toHaveLength(10);
    const kept = await idsOf('a');
    const refused = Array.from({ length: 20 }, (_, index) => `k${index}`).find((id) => !kept.includes(id)) ?? '';
    // one that did not fit is nobody's
    expect(await passkeys.add('b', passkey(refused))).toBe('added');
  });

  test('a counter that goes on is noted; one that never counts says 0 each time', async () => {
    await passkeys.add('a', passkey('counts', { counter: 5 }));
    await passkeys.add('a', passkey('synced'));
    expect(await passkeys.use('a', 'counts', 6, NOW + 1)).toBe('used');
    expect(await passkeys.use('a', 'synced', 0, NOW + 1)).toBe('used');
    expect(await passkeys.use('a', 'synced', 0, NOW + 2)).toBe('used');
    expect(await passkeys.list('a')).toMatchObject([
      { counter: 6, lastUsedAt: NOW + 1 },
      { counter: 0, lastUsedAt: NOW + 2 },
    ]);
  });

  test.each([
    ['back', 4],
    ['not on', 5],
    ['to zero', 0],
  ])('a counter that goes %s shows a copy: from then on neither is good', async (_how, counter) => {
    await passkeys.add('a', passkey('k', { counter: 5 }));
    expect(await passkeys.use('a', 'k', counter, NOW + 1)).toBe('copied');
    expect(await passkeys.use('a', 'k', 100, NOW + 2)).toBe('copied');
    expect(await passkeys.list('a')).toMatchObject([{ counter: 5, copiedAt: NOW + 1 }]);
    expect((await passkeys.list('a'))[0]?.lastUsedAt).toBeUndefined();
  });

  test('of two uses with one count, exactly one passes', async () => {
    await passkeys.add('a', passkey('k', { counter: 5 }));
    const used = await Promise.all([passkeys.use('a', 'k', 6, NOW), other.use('a', 'k', 6, NOW)]);
    expect(used.toSorted()).toEqual(['copied', 'used']);
  });

  test('a removed passkey is gone at once, and its credential is nobody’s', async () => {
    await passkeys.add('a', passkey('k'));
    expect(await passkeys.remove('b', 'k')).toBe(false);
    expect(await passkeys.remove('a', 'k')).toBe(true);
    expect(await passkeys.remove('a', 'k')).toBe(false);
    expect(await passkeys.use('a', 'k', 0, NOW)).toBe('gone');
    expect(await passkeys.ownerOf('k')).toBeUndefined();
    expect(await passkeys.list('a')).toEqual([]);
  });

  test('what one login added goes with it, and nothing else', async () => {
    await passkeys.add('a', passkey('k1'));
    await passkeys.add('a', passkey('k2', { madeIn: 'login-2' }));
    await passkeys.removeAddedBy('a', 'login-2');
    expect(await idsOf('a')).toEqual(['k1']);
    await passkeys.removeAddedBy('a', 'login-3');
    expect(await idsOf('a')).toEqual(['k1']);
  });

  test('a deleted account leaves nothing', async () => {
    for (const id of ['k1', 'k2']) await passkeys.add('a', passkey(id));
    await passkeys.forget('a');
    expect(await store.keys('passkey')).toEqual([]);
    expect(await passkeys.ownerOf('k1')).toBeUndefined();
  });

  test('at rest there is neither a credential nor a name', async () => {
    await passkeys.add('a', passkey('a-credential-id'));
    const keys = await store.keys('passkey');
    const stored = JSON.stringify([keys, await Promise.all(keys.map((key) => store.get(key)))]);
    expect(stored).not.toMatch(/a-credential-id|Firefox|handle/);
  });
});
