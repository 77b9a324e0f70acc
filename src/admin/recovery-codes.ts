// Recovery codes, for somebody who can neither show a face nor use another way in: an operator makes one, with a reason, hands it over
// by a way of their own, and it opens once. Reason and operators' names are sealed with the code; the journal tells neither.

import { randomBytes } from 'node:crypto';
import type { Account } from '../core/account.ts';
import type { Clock, Journal } from '../login/ports.ts';
import type { RecoveryStore } from '../login/stores.ts';

/** What became of a code that was to be approved or withdrawn; `done` alone has changed something. */
interface Change {
  readonly kind: string;
  readonly code?: { readonly accountId: string };
}

export interface RecoveryOrder {
  readonly account: Pick<Account, 'id'>;
  readonly reason: string;
  readonly by: string;
  readonly minutes: number;
  readonly needsApproval: boolean;
}

export interface IssuedRecovery {
  /** shown once: only a keyed hash of it is kept */
  readonly code: string;
  /** by which it is approved or withdrawn */
  readonly name: string;
  /** epoch seconds */
  readonly expiresAt: number;
}

/** Crockford's base 32: no I, L, O or U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LETTERS = 16;

/** An earlier code of the account that was not used is good no more. */
export async function issueRecovery(
  parts: { readonly recovery: Pick<RecoveryStore, 'create'>; readonly journal: Journal; readonly clock: Clock },
  order: RecoveryOrder,
): Promise<IssuedRecovery> {
  const { account, reason, by, minutes, needsApproval } = order;
  const code = newCode();
  const createdAt = parts.clock.now();
  const expiresAt = createdAt + minutes * 60;
  const name = await parts.recovery.create(code, {
    accountId: account.id,
    createdAt,
    expiresAt,
    reason,
    by,
    needsApproval,
  });
  await parts.journal.record({
    event: 'recovery.issued',
    account: account.id,
    reasons: ['by-operator', ...(needsApproval ? ['needs-approval'] : [])],
    recovery: name,
    expires_at: expiresAt,
  });
  return { code, name, expiresAt };
}

/** @param order.by must not be who made it */
export async function approveRecovery<C extends Change>(
  parts: { readonly recovery: { approve(name: string, by: string): Promise<C> }; readonly journal: Journal },
  order: { readonly name: string; readonly by: string },
): Promise<C> {
  return tell(parts.journal, 'recovery.approved', order.name, await parts.recovery.approve(order.name, order.by));
}

export async function withdrawRecovery<C extends Change>(
  parts: { readonly recovery: { withdraw(name: string): Promise<C> }; readonly journal: Journal },
  name: string,
): Promise<C> {
  return tell(parts.journal, 'recovery.withdrawn', name, await parts.recovery.withdraw(name));
}

async function tell<C extends Change>(journal: Journal, event: string, name: string, change: C): Promise<C> {
  if (change.kind === 'done' && change.code) {
    await journal.record({ event, account: change.code.accountId, reasons: ['by-operator'], recovery: name });
  }
  return change;
}

/** 80 bits, in groups that can be read out. */
function newCode(): string {
  const letters = Array.from(randomBytes(LETTERS), (byte) => ALPHABET[byte & 31]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}
