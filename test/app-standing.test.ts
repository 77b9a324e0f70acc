// A storage that loses what it held underneath a running provider: what was read out of it before is not what is kept there any more.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type StandingWatch, watchStanding } from '../src/app-standing.ts';
import { StorageUnavailable } from '../src/core/errors.ts';
import { createPairwiseSub } from '../src/oidc/accounts.ts';
import type { Backend } from '../src/storage/backend.ts';
import { openBackend } from '../src/storage/backends.ts';
import { createSealer } from '../src/storage/sealer.ts';
import { findStorageId, keepStorageId } from '../src/storage/storage-id.ts';
import { movableClock } from './contract/store.ts';

let backend: Backend;
let standing: StandingWatch;
let told: [string, object][];
let changes: boolean[];

beforeEach(async () => {
  told = [];
  changes = [];
  backend = await openBackend('memory:', { clock: movableClock() });
  const tell = (level: string) => (fields: object) => void told.push([level, fields]);
  standing = watchStanding({
    store: backend.store,
    storageId: await keepStorageId(backend.store),
    log: { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') },
    changed: (isServable) => changes.push(isServable),
  });
});
afterEach(() => backend.close());

async function forgetEverything(): Promise<void> {
  for (const key of await backend.store.keys('')) await backend.store.delete(key);
}

test('a provider goes on with a storage that is still the one it began with', async () => {
  await keepStorageId(backend.store);
  await standing.look();
  expect(standing.assertServable).not.toThrow();
  expect(told).toEqual([]);
});

test('nothing is served from a storage that another provider has begun anew', async () => {
  await standing.look();
  const id = await findStorageId(backend.store);
  await forgetEverything();
  await keepStorageId(backend.store);
  await standing.look();
  await standing.look();
  expect(standing.assertServable).toThrow(StorageUnavailable);
  expect(told).toEqual([
    ['error', { problem: expect.stringContaining('secrets of another'), fix: expect.stringContaining('restart') }],
  ]);
  // restored
  await backend.store.set('storage-id', id, 60);
  await standing.look();
  expect(standing.assertServable).not.toThrow();
  expect(changes).toEqual([false, true]);
});

test('nor from one that an archive was brought into', async () => {
  await createPairwiseSub({ store: backend.store, sealer: createSealer([new Uint8Array(32)]) });
  await standing.look();
  await forgetEverything();
  await backend.store.set('pairwise-salt', 'of the archive', 60);
  for (let looks = 0; looks < 2; looks += 1) await standing.look();
  expect(standing.assertServable).toThrow(StorageUnavailable);
  expect(await findStorageId(backend.store)).toBeUndefined();
});

test('where a storage forgot everything the provider goes on, and an account keeps its identifiers at the next start', async () => {
  const sealer = createSealer([new Uint8Array(32)]);
  const before = (await createPairwiseSub({ store: backend.store, sealer }))('a', 'sector');
  await standing.look();
  await forgetEverything();
  await standing.look();
  expect(standing.assertServable).not.toThrow();
  expect(told).toEqual([['error', { fix: expect.stringContaining('backup') }]]);
  expect((await createPairwiseSub({ store: backend.store, sealer }))('a', 'sector')).toBe(before);
  await standing.look();
  expect(told).toHaveLength(1);
});

test('also where it forgot everything while it was looked at', async () => {
  const sealer = createSealer([new Uint8Array(32)]);
  const before = await createPairwiseSub({ store: backend.store, sealer });
  await standing.look();
  const { store } = backend;
  const { get } = store;
  store.get = async (key) => {
    const value = await get(key);
    if (key === 'storage-id') {
      store.get = get;
      await forgetEverything();
    }
    return value as never;
  };
  await standing.look();
  expect(store.get).toBe(get);
  await standing.look();
  expect(standing.assertServable).not.toThrow();
  const after = await createPairwiseSub({ store, sealer });
  expect(after('somebody', 'sector')).toBe(before('somebody', 'sector'));
});
