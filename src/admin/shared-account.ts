// A verification that was taken over and accepted becomes an account, as an enrolment of our own would: with the face of its selfie, and
// with an owner, so that a late verdict takes back what it allowed.

import type { Account, Portrait } from '../core/account.ts';
import { profileOf } from '../core/claims.ts';
import type { Proof } from '../core/verdict.ts';
import type { Verdict } from '../core/verdict-types.ts';
import { keepAllowance } from '../login/allowances.ts';
import { matchOf } from '../login/enrol.ts';
import type { Clock, IdentityVendor, Journal, Sealer, Store } from '../login/ports.ts';
import type { AccountStore, AttemptStore } from '../login/stores.ts';
import { IMPORTED, pinFace } from './import-account.ts';

export interface SharedAccountParts {
  readonly vendor: Pick<IdentityVendor, 'fetchPortrait'>;
  readonly accounts: Pick<
    AccountStore,
    'find' | 'create' | 'change' | 'keepPortrait' | 'pinPortrait' | 'loadPortrait' | 'dropPortrait'
  >;
  readonly attempts: Pick<AttemptStore, 'own'>;
  readonly store: Store;
  readonly sealer: Sealer;
  readonly journal: Journal;
  readonly clock: Clock;
  /** `vendor`: no face is kept here (policy `portrait`) */
  readonly rules: { readonly portrait: 'local' | 'vendor' };
}

/** What is remembered of a copy until it is an account. */
export interface SharedCopy {
  readonly verificationId: string;
  readonly subject: string;
  readonly identifier: string;
  readonly accountId: string;
}

/**
 * Safe to repeat: after a crash in between, every step is taken again, and what is done already stays as it is.
 *
 * @returns `taken`: somebody else has won the identifier; `owned`: the copy has the id of a verification of somebody's
 */
export async function makeSharedAccount(
  parts: SharedAccountParts,
  copy: SharedCopy,
  verdict: Verdict,
  proof: Proof,
): Promise<Account | 'taken' | 'owned'> {
  const { accounts, attempts, store, sealer, journal, clock } = parts;
  const { verificationId, subject, identifier, accountId } = copy;
  // whoever owns it hears of late verdicts; nobody else ever can
  if (!(await attempts.own(verificationId, `${IMPORTED}${accountId}`)).isOurs) return 'owned';
  await keepAllowance(store, verificationId, { accountId, acceptedAt: proof.authTime, purpose: 'enrol' });
  const again = await accounts.find(accountId);
  const portrait = again?.portrait ?? (await fetchFace(parts, verdict));
  const now = clock.now();
  const account: Account = again ?? {
    id: accountId,
    subject,
    identifier,
    createdAt: now,
    updatedAt: now,
    standing: 'good',
    profile: profileOf(verdict.identity),
    matching: matchOf(sealer, verdict.identity),
    portrait,
    enrolledBy: { verificationId, at: proof.authTime, purpose: 'enrol' },
    // asked for at the first login
    consent: null,
  };
  if (!again) {
    const details = { account: accountId, portrait: portrait.kind, verification: verificationId };
    await journal.record({ event: 'account.imported', reasons: ['shared'], ...details });
  }
  if (!(await accounts.create(account))) {
    await journal.record({ event: 'account.import-refused', account: accountId, reasons: ['identifier-taken'] });
    if (portrait.kind === 'local') await accounts.dropPortrait(portrait.ref);
    return 'taken';
  }
  await pinFace(accounts, account, () => fetchFace(parts, verdict));
  if (verdict.warnings.some((warning) => warning.includes('DUPLICATED_FACE'))) {
    // one face on several accounts is for the operator to look at (T15)
    await journal.record({ event: 'face.on-several-accounts', account: accountId, verification: verificationId });
  }
  return (await accounts.find(accountId)) ?? account;
}

/** The first picture that can be had; without one the vendor compares with its own. */
async function fetchFace({ vendor, accounts, clock, rules }: SharedAccountParts, verdict: Verdict): Promise<Portrait> {
  if (rules.portrait === 'vendor') return { kind: 'vendor' };
  for (const url of verdict.portraitUrls) {
    const picture = await vendor.fetchPortrait(url);
    if (picture.kind !== 'jpeg') continue;
    const { ref, sha256 } = await accounts.keepPortrait(picture.bytes);
    return { kind: 'local', ref, sha256, pinnedAt: clock.now() };
  }
  return { kind: 'vendor' };
}
