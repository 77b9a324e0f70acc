// Everything in this process's memory, in the order of the other engines.

import {
  type Bulk,
  compareBytes,
  compareJobs,
  fillPage,
  type JobName,
  PAGE_ENTRIES,
  pagesOf,
  type StoredJob,
  type StoredRow,
} from './bulk.ts';

interface Held {
  readonly rows: Map<string, { text: string; expiresAt: number }>;
  readonly jobs: Map<string, StoredJob>;
  readonly nameOf: (kind: string, id: string) => string;
}

/** @param assertOpen throws StorageUnavailable once the backend is closed */
export function createMemoryBulk({ rows, jobs, nameOf }: Held, assertOpen: () => void): Bulk {
  async function readRows(after: string, now: number): Promise<readonly StoredRow[]> {
    assertOpen();
    const living = [...rows].filter(([key, { expiresAt }]) => expiresAt > now && compareBytes(key, after) > 0);
    living.sort(([one], [other]) => compareBytes(one, other));
    return fillPage(living.map(([key, { text, expiresAt }]) => ({ key, text, expiresAt })));
  }

  async function readJobs(after: JobName): Promise<readonly StoredJob[]> {
    assertOpen();
    const behind = [...jobs.values()].filter((job) => compareJobs(job, after) > 0);
    return behind
      .sort(compareJobs)
      .slice(0, PAGE_ENTRIES)
      .map((job) => ({ ...job }));
  }

  return {
    rows: (after, now) => pagesOf<StoredRow>((last) => readRows(last?.key ?? after, now)),
    jobs: (after = { kind: '', id: '' }) => pagesOf<StoredJob>((last) => readJobs(last ?? after)),
    async addRows(added, now) {
      assertOpen();
      const missing = added.filter(({ key }) => !((rows.get(key)?.expiresAt ?? 0) > now));
      for (const { key, text, expiresAt } of missing) rows.set(key, { text, expiresAt });
      return missing.length;
    },
    async addJobs(added) {
      assertOpen();
      const missing = added.filter(({ kind, id }) => !jobs.has(nameOf(kind, id)));
      for (const job of missing) jobs.set(nameOf(job.kind, job.id), { ...job });
      return missing.length;
    },
  };
}
