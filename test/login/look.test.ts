// Looks that are planned or called off while one is under way (T8, R9). The clock is moved.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Verification, WhyMissed } from '../../src/core/attempt.ts';
import { VendorRefused, VendorUnavailable } from '../../src/core/errors.ts';
import type { Verdict, VerificationStatus } from '../../src/core/verdict-types.ts';
import {
  createLooker,
  createSingleLooker,
  LOOK,
  SINGLE_LOOK,
  scheduleFirstLook,
  scheduleReturnedLooks,
  scheduleSingleLook,
} from '../../src/login/look.ts';
import type { Job, JobQueue } from '../../src/login/ports.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';

let nowMs: number;
let backend: Backend;
let jobs: JobQueue;
let followedUp: string[];
/** what the vendor says, and when it is taken to have been so */
let status: VerificationStatus | undefined;
let warned: string[];
/** looks that came to nothing */
let missed: WhyMissed[];
let settled: number[];
/** what happens as the decision is read, and as the look asks once more whether anybody waits */
let meanwhile: { read?: () => Promise<void>; asked?: () => Promise<void> };

beforeEach(async () => {
  nowMs = 1_900_000_000_000;
  meanwhile = {};
  followedUp = [];
  status = 'in-progress';
  warned = [];
  missed = [];
  settled = [];
  backend = await openBackend('memory:', { clock: { now: () => Math.floor(nowMs / 1000) } });
  ({ jobs } = backend);
});
afterEach(() => backend.close());

const timing = () => ({ jobs, nowMs: () => nowMs });
const claim = () => jobs.claimDue({ nowMs, limit: 10, leaseMs: 30_000 });

async function claimOne(): Promise<Job> {
  const [job] = await claim();
  if (!job) throw new Error('nothing is due');
  return job;
}

/** Of a verification whose person is at the vendor, as far as the attempt tells. */
function lookers(changes: object = {}) {
  const current = {
    id: 'v',
    purpose: 'login',
    status: 'in-progress',
    statusAt: 0,
    openedAt: 0,
    returnTokens: [],
  };
  const now = { ...current, ...changes };
  const attempt = { uid: 'u', state: 'open', createdAt: 0, expiresAt: 9e9, latestEnd: 9e9, verifications: [now] };
  let reads = 0;
  const parts = {
    ...timing(),
    clock: { now: () => Math.floor(nowMs / 1000) },
    attempts: {
      ownerOf: async () => 'u',
      async find() {
        reads += 1;
        if (reads === 2) await meanwhile.asked?.();
        return attempt;
      },
    },
    log: { warn: (_fields: object, message: string) => void warned.push(message) },
    vendor: {
      async readVerification() {
        await meanwhile.read?.();
        return status && ({ verificationId: 'v', status, decidedAt: Math.floor(nowMs / 1000) } as Verdict);
      },
    },
    settle: async ({ decidedAt }: Verdict) => void settled.push(decidedAt),
    async missLook(_uid: string, _id: string, why: WhyMissed) {
      missed.push(why);
      return { ...now, unansweredLooks: { count: missed.length, since: 0 } };
    },
    followUp: async ({ id, conclusion }: Verification) => void followedUp.push(`${id} ${conclusion}`),
  } as unknown as Parameters<typeof createLooker>[0];
  return { look: createLooker(parts), lookOnce: createSingleLooker(parts) };
}

describe('a look that ends', () => {
  test('R9: does not put off those that begin with the return of the person', async () => {
    await scheduleFirstLook(timing(), 'v');
    nowMs += 30_000;
    meanwhile.asked = () => scheduleReturnedLooks(timing(), 'v');
    await lookers().look(await claimOne());
    nowMs += 1_000;
    expect(await claim()).toMatchObject([{ kind: LOOK, payload: { returnedAtMs: nowMs - 1_000 } }]);
  });

  test('does not bring back one that was called off', async () => {
    await scheduleFirstLook(timing(), 'v');
    nowMs += 30_000;
    meanwhile.asked = () => jobs.cancel(LOOK, 'v');
    await lookers().look(await claimOne());
    expect(await jobs.nextDueAtMs()).toBeUndefined();
  });

  test('plans the next one where nothing came in between', async () => {
    await scheduleFirstLook(timing(), 'v');
    nowMs += 30_000;
    await lookers().look(await claimOne());
    expect(await jobs.nextDueAtMs()).toBe(nowMs + 60_000);
  });
});

