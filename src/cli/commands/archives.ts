// What `export` and `import` share: where they find out whether providers run, what they say while they work, and of what.

import type { Parts } from '../../app-parts.ts';
import { StorageUnavailable } from '../../core/errors.ts';
import type { Progress } from '../../storage/archive/export.ts';
import { ArchiveFault } from '../../storage/archive/format.ts';
import { totalOf } from '../../storage/archive/tally.ts';
import { type Call, Failure } from '../command.ts';

const TELL_EVERY_MS = 5_000;

/** The providers that run on a storage, by their ids. */
export async function findRunning({ instances }: Pick<Parts, 'instances'>): Promise<readonly string[]> {
  return (await instances.list()).map(({ id }) => id);
}

/** A line on standard error every few seconds. */
export function tellProgress({ err }: Pick<Call, 'err'>): (progress: Progress) => void {
  let toldAtMs = performance.now();
  return ({ phase, tally }) => {
    if (performance.now() - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = performance.now();
    err(`${phase}: ${totalOf(tally)} records, ${tally.counts.accounts ?? 0} accounts`);
  };
}

/**
 * What is wrong with an archive is the operator's to know, in full.
 *
 * @param goOn how to go on when the disk or the storage is back
 */
export async function explained<T>(work: Promise<T>, goOn = ''): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isPassing =
      error instanceof StorageUnavailable || (error instanceof ArchiveFault && error.code === 'not-written');
    if (isPassing) throw new Failure(error.message + goOn, { cause: error });
    if (error instanceof ArchiveFault) throw new Failure(error.message, { cause: error });
    throw error;
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
