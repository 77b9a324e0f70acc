// What an account leaves behind, and how it goes: here at once, at the vendor step by step and as often as it takes. An erasure is a
// sealed record and a job; a receipt, kept by hash, tells how far it is, as the account that could be asked is gone.

import type { Account } from '../core/account.ts';
import { AppError } from '../core/errors.ts';
import { forgetAllowance } from '../login/allowances.ts';
import { picturesOf } from '../login/faces.ts';
import {
  type Clock,
  FOREVER,
  type IdentityVendor,
  type JobQueue,
  type Journal,
  type Revoker,
  type Sealer,
  type Store,
} from '../login/ports.ts';
import { hashToken } from '../login/tokens.ts';

/** The kind of the job that does what is left: see forgetting.ts. */
export const FORGET = 'forget';

export type Step =
  | { readonly kind: 'verification'; readonly verificationId: string }
  | { readonly kind: 'subject'; readonly subject: string };

export interface Erasure {
  readonly accountId: string;
  readonly by: 'operator' | 'person';
  readonly isEndedHere: boolean;
  /** all that it ever had at the vendor: what they allowed ends with the account */
  readonly verifications: readonly string[];
  readonly portraits: readonly string[];
  /** what is left to do at the vendor */
  readonly steps: readonly Step[];
}

export interface ErasureParts {
  readonly accounts: {
    remove(id: string): Promise<Account | undefined>;
    dropPortrait(ref: string): Promise<void>;
  };
  readonly devices: { forgetAccount(accountId: string): Promise<number> };
  readonly consents: { forget(accountId: string): Promise<number> };
  readonly activity: { forget(accountId: string): Promise<void> };
  readonly passkeys: { forget(accountId: string): Promise<void> };
  readonly recovery: { forget(accountId: string): Promise<void> };
  readonly revoker: Revoker;
  readonly store: Store;
  readonly sealer: Pick<Sealer, 'keyedHashes' | 'seal' | 'openText'>;
  readonly vendor: Pick<IdentityVendor, 'deleteVerification' | 'forgetSubject'>;
  readonly jobs: Pick<JobQueue, 'schedule' | 'cancel'>;
  readonly journal: Journal;
  readonly clock: Clock;
}

export interface Ended {
  readonly sessions: number;
  readonly grants: number;
  readonly devices: number;
  readonly consents: number;
}

export type ErasureState =
  | { readonly kind: 'under-way'; readonly left: number }
  | { readonly kind: 'done'; readonly at: number }
  /** no such receipt, or one of long ago */
  | { readonly kind: 'unknown' };

/** As it lies in the store, under the hash of its receipt. */
export type Kept = { readonly left: number; readonly sealed: string } | { readonly doneAt: number };

const DONE_SECONDS = 90 * 86_400;

export const erasureKey = (hash: string) => `erasure:${hash}`;

/** How far the vendor is with what was removed here. */
export async function readErasure(parts: { readonly store: Store }, receipt: string): Promise<ErasureState> {
  const kept = await parts.store.get<Kept>(erasureKey(hashToken(receipt)));
  if (!kept) return { kind: 'unknown' };
  return 'doneAt' in kept ? { kind: 'done', at: kept.doneAt } : { kind: 'under-way', left: kept.left };
}

export async function keepErasure(
  { store, sealer }: Pick<ErasureParts, 'store' | 'sealer'>,
  hash: string,
  erasure: Erasure,
): Promise<void> {
  const sealed = sealer.seal(JSON.stringify(erasure), erasureKey(hash));
  await store.set<Kept>(erasureKey(hash), { left: erasure.steps.length, sealed }, FOREVER);
}

/** All of it that is here: safe to repeat. First nobody can sign in, then what was allowed ends, then the traces go. */
export async function endHere(parts: ErasureParts, erasure: Erasure): Promise<Ended> {
  const { accountId, by } = erasure;
  const removed = await parts.accounts.remove(accountId);
  // one that began to wait since this was planned goes as well: nothing would lead to it any more (T18)
  const faces = new Set([...erasure.portraits, ...(removed ? picturesOf(removed) : [])]);
  for (const ref of faces) await parts.accounts.dropPortrait(ref);
  const revoked = [];
  // each by itself too: a browser that is on its way from a selfie to its code has nothing yet that could be found
  for (const verificationId of erasure.verifications) revoked.push(await parts.revoker.revoke(verificationId));
  revoked.push(await parts.revoker.revokeAccount(accountId));
  const sessions = revoked.reduce((sum, each) => sum + each.sessions, 0);
  const grants = revoked.reduce((sum, each) => sum + each.grants, 0);
  const devices = await parts.devices.forgetAccount(accountId);
  const consents = await parts.consents.forget(accountId);
  for (const verificationId of erasure.verifications) await forgetAllowance(parts.store, verificationId);
  for (const traces of [parts.activity, parts.passkeys, parts.recovery]) await traces.forget(accountId);
  await parts.journal.record({ event: 'account.removed', account: accountId, reasons: [`by-${by}`], sessions, grants });
  return { sessions, grants, devices, consents };
}

/** @returns what the vendor failed with; undefined: it is gone there */
export async function tryStep({ vendor }: Pick<ErasureParts, 'vendor'>, step: Step): Promise<AppError | undefined> {
  try {
    if (step.kind === 'subject') await vendor.forgetSubject(step.subject);
    else await vendor.deleteVerification(step.verificationId);
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.code.startsWith('vendor_')) return error;
    throw error;
  }
}

/** @returns whether nothing is left to do */
export async function finishIfDone(parts: ErasureParts, hash: string, erasure: Erasure): Promise<boolean> {
  if (erasure.steps.length > 0) return false;
  await parts.journal.record({ event: 'account.erased', account: erasure.accountId, reasons: [`by-${erasure.by}`] });
  await parts.store.set<Kept>(erasureKey(hash), { doneAt: parts.clock.now() }, DONE_SECONDS);
  await parts.jobs.cancel(FORGET, hash);
  return true;
}
