// Everything in Redis. Names come in order from the shards' own sorted sets, a page at a time: no command looks at all keys at once.
// Jobs have no such set; their names are gathered in steps first, which is as much as there are waiting logins and mails.

import {
  type Bulk,
  compareJobs,
  fillPage,
  type JobName,
  PAGE_BYTES,
  PAGE_ENTRIES,
  pagesOf,
  type StoredJob,
  type StoredRow,
} from './bulk.ts';
import type { RedisCommands } from './redis-commands.ts';
import { jobScripts, rowScripts } from './redis-scripts.ts';
import { listKeys, pack, type ShardLayout, unpack } from './redis-shards.ts';

/** So many texts are asked for together; a face is about a megabyte at most. */
const TEXTS_AT_ONCE = 32;

export function createRedisBulk(parts: { commands: RedisCommands; layout: ShardLayout; prefix: string }): Bulk {
  const { commands, layout } = parts;
  const place = `{${parts.prefix}:jobs}`;
  const jobsKey = `${place}:jobs`;
  const readyKey = `${place}:ready`;

  async function readRows(after: string, now: number): Promise<readonly StoredRow[]> {
    for (let from = after; ; ) {
      const keys = await commands.run((turn) =>
        listKeys({ commands, layout, turn }, { prefix: '', after: from, limit: PAGE_ENTRIES, now }),
      );
      const rows = await readTexts(keys, now);
      // all of them may have been removed since they were listed: that is not the end
      if (rows.length > 0 || keys.length === 0) return fillPage(rows);
      from = keys.at(-1) ?? from;
    }
  }

  async function readTexts(keys: readonly string[], now: number): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    let bytes = 0;
    for (let at = 0; at < keys.length && bytes < PAGE_BYTES; at += TEXTS_AT_ONCE) {
      const some = keys.slice(at, at + TEXTS_AT_ONCE);
      const raws = await commands.run((turn) =>
        Promise.all(
          some.map((key) => {
            const name = layout.of(key).row + key;
            return commands.ask(turn, name, ['GET', name]);
          }),
        ),
      );
      for (const [index, raw] of raws.entries()) {
        const row = unpack(raw as string | null);
        if (row === undefined || row.expiresAt <= now) continue;
        rows.push({ key: some[index] as string, ...row });
        bytes += row.text.length;
      }
    }
    return rows;
  }

  async function* jobs(after: JobName): AsyncGenerator<readonly StoredJob[]> {
    const names = (await readJobNames()).filter((name) => compareJobs(name, after) > 0).sort(compareJobs);
    for (let at = 0; at < names.length; at += PAGE_ENTRIES) {
      const page = await readJobs(names.slice(at, at + PAGE_ENTRIES));
      if (page.length > 0) yield page;
    }
  }

  async function readJobNames(): Promise<JobName[]> {
    const names = new Set<string>();
    let cursor = '0';
    do {
      const from = cursor;
      const [next, found] = (await commands.run((turn) =>
        commands.ask(turn, readyKey, ['ZSCAN', readyKey, from, 'COUNT', String(PAGE_ENTRIES)]),
      )) as [string, string[]];
      for (const [index, name] of found.entries()) if (index % 2 === 0) names.add(name);
      cursor = next;
    } while (cursor !== '0');
    return [...names].map((name) => {
      const nul = name.indexOf('\0');
      return { kind: name.slice(0, nul), id: name.slice(nul + 1) };
    });
  }

  async function readJobs(names: readonly JobName[]): Promise<StoredJob[]> {
    const raw = names.map(({ kind, id }) => `${kind}\0${id}`);
    const [texts, moments] = (await commands.run((turn) =>
      Promise.all([
        commands.ask(turn, jobsKey, ['HMGET', jobsKey, ...raw]),
        commands.ask(turn, readyKey, ['ZMSCORE', readyKey, ...raw]),
      ]),
    )) as [(string | null)[], (string | number | null)[]];
    return names.flatMap((name, index): StoredJob[] => {
      const [, due, attempts, payloadText = ''] = /^(\S+) (\d+) (.*)$/s.exec(texts[index] ?? '') ?? [];
      const readyAt = moments[index];
      if (due === undefined || readyAt === null || readyAt === undefined) return [];
      const counts = { dueAtMs: Number(due), readyAtMs: Number(readyAt), attempts: Number(attempts) };
      return [{ ...name, ...counts, payloadText }];
    });
  }

  return {
    rows: (after, now) => pagesOf<StoredRow>((last) => readRows(last?.key ?? after, now)),
    jobs: (after = { kind: '', id: '' }) => jobs(after),
    async addRows(rows, now) {
      const replies = await commands.run((turn) =>
        Promise.all(
          rows.map(({ key, text, expiresAt }) => {
            const { row, ends, names } = layout.of(key);
            const args = [key, String(expiresAt), pack({ text, expiresAt }), String(now)];
            return commands.call(turn, rowScripts.insert, [row + key, ends, names], args);
          }),
        ),
      );
      return replies.filter((reply) => reply === 1).length;
    },
    async addJobs(added) {
      const replies = await commands.run((turn) =>
        Promise.all(
          added.map(({ kind, id, dueAtMs, readyAtMs, attempts, payloadText }) => {
            const keys = [readyKey, jobsKey, `${place}:ready:${kind}`];
            const args = [`${kind}\0${id}`, `${dueAtMs} ${attempts} ${payloadText}`, String(readyAtMs)];
            return commands.call(turn, jobScripts.add, keys, args);
          }),
        ),
      );
      return replies.filter((reply) => reply === 1).length;
    },
  };
}
