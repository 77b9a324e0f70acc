// Where a login was begun, and where its face was shown, as an attempt is stored: sealed, also what an earlier version had in clear.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LoginAttempt } from '../../src/core/attempt.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';

const NOW = 1_795_000_000;
const clock = { now: () => NOW };
const sealer = createSealer([new Uint8Array(32).fill(1)]);
const origin = { address: '198.51.100.7' };
const captures = [{ address: '198.51.100.8' }];
const attempt = {
  uid: 'u',
  state: 'open',
  latestEnd: NOW + 600,
  origin,
  verifications: [{ id: 'v1', captures }, { id: 'v2' }],
} as unknown as LoginAttempt;

let backend: Backend;
let attempts: ReturnType<typeof createAttemptStore>;

beforeEach(async () => {
  backend = await openBackend('memory:', { clock });
  attempts = createAttemptStore({ ...backend, sealer, clock });
});
afterEach(() => backend.close());

const stored = async () => (await backend.store.get<{ sealedPlaces?: string }>('attempt:u')) ?? {};
const move = (change: Partial<LoginAttempt>) =>
  attempts.change('u', (current) => ({ kind: 'moved', attempt: { ...current, ...change } }));

test('T18: what an earlier version had in clear is read, and sealed with the next change', async () => {
  await backend.store.set('attempt:u', attempt, 600);
  expect(await attempts.find('u')).toEqual(attempt);
  await move({ state: 'settled' });
  expect(JSON.stringify(await stored())).not.toContain('198.51.100.');
  expect(await attempts.find('u')).toEqual({ ...attempt, state: 'settled' });
});

test('a change of something else leaves the sealed text as it is, and a new capture makes a new one', async () => {
  await attempts.create(attempt);
  const { sealedPlaces } = await stored();
  expect(sealedPlaces).toBeDefined();
  await move({ state: 'settled' });
  expect((await stored()).sealedPlaces).toBe(sealedPlaces);
  const verifications = attempt.verifications.map((each) => ({ ...each, captures }));
  await move({ verifications } as Partial<LoginAttempt>);
  expect((await stored()).sealedPlaces).not.toBe(sealedPlaces);
  expect((await attempts.find('u'))?.verifications).toEqual(verifications);
});

test('of one attempt they are read by no other', async () => {
  await attempts.create(attempt);
  await backend.store.set('attempt:w', { ...(await stored()), uid: 'w' }, 600);
  await expect(attempts.find('w')).rejects.toThrow();
});
