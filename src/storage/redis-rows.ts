// Rows in Redis. Keys are spread over sixteen shards, each in one slot of a cluster: a script touches one shard, so it stays one
// atomic step, and lists and sweeps ask all of them. Reads are plain GETs: the end stands in the value. All go over one connection,
// which keeps their order; only a change, which takes several steps, is waited for.

import type { Rows } from './backend.ts';
import type { Turn } from './deadlines.ts';
import { createKeyOrder } from './key-order.ts';
import type { RedisCommands } from './redis-commands.ts';
import { rowScripts, type Script, shardScripts } from './redis-scripts.ts';
import { listKeys, pack, type ShardLayout, unpack } from './redis-shards.ts';
import { changeBySwap } from './swap.ts';

/** A script stops the server while it runs: a hundred rows take less than a millisecond. */
const SWEEP_STEP = 100;

export function createRedisRows({ commands, layout }: { commands: RedisCommands; layout: ShardLayout }): Rows {
  const order = createKeyOrder();
  const shardOf = layout.of;

  function write<T>(key: string, script: Script, args: readonly string[], read: (reply: unknown) => T): Promise<T> {
    const { row, ends, names } = shardOf(key);
    return commands.run((turn) =>
      order.beside(key, async () => read(await commands.call(turn, script, [row + key, ends, names], [key, ...args]))),
    );
  }

  const get = async (turn: Turn, row: string) => (await commands.ask(turn, row, ['GET', row])) as string | null;
  const isOne = (reply: unknown) => reply === 1;
  const livingText = (now: number) => (reply: unknown) => {
    const { text, expiresAt } = unpack(reply as string | null);
    return expiresAt > now ? text : undefined;
  };

  return {
    read: (key, now) =>
      commands.run((turn) => order.beside(key, async () => livingText(now)(await get(turn, shardOf(key).row + key)))),
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
              const raw = await get(turn, row + key);
              return { text: livingText(now)(raw), version: raw ?? undefined, expiresAt: unpack(raw).expiresAt };
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
