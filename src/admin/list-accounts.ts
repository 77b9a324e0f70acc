// Every account, one after another: nobody needs all of them in memory.

import type { Account } from '../core/account.ts';
import type { AccountStore } from '../login/stores.ts';

export async function* listAccounts(parts: {
  readonly accounts: Pick<AccountStore, 'find' | 'list'>;
}): AsyncGenerator<Account> {
  for (const id of await parts.accounts.list()) {
    const account = await parts.accounts.find(id);
    // removed since the list was read
    if (account) yield account;
  }
}
