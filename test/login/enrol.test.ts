// The job at the end of a new face's waiting time, on a queue in memory: it counts what it was planned for, and nothing that was planned
// beside it is lost. The clock is moved.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Account, demandDocument, type PendingRenewal } from '../../src/core/account.ts';
import { createEnrolment, type Enrolment } from '../../src/login/enrol.ts';
import type { Job } from '../../src/login/ports.ts';
import { createAccountStore } from '../../src/storage/accounts.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { account } from '../admin/support.ts';

const HOUR = 3600;
let now: number;
let backend: Backend;
let accounts: ReturnType<typeof createAccountStore>;
let enrolment: Enrolment;
/** what happens as a new face is told to be in place */
let inPlace: () => Promise<void>;

beforeEach(async () => {
  now = 1_900_000_000;
  inPlace = async () => {};
  const clock = { now: () => now };
  backend = await openBackend('memory:', { clock });
  accounts = createAccountStore({ store: backend.store, sealer: createSealer([new Uint8Array(32)]) });
  await accounts.create(account('a', 'alice'));
  const journal = { record: () => inPlace() };
  const parts = { accounts, clock, jobs: backend.jobs, journal } as unknown as Parameters<typeof createEnrolment>[0];
  enrolment = createEnrolment(parts);
});
afterEach(() => backend.close());

const matching = { document: [], person: [] };

/** @returns the account with a face of this verification that waits for three hours */
async function letWait(verificationId: string): Promise<Account> {
  const pending: PendingRenewal = {
    ...{ verificationId, at: now, dueAt: now + 3 * HOUR },
    ...{ profile: {}, matching, portrait: { kind: 'vendor' } },
  };
  const changed = await accounts.change('a', (current) => ({ ...current, pending }));
  if (!changed) throw new Error('no such account');
  return changed;
}

async function claimOne(): Promise<Job> {
  const [job] = await backend.jobs.claimDue({ nowMs: now * 1000, limit: 1, leaseMs: 30_000 });
  if (!job) throw new Error('nothing is due');
  return job;
}

const face = async () => (await accounts.find('a'))?.enrolledBy.verificationId;

test('T14: a face that begins to wait as an earlier one is put in its place has its time, and counts after it', async () => {
  await enrolment.scheduleRenewal(await letWait('v1'));
  now += 3 * HOUR;
  inPlace = async () => {
    inPlace = async () => {};
    await enrolment.scheduleRenewal(await letWait('v2'));
  };
  await enrolment.completeRenewal(await claimOne());
  expect(await face()).toBe('v1');
  expect(await backend.jobs.nextDueAtMs()).toBe((now + 3 * HOUR) * 1000);
  now += 3 * HOUR;
  await enrolment.completeRenewal(await claimOne());
  expect(await face()).toBe('v2');
  expect(await backend.jobs.nextDueAtMs()).toBeUndefined();
});

test('R6, T14: one whose person could not be told does not come to count by the job of an earlier one', async () => {
  await enrolment.scheduleRenewal(await letWait('v1'));
  now += HOUR;
  // the process dies before it tells
  await letWait('v2');
  now += 2 * HOUR;
  await enrolment.completeRenewal(await claimOne());
  expect(await backend.jobs.nextDueAtMs()).toBeUndefined();
  expect(await face()).toBe('enrolment-of-a');
});

test('handed out too early, it is put off', async () => {
  const { pending } = await letWait('v1');
  await backend.jobs.schedule({ kind: 'renewal', id: 'a', dueAtMs: now * 1000, payload: { verificationId: 'v1' } });
  await enrolment.completeRenewal(await claimOne());
  expect(await backend.jobs.nextDueAtMs()).toBe((pending?.dueAt ?? 0) * 1000);
  now += 3 * HOUR;
  await enrolment.completeRenewal(await claimOne());
  expect(await face()).toBe('v1');
});

test('planned by an earlier version, it counts whatever waits', async () => {
  await letWait('v1');
  await backend.jobs.schedule({ kind: 'renewal', id: 'a', dueAtMs: now * 1000 });
  now += 3 * HOUR;
  await enrolment.completeRenewal(await claimOne());
  expect(await face()).toBe('v1');
});

test('T14: one that began to wait in an earlier version counts no more once a document was asked for', async () => {
  await enrolment.scheduleRenewal(await letWait('v1'));
  await accounts.change('a', (current) => demandDocument(current, 'must-re-enrol'));
  now += 3 * HOUR;
  await enrolment.completeRenewal(await claimOne());
  expect(await face()).toBe('enrolment-of-a');
  expect(await accounts.find('a')).toMatchObject({ standing: 'must-re-enrol' });
  expect((await accounts.find('a'))?.pending).toBeUndefined();
});
