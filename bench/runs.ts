// What each mode does, and the text that comes of it.

import { compare, type Round } from './compare.ts';
import { entrantsOf } from './contenders.ts';
import { asJson, asTable, describeSetting, Figures } from './figures.ts';
import { withGround } from './ground.ts';
import { measureGrowth } from './growth.ts';
import { compareInstances, measureAcross, ONE } from './instances.ts';
import { countLookUps, lookUpsAsTable } from './look-ups.ts';
import { measureIdle } from './measurements.ts';
import { measurePages, soak } from './memory.ts';
import type { Mode, Options } from './options.ts';
import { comparisonAsTable, comparisonOf } from './ratios.ts';
import { runUsual } from './usual-run.ts';

const PAGES = 10_000;

type Note = (text: string) => void;

export const RUNS: Readonly<Record<Mode, (options: Options, note: Note) => Promise<string>>> = {
  measure: runUsual,
  compare: runComparison,
  count: runCount,
  instances: runInstances,
  growth: runGrowth,
  soak: runSoak,
  pages: runPages,
};

async function runComparison(options: Options, note: Note): Promise<string> {
  const startedMs = performance.now();
  return told(options, startedMs, await compare(entrantsOf(options, options), options, note), 'bare');
}

function told(options: Options, startedMs: number, rounds: readonly Round[], yardstick: string): string {
  const setting = describeSetting(options, rounds.length, (performance.now() - startedMs) / 1000);
  const comparison = comparisonOf(setting, rounds, yardstick);
  return options.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonAsTable(comparison);
}

async function runCount(options: Options, note: Note): Promise<string> {
  const found = await countLookUps(options, note);
  return options.json ? `${JSON.stringify(found, null, 2)}\n` : lookUpsAsTable(found);
}

async function runGrowth(options: Options, note: Note): Promise<string> {
  const tables: string[] = [];
  for (const growth of options.growths) {
    const startedMs = performance.now();
    const { rounds, least } = await measureGrowth(growth, options, note);
    tables.push(told(options, startedMs, rounds, least));
  }
  return tables.join('\n');
}

async function runSoak(options: Options, note: Note): Promise<string> {
  const figures = new Figures();
  const startedMs = performance.now();
  for (const entrant of entrantsOf(options, options).filter(({ only }) => only === undefined)) {
    await soak(entrant, options.scale, figures);
    note(`${entrant.name}: soaked`);
  }
  return shown(options, 1, startedMs, figures);
}

async function runPages(options: Options): Promise<string> {
  const figures = new Figures();
  const startedMs = performance.now();
  const [storage = 'sqlite'] = options.storages;
  await withGround({ storage }, figures, async (ground) => {
    await measureIdle(ground);
    await measurePages(ground, Math.ceil(PAGES * options.scale));
  });
  return shown(options, 1, startedMs, figures);
}

function shown(options: Options, rounds: number, startedMs: number, figures: Figures): string {
  const setting = describeSetting(options, rounds, (performance.now() - startedMs) / 1000);
  return options.json ? asJson(setting, figures.all()) : asTable(setting, figures.all());
}

async function runInstances(options: Options, note: Note): Promise<string> {
  const tables: string[] = [];
  for (const storage of options.storages) {
    const figures = new Figures();
    const startedMs = performance.now();
    for (let round = 1; round <= options.rounds; round += 1) await measureAcross(storage, options, figures);
    const setting = describeSetting(options, options.rounds, (performance.now() - startedMs) / 1000);
    const found = figures.all().filter(({ name }) => name.startsWith(`${storage}.`));
    tables.push(options.json ? asJson(setting, found) : asTable(setting, found));
    const comparedMs = performance.now();
    tables.push(told(options, comparedMs, await compareInstances(storage, options, note), ONE));
  }
  return tables.join('\n');
}
