// What was measured, round by round, and how it is shown. A figure is the median over the rounds; its spread is the least and
// the greatest of them.

import { arch, cpus, loadavg, platform } from 'node:os';
import type { Options } from './options.ts';
import { median, quantile } from './statistics.ts';

export type Unit = 'ms' | 'MiB' | 'KiB' | '/s' | 's' | '';

interface Row {
  readonly label: string;
  readonly unit: Unit;
  readonly values: number[];
  /** single measurements behind each value, all rounds together */
  samples: number;
}

export interface Figure {
  readonly name: string;
  readonly label: string;
  readonly unit: Unit;
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
  readonly rounds: number;
  readonly samples: number;
}

export class Figures {
  readonly #rows = new Map<string, Row>();

  /** One value of this round. @throws RangeError unless it is a number */
  add(name: string, label: string, unit: Unit, value: number, samples = 1): void {
    if (!Number.isFinite(value)) throw new RangeError(`${name} is no number: ${value}`);
    const row = this.#rows.get(name) ?? { label, unit, values: [], samples: 0 };
    row.values.push(value);
    row.samples += samples;
    this.#rows.set(name, row);
  }

  /** Median and 99th percentile of this round's measurements, in milliseconds. */
  addTimes(name: string, label: string, timesMs: readonly number[]): void {
    this.add(`${name}.p50`, `${label}, median`, 'ms', median(timesMs), timesMs.length);
    this.add(`${name}.p99`, `${label}, p99`, 'ms', quantile(timesMs, 0.99), timesMs.length);
  }

  all(): readonly Figure[] {
    return [...this.#rows].map(([name, { label, unit, values, samples }]) => ({
      name,
      label,
      unit,
      median: rounded(median(values)),
      least: rounded(Math.min(...values)),
      greatest: rounded(Math.max(...values)),
      rounds: values.length,
      samples,
    }));
  }
}

export interface Setting {
  readonly node: string;
  readonly machine: string;
  readonly load: readonly number[];
  readonly storage: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly at: string;
}

export function describeSetting(options: Options, rounds: number, seconds: number): Setting {
  const all = cpus();
  return {
    node: process.version,
    machine: `${all.length} × ${all[0]?.model.trim() ?? 'unknown'} (${platform()} ${arch()})`,
    load: loadavg().map(rounded),
    storage: options.storages.join(', '),
    rounds,
    seconds: Math.round(seconds),
    at: new Date().toISOString(),
  };
}

export function asJson(setting: Setting, figures: readonly Figure[]): string {
  return `${JSON.stringify({ setting, figures }, null, 2)}\n`;
}

export function asTable(setting: Setting, figures: readonly Figure[]): string {
  const widest = Math.max(...figures.map(({ label }) => label.length));
  const lines = figures.map(({ label, unit, median, least, greatest, rounds, samples }) => {
    const value = `${shown(median)} ${unit}`.trimEnd().padStart(14);
    const spread = rounds > 1 ? `${shown(least)} – ${shown(greatest)}` : '';
    return `${label.padEnd(widest)}  ${value}   ${spread.padEnd(20)} ${rounds}/${samples}`;
  });
  const { node, machine, load, storage, rounds, seconds, at } = setting;
  return [
    `storage ${storage}, node ${node}, ${machine}`,
    `${rounds} rounds, each with a provider started anew; ${seconds} s; load average at the end ${load.join(' ')}; ${at}`,
    '',
    `${'figure'.padEnd(widest)}  ${'median'.padStart(14)}   ${'least – greatest'.padEnd(20)} rounds/samples`,
    ...lines,
    '',
  ].join('\n');
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
