// Many networks, searched in a few steps: sorted once, without those that lie in another, then halved until one is left.
// A list may hold hundreds of thousands and is asked before every login (T22), so no lookup walks through it.

import type { Address, Network } from './network.ts';

export interface Ranges {
  /** how many are left once those within another are gone */
  readonly size: number;
  holds(address: Address): boolean;
}

export interface RangesBuilder {
  add(network: Network): void;
  build(): Ranges;
}

/** Lowest and highest addresses of ranges that are sorted and share nothing, side by side. */
interface Bounds<T extends number | bigint> {
  readonly firsts: ArrayLike<T>;
  readonly lasts: ArrayLike<T>;
}

/** One number for a network that sorts by its first address, and the wider first: 256 is more than any prefix is long. */
const LENGTHS = 256;

export function createRangesBuilder(): RangesBuilder {
  const four: number[] = [];
  const six: bigint[] = [];
  return {
    add(network) {
      if (network.family === 4) four.push(network.first * LENGTHS + network.bits);
      else six.push(network.first * BigInt(LENGTHS) + BigInt(network.bits));
    },
    build() {
      const fours = outermost(Float64Array.from(four).sort(), (key) => {
        const bits = key % LENGTHS;
        const first = (key - bits) / LENGTHS;
        return [first, first + 2 ** (32 - bits) - 1];
      });
      // four bytes a bound; in a plain array it is eight
      const compact = { firsts: Uint32Array.from(fours.firsts), lasts: Uint32Array.from(fours.lasts) };
      const sixes = outermost(
        six.sort((a, b) => (a < b ? -1 : Number(a > b))),
        (key) => {
          const bits = key % BigInt(LENGTHS);
          const first = key / BigInt(LENGTHS);
          return [first, first + (1n << (128n - bits)) - 1n];
        },
      );
      return {
        size: compact.firsts.length + sixes.firsts.length,
        holds: (address) => (address.family === 4 ? within(compact, address.value) : within(sixes, address.value)),
      };
    },
  };
}

/** Two networks nest or share nothing, so what begins inside the one before adds nothing to it. */
function outermost<T extends number | bigint>(
  sorted: Iterable<T>,
  open: (key: T) => readonly [first: T, last: T],
): { readonly firsts: T[]; readonly lasts: T[] } {
  const firsts: T[] = [];
  const lasts: T[] = [];
  for (const key of sorted) {
    const [first, last] = open(key);
    const before = lasts.at(-1);
    if (before !== undefined && first <= before) continue;
    firsts.push(first);
    lasts.push(last);
  }
  return { firsts, lasts };
}

function within<T extends number | bigint>({ firsts, lasts }: Bounds<T>, value: T): boolean {
  let low = 0;
  let high = firsts.length;
  // ends at the first range that begins beyond the value: only the one before it can hold it
  while (low < high) {
    const middle = (low + high) >>> 1;
    const first = firsts[middle];
    if (first !== undefined && first <= value) low = middle + 1;
    else high = middle;
  }
  const last = lasts[low - 1];
  return last !== undefined && value <= last;
}
