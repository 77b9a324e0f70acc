import { beforeEach, expect, test } from '@jest/globals';
import { listHeld } from '../../src/admin/list-held.ts';
import type { LoginAttempt } from '../../src/core/attempt.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import { NOW, openParts, type TestParts } from './support.ts';

let test_: TestParts;
let attempts: ReturnType<typeof createAttemptStore>;

beforeEach(async () => {
  test_ = await openParts();
  attempts = createAttemptStore(test_);
});

/** Held since then, and in the list, whatever has become of it. */
async function hold(uid: string, since: number, changes: object = {}): Promise<void> {
  const verification = { id: `v-${uid}`, status: 'in-review', ...changes };
  const attempt = {
    uid,
    state: 'open',
    expiresAt: NOW + 600,
    latestEnd: NOW + 600,
    origin: { address: '198.51.100.7' },
    verifications: [verification],
  };
  await attempts.create({ ...attempt, ...changes } as unknown as LoginAttempt);
  const review = { verificationId: `v-${uid}`, uid, clientId: 'app', since, waitsUntil: NOW + 600 } as const;
  await attempts.hold(review.verificationId, { ...review, status: 'in-review' });
}

const listed = async () => (await listHeld({ ...test_, attempts })).map(({ uid }) => uid);

test('the longest waiting comes first', async () => {
  await hold('late', NOW - 10);
  await hold('early', NOW - 20);
  await hold('by-hand', NOW - 15, { status: 'awaiting-user' });
  expect(await listed()).toEqual(['early', 'by-hand', 'late']);
});

test.each<[string, object]>([
  ['was decided', { conclusion: 'refused' }],
  ['is to be done again', { status: 'resubmitted' }],
  ['was followed by another try', { verifications: [{ id: 'v-u' }, { id: 'next', status: 'in-review' }] }],
  ['was given up', { state: 'ended' }],
  ['has lapsed', { expiresAt: NOW }],
])('R6: one that %s is not there, though the process died before it was taken off the list', async (_end, changes) => {
  await hold('u', NOW - 10, changes);
  expect(await attempts.held()).toHaveLength(1);
  expect(await listed()).toEqual([]);
});

test('R6: what is left in the list goes by itself when its attempt waits no longer', async () => {
  await hold('u', NOW - 10);
  test_.move(600);
  expect(await attempts.held()).toEqual([]);
});
