// Rows in Redis. Keys are spread over sixteen shards, each in one slot of a cluster: a script touches one shard, so it stays one
// atomic step, and lists and sweeps ask all of them. Reads are plain GETs: the end stands in the value. All go over one connection,
// which keeps their order; only a change, which takes several steps, is waited for.

import type { Rows } from './backend.ts';
import { createKeyOrder } from './key-order.ts';
import type { RedisCommands } from './redis-commands.ts';
import { rowScripts, type Script, shardScripts } from './redis-scripts.ts';
import { changeBySwap } from './swap.ts';

const SHARDS = 16;
/** A script stops the server while it runs: a hundred rows take less than a millisecond. */
const SWEEP_STEP = 100;

/** @param prefix of the deployment's keys; the braces say what part of a key decides where it lies in a cluster */
export function createRedisRows({ commands, prefix }: { commands: RedisCommands; prefix: string }): Rows {
  const order = createKeyOrder();
  const shards = Array.from({ length: SHARDS }, (_, shard) => {
    const place = `{${prefix}:${shard}}`;
    return { row: `${place}:row:`, ends: `${place}:ends`, names: `${place}:names` };
  });
  const shardOf = (key: string) => shards[hash(key) % SHARDS] as (typeof shards)[number];

  function write<T>(key: string, script: Script, args: readonly string[], read: (reply: unknown) => T): Promise<T> {
    const { row, ends, names } = shardOf(key);
    return commands.run((turn) =>
      order.beside(key, async () => read(await commands.call(turn, script, [row + key, ends, names], [key, ...args]))),
    );
  }

  const isOne = (reply: unknown) => reply === 1;
  const livingText = (now: number) => (reply: unknown) => {
    const { text, expiresAt } = unpack(reply as string | null);
    return expiresAt > now ? text : undefined;
  };

  return {
    read: (key, now) =>
      commands.run((turn) =>
        order.beside(key, async () => livingText(now)(await commands.ask(turn, ['GET', shardOf(key).row + key]))),
      ),
    write: (key, text, expiresAt) =>
      write(key, rowScripts.write, [String(expiresAt), pack(text, expiresAt)], () => undefined),
    remove: (key, now) => write(key, rowScripts.take, [], (reply) => livingText(now)(reply) !== undefined),
    insert: (key, text, expiresAt, now) =>
      write(key, rowScripts.insert, [String(expiresAt), pack(text, expiresAt), String(now)], isOne),
    take: (key, now) => write(key, rowScripts.take, [], livingText(now)),
    add: (key, by, expiresAt, now) => write(key, rowScripts.add, [String(expiresAt), String(by), String(now)], Number),
    change(key, now, decide) {
      const { row, ends, names } = shardOf(key);
      return commands.run((turn) =>
        order.alone(key, () =>
          changeBySwap({
            engine: 'redis',
            turn,
            decide,
            async see() {
              const raw = (await commands.ask(turn, ['GET', row + key])) as string | null;
              return { text: livingText(now)(raw), version: raw ?? undefined };
            },
            async swap({ version }, change) {
              const [script, args] =
                change.kind === 'remove'
                  ? [rowScripts.swapAway, [version ?? '']]
                  : [rowScripts.swap, [String(change.expiresAt), pack(change.text, change.expiresAt), version ?? '']];
              return isOne(await commands.call(turn, script, [row + key, ends, names], [key, ...args]));
            },
          }),
        ),
      );
    },
    list: (prefix, after, limit, now) =>
      commands.run((turn) =>
        order.after(() => {
          const begin = compareBytes(after, prefix) >= 0 ? `(${after}` : `[${prefix}`;
          return mergeShards(limit, begin, shards, async ({ ends, names }, from, count) => {
            const args = [from, prefix, String(count), String(now)];
            return (await commands.call(turn, shardScripts.list, [ends, names], args)) as string[];
          });
        }),
      ),
    async removeExpired(now, limit) {
      let removed = 0;
      for (const { row, ends, names } of shards) {
        for (;;) {
          const step = Math.min(SWEEP_STEP, limit - removed);
          if (step === 0) return removed;
          const args = [String(now), String(step), row];
          const gone = Number(
            await commands.run((turn) => commands.call(turn, shardScripts.removeExpired, [ends, names], args)),
          );
          removed += gone;
          if (gone < step) break;
        }
      }
      return removed;
    },
  };
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

function pack(text: string, expiresAt: number): string {
  return `${expiresAt}:${text}`;
}

function unpack(raw: string | null): { text: string | undefined; expiresAt: number } {
  if (raw === null) return { text: undefined, expiresAt: 0 };
  const colon = raw.indexOf(':');
  return { text: raw.slice(colon + 1), expiresAt: Number(raw.slice(0, colon)) };
}

/** FNV-1a, the same in every release: where a key was put is where it is looked for. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) value = Math.imul(value ^ key.charCodeAt(index), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
