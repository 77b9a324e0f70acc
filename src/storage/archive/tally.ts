// What is counted and compared: how many of each kind, and a sum over all that they are. The sum does not depend on the order, so it
// can be kept while an import is interrupted and compared with whatever the other engine hands out.

import { createHash } from 'node:crypto';
import type { StoredJob, StoredRow } from '../bulk.ts';
import { kindOfJob, kindOfRecord } from './kinds.ts';

/** As it is kept: plain JSON. */
export interface Tally {
  /** by name of the kind */
  readonly counts: Readonly<Record<string, number>>;
  /** of SHA-256 over each, modulo 2^256, hex */
  readonly sum: string;
}

export const NOTHING: Tally = { counts: {}, sum: '0' };

export interface Counter {
  row(row: StoredRow): void;
  job(job: StoredJob): void;
  read(): Tally;
}

/** @param from goes on from there */
export function createCounter(from: Tally = NOTHING): Counter {
  const counts = new Map(Object.entries(from.counts));
  let sum = BigInt(`0x${from.sum}`);

  function add(name: string, parts: readonly unknown[]): void {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
    sum = BigInt.asUintN(256, sum + BigInt(`0x${digest}`));
  }

  return {
    row: ({ key, text, expiresAt }) => add(kindOfRecord(key).name, ['row', key, text, expiresAt]),
    job: ({ kind, id, dueAtMs, readyAtMs, attempts, payloadText }) =>
      add(kindOfJob(kind).name, ['job', kind, id, dueAtMs, readyAtMs, attempts, payloadText]),
    read: () => ({ counts: Object.fromEntries([...counts].sort()), sum: sum.toString(16) }),
  };
}

export function totalOf({ counts }: Tally): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
