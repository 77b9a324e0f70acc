// Everything in a SQLite file, by its primary keys. Pages are read on committed state in the event loop, a millisecond or two each;
// what is added shares the group commits of everything else.

import type { DatabaseSync } from 'node:sqlite';
import { type Bulk, fillPage, type JobName, PAGE_ENTRIES, pagesOf, type StoredJob, type StoredRow } from './bulk.ts';
import type { SqliteBatch } from './sqlite-batch.ts';

export function createSqliteBulk(database: DatabaseSync, batch: SqliteBatch): Bulk {
  const rowsAfter = database.prepare(
    `SELECT key, value AS text, expires_at AS "expiresAt" FROM records
     WHERE key > :after AND expires_at > :now ORDER BY key LIMIT :limit`,
  );
  const addRow = database.prepare(
    `INSERT INTO records (key, value, expires_at) VALUES (:key, :text, :expiresAt)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
     WHERE records.expires_at <= :now`,
  );
  const jobsAfter = database.prepare(
    `SELECT kind, id, due_at_ms AS "dueAtMs", ready_at_ms AS "readyAtMs", attempts, payload AS "payloadText" FROM jobs
     WHERE (kind, id) > (:kind, :id) ORDER BY kind, id LIMIT :limit`,
  );
  const addJob = database.prepare(
    `INSERT INTO jobs (kind, id, due_at_ms, ready_at_ms, attempts, payload)
     VALUES (:kind, :id, :dueAtMs, :readyAtMs, :attempts, :payloadText) ON CONFLICT (kind, id) DO NOTHING`,
  );

  const readRows = (after: string, now: number) =>
    batch.read(undefined, () => {
      const found = rowsAfter.iterate({ after, now, limit: PAGE_ENTRIES });
      return fillPage(found as Iterable<unknown> as Iterable<StoredRow>).map(({ key, text, expiresAt }) => ({
        key,
        text,
        expiresAt,
      }));
    });
  const readJobs = ({ kind, id }: JobName) =>
    batch.read(undefined, () => {
      const found = jobsAfter.all({ kind, id, limit: PAGE_ENTRIES }) as unknown as StoredJob[];
      return found.map((job) => ({ ...job }));
    });

  return {
    rows: (after, now) => pagesOf<StoredRow>((last) => readRows(last?.key ?? after, now)),
    jobs: (after = { kind: '', id: '' }) => pagesOf<StoredJob>((last) => readJobs(last ?? after)),
    addRows(rows, now) {
      const add = ({ key, text, expiresAt }: StoredRow) =>
        batch.write(key, () => Number(addRow.run({ key, text, expiresAt, now }).changes));
      return sumOf(rows.map(add));
    },
    addJobs: (jobs) =>
      sumOf(
        jobs.map(({ kind, id, dueAtMs, readyAtMs, attempts, payloadText }) =>
          batch.write('', () => Number(addJob.run({ kind, id, dueAtMs, readyAtMs, attempts, payloadText }).changes)),
        ),
      ),
  };
}

async function sumOf(counts: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
