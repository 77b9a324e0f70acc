// `accounts remove`: ends an account here, and what the vendor has of the person.

import { findAccount } from '../../admin/find-account.ts';
import { type Removal, removeAccount } from '../../admin/remove-account.ts';
import type { Account } from '../../core/account.ts';
import { type Call, Failure, SUCCESS } from '../command.ts';
import { columns } from '../output.ts';
import { withApp } from '../work.ts';

export function remove(call: Call, name: string): Promise<number> {
  return withApp(call, async ({ parts, revoker }) => {
    const account = await findAccount(parts, name);
    const removing = { ...parts, jobs: parts.backend.jobs, revoker };
    const removal = account && (await removeAccount(removing, account.id, 'operator'));
    if (!account || !removal) throw new Failure('there is no such account');
    if (call.json) call.out(JSON.stringify({ id: account.id, identifier: account.identifier, ...removal }));
    else for (const line of columns(describeRemoval(account, removal))) call.out(line);
    return SUCCESS;
  });
}

function describeRemoval(account: Account, { vendor, ...removed }: Removal): string[][] {
  return [
    ['removed', `${account.identifier} (${account.id}), with its face and its hold on the identifier`],
    ['ended', `${removed.sessions} sessions, ${removed.grants} grants with their tokens; clients are told`],
    ['deleted', `${removed.consents} consents; ${removed.devices} devices no longer know the account`],
    [
      'at vendor',
      vendor.queued === 0
        ? `nothing is left: the person (${vendor.subject}), their face and their sessions are deleted`
        : `${vendor.queued} steps are left of deleting the person (${vendor.subject}), their face and their sessions`,
    ],
    ...(vendor.queued === 0
      ? []
      : [['', 'the running provider does them, one a second, again and again until the vendor has done each']]),
    ['remains', 'here, lines of the ledger and the journal (ids and keyed hashes only), and your backups'],
  ];
}
