// Reads an archive from its first chunk to its last and counts what is in it: every chunk is proven, and so is that there are no more
// and no fewer. Writes nothing and needs no storage.

import { ArchiveFault, type Chunk, type Header } from './format.ts';
import { openArchive } from './reader.ts';
import { type Counter, createCounter, type Tally } from './tally.ts';

export interface CheckedArchive {
  readonly header: Header;
  readonly tally: Tally;
  readonly bytes: number;
}

/** @throws ArchiveFault */
export async function checkArchive(
  path: string,
  dataKeys: readonly Uint8Array[],
  told: (tally: Tally) => void,
): Promise<CheckedArchive> {
  const archive = await openArchive(path, dataKeys);
  try {
    const counter = createCounter();
    for await (const { chunk } of archive.chunks()) {
      if (chunk.kind !== 'end') {
        countChunk(counter, chunk);
        told(counter.read());
        continue;
      }
      const tally = counter.read();
      if (!isSame(tally, chunk.tally)) {
        throw new ArchiveFault('altered', 'it does not hold what it says at its end');
      }
      return { header: archive.header, tally, bytes: archive.bytes };
    }
    throw new ArchiveFault('truncated', 'it has no end');
  } finally {
    await archive.close();
  }
}

export function countChunk(counter: Counter, chunk: Chunk): void {
  if (chunk.kind === 'rows') for (const row of chunk.rows) counter.row(row);
  if (chunk.kind === 'jobs') for (const job of chunk.jobs) counter.job(job);
}

/** The sum says it all: nothing else gives the same. */
export function isSame(one: Tally, other: Tally): boolean {
  return one.sum === other.sum;
}
