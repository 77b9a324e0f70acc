// A verdict about an attempt that moves on while it is being settled: read as it was, moved as it is.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LoginAttempt } from '../../src/core/attempt.ts';
import type { Verdict } from '../../src/core/verdict-types.ts';
import { createSettlement, type Settlement } from '../../src/login/settle.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';

const NOW = 1_795_000_000;
const clock = { now: () => NOW };

const underWay = { id: 'v', purpose: 'login', status: 'in-progress', statusAt: NOW, openedAt: NOW, returnTokens: [] };
const waiting = {
  uid: 'u',
  clientId: 'app',
  state: 'open',
  claimant: { kind: 'account', accountId: 'a' },
  createdAt: NOW - 60,
  expiresAt: NOW + 600,
  latestEnd: NOW + 1200,
  verifications: [underWay],
  proofs: [],
  factors: [],
} as unknown as LoginAttempt;
const accepted = { ...underWay, status: 'approved', conclusion: 'accepted' };
const refusal = {
  verificationId: 'v',
  status: 'declined',
  decidedAt: NOW + 1,
  subject: null,
  workflowId: null,
  environment: null,
  liveness: [],
  faceMatches: [],
  documents: [],
  analyses: [],
  warnings: [],
  portraitUrls: [],
  complete: true,
} as Verdict;

let backend: Backend;
let late: string[];
let settlement: Settlement;

/** @param now what the attempt has become since it was read as waiting */
async function begin(now: object): Promise<void> {
  const attempts = createAttemptStore({ store: backend.store, clock });
  await attempts.own('v', 'u');
  await attempts.create({ ...waiting, ...now });
  settlement = createSettlement({
    attempts: { ...attempts, find: async () => waiting },
    clock,
    bus: { publish: async () => {} },
    jobs: { cancel: async () => {}, schedule: async () => {} },
    journal: { record: async () => {} },
    ledger: { settle: async () => {} },
    meter: { count() {} },
    log: { info() {} },
    activity: { noteDecline: async () => {} },
    ending: { cleanUp: async () => {} },
    late: { handle: async ({ verificationId }: Verdict) => void late.push(verificationId) },
    rules: { environment: 'live', attempt: { tries: 3 }, forClient: () => ({ verdict: { refuseWarnings: [] } }) },
    nowMs: () => NOW * 1000,
  } as unknown as Parameters<typeof createSettlement>[0]);
}

beforeEach(async () => {
  backend = await openBackend('memory:', { clock });
  late = [];
});
afterEach(() => backend.close());

test('T8: a refusal that was overtaken by the end of its login takes back what that allowed', async () => {
  await begin({ state: 'spent', verifications: [accepted], accountId: 'a' });
  expect(await settlement.settleAtOnce(refusal)).toEqual({ kind: 'left' });
  expect(late).toEqual([]);
  expect(await settlement.settle(refusal)).toEqual({ kind: 'late' });
  expect(late).toEqual(['v']);
});

test('T8: a refusal of what was accepted a moment ago ends the login, and what it has left behind', async () => {
  await begin({ state: 'settled', verifications: [accepted] });
  expect(await settlement.settle(refusal)).toEqual({ kind: 'moved' });
  expect(await createAttemptStore({ store: backend.store, clock }).find('u')).toMatchObject({ state: 'ended' });
  expect(late).toEqual(['v']);
});
