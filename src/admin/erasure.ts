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
  /** what the person was called at the vendor */
  readonly subject: string;
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
    find(id: string): Promise<Account | undefined>;
    remove(id: string): Promise<Account | undefined>;
    dropPortrait(ref: string): Promise<void>;
  };
  readonly ledger: { verificationsOf(hashes: readonly string[]): Promise<readonly string[]> };
  readonly devices: { forgetAccount(accountId: string): Promise<number> };
  readonly consents: { forget(accountId: string): Promise<number> };
  readonly activity: { forget(accountId: string): Promise<void> };
  readonly passkeys: { forget(accountId: string): Promise<void> };
  readonly recovery: { forget(accountId: string): Promise<void> };
  readonly revoker: Pick<Revoker, 'revoke' | 'revokeAccount'>;
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
export type Kept =
  | { readonly left: number; readonly sealed: string }
  /** sealed: until it was looked once more what came since */
  | { readonly doneAt: number; readonly sealed?: string };

const DONE_SECONDS = 90 * 86_400;
/** Longer than anything takes that had found the account when it went, and longer than the vendor takes with its sessions. */
const ONCE_MORE_AFTER_SECONDS = 3600;

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

/** All that the account ever had opened at the vendor, as the bill has it. */
export function verificationsOf(
  { ledger, sealer }: Pick<ErasureParts, 'ledger' | 'sealer'>,
  accountId: string,
): Promise<readonly string[]> {
  return ledger.verificationsOf(sealer.keyedHashes(accountId, 'ledger'));
}

/** The face at once; and once more at the end, as a session that was under way may have brought one back. */
export function stepsAtVendor(subject: string, verificationIds: readonly string[]): readonly Step[] {
  const [first, ...others] = verificationIds.map((verificationId): Step => ({ kind: 'verification', verificationId }));
  const forget: Step = { kind: 'subject', subject };
  return [...(first ? [first] : []), forget, ...others, ...(others.length > 0 ? [forget] : [])];
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
  // before the devices: one that becomes known after they were forgotten finds its selfie taken back
  for (const verificationId of erasure.verifications) await forgetAllowance(parts.store, verificationId);
  const { devices, consents } = await forgetTraces(parts, accountId);
  await parts.journal.record({ event: 'account.removed', account: accountId, reasons: [`by-${by}`], sessions, grants });
  return { sessions, grants, devices, consents };
}

async function forgetTraces(parts: ErasureParts, accountId: string): Promise<Pick<Ended, 'devices' | 'consents'>> {
  const devices = await parts.devices.forgetAccount(accountId);
  const consents = await parts.consents.forget(accountId);
  for (const traces of [parts.activity, parts.passkeys, parts.recovery]) await traces.forget(accountId);
  return { devices, consents };
}

/**
 * A sign-in that was on its way when the account went may have been noted since, with its address and device, and have brought the vendor
 * something more (T18). Safe to repeat.
 *
 * @returns what is to be deleted at the vendor as well
 */
export async function forgetOnceMore(parts: ErasureParts, erasure: Erasure): Promise<readonly Step[]> {
  const { accountId, subject, verifications } = erasure;
  // a backup was put back
  if (await parts.accounts.find(accountId)) return [];
  await forgetTraces(parts, accountId);
  const opened = await verificationsOf(parts, accountId);
  const since = opened.filter((verificationId) => !verifications.includes(verificationId));
  return since.length > 0 ? stepsAtVendor(subject, since) : [];
}

/** Nothing is kept any more but that it is done. */
export async function closeErasure(
  { store }: Pick<ErasureParts, 'store'>,
  hash: string,
  doneAt: number,
): Promise<void> {
  await store.set<Kept>(erasureKey(hash), { doneAt }, DONE_SECONDS);
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

/** @returns whether nothing is left to do but to forget once more, later */
export async function finishIfDone(parts: ErasureParts, hash: string, erasure: Erasure): Promise<boolean> {
  if (erasure.steps.length > 0) return false;
  await parts.journal.record({ event: 'account.erased', account: erasure.accountId, reasons: [`by-${erasure.by}`] });
  const sealed = parts.sealer.seal(JSON.stringify(erasure), erasureKey(hash));
  await parts.store.set<Kept>(erasureKey(hash), { doneAt: parts.clock.now(), sealed }, DONE_SECONDS);
  const dueAtMs = (parts.clock.now() + ONCE_MORE_AFTER_SECONDS) * 1000;
  await parts.jobs.schedule({ kind: FORGET, id: hash, dueAtMs });
  return true;
}
