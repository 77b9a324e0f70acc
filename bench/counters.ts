// How often each thing was done in this process since it began.

const counts = new Map<string, number>();

export function count(what: string, by = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

export function readCounts(): Record<string, number> {
  return Object.fromEntries(counts);
}
