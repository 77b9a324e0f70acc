// The account an operator means: by its id, which clients see as `sub`, or by what the person types.

import type { Account } from '../core/account.ts';
import { readIdentifier } from '../core/identifier.ts';
import type { AccountStore } from '../login/stores.ts';

/** An id goes before an identifier that is spelt the same: ids are given out by us, identifiers are chosen by people. */
export async function findAccount(
  parts: { readonly accounts: Pick<AccountStore, 'find' | 'findByIdentifier'> },
  name: string,
): Promise<Account | undefined> {
  const byId = ID.test(name) ? await parts.accounts.find(name) : undefined;
  if (byId) return byId;
  const reading = readIdentifier(name);
  return reading.kind === 'ok' ? parts.accounts.findByIdentifier(reading.identifier) : undefined;
}

const ID = /^[\w-]{1,128}$/;
