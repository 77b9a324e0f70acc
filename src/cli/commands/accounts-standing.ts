// `accounts review` and `accounts re-enrol`: an account stays, and more is asked of it.

import { findAccount } from '../../admin/find-account.ts';
import { clearReview, demandReEnrolment, type StandingParts, setReview } from '../../admin/set-standing.ts';
import type { Account } from '../../core/account.ts';
import { type Call, Failure, Misuse, SUCCESS } from '../command.ts';
import { isoTime, printable } from '../output.ts';
import { withParts } from '../work.ts';
import { readWords } from './read-input.ts';

export function review(call: Call, name: string): Promise<number> {
  const { set = false, clear = false } = call.values;
  if (set === clear) throw new Misuse('say which: --set or --clear');
  if (clear && call.values.reason !== undefined)
    throw new Misuse('--reason belongs to --set: it is kept with the review');
  const reason = set ? readWords(call, 'reason', 'why somebody should look at the account') : undefined;
  return change(call, name, (parts, id) =>
    reason === undefined ? clearReview(parts, id) : setReview(parts, id, reason),
  );
}

export function demand(call: Call, name: string): Promise<number> {
  return change(call, name, async (parts, id) => {
    const account = await demandReEnrolment(parts, id);
    if (account && account.matching.document.length + account.matching.person.length === 0) {
      call.err('note: nothing is on record that a document could be compared with: the check will be refused');
    }
    return account;
  });
}

function change(
  call: Call,
  name: string,
  apply: (parts: StandingParts, id: string) => Promise<Account | undefined>,
): Promise<number> {
  return withParts(call, async (parts) => {
    const found = await findAccount(parts, name);
    const account = found && (await apply(parts, found.id));
    if (!account) throw new Failure('there is no such account');
    const { id, identifier, standing, review } = account;
    if (call.json) {
      const told = review ? { since: isoTime(review.since), reasons: review.reasons } : null;
      call.out(JSON.stringify({ id, identifier, standing, review: told }));
      return SUCCESS;
    }
    const reviewed = review ? `under review since ${isoTime(review.since)}: ${review.reasons.join('; ')}` : 'no review';
    call.out(printable(`${identifier} (${id}): ${standing}, ${reviewed}`));
    return SUCCESS;
  });
}
