// What an operator says about an account that stays: somebody should look at it, nobody need any more, or its next login is to be a
// document check. Words of an operator are kept with the account, sealed; the journal tells that it was done.

import { type Account, demandDocument, putUnderReview, type Review, reasonsSince } from '../core/account.ts';
import type { Clock, Journal } from '../login/ports.ts';
import type { AccountStore } from '../login/stores.ts';

export interface StandingParts {
  readonly accounts: Pick<AccountStore, 'change'>;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Rules of risk ask for more while a review stands. Reasons add up. @returns undefined when there is no such account */
export async function setReview(parts: StandingParts, id: string, reason: string): Promise<Account | undefined> {
  const now = parts.clock.now();
  const account = await parts.accounts.change(id, (current) => putUnderReview(current, reason, now));
  return tell(parts, account, 'account.review-set');
}

export interface Cleared {
  readonly account: Account;
  /** what stood there, and does not any more */
  readonly review?: Review | undefined;
  /** nothing was cleared: these came since it was seen */
  readonly unseen?: readonly string[];
}

/**
 * A review is cleared by somebody who has looked: a reason that came while they did is not to go with the others.
 *
 * @param seen the mark of the review that was looked at; without it whatever stands there is cleared
 * @returns undefined when there is no such account
 */
export async function clearReview(parts: StandingParts, id: string, seen?: string): Promise<Cleared | undefined> {
  let before: Review | undefined;
  let unseen: readonly string[] = [];
  const account = await parts.accounts.change(id, (current) => {
    const { review, ...rest } = current;
    before = review;
    unseen = review && seen !== undefined ? reasonsSince(review, seen) : [];
    return unseen.length > 0 ? current : rest;
  });
  if (!account) return undefined;
  if (unseen.length > 0) return { account, unseen };
  await tell(parts, account, 'account.review-cleared');
  return { account, review: before };
}

/**
 * The next login is a document check of the same person; one that was shown before is none, also where one was asked for already. An account
 * that was withdrawn stays so: that asks for the same, and no token is good until then.
 *
 * @returns undefined when there is no such account
 */
export async function demandReEnrolment(parts: StandingParts, id: string): Promise<Account | undefined> {
  const account = await parts.accounts.change(id, (current) => demandDocument(current, 'must-re-enrol'));
  return tell(parts, account, 'account.re-enrolment-demanded');
}

async function tell(
  { journal }: StandingParts,
  account: Account | undefined,
  event: string,
): Promise<Account | undefined> {
  if (account) await journal.record({ event, account: account.id, reasons: ['by-operator'] });
  return account;
}
