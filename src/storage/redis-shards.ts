// How records are laid out in Redis: sixteen shards, each in one slot of a cluster, and a row as "END:TEXT". Shared by single
// operations (`redis-rows.ts`) and by those on everything (`redis-bulk.ts`).

import { compareBytes } from './bulk.ts';
import type { Turn } from './deadlines.ts';
import type { RedisCommands } from './redis-commands.ts';
import { shardScripts } from './redis-scripts.ts';
import type { Row } from './seen-rows.ts';

const SHARDS = 16;

export interface Shard {
  /** what comes before a key in its row's name */
  readonly row: string;
  readonly ends: string;
  readonly names: string;
}

export interface ShardLayout {
  readonly all: readonly Shard[];
  of(key: string): Shard;
}

/** @param prefix of the deployment's keys; the braces say what part of a key decides where it lies in a cluster */
export function layOutShards(prefix: string): ShardLayout {
  const all = Array.from({ length: SHARDS }, (_, shard): Shard => {
    const place = `{${prefix}:${shard}}`;
    return { row: `${place}:row:`, ends: `${place}:ends`, names: `${place}:names` };
  });
  return { all, of: (key) => all[hash(key) % SHARDS] as Shard };
}

/** @returns living keys of all shards that begin with `prefix`, in byte order, after `after`, at most `limit` */
export function listKeys(
  { commands, layout, turn }: { commands: RedisCommands; layout: ShardLayout; turn: Turn },
  { prefix, after, limit, now }: { prefix: string; after: string; limit: number; now: number },
): Promise<readonly string[]> {
  const begin = compareBytes(after, prefix) >= 0 ? `(${after}` : `[${prefix}`;
  return mergeShards(limit, begin, layout.all, async ({ ends, names }, from, count) => {
    const args = [from, prefix, String(count), String(now)];
    return (await commands.call(turn, shardScripts.list, [ends, names], args)) as string[];
  });
}

/**
 * The first `limit` keys of all shards together. Each is asked for its share and some more; only when they are spread very
 * unevenly is any asked again.
 *
 * @param ask answers where it stopped ('' when there is no more) and the keys it found
 */
async function mergeShards<S>(
  limit: number,
  begin: string,
  shards: readonly S[],
  ask: (shard: S, from: string, count: number) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const parts = shards.map((shard) => ({ shard, from: begin, found: [] as string[], more: true }));
  for (let share = Math.ceil(limit / shards.length) * 2; ; share *= 2) {
    const fill = async (part: (typeof parts)[number]) => {
      while (part.more && part.found.length < share) {
        const count = share - part.found.length;
        const [stoppedAt = '', ...keys] = await ask(part.shard, part.from, count);
        part.found.push(...keys);
        const last = keys.length === count ? keys.at(-1) : stoppedAt;
        part.more = last !== '';
        part.from = `(${last}`;
      }
    };
    await Promise.all(parts.map(fill));
    const keys = parts.flatMap(({ found }) => found).sort(compareBytes);
    // A shard that has more may have it right behind the last one it told.
    const ends = parts.flatMap(({ more, found }) => (more ? [found.at(-1) ?? ''] : [])).sort(compareBytes);
    const [surelyUpTo] = ends;
    const sure = surelyUpTo === undefined ? keys : keys.filter((key) => compareBytes(key, surelyUpTo) <= 0);
    if (sure.length >= limit || surelyUpTo === undefined) return sure.slice(0, limit);
  }
}

export function pack({ text, expiresAt }: Row): string {
  return `${expiresAt}:${text}`;
}

/** @param raw null: there is none */
export function unpack(raw: string | null): Row | undefined {
  if (raw === null) return undefined;
  const colon = raw.indexOf(':');
  return { text: raw.slice(colon + 1), expiresAt: Number(raw.slice(0, colon)) };
}

/** FNV-1a, the same in every release: where a key was put is where it is looked for. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) value = Math.imul(value ^ key.charCodeAt(index), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
