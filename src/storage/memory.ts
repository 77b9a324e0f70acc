// Everything in this process and gone with it: for trying out and for tests. Atomic because each step runs to its end
// before the event loop turns; texts rather than objects are kept, so that nobody shares a record by reference and what
// would not survive a real engine does not survive here either.

import { StorageUnavailable } from '../core/errors.ts';
import type { Clock, Job, JobQueue, Logger } from '../login/ports.ts';
import type { Backend, Rows } from './backend.ts';
import { createKeyv } from './keyv-face.ts';
import { createLocalBus } from './local-bus.ts';
import { createMemoryBulk } from './memory-bulk.ts';
import { createStore } from './store.ts';
import { sweep } from './sweep.ts';

interface Row {
  text: string;
  expiresAt: number;
}

/** @returns a backend that is empty at first and shared with nobody */
export function openMemory({ clock, log }: { clock: Clock; log?: Logger | undefined }): Backend {
  const gate = { open: true };
  const held = new Map<string, Row>();
  const waiting = new Map<string, MemoryJob>();
  const rows = createMemoryRows(gate, held);
  return {
    store: createStore({ rows, clock }),
    jobs: createMemoryJobs(gate, waiting),
    bus: createLocalBus({ log }),
    bulk: createMemoryBulk({ rows: held, jobs: waiting, nameOf }, () => assertOpen(gate)),
    keyv: createKeyv({ rows, clock }),
    ping: async () => assertOpen(gate),
    sweepExpired: () => sweep(rows, clock),
    close: async () => {
      gate.open = false;
    },
    description: 'memory',
  };
}

function createMemoryRows(gate: { open: boolean }, rows: Map<string, Row>): Rows {
  function live(key: string, now: number): Row | undefined {
    assertOpen(gate);
    const row = rows.get(key);
    return row !== undefined && row.expiresAt > now ? row : undefined;
  }

  return {
    async read(key, now) {
      return live(key, now)?.text;
    },
    async write(key, text, expiresAt) {
      assertOpen(gate);
      rows.set(key, { text, expiresAt });
    },
    async remove(key, now) {
      const present = live(key, now) !== undefined;
      rows.delete(key);
      return present;
    },
    async insert(key, text, expiresAt, now) {
      if (live(key, now) !== undefined) return false;
      rows.set(key, { text, expiresAt });
      return true;
    },
    async change(key, now, decide) {
      const row = live(key, now);
      const change = decide(row?.text, row?.expiresAt ?? 0);
      if (change.kind === 'write') rows.set(key, { text: change.text, expiresAt: change.expiresAt });
      if (change.kind === 'remove') rows.delete(key);
      return change.result;
    },
    async take(key, now) {
      const text = live(key, now)?.text;
      rows.delete(key);
      return text;
    },
    async add(key, by, expiresAt, now) {
      const row = live(key, now);
      const sum = (row === undefined ? 0 : Number(row.text)) + by;
      const end = row?.expiresAt ?? expiresAt;
      rows.set(key, { text: String(sum), expiresAt: end });
      return { sum, expiresAt: end };
    },
    async list(prefix, after, limit, now) {
      assertOpen(gate);
      const keys = [...rows].filter(([key, row]) => row.expiresAt > now && key.startsWith(prefix) && key > after);
      return keys
        .map(([key]) => key)
        .sort()
        .slice(0, limit);
    },
    async removeExpired(now, limit) {
      assertOpen(gate);
      let removed = 0;
      for (const [key, row] of rows) {
        if (removed === limit) break;
        if (row.expiresAt <= now && rows.delete(key)) removed += 1;
      }
      return removed;
    },
  };
}

interface MemoryJob {
  kind: string;
  id: string;
  dueAtMs: number;
  /** due, or later while somebody holds it */
  readyAtMs: number;
  attempts: number;
  payloadText: string;
}

function createMemoryJobs(gate: { open: boolean }, jobs: Map<string, MemoryJob>): JobQueue {
  return {
    async schedule({ kind, id, dueAtMs, payload = null }) {
      assertOpen(gate);
      const attempts = jobs.get(nameOf(kind, id))?.attempts ?? 0;
      const payloadText = JSON.stringify(payload);
      jobs.set(nameOf(kind, id), { kind, id, dueAtMs, readyAtMs: dueAtMs, attempts, payloadText });
    },
    async claimDue({ nowMs, limit, leaseMs }) {
      assertOpen(gate);
      const ready = [...jobs.values()].filter((job) => job.readyAtMs <= nowMs);
      ready.sort((a, b) => a.readyAtMs - b.readyAtMs);
      return ready.slice(0, limit).map((job): Job => {
        const { kind, id, dueAtMs, attempts, payloadText } = job;
        job.readyAtMs = nowMs + leaseMs;
        job.attempts += 1;
        return { kind, id, dueAtMs, attempts, payload: JSON.parse(payloadText) };
      });
    },
    async cancel(kind, id) {
      assertOpen(gate);
      jobs.delete(nameOf(kind, id));
    },
    async giveBack({ kind, id, dueAtMs, attempts }, again) {
      assertOpen(gate);
      const held = jobs.get(nameOf(kind, id));
      // whoever plans it anew has it ready when it is due; a lease ends later
      const isOurs = held?.attempts === attempts + 1 && held.dueAtMs === dueAtMs && held.readyAtMs !== dueAtMs;
      if (!isOurs) return;
      if (again) Object.assign(held, dueAgain(again));
      else jobs.delete(nameOf(kind, id));
    },
    async hasten(kind, nowMs) {
      assertOpen(gate);
      for (const job of jobs.values()) {
        if (job.kind !== kind) continue;
        job.dueAtMs = Math.min(job.dueAtMs, nowMs);
        job.readyAtMs = Math.min(job.readyAtMs, nowMs);
      }
    },
    async nextDueAtMs() {
      assertOpen(gate);
      const readyAtMs = [...jobs.values()].map((job) => job.readyAtMs);
      return readyAtMs.length === 0 ? undefined : readyAtMs.reduce((a, b) => Math.min(a, b));
    },
  };
}

function dueAgain({ dueAtMs, payload = null }: { dueAtMs: number; payload?: unknown }) {
  return { dueAtMs, readyAtMs: dueAtMs, payloadText: JSON.stringify(payload) };
}

function nameOf(kind: string, id: string): string {
  return JSON.stringify([kind, id]);
}

function assertOpen(gate: { open: boolean }): void {
  if (!gate.open) throw new StorageUnavailable('the storage is closed');
}
