// The job queue in Redis: a sorted set of names by the moment each is ready, the jobs in a hash, and the same names once more by
// kind, so that hastening a kind need not look at the others. All in one slot, as claiming is one step over them. A lease is only
// a later moment: a process that dies while it works needs nobody to clean up after it.

import type { Job, JobQueue } from '../login/ports.ts';
import type { RedisCommands } from './redis-commands.ts';
import { jobScripts, type Script } from './redis-scripts.ts';

/** A restart with a hundred thousand waiting logins must not stop the server while it hastens them. */
const HASTEN_STEP = 500;

export function createRedisJobs({ commands, prefix }: { commands: RedisCommands; prefix: string }): JobQueue {
  const place = `{${prefix}:jobs}`;
  const ready = `${place}:ready`;
  const readyOf = `${place}:ready:`;
  const call = (script: Script, kind: string, args: readonly (string | number)[]) =>
    commands.run((turn) => commands.call(turn, script, [ready, `${place}:jobs`, readyOf + kind], args.map(String)));

  return {
    async schedule({ kind, id, dueAtMs, payload = null }) {
      await call(jobScripts.schedule, kind, [nameOf(kind, id), Math.floor(dueAtMs), JSON.stringify(payload)]);
    },
    async claimDue({ nowMs, limit, leaseMs }) {
      const now = Math.floor(nowMs);
      const reply = (await call(jobScripts.claimDue, '', [now, limit, now + Math.floor(leaseMs), readyOf])) as string[];
      const jobs = reply.flatMap((name, index) => (index % 2 === 0 ? [toJob(name, reply[index + 1] ?? '')] : []));
      return jobs.sort((a, b) => a.dueAtMs - b.dueAtMs);
    },
    async cancel(kind, id) {
      await call(jobScripts.cancel, kind, [nameOf(kind, id)]);
    },
    async giveBack({ kind, id, dueAtMs, attempts }, next) {
      const plan = next ? [Math.floor(next.dueAtMs), JSON.stringify(next.payload ?? null)] : [];
      await call(jobScripts.giveBack, kind, [nameOf(kind, id), `${dueAtMs} ${attempts + 1} `, ...plan]);
    },
    async hasten(kind, nowMs) {
      while (Number(await call(jobScripts.hasten, kind, [Math.floor(nowMs), HASTEN_STEP])) === HASTEN_STEP);
    },
    async nextDueAtMs() {
      const reply = await commands.run((turn) => commands.ask(turn, ready, ['ZRANGE', ready, '0', '0', 'WITHSCORES']));
      const [, readyAtMs] = reply as string[];
      return readyAtMs === undefined ? undefined : Number(readyAtMs);
    },
  };
}

function nameOf(kind: string, id: string): string {
  return `${kind}\0${id}`;
}

function toJob(name: string, text: string): Job {
  const nul = name.indexOf('\0');
  const [, due = '', attempts = '', payload = 'null'] = /^(\S+) (\d+) (.*)$/s.exec(text) ?? [];
  return {
    kind: name.slice(0, nul),
    id: name.slice(nul + 1),
    dueAtMs: Number(due),
    attempts: Number(attempts),
    payload: JSON.parse(payload),
  };
}
