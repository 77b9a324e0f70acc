// What a process says of its keys: never more than it has, and what could not be said when the storage was away is said later.

import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { createRunningKeys } from '../../src/app-keys.ts';
import { Misconfigured } from '../../src/config/faults.ts';
import type { KeySet } from '../../src/config/keys.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Logger } from '../../src/login/ports.ts';
import { createInstances, INSTANCE_SECONDS } from '../../src/storage/instances.ts';
import { createKeyHistory } from '../../src/storage/key-history.ts';
import { namesOf } from '../../src/storage/key-names.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { createSealer } from '../../src/storage/sealer.ts';

const key = () => new Uint8Array(randomBytes(32));
const FIRST: KeySet = { jwks: { keys: [{ kid: 'one', alg: 'RS256' }] }, cookieKeys: ['first'], dataKeys: [key()] };
const silent = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;

let now: number;
let isAway: boolean;
let isRefused: boolean;
let beat: () => Promise<void>;
let onDisk: KeySet;

function start() {
  const clock = { now: () => now };
  const { store, jobs } = openMemory({ clock });
  const away = () => {
    if (isAway) throw new StorageUnavailable('away');
  };
  const failing = {
    ...store,
    get: async (name: string) => (away(), store.get(name)),
    set: async (name: string, value: unknown, ttl: number) => (away(), store.set(name, value, ttl)),
    update: async (name: string, change: never) => (away(), store.update(name, change)),
  } as typeof store;
  const instances = createInstances({ store: failing });
  const sealer = createSealer(FIRST.dataKeys);
  const running = createRunningKeys({
    first: FIRST,
    read: async () => ({ ok: true, keys: onDisk, sources: {} as never }),
    served: {
      async useKeys() {
        if (isRefused) throw new Misconfigured([{ where: 'client', problem: 'wants ES256', fix: 'keep one' }]);
      },
    },
    store: failing,
    jobs,
    sealer,
    instances,
    history: createKeyHistory({ store: failing, clock }),
    clock,
    nowMs: () => now * 1000,
    log: silent,
    every: (_ms, work) => {
      beat = work;
      return () => undefined;
    },
  });
  const announced = async () => (await createInstances({ store }).list()).map(({ keys }) => keys);
  return { running, announced, sealer, jobs };
}

beforeEach(() => {
  now = 1_795_000_000;
  isAway = false;
  isRefused = false;
  onDisk = FIRST;
});

test('says what it has from its start on, again and again, until it ends', async () => {
  const { running, announced } = start();
  expect(await announced()).toEqual([]);
  await running.start();
  now += INSTANCE_SECONDS - 1;
  await beat();
  now += INSTANCE_SECONDS - 1;
  expect(await announced()).toEqual([namesOf(FIRST)]);
  await running.stop();
  expect(await announced()).toEqual([]);
});

test('keys that changed while it was starting are there before it takes a request', async () => {
  const { running, announced, sealer } = start();
  onDisk = { ...FIRST, dataKeys: [...FIRST.dataKeys, key()] };
  await running.start();
  expect(sealer.ids).toHaveLength(2);
  expect(await announced()).toEqual([namesOf(onDisk)]);
});

test('one that is gone without a word is forgotten', async () => {
  const { running, announced } = start();
  await running.start();
  now += INSTANCE_SECONDS;
  expect(await announced()).toEqual([]);
});

test('data keys that do not open what is stored are not used for a moment, and those before stay', async () => {
  const { running, announced, sealer } = start();
  await running.start();
  const current = sealer.currentId;
  onDisk = { ...FIRST, cookieKeys: ['second'], dataKeys: [key()] };
  expect(await running.reload()).toMatchObject({ ok: false, faults: [{ where: 'DATA_KEYS' }] });
  expect(sealer.ids).toEqual([current]);
  await beat();
  expect(await announced()).toEqual([namesOf(FIRST)]);
  onDisk = { ...onDisk, dataKeys: [...onDisk.dataKeys, ...FIRST.dataKeys] };
  expect(await running.reload()).toEqual({ ok: true, changed: true });
  expect(sealer.ids).toHaveLength(2);
});

test('data keys that came while the storage was away are taken and told when it is back', async () => {
  const { running, announced, sealer, jobs } = start();
  await running.start();
  const current = sealer.currentId;
  onDisk = { ...FIRST, dataKeys: [key(), ...FIRST.dataKeys] };
  isAway = true;
  await expect(running.reload()).rejects.toThrow(StorageUnavailable);
  await beat();
  // nobody knows yet whether they belong to this storage
  expect(sealer.currentId).toBe(current);
  isAway = false;
  expect(await announced()).toEqual([namesOf(FIRST)]);
  await beat();
  expect(sealer.currentId).toBe(namesOf(onDisk).data[0]?.id);
  expect(await announced()).toEqual([namesOf(onDisk)]);
  // what is under the key before is to be encrypted anew
  expect(await jobs.nextDueAtMs()).toBeDefined();
});

test('keys that cannot be served are not said to be there', async () => {
  const { running, announced } = start();
  await running.start();
  onDisk = { ...FIRST, jwks: { keys: [{ kid: 'two', alg: 'RS256' }] } };
  isRefused = true;
  expect(await running.reload()).toMatchObject({ ok: false, faults: [{ where: 'client' }] });
  await beat();
  expect(await announced()).toEqual([namesOf(FIRST)]);
  isRefused = false;
  expect(await running.reload()).toEqual({ ok: true, changed: true });
  expect(await announced()).toEqual([namesOf(onDisk)]);
});
