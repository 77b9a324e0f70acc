// The job queue in SQLite: one table, one row a job. A lease is only a later `ready_at_ms`, so a process that dies while it
// works needs nobody to clean up after it: the job is ready again when the lease has run out.

import type { DatabaseSync } from 'node:sqlite';
import type { Job, JobQueue } from '../login/ports.ts';
import type { SqliteBatch } from './sqlite-batch.ts';

interface JobRow {
  kind: string;
  id: string;
  due_at_ms: number;
  attempts: number;
  payload: string;
}

/** @returns the queue; its writes are committed together with the records of the same turn */
export function createSqliteJobs(database: DatabaseSync, batch: SqliteBatch): JobQueue {
  const upsert = database.prepare(
    `INSERT INTO jobs (kind, id, due_at_ms, ready_at_ms, attempts, payload) VALUES (:kind, :id, :due, :due, 0, :payload)
     ON CONFLICT (kind, id) DO UPDATE SET due_at_ms = :due, ready_at_ms = :due, payload = :payload`,
  );
  const claim = database.prepare(
    `UPDATE jobs SET ready_at_ms = :now + :lease, attempts = attempts + 1
     WHERE rowid IN (SELECT rowid FROM jobs WHERE ready_at_ms <= :now ORDER BY ready_at_ms LIMIT :limit)
     RETURNING kind, id, due_at_ms, attempts, payload`,
  );
  const remove = database.prepare('DELETE FROM jobs WHERE kind = ? AND id = ?');
  // Whoever plans a job anew has it ready when it is due; a lease ends later.
  const isOurs = 'kind = :kind AND id = :id AND attempts = :attempts AND due_at_ms = :due AND ready_at_ms <> due_at_ms';
  const finish = database.prepare(`DELETE FROM jobs WHERE ${isOurs}`);
  const again = database.prepare(
    `UPDATE jobs SET due_at_ms = :again, ready_at_ms = :again, payload = :payload WHERE ${isOurs}`,
  );
  const hasten = database.prepare(
    `UPDATE jobs SET due_at_ms = min(due_at_ms, :now), ready_at_ms = min(ready_at_ms, :now) WHERE kind = :kind`,
  );
  const next = database.prepare('SELECT min(ready_at_ms) AS at FROM jobs');

  return {
    schedule({ kind, id, dueAtMs, payload = null }) {
      const values = { kind, id, due: Math.floor(dueAtMs), payload: JSON.stringify(payload) };
      return batch.write(JOBS, () => void upsert.run(values));
    },
    claimDue({ nowMs, limit, leaseMs }) {
      const values = { now: Math.floor(nowMs), lease: Math.floor(leaseMs), limit };
      return batch.write(JOBS, () => (claim.all(values) as unknown as JobRow[]).map(toJob).sort(byDueTime));
    },
    cancel: (kind, id) => batch.write(JOBS, () => void remove.run(kind, id)),
    giveBack({ kind, id, dueAtMs, attempts }, next) {
      const claim = { kind, id, due: dueAtMs, attempts: attempts + 1 };
      if (!next) return batch.write(JOBS, () => void finish.run(claim));
      const values = { ...claim, again: Math.floor(next.dueAtMs), payload: JSON.stringify(next.payload ?? null) };
      return batch.write(JOBS, () => void again.run(values));
    },
    hasten: (kind, nowMs) => batch.write(JOBS, () => void hasten.run({ kind, now: Math.floor(nowMs) })),
    nextDueAtMs: () => batch.read(JOBS, () => (next.get()?.at as number | null) ?? undefined),
  };
}

/** Orders reads of the queue behind its own waiting writes; no record has this key, as keys are not empty. */
const JOBS = '';

function toJob({ kind, id, due_at_ms: dueAtMs, attempts, payload }: JobRow): Job {
  return { kind, id, dueAtMs, attempts: attempts - 1, payload: JSON.parse(payload) };
}

function byDueTime(a: Job, b: Job): number {
  return a.dueAtMs - b.dueAtMs;
}
