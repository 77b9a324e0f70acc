// Takes over a verification that another customer of the vendor made and shared, instead of a document check of our own. It is judged
// as an enrolment is, and late verdicts about it count as for one. A share token works once: whatever goes wrong after it was spent,
// the copy is either remembered, to be gone on with, or deleted at the vendor.

import type { Account } from '../core/account.ts';
import { AppError } from '../core/errors.ts';
import { conclude, meaningOf, type VerdictRules } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import type { IdentityVendor } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';
import { newId } from '../login/tokens.ts';
import { makeSharedAccount, type SharedAccountParts, type SharedCopy } from './shared-account.ts';

export interface SharedImportParts extends SharedAccountParts {
  readonly vendor: SharedAccountParts['vendor'] &
    Pick<IdentityVendor, 'importShared' | 'readVerification' | 'deleteVerification' | 'forgetSubject'>;
  readonly accounts: SharedAccountParts['accounts'] & Pick<AccountStore, 'findByIdentifier'>;
  readonly rules: SharedAccountParts['rules'] & {
    /** of an enrolment */
    readonly workflowId: string;
    readonly environment: 'live' | 'sandbox';
    readonly verdict: VerdictRules;
  };
}

export type SharedImport =
  | { readonly kind: 'imported'; readonly account: Account }
  /** the identifier has an account */
  | { readonly kind: 'taken' }
  /** a person at the vendor has to look, or the vendor did not answer: go on with the copy later */
  | { readonly kind: 'waiting'; readonly verificationId: string; readonly why: 'review' | 'no-answer' }
  /** `isDeleted`: whether the vendor has deleted its copy */
  | { readonly kind: 'refused'; readonly reasons: readonly string[]; readonly isDeleted: boolean }
  /** not one that was imported for this identifier and waits */
  | { readonly kind: 'unknown' };

const COPY_SECONDS = 90 * 86_400;
const copyKey = (verificationId: string) => `shared-copy:${verificationId}`;

/**
 * @param order.identifier normalised
 * @param order.trustReview false: a reviewer of ours looks at it first, whatever the other customer decided
 * @throws VendorUnavailable | VendorRefused | SharedVerificationRefused   the token was not taken; nothing was imported
 */
export async function importShared(
  parts: SharedImportParts,
  order: { readonly identifier: string; readonly shareToken: string; readonly trustReview: boolean },
): Promise<SharedImport> {
  const { vendor, store, sealer, rules } = parts;
  const { identifier, shareToken, trustReview } = order;
  // before the token is spent
  if (await parts.accounts.findByIdentifier(identifier)) return { kind: 'taken' };
  const subject = newId();
  const { workflowId } = rules;
  const { verificationId } = await vendor.importShared({ shareToken, workflowId, subject, trustReview });
  const copy: SharedCopy = { verificationId, subject, identifier, accountId: newId() };
  await store.set(copyKey(verificationId), sealer.seal(JSON.stringify(copy), copyKey(verificationId)), COPY_SECONDS);
  return takeOver(parts, copy);
}

/** Goes on with a copy that waited. Safe to repeat. */
export async function resumeShared(
  parts: SharedImportParts,
  order: { readonly identifier: string; readonly verificationId: string },
): Promise<SharedImport> {
  const { store, sealer } = parts;
  const { verificationId, identifier } = order;
  const sealed = await store.get<string>(copyKey(verificationId));
  if (sealed === undefined) return { kind: 'unknown' };
  const copy: SharedCopy = JSON.parse(sealer.openText(sealed, copyKey(verificationId)));
  return copy.identifier === identifier ? takeOver(parts, copy) : { kind: 'unknown' };
}

async function takeOver(parts: SharedImportParts, copy: SharedCopy): Promise<SharedImport> {
  const { vendor, rules } = parts;
  const { verificationId, subject } = copy;
  let verdict: Verdict | undefined;
  try {
    verdict = await vendor.readVerification(verificationId);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'vendor_unavailable')) throw error;
    return { kind: 'waiting', verificationId, why: 'no-answer' };
  }
  if (!verdict) return refuse(parts, copy, ['unknown-to-the-vendor']);
  if (verdict.status !== 'approved') {
    const mayChange = meaningOf(verdict.status) === 'held' || meaningOf(verdict.status) === 'waiting';
    return mayChange
      ? { kind: 'waiting', verificationId, why: 'review' }
      : refuse(parts, copy, [`status-${verdict.status}`]);
  }
  const conclusion = conclude(
    {
      verificationId,
      subject,
      workflowId: rules.workflowId,
      environment: rules.environment,
      purpose: 'enrol',
      method: 'passive',
      // it was made elsewhere, before anything here began
      begunAt: verdict.decidedAt,
      identityMatches: undefined,
    },
    verdict,
    rules.verdict,
  );
  if (conclusion.kind === 'refused') return refuse(parts, copy, conclusion.failed);
  const made = await makeSharedAccount(parts, copy, verdict, conclusion.proof);
  // the copy is another's by its id: not ours to delete
  if (made === 'owned') return { kind: 'refused', reasons: [made], isDeleted: false };
  if (made === 'taken') {
    await refuse(parts, copy, ['identifier-taken']);
    return { kind: 'taken' };
  }
  await parts.store.delete(copyKey(verificationId));
  return { kind: 'imported', account: made };
}

/** Nothing comes of it: the vendor is not to keep a copy for us. */
async function refuse(parts: SharedImportParts, copy: SharedCopy, reasons: readonly string[]): Promise<SharedImport> {
  const { verificationId } = copy;
  await parts.journal.record({ event: 'shared-verification.refused', verification: verificationId, reasons });
  try {
    await parts.vendor.deleteVerification(verificationId);
    await parts.vendor.forgetSubject(copy.subject);
  } catch (error) {
    // it is remembered: another run tries again
    if (error instanceof AppError && error.code.startsWith('vendor_')) {
      return { kind: 'refused', reasons, isDeleted: false };
    }
    throw error;
  }
  await parts.store.delete(copyKey(verificationId));
  return { kind: 'refused', reasons, isDeleted: true };
}
