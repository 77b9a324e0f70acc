// Pictures of faces that an account stands on, waits for, or has left behind. A face that is out of use is deleted, also when the process
// dies in between: until then the account remembers that it has to be.

import type { Account, Portrait } from '../core/account.ts';
import type { AccountStore } from './stores.ts';

type Faces = Pick<AccountStore, 'change' | 'dropPortrait' | 'pinPortrait'>;

/**
 * Changes the faces of an account and deletes the pictures that the change leaves without a use. Safe to repeat.
 *
 * @param change pure, as it may run twice
 * @param brought a picture that the change puts in its place or lets wait: kept for good from now on
 * @returns undefined when there is no such account; what was brought and not taken is not kept
 */
export async function changeFaces(
  accounts: Faces,
  accountId: string,
  change: (account: Account) => Account,
  brought?: Portrait,
): Promise<Account | undefined> {
  // before the account names it: a face that is named and gone would lock its person out
  if (brought?.kind === 'local') await accounts.pinPortrait(brought.ref);
  const account = await accounts.change(accountId, (current) => {
    const next = change(current);
    if (next === current) return current;
    const used = refsOf(next);
    const unused = [...(current.unusedFaces ?? []), ...refsOf(current)].filter((ref) => !used.includes(ref));
    return withUnused(next, [...new Set(unused)]);
  });
  const isUsed = (ref: string) => account !== undefined && picturesOf(account).includes(ref);
  if (brought?.kind === 'local' && !isUsed(brought.ref)) await accounts.dropPortrait(brought.ref);
  return account && dropUnused(accounts, account);
}

/** What a crash has left to do. */
export async function dropUnused(accounts: Faces, account: Account): Promise<Account> {
  const { unusedFaces } = account;
  if (!unusedFaces) return account;
  for (const ref of unusedFaces) await accounts.dropPortrait(ref);
  const isLeft = (ref: string) => !unusedFaces.includes(ref);
  const next = await accounts.change(account.id, (current) =>
    withUnused(current, (current.unusedFaces ?? []).filter(isLeft)),
  );
  return next ?? account;
}

/** Every picture that is kept for the account, those included that it has no use for any more. */
export function picturesOf(account: Pick<Account, 'portrait' | 'pending' | 'unusedFaces'>): string[] {
  return [...refsOf(account), ...(account.unusedFaces ?? [])];
}

/** Every picture that the account has a use for. */
export function refsOf({ portrait, pending }: Pick<Account, 'portrait' | 'pending'>): string[] {
  return [portrait, pending?.portrait].flatMap((each) => (each?.kind === 'local' ? [each.ref] : []));
}

function withUnused({ unusedFaces: _before, ...account }: Account, refs: readonly string[]): Account {
  return refs.length > 0 ? { ...account, unusedFaces: refs } : account;
}
