// Removes an account and what it allowed. First nobody can sign in with it, then what was allowed ends, and then the traces go, so
// that a crash in between leaves less and never more; it may be run again.

import type { Account } from '../core/account.ts';
import { AppError } from '../core/errors.ts';
import { DELETE } from '../login/ending.ts';
import type { Clock, IdentityVendor, JobQueue, Journal, Revoker, Sealer } from '../login/ports.ts';

export interface RemovalParts {
  readonly accounts: { remove(id: string): Promise<Account | undefined> };
  readonly devices: { forgetAccount(accountId: string): Promise<number> };
  readonly consents: { forget(accountId: string): Promise<number> };
  readonly ledger: { verificationsOf(hashes: readonly string[]): Promise<readonly string[]> };
  readonly revoker: Revoker;
  readonly sealer: Pick<Sealer, 'keyedHashes'>;
  readonly vendor: Pick<IdentityVendor, 'deleteVerification'>;
  readonly jobs: Pick<JobQueue, 'schedule'>;
  readonly journal: Journal;
  readonly clock: Clock;
}

export interface Removal {
  readonly sessions: number;
  readonly grants: number;
  readonly devices: number;
  readonly consents: number;
  readonly vendor: {
    /** the port deletes verifications; the vendor's entry of the person under this name stays */
    readonly subject: string;
    readonly enrolment: 'deleted' | 'queued';
    /** the verifications that the running provider still has to delete */
    readonly queued: number;
  };
}

/** One deletion a second: the vendor's rate is shared with people who sign in. */
const SPACING_MS = 1000;

/** @returns undefined when there is no such account */
export async function removeAccount(parts: RemovalParts, id: string): Promise<Removal | undefined> {
  const account = await parts.accounts.remove(id);
  if (!account) return undefined;
  const enrolment = account.enrolledBy.verificationId;
  const known = await parts.ledger.verificationsOf(parts.sealer.keyedHashes(id, 'ledger'));
  const others = known.filter((verificationId) => verificationId !== enrolment);
  let sessions = 0;
  let grants = 0;
  for (const verificationId of [enrolment, ...others]) {
    const ended = await parts.revoker.revoke(verificationId);
    sessions += ended.sessions;
    grants += ended.grants;
  }
  const devices = await parts.devices.forgetAccount(id);
  const consents = await parts.consents.forget(id);
  const isDeleted = await deleteNow(parts.vendor, enrolment);
  const queued = isDeleted ? others : [enrolment, ...others];
  const nowMs = parts.clock.now() * 1000;
  for (const [index, verificationId] of queued.entries()) {
    await parts.jobs.schedule({ kind: DELETE, id: verificationId, dueAtMs: nowMs + index * SPACING_MS });
  }
  await parts.journal.record({ event: 'account.removed', account: id, reasons: ['by-operator'], sessions, grants });
  return {
    sessions,
    grants,
    devices,
    consents,
    vendor: { subject: account.subject, enrolment: isDeleted ? 'deleted' : 'queued', queued: queued.length },
  };
}

async function deleteNow(vendor: RemovalParts['vendor'], verificationId: string): Promise<boolean> {
  try {
    await vendor.deleteVerification(verificationId);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code.startsWith('vendor_')) return false;
    throw error;
  }
}
