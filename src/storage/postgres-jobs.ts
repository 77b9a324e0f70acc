// The job queue in PostgreSQL: one table, one row a job. Claims of several processes pass each other by (`SKIP LOCKED`). A lease is
// only a later `ready_at_ms`: a process that dies while it works needs nobody to clean up after it.

import type { Job, JobQueue } from '../login/ports.ts';
import { createKeyOrder } from './key-order.ts';
import type { PostgresQueries, Statement } from './postgres-queries.ts';

function createStatements(schema: string) {
  const jobs = `"${schema}".jobs`;
  const inTime = `"${schema}".in_time($1)`;
  const writing = (name: string, text: string): Statement => ({ name: `${schema} ${name}`, text, writes: true });
  // Whoever plans a job anew has it ready when it is due; a lease ends later.
  const isOurs = 'kind = $2 AND id = $3 AND attempts = $4 AND due_at_ms = $5 AND ready_at_ms <> due_at_ms';
  return {
    schedule: writing(
      'schedule',
      `INSERT INTO ${jobs} (kind, id, due_at_ms, ready_at_ms, attempts, payload) VALUES ($2, $3, $4, $4, 0, $5)
       ON CONFLICT (kind, id) DO UPDATE
         SET due_at_ms = excluded.due_at_ms, ready_at_ms = excluded.ready_at_ms, payload = excluded.payload
       RETURNING ${inTime}`,
    ),
    claimDue: writing(
      'claim due',
      `WITH due AS MATERIALIZED (
         SELECT kind, id FROM ${jobs} WHERE ready_at_ms <= $2 ORDER BY ready_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED
       )
       UPDATE ${jobs} AS job SET ready_at_ms = $4, attempts = attempts + 1 FROM due
       WHERE job.kind = due.kind AND job.id = due.id
       RETURNING job.kind, job.id, due_at_ms, attempts, payload, ${inTime}`,
    ),
    cancel: writing('cancel', `DELETE FROM ${jobs} WHERE kind = $2 AND id = $3 RETURNING ${inTime}`),
    finish: writing('finish', `DELETE FROM ${jobs} WHERE ${isOurs} RETURNING ${inTime}`),
    again: writing(
      'again',
      `UPDATE ${jobs} SET due_at_ms = $6, ready_at_ms = $6, payload = $7 WHERE ${isOurs} RETURNING ${inTime}`,
    ),
    // In one order, so that two who hasten at once cannot lock each other out.
    hasten: writing(
      'hasten',
      `WITH later AS MATERIALIZED (
         SELECT kind, id FROM ${jobs} WHERE kind = $2 AND ready_at_ms > $3 ORDER BY id FOR UPDATE
       )
       UPDATE ${jobs} AS job SET due_at_ms = least(due_at_ms, $3), ready_at_ms = $3 FROM later
       WHERE job.kind = later.kind AND job.id = later.id
       RETURNING ${inTime}`,
    ),
    next: { name: `${schema} next`, text: `SELECT min(ready_at_ms) AS at FROM ${jobs}`, writes: false },
  };
}

interface JobRow {
  kind: string;
  id: string;
  /** a bigint, which the driver hands out as text; so is the next */
  due_at_ms: string;
  attempts: string;
  payload: string;
}

export function createPostgresJobs({ queries, schema }: { queries: PostgresQueries; schema: string }): JobQueue {
  const statements = createStatements(schema);
  const order = createKeyOrder();
  const write = (statement: Statement, kind: string, id: string, values: readonly unknown[]) =>
    queries.run((turn) => order.alone(`${kind}\0${id}`, () => queries.ask(turn, statement, [kind, id, ...values])));

  return {
    async schedule({ kind, id, dueAtMs, payload = null }) {
      await write(statements.schedule, kind, id, [Math.floor(dueAtMs), JSON.stringify(payload)]);
    },
    async claimDue({ nowMs, limit, leaseMs }) {
      const now = Math.floor(nowMs);
      const values = [now, limit, now + Math.floor(leaseMs)];
      const rows = await queries.run((turn) =>
        order.after(() => queries.ask<JobRow>(turn, statements.claimDue, values)),
      );
      return rows.map(toJob).sort((a, b) => a.dueAtMs - b.dueAtMs);
    },
    async cancel(kind, id) {
      await write(statements.cancel, kind, id, []);
    },
    async giveBack({ kind, id, dueAtMs, attempts }, next) {
      const claim = [attempts + 1, dueAtMs];
      if (!next) await write(statements.finish, kind, id, claim);
      else {
        const plan = [Math.floor(next.dueAtMs), JSON.stringify(next.payload ?? null)];
        await write(statements.again, kind, id, [...claim, ...plan]);
      }
    },
    async hasten(kind, nowMs) {
      await queries.run((turn) => order.after(() => queries.ask(turn, statements.hasten, [kind, Math.floor(nowMs)])));
    },
    async nextDueAtMs() {
      const rows = await queries.run((turn) =>
        order.after(() => queries.ask<{ at: string | null }>(turn, statements.next, [])),
      );
      const at = rows[0]?.at ?? undefined;
      return at === undefined ? undefined : Number(at);
    },
  };
}

function toJob({ kind, id, due_at_ms: dueAtMs, attempts, payload }: JobRow): Job {
  return { kind, id, dueAtMs: Number(dueAtMs), attempts: Number(attempts) - 1, payload: JSON.parse(payload) };
}
