// After a restore: new faces that waited when the backup was made do not take the old ones' places by themselves. They may have been
// called off since, and somebody who begins one on a foreign device counts on nobody remembering that.

import { withoutPending } from '../login/enrol.ts';
import { changeFaces } from '../login/faces.ts';
import type { Journal } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';
import { listAccounts } from './list-accounts.ts';

/** Safe to repeat. @returns how many were called off */
export async function callOffRenewals(parts: {
  readonly accounts: AccountStore;
  readonly journal: Journal;
}): Promise<number> {
  const { accounts, journal } = parts;
  let calledOff = 0;
  for await (const { id, pending } of listAccounts(parts)) {
    if (pending === undefined) continue;
    await changeFaces(accounts, id, withoutPending);
    await journal.record({ event: 're-enrolment.called-off', account: id, reasons: ['by-restore'] });
    calledOff += 1;
  }
  return calledOff;
}
