// Which form this deployment's keys in Redis have: a number under a key of its own. There is one form so far, so the step that
// looks and the step that notes it are one script, and no lock is needed; what was stored before the number was kept has that form.

import type { RedisCommands } from './redis-commands.ts';
import { layoutScripts } from './redis-scripts.ts';
import { assertKnown, type Migration } from './schema-version.ts';

const LAYOUT = 1;

/** Notes the form. @throws StorageUnavailable the keys were written by a newer program */
export async function prepareLayout(commands: RedisCommands, prefix: string): Promise<Migration> {
  const held = await commands.run((turn) => commands.call(turn, layoutScripts.note, [keyOf(prefix)], [String(LAYOUT)]));
  return toMigration(held);
}

/** What opening would do. @throws StorageUnavailable the keys were written by a newer program */
export async function readLayout(commands: RedisCommands, prefix: string): Promise<Migration> {
  const key = keyOf(prefix);
  return toMigration(await commands.run((turn) => commands.ask(turn, key, ['GET', key])));
}

function keyOf(prefix: string): string {
  return `{${prefix}:layout}`;
}

function toMigration(held: unknown): Migration {
  const from = Number(held ?? LAYOUT);
  assertKnown(from, LAYOUT);
  return { from, to: LAYOUT };
}
