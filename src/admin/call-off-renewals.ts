// After a restore: new faces that waited when the backup was made do not take the old ones' places by themselves. They may have been
// called off since, and somebody who begins one on a foreign device counts on nobody remembering that.

import { SealedUnreadable } from '../core/errors.ts';
import { withoutPending } from '../login/enrol.ts';
import { changeFaces } from '../login/faces.ts';
import type { Journal } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';

/** Safe to repeat. @returns how many were called off, and how many accounts open with none of the keys: nobody can use those */
export async function callOffRenewals(parts: {
  readonly accounts: AccountStore;
  readonly journal: Journal;
}): Promise<{ readonly calledOff: number; readonly unreadable: number }> {
  const { accounts, journal } = parts;
  let calledOff = 0;
  let unreadable = 0;
  for (const id of await accounts.list()) {
    try {
      if ((await accounts.find(id))?.pending === undefined) continue;
    } catch (error) {
      // one that is lost at home as well must not keep the others from coming back
      if (!(error instanceof SealedUnreadable)) throw error;
      unreadable += 1;
      continue;
    }
    await changeFaces(accounts, id, withoutPending);
    await journal.record({ event: 're-enrolment.called-off', account: id, reasons: ['by-restore'] });
    calledOff += 1;
  }
  return { calledOff, unreadable };
}
