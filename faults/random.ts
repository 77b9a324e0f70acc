// Chance that can be had again: every choice of a run comes from its seed, which is printed.

export interface Random {
  /** from 0 up to but not including 1 */
  next(): number;
  /** a whole number from 0 up to but not including `below` */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
}

/** @param seed a run's, with what tells this use from others: a check then has the same choices when it runs alone */
export function createRandom(seed: number, name: string): Random {
  let state = seed >>> 0;
  for (let index = 0; index < name.length; index += 1) state = Math.imul(state ^ name.charCodeAt(index), 0x01000193);
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}
