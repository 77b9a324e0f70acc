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
  /** ended before the vendor had work with it; what is open yet is neither billed nor free */
  readonly free: number;
  /** of those that are billed and have a price */
  readonly price: number;
}

/** @returns one sum for each reason, outcome and client, in that order */
export async function summarizeCosts(lines: AsyncIterable<CostLine>): Promise<readonly CostSum[]> {
  const sums = new Map<string, CostSum>();
  for await (const line of lines) {
    const key = JSON.stringify([line.reason, line.outcome ?? 'open', line.client]);
    const sum = sums.get(key);
    sums.set(key, sum ? add(sum, sumOf(line)) : sumOf(line));
  }
  return [...sums.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum);
}

/** Under the first one's reason, outcome and client. */
export function add(one: CostSum, other: CostSum): CostSum {
  return {
    ...one,
    opened: one.opened + other.opened,
    billed: one.billed + other.billed,
    free: one.free + other.free,
    price: one.price + other.price,
  };
}

function sumOf({ reason, outcome, client, price, billed }: CostLine): CostSum {
  return {
    reason,
    outcome: outcome ?? 'open',
    client,
    opened: 1,
    billed: billed ? 1 : 0,
    free: billed || outcome === null ? 0 : 1,
    price: billed ? (price ?? 0) : 0,
  };
}
