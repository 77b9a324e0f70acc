// `accounts`: who can sign in, for an operator who is asked about one of them, or asked to remove one.

import { findAccount } from '../../admin/find-account.ts';
import { listAccounts } from '../../admin/list-accounts.ts';
import { type Removal, removeAccount } from '../../admin/remove-account.ts';
import type { Account } from '../../core/account.ts';
import { type Call, type Command, expectWords, Failure, Misuse, readAction, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { withApp, withParts } from '../work.ts';

export const accounts: Command = {
  name: 'accounts',
  summary: 'Lists accounts, shows one, or removes one',
  forms: ['accounts [list]', 'accounts show IDENTIFIER_OR_ID', 'accounts remove IDENTIFIER_OR_ID'],
  notes: [
    'An id that begins with a dash stands behind two: accounts show -- -8fQ…',
    'Removing ends every session and token of the account, and cannot be undone.',
  ],
  async run(call) {
    const action = readAction(call.words, ['list', 'show', 'remove'], 'list');
    if (action === 'list') return list(call);
    expectWords(call.words, 2);
    const name = call.words[1];
    if (name === undefined) throw new Misuse(`say which account: accounts ${action} IDENTIFIER_OR_ID`);
    return action === 'show' ? show(call, name) : remove(call, name);
  },
};

function list(call: Call): Promise<number> {
  expectWords(call.words, 1);
  return withParts(call, async (parts) => {
    const rows: string[][] = [['identifier', 'id', 'created', 'standing', 'face']];
    for await (const account of listAccounts(parts)) {
      if (call.json) call.out(JSON.stringify(toJson(account)));
      else rows.push(toRow(account));
    }
    if (call.json) return SUCCESS;
    for (const line of rows.length > 1 ? columns(rows) : ['no accounts']) call.out(line);
    return SUCCESS;
  });
}

function show(call: Call, name: string): Promise<number> {
  return withParts(call, async (parts) => {
    const account = await findAccount(parts, name);
    if (!account) throw new Failure('there is no such account');
    const { profile, consent, enrolledBy } = account;
    if (call.json) {
      call.out(JSON.stringify({ ...toJson(account), claims: profile }));
      return SUCCESS;
    }
    const rows = [
      ['identifier', account.identifier],
      ['id', account.id],
      ['standing', account.standing],
      ['created', isoTime(account.createdAt)],
      ['updated', isoTime(account.updatedAt)],
      ['enrolled', `${isoTime(enrolledBy.at)} by ${enrolledBy.verificationId}`],
      ['consent', consent ? `${consent.version} at ${isoTime(consent.at)}` : 'none on record'],
      ['face', faceOf(account)],
      ['at vendor', account.subject],
      ...Object.entries(profile).map(([claim, value]) => [claim, String(value)]),
    ];
    for (const line of columns(rows)) call.out(line);
    return SUCCESS;
  });
}

function remove(call: Call, name: string): Promise<number> {
  return withApp(call, async ({ parts, revoker }) => {
    const account = await findAccount(parts, name);
    const removal = account && (await removeAccount({ ...parts, jobs: parts.backend.jobs, revoker }, account.id));
    if (!account || !removal) throw new Failure('there is no such account');
    if (call.json) call.out(JSON.stringify({ id: account.id, identifier: account.identifier, ...removal }));
    else for (const line of columns(describeRemoval(account, removal))) call.out(line);
    return SUCCESS;
  });
}

function describeRemoval(account: Account, { vendor, ...removed }: Removal): string[][] {
  const others = vendor.enrolment === 'deleted' ? vendor.queued : vendor.queued - 1;
  return [
    ['removed', `${account.identifier} (${account.id}), with its face and its hold on the identifier`],
    ['ended', `${removed.sessions} sessions, ${removed.grants} grants with their tokens; clients are told`],
    ['deleted', `${removed.consents} consents; ${removed.devices} devices no longer know the account`],
    [
      'at vendor',
      vendor.enrolment === 'deleted'
        ? 'the enrolment session is deleted'
        : 'the enrolment session could not be deleted now: the running provider tries again',
    ],
    ['', `${others} other sessions are deleted by the running provider, one a second`],
    [
      'remains',
      `at the vendor, the user ${vendor.subject} with its face template: delete it in the console, under Users`,
    ],
    ['', 'here, lines of the ledger and the journal (ids and keyed hashes only), and your backups'],
  ];
}

function toRow(account: Account): string[] {
  return [account.identifier, account.id, isoTime(account.createdAt), account.standing, faceOf(account)];
}

function toJson(account: Account): Record<string, unknown> {
  return {
    id: account.id,
    identifier: account.identifier,
    standing: account.standing,
    created: isoTime(account.createdAt),
    updated: isoTime(account.updatedAt),
    enrolled: isoTime(account.enrolledBy.at),
    verification: account.enrolledBy.verificationId,
    consent: account.consent && { version: account.consent.version, at: isoTime(account.consent.at) },
    face: account.portrait.kind,
    subject: account.subject,
  };
}

function faceOf({ portrait }: Account): string {
  return portrait.kind === 'local' ? `here, since ${isoTime(portrait.pinnedAt)}` : 'at the vendor';
}
