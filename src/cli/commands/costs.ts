// `costs`: what logins cost, to be held against the vendor's bill.

import { type CostSum, summarizeCosts } from '../../admin/summarize-costs.ts';
import type { LedgerLine } from '../../telemetry/ledger.ts';
import { type Command, expectWords, SUCCESS } from '../command.ts';
import { columns } from '../output.ts';
import { PERIOD, readPeriod } from '../values.ts';
import { withParts } from '../work.ts';

export const costs: Command = {
  name: 'costs',
  summary: 'Adds up the verifications that were opened; with --json, every one of them',
  forms: ['costs [--since DATE] [--until DATE]'],
  options: PERIOD,
  notes: [
    'Prices are costs.price_per_verification of the day; what is billed is our reckoning, not the bill. With --json, at is',
    'in epoch seconds and account a keyed hash.',
  ],
  async run(call) {
    expectWords(call.words, 0);
    const isWanted = readPeriod(call.values);
    return withParts(call, async (parts) => {
      const lines = within(parts.ledger.entries(), isWanted);
      if (call.json) {
        for await (const { at, client, account, reason, outcome, price, billed } of lines) {
          call.out(JSON.stringify({ at, client, account, reason, outcome, price, billed }));
        }
        return SUCCESS;
      }
      const sums = await summarizeCosts(lines);
      for (const line of sums.length > 0 ? toTable(sums) : ['no verification was opened']) call.out(line);
      return SUCCESS;
    });
  },
};

async function* within(
  lines: AsyncIterable<LedgerLine>,
  isWanted: (at: number) => boolean,
): AsyncGenerator<LedgerLine> {
  for await (const line of lines) if (isWanted(line.at)) yield line;
}

function toTable(sums: readonly CostSum[]): string[] {
  const total = sums.reduce((all, sum) => ({
    ...all,
    opened: all.opened + sum.opened,
    billed: all.billed + sum.billed,
    price: all.price + sum.price,
  }));
  const rows = [...sums, { ...total, reason: 'all', outcome: '', client: '' }].map((sum) => [
    sum.reason,
    sum.outcome,
    sum.client,
    String(sum.opened),
    String(sum.billed),
    sum.price.toFixed(2),
  ]);
  return columns([['reason', 'outcome', 'client', 'opened', 'billed', 'price'], ...rows]);
}
