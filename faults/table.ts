// How a run is shown: a line for each check on each engine, and below it what was found wrong.

import { arch, cpus, platform } from 'node:os';
import type { Options } from './options.ts';

export interface Row {
  readonly fault: string;
  readonly name: string;
  readonly engine: string;
  readonly rounds: number;
  readonly checked: string;
  readonly failures: readonly string[];
  /** why it did not run */
  readonly skipped?: string;
  readonly seconds: number;
}

const HEAD = ['fault', 'what', 'engine', 'rounds', 'checked', 'result', 'seconds'] as const;

export function asTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  const shown = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column === 3 || column === 6 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const wrong = rows.flatMap(({ fault, name, engine, failures }) =>
    failures.map((failure) => `${fault} ${name}, ${engine}: ${failure}`),
  );
  return [...shown, ...(wrong.length === 0 ? [] : ['', ...wrong]), ''].join('\n');
}

function cellsOf({ fault, name, engine, rounds, checked, failures, skipped, seconds }: Row): readonly string[] {
  const result = skipped !== undefined ? 'skipped' : failures.length === 0 ? 'held' : 'BROKEN';
  return [fault, name, engine, String(rounds), skipped ?? checked, result, seconds.toFixed(1)];
}

export function describeRun({ size, seed }: Options, seconds: number): string {
  const all = cpus();
  const machine = `${all.length} × ${all[0]?.model.trim() ?? 'unknown'} (${platform()} ${arch()})`;
  return `${size} run, seed ${seed}, node ${process.version}, ${machine}, ${Math.round(seconds)} s, ${new Date().toISOString()}\n`;
}
