// Rows in Redis. Keys are spread over sixteen shards, each in one slot of a cluster: a script touches one shard, so it stays one
// atomic step, and lists and sweeps ask all of them. Reads are plain GETs: the end stands in the value. All go over one connection,
// which keeps their order; only a change, which takes several steps, is waited for.

import type { Rows } from './backend.ts';
import type { Turn } from './deadlines.ts';
import { createKeyOrder } from './key-order.ts';
import type { RedisCommands } from './redis-commands.ts';
import { rowScripts, type Script, shardScripts } from './redis-scripts.ts';
import { listKeys, pack, type ShardLayout, unpack } from './redis-shards.ts';
import { createSeenRows, type Row } from './seen-rows.ts';
import { changeBySwap } from './swap.ts';

/** A script stops the server while it runs: a hundred rows take less than a millisecond. */
const SWEEP_STEP = 100;

export function createRedisRows({ commands, layout }: { commands: RedisCommands; layout: ShardLayout }): Rows {
  const order = createKeyOrder();
  const seenRows = createSeenRows();
  const shardOf = layout.of;

  function write<T>(key: string, script: Script, args: readonly string[], read: (reply: unknown) => T): Promise<T> {
    const { row, ends, names } = shardOf(key);
    return commands.run((turn) =>
      order.beside(key, async () => read(await commands.call(turn, script, [row + key, ends, names], [key, ...args]))),
    );
  }

  async function see(turn: Turn, key: string): Promise<Row | undefined> {
    const name = shardOf(key).row + key;
    const row = unpack((await commands.ask(turn, name, ['GET', name])) as string | null);
    if (row === undefined) seenRows.forget(key);
    else seenRows.note(key, row);
    return row;
  }

  const isOne = (reply: unknown) => reply === 1;
  const livingText = (row: Row | undefined, now: number) =>
    row !== undefined && row.expiresAt > now ? row.text : undefined;

  function takeAway<T>(key: string, now: number, read: (text: string | undefined) => T): Promise<T> {
    return write(key, rowScripts.take, [], (reply) => {
      seenRows.forget(key);
      return read(livingText(unpack(reply as string | null), now));
    });
  }

  return {
    read: (key, now) => commands.run((turn) => order.beside(key, async () => livingText(await see(turn, key), now))),
    write: (key, text, expiresAt) =>
      write(key, rowScripts.write, [String(expiresAt), pack({ text, expiresAt })], () =>
        seenRows.note(key, { text, expiresAt }),
      ),
    remove: (key, now) => takeAway(key, now, (text) => text !== undefined),
    insert: (key, text, expiresAt, now) =>
      write(key, rowScripts.insert, [String(expiresAt), pack({ text, expiresAt }), String(now)], (reply) => {
        if (isOne(reply)) seenRows.note(key, { text, expiresAt });
        return isOne(reply);
      }),
    take: (key, now) => takeAway(key, now, (text) => text),
    add: (key, by, expiresAt, now) =>
      write(key, rowScripts.add, [String(expiresAt), String(by), String(now)], (reply) => {
        seenRows.forget(key);
        const { text, expiresAt: end } = unpack(reply as string) as Row;
        return { sum: Number(text), expiresAt: end };
      }),
    change(key, now, decide, hint) {
      const { row, ends, names } = shardOf(key);
      return commands.run((turn) =>
        order.alone(key, () =>
          changeBySwap({
            engine: 'redis',
            turn,
            key,
            now,
            decide,
            isNew: hint?.isNew === true,
            seenRows,
            see: () => see(turn, key),
            async swap(seen, change) {
              const before = seen === undefined ? '' : pack(seen);
              const [script, args] =
                change.kind === 'remove'
                  ? [rowScripts.swapAway, [before]]
                  : [rowScripts.swap, [String(change.expiresAt), pack(change), before]];
              return isOne(await commands.call(turn, script, [row + key, ends, names], [key, ...args]));
            },
          }),
        ),
      );
    },
    list: (prefix, after, limit, now) =>
      commands.run((turn) => order.after(() => listKeys({ commands, layout, turn }, { prefix, after, limit, now }))),
    async removeExpired(now, limit) {
      let removed = 0;
      for (const { row, ends, names } of layout.all) {
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
