// How the cost of a login grows with what there is: the same provider with little and with much of one thing, started anew in each
// round, and the ratio of CPU within the round. SQLite, as it lies nearest to the process.

import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from './children.ts';
import { compare, type Round } from './compare.ts';
import { type Contender, type ContenderSettings, startOurs } from './contenders.ts';
import { fillWaiting } from './fill-waiting.ts';
import { makeTempFolder, removeFolder } from './folders.ts';
import type { Options } from './options.ts';
import { DATA_KEY } from './processes.ts';

export const GROWTHS = ['accounts', 'clients', 'waiting'] as const;
export type Growth = (typeof GROWTHS)[number];

const LEVELS: Readonly<Record<Growth, readonly number[]>> = {
  accounts: [1_000, 1_000_000],
  clients: [10, 10_000],
  waiting: [10, 1_000, 100_000],
};

/** @returns the rounds, and the name of the least level, which the others are compared with */
export async function measureGrowth(
  growth: Growth,
  options: Options,
  note: (text: string) => void,
): Promise<{ rounds: readonly Round[]; least: string }> {
  const levels = LEVELS[growth].map((level) => Math.max(1, Math.ceil(level * options.scale)));
  const folder = await makeTempFolder();
  try {
    const start = STARTS[growth](folder, options, note);
    const entrants = levels.map((level) => ({ name: nameOf(growth, level), start: () => start(level) }));
    return { rounds: await compare(entrants, options, note), least: nameOf(growth, levels[0] ?? 0) };
  } finally {
    removeFolder(folder);
  }
}

function nameOf(growth: Growth, level: number): string {
  return `${level.toLocaleString('en')} ${growth === 'waiting' ? 'logins waiting' : growth}`;
}

type Start = (level: number) => Promise<Contender>;
type MakeStart = (folder: string, settings: ContenderSettings, note: (text: string) => void) => Start;

const STARTS: Readonly<Record<Growth, MakeStart>> = {
  accounts(folder, settings, note) {
    // filled once, and copied for each round
    const filled = new Map<number, Promise<string>>();
    return (level) =>
      startOurs('sqlite', {
        ...settings,
        async prepare(storageUrl) {
          if (!filled.has(level)) note(`filling in ${level} accounts`);
          filled.set(level, filled.get(level) ?? fillAccounts(join(folder, `${level}.sqlite`), level));
          await copyFile(await (filled.get(level) as Promise<string>), storageUrl.slice('sqlite:'.length));
        },
      });
  },
  clients: (_folder, settings) => (level) => startOurs('sqlite', { ...settings, fillers: level - settings.clients }),
  waiting: (_folder, settings, note) => async (level) => {
    const contender = await startOurs('sqlite', settings);
    if (level > 10) note(`filling in ${level} waiting logins`);
    await fillWaiting(contender.storageUrl, contender.places, level);
    return contender;
  },
};

async function fillAccounts(file: string, count: number): Promise<string> {
  await runToEnd(join(import.meta.dirname, 'fill-accounts.ts'), {
    STORAGE_URL: `sqlite:${file}`,
    DATA_KEYS: DATA_KEY,
    ACCOUNTS: String(count),
  });
  return file;
}
