// A verdict about an attempt that moves on while it is being settled: read as it was, moved as it is.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LoginAttempt } from '../../src/core/attempt.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Verdict } from '../../src/core/verdict-types.ts';
import { createSettlement, type Settlement } from '../../src/login/settle.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';

const NOW = 1_795_000_000;
const clock = { now: () => NOW };
const sealer = createSealer([new Uint8Array(32).fill(1)]);

const underWay = { id: 'v', purpose: 'login', status: 'in-progress', statusAt: NOW, openedAt: NOW, returnTokens: [] };
const waiting = {
  uid: 'u',
  clientId: 'app',
  state: 'open',
  claimant: { kind: 'account', accountId: 'a' },
  createdAt: NOW - 60,
  expiresAt: NOW + 600,
  latestEnd: NOW + 1200,
  origin: { address: '198.51.100.7' },
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

/** as a repeat of the delivery would say it */
const inReview = { ...refusal, status: 'in-review' } as Verdict;

let backend: Backend;
let late: string[];
/** what was done beside the attempt, in order */
let done: string[];
/** what the storage is away for, once */
let away: string | undefined;
let warned: string[];
let planned: string[];
let woken: number;
let settlement: Settlement;

async function note(what: string): Promise<void> {
  if (what === away) {
    away = undefined;
    throw new StorageUnavailable('away');
  }
  done.push(what);
}

/**
 * @param now what the attempt has become since it was read, as waiting
 * @param verdict what the policy asks of a verdict
 */
async function begin(now: object, readAs: LoginAttempt = waiting, verdict: object = {}): Promise<void> {
  const attempts = createAttemptStore({ ...backend, sealer, clock });
  await attempts.own('v', 'u');
  await attempts.create({ ...waiting, ...now });
  settlement = createSettlement({
    attempts: {
      ...attempts,
      find: async () => readAs,
      hold: () => note('held'),
      letGo: () => note('let go'),
    },
    clock,
    bus: { publish: async () => void (woken += 1) },
    jobs: { schedule: async ({ kind, id }: { kind: string; id: string }) => void planned.push(`${kind} ${id}`) },
    journal: { record: ({ event }: { event: string }) => note(event) },
    ledger: { settle: (_id: string, outcome: string) => note(`billed ${outcome}`) },
    meter: { count: (name: string) => void done.push(name) },
    log: { info() {}, warn: (_fields: object, message: string) => void warned.push(message) },
    activity: { noteDecline: () => note('declined') },
    ending: { cleanUp: async () => {}, scheduleLapse: () => note('lapse') },
    late: { handle: async ({ verificationId, status }: Verdict) => void late.push(`${verificationId} ${status}`) },
    rules: {
      environment: 'live',
      attempt: { tries: 3, ttlSeconds: 600, reviewWaitSeconds: 300 },
      forClient: () => ({ verdict: { refuseWarnings: [], ...verdict } }),
    },
    nowMs: () => NOW * 1000,
  } as unknown as Parameters<typeof createSettlement>[0]);
}

beforeEach(async () => {
  backend = await openBackend('memory:', { clock });
  late = [];
  done = [];
  warned = [];
  planned = [];
  woken = 0;
  away = undefined;
});
afterEach(() => backend.close());

describe('an approval of a login that is over', () => {
  const check = { status: 'approved', method: 'passive', score: 80 };
  const found = { liveness: [check], faceMatches: [check] };
  const approval = { ...refusal, ...found, status: 'approved', subject: 's' } as unknown as Verdict;
  const verifications = [{ ...accepted, method: 'passive' }];
  const spent = { ...waiting, state: 'spent', subject: 's', verifications, accountId: 'a' } as unknown as LoginAttempt;

  test('T8: by what no setting decides it may be a refusal', async () => {
    await begin(spent, spent);
    await settlement.settle({ ...approval, faceMatches: [] });
    expect(late).toEqual(['v declined']);
  });

  test('by a setting that was made stricter since it is none', async () => {
    await begin(spent, spent, { refuseWarnings: ['W'], minLivenessScore: 99, minFaceScore: 99 });
    await settlement.settle({ ...approval, environment: 'sandbox', warnings: ['W'] } as Verdict);
    expect(late).toEqual(['v approved']);
  });
});

test('T8: a refusal that was overtaken by the end of its login takes back what that allowed', async () => {
  await begin({ state: 'spent', verifications: [accepted], accountId: 'a' });
  expect(await settlement.settleAtOnce(refusal, 'u')).toEqual({ kind: 'left' });
  expect(late).toEqual([]);
  expect(await settlement.settle(refusal)).toEqual({ kind: 'late' });
  expect(late).toEqual(['v declined']);
});

test.each(['spent', 'ended'])(
  'T8: so does an approval that would not have been enough, of an attempt that is %s',
  async (state) => {
    await begin({ state, verifications: [accepted], accountId: 'a' });
    expect(await settlement.settle({ ...refusal, status: 'approved' })).toEqual({ kind: 'late' });
    expect(late).toEqual(['v declined']);
    expect(done).toEqual(['billed check-failed']);
  },
);

test('T8: a refusal of what was accepted a moment ago ends the login, and what it has left behind', async () => {
  await begin({ state: 'settled', verifications: [accepted] });
  expect(await settlement.settle(refusal)).toEqual({ kind: 'moved' });
  expect(await createAttemptStore({ ...backend, sealer, clock }).find('u')).toMatchObject({ state: 'ended' });
  expect(late).toEqual(['v declined']);
});

test('T8: so does an approval of what was accepted a moment ago, by whose findings it would not have been', async () => {
  await begin({ state: 'settled', verifications: [accepted] });
  expect(await settlement.settle({ ...refusal, status: 'approved' })).toEqual({ kind: 'moved' });
  expect(late).toEqual(['v declined']);
});

test('an approval of another environment is told to the operator by the name of the setting', async () => {
  await begin({});
  await settlement.settle({ ...refusal, status: 'approved', environment: 'sandbox' });
  expect(warned).toEqual([expect.stringContaining('DIDIT_ENVIRONMENT')]);
  await begin({});
  await settlement.settle(refusal);
  expect(warned).toHaveLength(1);
});

describe('R6: a verification that the vendor does not know', () => {
  const times = (what: string) => done.filter((each) => each === what).length;
  const unknownLooks = { count: 5, since: NOW - 60 };

  test('is waited for, and nothing is said of it', async () => {
    await begin({});
    expect(await settlement.missLook('u', 'v', 'unknown')).toMatchObject({ unknownLooks: { count: 1, since: NOW } });
    expect(done).toEqual([]);
  });

  test('is told as what it is, once it is given up; also where the storage was away in between', async () => {
    await begin({ verifications: [{ ...underWay, unknownLooks }] });
    away = 'billed gone';
    await expect(settlement.missLook('u', 'v', 'unknown')).rejects.toThrow(StorageUnavailable);
    const attempt = await createAttemptStore({ ...backend, sealer, clock }).find('u');
    const [given] = attempt?.verifications ?? [];
    if (given) await settlement.followUp(given);
    expect(['verifications', 'verification.gone', 'billed gone'].map(times)).toEqual([1, 1, 1]);
  });

  test('T12: is looked at again when the vendor says that it goes on', async () => {
    const gone = { ...underWay, status: 'expired', conclusion: 'refused', presumedGone: true, unknownLooks };
    const attempt = { ...waiting, verifications: [gone] } as unknown as LoginAttempt;
    await begin(attempt, attempt);
    expect(await settlement.settleAtOnce({ ...inReview, toldAt: NOW - 1 }, 'u')).toEqual({ kind: 'moved' });
    expect([planned, times('held')]).toEqual([['look v'], 1]);
  });
});

test('the page is woken when it has to say that the vendor does not answer, and not at each look', async () => {
  await begin({});
  const wakes: number[] = [];
  for (let looks = 0; looks < 4; looks += 1) {
    await settlement.missLook('u', 'v', 'unanswered');
    wakes.push(woken);
  }
  expect(wakes).toEqual([0, 1, 1, 1]);
});

describe('R9, R10: a delivery that is dated before we have read something else', () => {
  const looked = { ...waiting, verifications: [{ ...underWay, isRead: true }] } as unknown as LoginAttempt;
  const resubmitted = { ...refusal, status: 'resubmitted', decidedAt: NOW - 5, toldAt: NOW - 5 } as const;

  test('counts, and the decision itself is asked as well', async () => {
    await begin(looked, looked);
    expect(await settlement.settleAtOnce({ ...resubmitted, resubmitSteps: ['LIVENESS'] }, 'u')).toEqual({
      kind: 'moved',
    });
    const found = await createAttemptStore({ ...backend, sealer, clock }).find('u');
    expect(found?.verifications).toMatchObject([{ status: 'resubmitted', resubmitSteps: ['LIVENESS'] }]);
    expect(planned).toEqual(['single-look v']);
  });

  test.each([
    ['is newer than that', { ...resubmitted, toldAt: NOW + 1 }],
    ['says the same', { ...resubmitted, status: 'in-progress' } as const],
  ])('is in no doubt where it %s', async (_how, verdict) => {
    await begin(looked, looked);
    expect(await settlement.settleAtOnce(verdict, 'u')).toEqual({ kind: 'moved' });
    expect(planned).toEqual([]);
  });
});

describe('R7: told again, as the storage was away when the attempt had moved', () => {
  const times = (what: string) => done.filter((each) => each === what).length;

  test.each(['billed declined', 'let go'])(
    'a conclusion comes to all that follows from it, and is written down and counted once: %s',
    async (step) => {
      await begin({ verifications: [{ ...underWay, status: 'in-review', wasHeld: true }] });
      away = step;
      await expect(settlement.settle(refusal)).rejects.toThrow(StorageUnavailable);
      expect(times(step)).toBe(0);
      expect(await settlement.settle(refusal)).toEqual({ kind: 'unchanged' });
      expect(times(step)).toBe(1);
      for (const once of ['verification.refused', 'verifications', 'declined']) expect(times(once)).toBe(1);
    },
  );

  test.each([
    ['declined', refusal, 'billed declined'],
    ['approved and failed a check', { ...refusal, status: 'approved' } as const, 'billed check-failed'],
    ['expired', { ...refusal, status: 'expired' } as const, 'billed expired'],
  ])('the look that finds it concluded, %s, does the rest', async (_how, verdict, billed) => {
    await begin({});
    away = billed;
    await expect(settlement.settle(verdict)).rejects.toThrow(StorageUnavailable);
    const attempt = await createAttemptStore({ ...backend, sealer, clock }).find('u');
    const [concluded] = attempt?.verifications ?? [];
    if (concluded) await settlement.followUp(concluded);
    expect([times(billed), times('let go'), times('verification.refused')]).toEqual([1, 1, 1]);
  });

  test('what says otherwise than the conclusion repeats nothing of it', async () => {
    await begin({});
    await settlement.settle(refusal);
    done = [];
    expect(await settlement.settle({ ...refusal, status: 'expired' })).toEqual({ kind: 'unchanged' });
    expect(done).toEqual([]);
  });

  test.each(['held', 'lapse'])(
    'a review is in the list of those that wait, and waits as long as it may, but is told once: %s',
    async (step) => {
      await begin({});
      away = step;
      await expect(settlement.settle(inReview)).rejects.toThrow(StorageUnavailable);
      expect(await settlement.settle(inReview)).toEqual({ kind: 'unchanged' });
      expect(times(step)).toBe(1);
      for (const once of ['verification.held', 'reviews_held']) expect(times(once)).toBe(1);
    },
  );

  test('a review that is over, as steps are to be done again, leaves that list', async () => {
    await begin({ verifications: [{ ...underWay, status: 'resubmitted', statusAt: NOW + 1 }] });
    expect(await settlement.settle({ ...refusal, status: 'resubmitted' })).toEqual({ kind: 'unchanged' });
    expect(done).toEqual(['let go']);
  });
});
