// The bill: opened verifications, added up by what an operator can act on.

export interface CostLine {
  readonly client: string;
  readonly reason: string;
  readonly outcome: string | null;
  readonly price: number | null;
  readonly billed: boolean;
}

export interface CostSum {
  readonly reason: string;
  /** `open`: not settled yet */
  readonly outcome: string;
  readonly client: string;
  readonly opened: number;
  readonly billed: number;
  /** of those that are billed and have a price */
  readonly price: number;
}

/** @returns one sum for each reason, outcome and client, in that order */
export async function summarizeCosts(lines: AsyncIterable<CostLine>): Promise<readonly CostSum[]> {
  const sums = new Map<string, CostSum>();
  for await (const { reason, outcome, client, price, billed } of lines) {
    const key = JSON.stringify([reason, outcome ?? 'open', client]);
    const sum = sums.get(key) ?? { reason, outcome: outcome ?? 'open', client, opened: 0, billed: 0, price: 0 };
    sums.set(key, {
      ...sum,
      opened: sum.opened + 1,
      billed: sum.billed + (billed ? 1 : 0),
      price: sum.price + (billed ? (price ?? 0) : 0),
    });
  }
  return [...sums.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum);
}
