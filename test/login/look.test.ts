// Looks that are planned or called off while one is under way (T8, R9). The clock is moved.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Verdict } from '../../src/core/verdict-types.ts';
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
/** what happens as the decision is read, and as the look asks once more whether anybody waits */
let meanwhile: { read?: () => Promise<void>; asked?: () => Promise<void> };

beforeEach(async () => {
  nowMs = 1_900_000_000_000;
  meanwhile = {};
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
function lookers() {
  const current = { id: 'v', purpose: 'login', status: 'in-progress', statusAt: 0, openedAt: 0, returnTokens: [] };
  const attempt = { uid: 'u', state: 'open', createdAt: 0, expiresAt: 9e9, latestEnd: 9e9, verifications: [current] };
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
    log: { warn() {} },
    vendor: {
      async readVerification() {
        await meanwhile.read?.();
        return { verificationId: 'v', status: 'in-progress' } as Verdict;
      },
    },
    settle: async () => {},
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

describe('a single look that ends', () => {
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