test.each([
  ['in-progress', 0],
  ['approved', 4],
] as const)('R9: what is read as %s was so when it was asked, but for an end', async (read, afterSeconds) => {
  await scheduleFirstLook(timing(), 'v');
  nowMs += 30_000;
  const askedAt = nowMs / 1000;
  status = read;
  meanwhile.read = async () => void (nowMs += 4_000);
  await lookers().look(await claimOne());
  expect(settled).toEqual([askedAt + afterSeconds]);
});

test('R6, R7: a look that finds its verification concluded does what that was cut short of, and asks the vendor nothing', async () => {
  await scheduleFirstLook(timing(), 'v');
  nowMs += 30_000;
  meanwhile.read = async () => Promise.reject(new Error('asked'));
  await lookers({ conclusion: 'accepted' }).look(await claimOne());
  expect(followedUp).toEqual(['v accepted']);
  expect(await jobs.nextDueAtMs()).toBeUndefined();
});

test('R6: a vendor that does not know the verification has not said how it ended: it is looked at again, and the operator is told', async () => {
  status = undefined;
  await scheduleReturnedLooks(timing(), 'v');
  const returnedAtMs = nowMs;
  nowMs += 1_000;
  await lookers({ returnedHereAt: 1 }).look(await claimOne());
  expect([missed, settled]).toEqual([['unknown'], []]);
  expect(await jobs.nextDueAtMs()).toBe(returnedAtMs + 2_000);
  expect(warned).toEqual([expect.stringMatching(/404.*deleted.*DIDIT_API_KEY.*looked at again/)]);
});

test.each([
  ['does not answer', new VendorUnavailable('down'), [1_000, 1_000]],
  ['asks for patience', new VendorUnavailable('429', { retryAfterSeconds: 40 }), [40_000, 40_000]],
  // a refusal that was made sure of is the operator’s to mend
  ['refuses', new VendorRefused('key'), [1_000, 60_000]],
])('R8: a vendor that %s is asked again', async (_how, error, waits) => {
  meanwhile.read = async () => Promise.reject(error);
  await scheduleReturnedLooks(timing(), 'v');
  nowMs += 1_000;
  const { look } = lookers({ returnedHereAt: 1 });
  for (const wait of waits) {
    await look(await claimOne());
    expect(await jobs.nextDueAtMs()).toBe(nowMs + wait);
    nowMs += wait;
  }
  expect(missed).toEqual(['unanswered', 'unanswered']);
});

describe('a single look that ends', () => {
  test('R6: without a word, as the vendor does not know the verification, is made again', async () => {
    status = undefined;
    await scheduleSingleLook(timing(), 'v');
    for (let tries = 0; tries < 6; tries += 1) {
      await lookers().lookOnce(await claimOne());
      nowMs += 60_000;
    }
    expect(await jobs.nextDueAtMs()).toBeUndefined();
    expect(warned).toHaveLength(6);
  });

  test('T8: leaves the one that was asked for since it read the decision', async () => {
    await scheduleSingleLook(timing(), 'v');
    meanwhile.read = () => scheduleSingleLook(timing(), 'v');
    await lookers().lookOnce(await claimOne());
    expect(await claim()).toMatchObject([{ kind: SINGLE_LOOK, id: 'v' }]);
  });

  test('was one', async () => {
    await scheduleSingleLook(timing(), 'v');
    await lookers().lookOnce(await claimOne());
    expect(await jobs.nextDueAtMs()).toBeUndefined();
  });
});
