// Everything in PostgreSQL, by its primary keys: a page is one statement, and so is what is added, as a commit for each row would
// take minutes where this takes seconds.

import { type Bulk, type JobName, PAGE_BYTES, PAGE_ENTRIES, pagesOf, type StoredJob, type StoredRow } from './bulk.ts';
import type { PostgresQueries, Statement } from './postgres-queries.ts';

function createStatements(schema: string) {
  const statement = (name: string, text: string, writes: boolean): Statement => ({
    name: `${schema} ${name}`,
    text,
    writes,
  });
  return {
    // The size of a text is known without reading it: rows behind a full page stay on the server's disk.
    rows: statement(
      'rows',
      `SELECT key, value AS text, expires_at AS end FROM (
         SELECT key, value, expires_at, sum(octet_length(value)) OVER (ORDER BY key) - octet_length(value) AS before FROM (
           SELECT key, value, expires_at FROM "${schema}".records WHERE key > $1 AND expires_at > $2 ORDER BY key LIMIT $3
         ) AS page
       ) AS sized WHERE before < $4 ORDER BY key`,
      false,
    ),
    addRows: statement(
      'add rows',
      `INSERT INTO "${schema}".records AS held (key, value, expires_at)
       SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[])
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
         WHERE held.expires_at <= $5
       RETURNING "${schema}".in_time($1)`,
      true,
    ),
    jobs: statement(
      'jobs',
      `SELECT kind, id, due_at_ms AS due, ready_at_ms AS ready, attempts, payload FROM "${schema}".jobs
       WHERE (kind, id) > ($1, $2) ORDER BY kind, id LIMIT $3`,
      false,
    ),
    addJobs: statement(
      'add jobs',
      `INSERT INTO "${schema}".jobs (kind, id, due_at_ms, ready_at_ms, attempts, payload)
       SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
       ON CONFLICT (kind, id) DO NOTHING RETURNING "${schema}".in_time($1)`,
      true,
    ),
  };
}

interface RowRead {
  key: string;
  text: string;
  /** a bigint, which the driver hands out as text; so are those of a job */
  end: string;
}

interface JobRead {
  kind: string;
  id: string;
  due: string;
  ready: string;
  attempts: string;
  payload: string;
}

export function createPostgresBulk(parts: { queries: PostgresQueries; schema: string }): Bulk {
  const { queries } = parts;
  const statements = createStatements(parts.schema);

  async function readRows(after: string, now: number): Promise<readonly StoredRow[]> {
    const values = [after, now, PAGE_ENTRIES, PAGE_BYTES];
    const found = await queries.run((turn) => queries.ask<RowRead>(turn, statements.rows, values));
    return found.map(({ key, text, end }) => ({ key, text, expiresAt: Number(end) }));
  }

  async function readJobs({ kind, id }: JobName): Promise<readonly StoredJob[]> {
    const found = await queries.run((turn) => queries.ask<JobRead>(turn, statements.jobs, [kind, id, PAGE_ENTRIES]));
    return found.map((job) => ({
      kind: job.kind,
      id: job.id,
      dueAtMs: Number(job.due),
      readyAtMs: Number(job.ready),
      attempts: Number(job.attempts),
      payloadText: job.payload,
    }));
  }

  return {
    rows: (after, now) => pagesOf<StoredRow>((last) => readRows(last?.key ?? after, now)),
    jobs: (after = { kind: '', id: '' }) => pagesOf<StoredJob>((last) => readJobs(last ?? after)),
    async addRows(rows, now) {
      const values = [
        rows.map(({ key }) => key),
        rows.map(({ text }) => text),
        rows.map(({ expiresAt }) => expiresAt),
        now,
      ];
      return (await queries.run((turn) => queries.ask(turn, statements.addRows, values))).length;
    },
    async addJobs(jobs) {
      const columns = (['kind', 'id', 'dueAtMs', 'readyAtMs', 'attempts', 'payloadText'] as const).map((name) =>
        jobs.map((job) => job[name]),
      );
      return (await queries.run((turn) => queries.ask(turn, statements.addJobs, columns))).length;
    },
  };
}
