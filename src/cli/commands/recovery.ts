// `recovery`: a code for somebody who can neither show a face nor use another way in, made by a person who knows who asks.

import { findAccount } from '../../admin/find-account.ts';
import { approveRecovery, issueRecovery, withdrawRecovery } from '../../admin/recovery-codes.ts';
import type { KeptRecoveryCode, RecoveryChange } from '../../storage/recovery.ts';
import { type Call, type Command, expectWords, Failure, Misuse, readAction, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { withParts } from '../work.ts';
import { readWords, refuseForeign } from './read-input.ts';

const OPTIONS_OF = { issue: ['reason', 'by'], approve: ['by'] };

export const recovery: Command = {
  name: 'recovery',
  summary: 'Makes, approves, lists and withdraws codes for people who cannot sign in otherwise',
  forms: [
    'recovery issue IDENTIFIER_OR_ID --reason TEXT --by OPERATOR',
    'recovery approve NAME --by OPERATOR',
    'recovery [list]',
    'recovery withdraw NAME',
  ],
  options: {
    reason: { type: 'string', about: 'issue: how you know who asks, and why they need it' },
    by: { type: 'string', about: 'who does this; issue and approve must not be the same person' },
  },
  notes: [
    'A code is shown once, opens once, and replaces an earlier one of the same account. Hand it over by a way that only that',
    'person reads. recovery.code_minutes says how long it is good, recovery.second_operator whether somebody else approves',
    'it first. Reasons and operators are kept encrypted for 400 days; the journal tells neither.',
  ],
  async run(call) {
    const action = readAction(call.words, ['issue', 'approve', 'list', 'withdraw'], 'list');
    refuseForeign('recovery', action, call.values, OPTIONS_OF);
    if (action === 'list') {
      expectWords(call.words, 1);
      return list(call);
    }
    expectWords(call.words, 2);
    const name = call.words[1];
    if (name === undefined)
      throw new Misuse(`say which: recovery ${action} ${action === 'issue' ? 'IDENTIFIER' : 'NAME'}`);
    if (action === 'issue') return issue(call, name);
    return action === 'approve' ? approve(call, name) : withdraw(call, name);
  },
};

function issue(call: Call, name: string): Promise<number> {
  const reason = readWords(call, 'reason', 'how you know who asks, and why they need it');
  const by = readWords(call, 'by', 'who makes the code');
  return withParts(call, async (parts) => {
    const account = await findAccount(parts, name);
    if (!account) throw new Failure('there is no such account');
    const { recovery: rules, otherWays } = parts.config.policy;
    const order = { account, reason, by, minutes: rules.codeMinutes, needsApproval: rules.secondOperator };
    const made = await issueRecovery(parts, order);
    const until = isoTime(made.expiresAt);
    if (call.json) {
      const { code, name } = made;
      call.out(JSON.stringify({ code, name, expires: until, needs_approval: rules.secondOperator }));
      return SUCCESS;
    }
    call.out(made.code);
    call.err(`${made.name}: one use, until ${until}`);
    if (rules.secondOperator) call.err(`it opens nothing before: recovery approve ${made.name} --by SOMEBODY_ELSE`);
    if (!otherWays.includes('recovery_code')) {
      call.err('note: the policy does not list recovery_code under other_ways, so that only clients that do take it');
    }
    return SUCCESS;
  });
}

function approve(call: Call, name: string): Promise<number> {
  const by = readWords(call, 'by', 'who approves the code');
  return withParts(call, async (parts) => tell(call, await approveRecovery(parts, { name, by })));
}

function withdraw(call: Call, name: string): Promise<number> {
  return withParts(call, async (parts) => tell(call, await withdrawRecovery(parts, name)));
}

function tell(call: Call, change: RecoveryChange): number {
  switch (change.kind) {
    case 'done':
      call.out(call.json ? JSON.stringify(toJson(change.code)) : `${change.code.name}: ${change.code.state}`);
      return SUCCESS;
    case 'over':
      throw new Failure(`it is ${change.code.state} already`);
    case 'same-operator':
      throw new Failure('whoever made a code cannot approve it: somebody else has to');
    case 'unneeded':
      throw new Failure('it waits for no approval');
    case 'unknown':
      throw new Failure('there is no code of that name');
  }
}

function list(call: Call): Promise<number> {
  return withParts(call, async (parts) => {
    const codes = await parts.recovery.list();
    if (call.json) {
      for (const code of codes) call.out(JSON.stringify(toJson(code)));
      return SUCCESS;
    }
    const rows = codes.map(({ name, state, accountId, createdAt, expiresAt, by, approvedBy, reason }) => [
      name,
      state,
      accountId,
      isoTime(createdAt),
      isoTime(expiresAt),
      approvedBy === undefined ? by : `${by}, ${approvedBy}`,
      reason,
    ]);
    const head = ['name', 'state', 'account', 'made', 'until', 'by', 'reason'];
    for (const line of rows.length > 0 ? columns([head, ...rows]) : ['no recovery codes']) call.out(line);
    return SUCCESS;
  });
}

function toJson(code: KeptRecoveryCode): Record<string, unknown> {
  return {
    name: code.name,
    state: code.state,
    account: code.accountId,
    created: isoTime(code.createdAt),
    expires: isoTime(code.expiresAt),
    by: code.by,
    reason: code.reason,
    needs_approval: code.needsApproval,
    approved_by: code.approvedBy ?? null,
    used: code.usedAt === undefined ? null : isoTime(code.usedAt),
  };
}
