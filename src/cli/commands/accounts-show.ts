// `accounts list` and `accounts show`: what an operator is told of accounts.

import { findAccount } from '../../admin/find-account.ts';
import { listAccounts } from '../../admin/list-accounts.ts';
import { type Account, markOf } from '../../core/account.ts';
import { type Call, Failure, SUCCESS } from '../command.ts';
import { columns, isoTime, reviewJson } from '../output.ts';
import { withParts } from '../work.ts';

export function list(call: Call): Promise<number> {
  return withParts(call, async (parts) => {
    const rows: string[][] = [['identifier', 'id', 'created', 'standing', 'face', 'review', 'e-mail']];
    for await (const account of listAccounts(parts)) {
      if (call.json) call.out(JSON.stringify(toJson(account)));
      else rows.push(toRow(account));
    }
    if (call.json) return SUCCESS;
    for (const line of rows.length > 1 ? columns(rows) : ['no accounts']) call.out(line);
    return SUCCESS;
  });
}

export function show(call: Call, name: string): Promise<number> {
  return withParts(call, async (parts) => {
    const account = await findAccount(parts, name);
    if (!account) throw new Failure('there is no such account');
    const { profile, consent, enrolledBy, review, email, pending } = account;
    if (call.json) {
      call.out(JSON.stringify({ ...toJson(account), claims: profile }));
      return SUCCESS;
    }
    const rows = [
      ['identifier', account.identifier],
      ['id', account.id],
      ['standing', account.standing],
      ['review', review ? `since ${isoTime(review.since)}: ${review.reasons.join('; ')}` : 'none'],
      ...(review ? [['review mark', markOf(review)]] : []),
      ['e-mail', email ? `${email.address}, proven ${isoTime(email.verifiedAt)}` : 'none proven'],
      ['created', isoTime(account.createdAt)],
      ['updated', isoTime(account.updatedAt)],
      ['enrolled', `${isoTime(enrolledBy.at)} by ${enrolledBy.verificationId}`],
      ['consent', consent ? `${consent.version} at ${isoTime(consent.at)}` : 'none on record'],
      ['face', faceOf(account)],
      ...(pending ? [['new face', `counts from ${isoTime(pending.dueAt)}, by ${pending.verificationId}`]] : []),
      ['at vendor', account.subject],
      ...Object.entries(profile).map(([claim, value]) => [claim, String(value)]),
    ];
    for (const line of columns(rows)) call.out(line);
    return SUCCESS;
  });
}

function toRow(account: Account): string[] {
  const { identifier, id, createdAt, standing, review, email } = account;
  const marks = [review ? `since ${isoTime(review.since)}` : '-', email ? 'proven' : '-'];
  return [identifier, id, isoTime(createdAt), standing, faceOf(account), ...marks];
}

function toJson(account: Account): Record<string, unknown> {
  const { consent, review, email, pending } = account;
  return {
    id: account.id,
    identifier: account.identifier,
    standing: account.standing,
    review: reviewJson(review),
    email: email ? { address: email.address, verified: isoTime(email.verifiedAt) } : null,
    created: isoTime(account.createdAt),
    updated: isoTime(account.updatedAt),
    enrolled: isoTime(account.enrolledBy.at),
    verification: account.enrolledBy.verificationId,
    consent: consent && { version: consent.version, at: isoTime(consent.at) },
    face: account.portrait.kind,
    new_face: pending ? { due: isoTime(pending.dueAt), verification: pending.verificationId } : null,
    subject: account.subject,
  };
}

function faceOf({ portrait }: Account): string {
  return portrait.kind === 'local' ? `here, since ${isoTime(portrait.pinnedAt)}` : 'at the vendor';
}
