// Which form this deployment's keys in Redis have: a number under a key of its own. There is one form so far, so the step that
// looks and the step that notes it are one script, and no lock is needed; what was stored before the number was kept has that form.

import { StorageUnavailable } from '../core/errors.ts';
import type { RedisCommands } from './redis-commands.ts';
import { layoutScripts } from './redis-scripts.ts';
import { layOutShards } from './redis-shards.ts';
import { assertKnown, type Migration } from './schema-version.ts';

const LAYOUT = 1;

/** Notes the form. @throws StorageUnavailable the keys were written by a newer program */
export async function prepareLayout(commands: RedisCommands, prefix: string): Promise<Migration> {
  const held = await commands.run((turn) => commands.call(turn, layoutScripts.note, [keyOf(prefix)], [String(LAYOUT)]));
  return toMigration(prefix, held ?? (await findForm(commands, prefix)));
}

/** What opening would do. @throws StorageUnavailable the keys were written by a newer program */
export async function readLayout(commands: RedisCommands, prefix: string): Promise<Migration> {
  const key = keyOf(prefix);
  const held = await commands.run((turn) => commands.ask(turn, key, ['GET', key]));
  return toMigration(prefix, held ?? (await findForm(commands, prefix)));
}

/** What was stored before the number was kept; 0 where nothing is. */
function findForm(commands: RedisCommands, prefix: string): Promise<number> {
  const keys = layOutShards(prefix).all.map(({ names }) => names);
  return commands.run(async (turn) => {
    const found = await Promise.all(keys.map((key) => commands.ask(turn, key, ['EXISTS', key])));
    return found.some((count) => Number(count) > 0) ? LAYOUT : 0;
  });
}

function keyOf(prefix: string): string {
  return `{${prefix}:layout}`;
}

function toMigration(prefix: string, held: unknown): Migration {
  if (!/^\d{1,9}$/.test(String(held))) {
    throw new StorageUnavailable(
      `the key ${keyOf(prefix)} in redis should hold the number of a schema and does not: somebody else wrote it. Name another prefix in the URL, or restore the storage`,
    );
  }
  const from = Number(held);
  assertKnown(from, LAYOUT);
  return { from, to: LAYOUT };
}
