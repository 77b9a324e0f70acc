// What is stored when a play is over, read by the product's own stores: the journal's chain, the ledger, what there is of a kind.

import type { Store } from '../src/login/ports.ts';
import { openBackend } from '../src/storage/backends.ts';
import { createJournal, type JournalLine } from '../src/telemetry/journal.ts';

export interface Records {
  readonly store: Store;
  journal(): Promise<{ readonly isWhole: boolean; readonly lines: readonly JournalLine[] }>;
  /** how many there are */
  count(prefix: string): Promise<number>;
  /** ids of the vendor's sessions that stand in the ledger, one a line */
  ledger(): Promise<readonly string[]>;
}

export async function withRecords<T>(storageUrl: string, work: (records: Records) => Promise<T>): Promise<T> {
  const clock = { now: () => Math.floor(Date.now() / 1000) };
  const { store, close } = await openBackend(storageUrl, { clock });
  const journal = createJournal({ store, clock });

  async function* keysOf(prefix: string): AsyncGenerator<string> {
    for (let after = ''; ; ) {
      const keys = await store.keys(prefix, { after });
      yield* keys;
      if (keys.length === 0) return;
      after = keys.at(-1) ?? '';
    }
  }

  try {
    return await work({
      store,
      async journal() {
        const lines: JournalLine[] = [];
        for await (const line of journal.entries()) lines.push(line);
        return { isWhole: (await journal.verify()).ok, lines };
      },
      async count(prefix) {
        let count = 0;
        for await (const _key of keysOf(prefix)) count += 1;
        return count;
      },
      async ledger() {
        const ids: string[] = [];
        for await (const key of keysOf('ledger:')) ids.push(key.split(':').at(-1) ?? '');
        return ids;
      },
    });
  } finally {
    await close();
  }
}
