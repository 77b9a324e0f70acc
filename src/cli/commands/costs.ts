// `costs`: what logins cost, to be held against the vendor's bill.

import { add, type CostSum, summarizeCosts } from '../../admin/summarize-costs.ts';
import type { LedgerLine, Savings } from '../../telemetry/ledger.ts';
import { type Command, expectWords, SUCCESS } from '../command.ts';
import { columns } from '../output.ts';
import { PERIOD, readPeriod } from '../values.ts';
import { withParts } from '../work.ts';

export const costs: Command = {
  name: 'costs',
  summary: 'Adds up the verifications that were opened; with --json, every one of them',
  forms: ['costs [--since DATE] [--until DATE]', 'costs --json [--summary] [--since DATE] [--until DATE]'],
  options: {
    ...PERIOD,
    summary: { type: 'boolean', about: 'with --json: the sums, and what skipping saved, as people see them' },
  },
  notes: [
    'Prices are costs.price_per_verification and costs.price_per_enrolment of the day; what is billed is our reckoning, not',
    'the bill. A login without a selfie saves the price of one; days count as a whole, by their first moment (UTC). With',
    '--json, at is in epoch seconds and account a keyed hash.',
  ],
  async run(call) {
    expectWords(call.words, 0);
    const isWanted = readPeriod(call.values);
    return withParts(call, async ({ ledger }) => {
      const lines = within(ledger.entries(), isWanted);
      if (call.json && call.values.summary !== true) {
        for await (const { at, client, account, reason, outcome, price, billed } of lines) {
          call.out(JSON.stringify({ at, client, account, reason, outcome, price, billed }));
        }
        return SUCCESS;
      }
      const sums = await summarizeCosts(lines);
      const savings = await ledger.savings(isWanted);
      for (const line of call.json ? toJson(sums, savings) : toText(sums, savings)) call.out(line);
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

function toJson(sums: readonly CostSum[], { skipped, saved }: Savings): string[] {
  return [
    ...sums.map((sum) => JSON.stringify({ ...sum, price: toMoney(sum.price) })),
    JSON.stringify({ skipped, saved: saved === null ? null : toMoney(saved) }),
  ];
}

function toText(sums: readonly CostSum[], { skipped, saved }: Savings): string[] {
  const logins = skipped === 1 ? '1 login' : `${skipped} logins`;
  return [
    ...(sums.length > 0 ? toTable(sums) : ['no verification was opened']),
    `saved by skipping: ${logins}${saved === null ? '' : `, ${saved.toFixed(2)}`}`,
  ];
}

function toTable(sums: readonly CostSum[]): string[] {
  const total = { ...sums.reduce(add), reason: 'all', outcome: '', client: '' };
  const rows = [...sums, total].map(({ reason, outcome, client, opened, billed, free, price }) => [
    reason,
    outcome,
    client,
    String(opened),
    String(billed),
    String(free),
    price.toFixed(2),
  ]);
  return columns([['reason', 'outcome', 'client', 'opened', 'billed', 'free', 'price'], ...rows]);
}

/** Sums of tenths are not what they look like. */
function toMoney(sum: number): number {
  return Number(sum.toFixed(4));
}
