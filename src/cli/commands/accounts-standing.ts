// `accounts review` and `accounts re-enrol`: an account stays, and more is asked of it. A review is cleared as it was seen: by its mark, or
// by answering what is shown at that moment. Where nobody can be asked, and no mark is named, what is found is cleared, and said.

import { findAccount } from '../../admin/find-account.ts';
import { clearReview, demandReEnrolment, setReview } from '../../admin/set-standing.ts';
import type { Parts } from '../../app-parts.ts';
import { type Account, markOf, type Review } from '../../core/account.ts';
import { type Call, Failure, Misuse, SUCCESS } from '../command.ts';
import { isoTime, printable, reviewJson } from '../output.ts';
import { withParts } from '../work.ts';
import { readWords } from './read-input.ts';

/** As `markOf` makes it. */
const MARK = /^[0-9a-z]+-\d+$/;

export function review(call: Call, name: string): Promise<number> {
  const { set = false, clear = false, seen } = call.values;
  if (set === clear) throw new Misuse('say which: --set or --clear');
  if (clear && call.values.reason !== undefined)
    throw new Misuse('--reason belongs to --set: it is kept with the review');
  if (set && seen !== undefined)
    throw new Misuse('--seen belongs to --clear: the mark of the review that you have looked at');
  if (seen !== undefined && !MARK.test(String(seen)))
    throw new Misuse('--seen is the mark of a review, as accounts show prints it');
  const reason = set ? readWords(call, 'reason', 'why somebody should look at the account') : undefined;
  return change(call, name, (parts, id) =>
    reason === undefined ? clearSeen(call, parts, id) : setReview(parts, id, reason),
  );
}

/** @throws Failure where something came that was not seen */
async function clearSeen(call: Call, parts: Parts, id: string): Promise<Account | undefined> {
  const seen = call.values.seen === undefined ? await showAndAsk(call, parts, id) : String(call.values.seen);
  const cleared = await clearReview(parts, id, seen);
  if (cleared?.unseen) {
    const { account, unseen } = cleared;
    const mark = account.review ? markOf(account.review) : '';
    throw new Failure(
      printable(
        `nothing was cleared: since you looked came ${unseen.join('; ')}. Having looked at that too: --clear --seen ${mark}`,
      ),
    );
  }
  if (cleared?.review && seen === undefined)
    call.err(printable(`note: cleared without --seen, whatever stood there: ${cleared.review.reasons.join('; ')}`));
  return cleared?.account;
}

/** @returns the mark of what was shown, and agreed to; one that is of no review where there was nothing to show; undefined where nobody can be asked */
async function showAndAsk(call: Call, { accounts }: Parts, id: string): Promise<string | undefined> {
  if (!call.confirm || call.json) return undefined;
  const { review } = (await accounts.find(id)) ?? {};
  if (!review) return '';
  call.err(printable(reviewed(review)));
  if (!(await call.confirm('Is that looked into, and to be cleared?'))) throw new Failure('nothing was cleared');
  return markOf(review);
}

function reviewed({ since, reasons }: Review): string {
  return `under review since ${isoTime(since)}: ${reasons.join('; ')}`;
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
  apply: (parts: Parts, id: string) => Promise<Account | undefined>,
): Promise<number> {
  return withParts(call, async (parts) => {
    const found = await findAccount(parts, name);
    const account = found && (await apply(parts, found.id));
    if (!account) throw new Failure('there is no such account');
    const { id, identifier, standing, review } = account;
    if (call.json) {
      call.out(JSON.stringify({ id, identifier, standing, review: reviewJson(review) }));
      return SUCCESS;
    }
    call.out(printable(`${identifier} (${id}): ${standing}, ${review ? reviewed(review) : 'no review'}`));
    return SUCCESS;
  });
}
