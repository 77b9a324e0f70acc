// What a comparison came to: for each workload and each contender the ratio to the one that all are compared with, within a round; its
// median over the rounds and its spread.

import type { Result, Round, Showing } from './compare.ts';
import type { Setting } from './figures.ts';
import { median } from './statistics.ts';

export interface Ratio {
  readonly label: string;
  readonly contender: string;
  /** of CPU, to the yardstick in the same round */
  readonly ratio: { readonly median: number; readonly least: number; readonly greatest: number };
  readonly cpuMs: number;
  readonly yardCpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly yardP50Ms: number;
  readonly yardP99Ms: number;
  readonly requests: number;
  readonly yardRequests: number;
  /** what one core would do if it did nothing else */
  readonly perSecondAndCore: number;
}

export interface Size {
  readonly contender: string;
  readonly readyMs: number;
  readonly idleMiB: number;
  readonly endMiB: number;
}

export interface Comparison {
  readonly setting: Setting;
  /** which contender all others are compared with */
  readonly yardstick: string;
  readonly ratios: readonly Ratio[];
  readonly sizes: readonly Size[];
}

export function comparisonOf(setting: Setting, rounds: readonly Round[], yardstick: string): Comparison {
  const names = [...(rounds[0]?.keys() ?? [])];
  const others = names.filter((name) => name !== yardstick);
  const labels = showingsOf(rounds, yardstick)[0]?.results.map(({ label }) => label) ?? [];
  return {
    setting,
    yardstick,
    ratios: labels.flatMap((label) => {
      const taking = others.filter((contender) => resultsOf(rounds, contender, label).length > 0);
      return taking.map((contender) => ratioOf(rounds, label, contender, yardstick));
    }),
    sizes: names.map((contender) => sizeOf(rounds, contender)),
  };
}

function ratioOf(rounds: readonly Round[], label: string, contender: string, yardstick: string): Ratio {
  const found = resultsOf(rounds, contender, label);
  const yard = resultsOf(rounds, yardstick, label);
  const each = found.map(({ cpuMs }, index) => cpuMs / (yard[index]?.cpuMs ?? Number.NaN));
  const middle = (results: readonly Result[], value: (result: Result) => number) => median(results.map(value));
  const cpuMs = middle(found, (result) => result.cpuMs);
  return {
    label,
    contender,
    ratio: { median: median(each), least: Math.min(...each), greatest: Math.max(...each) },
    cpuMs,
    yardCpuMs: middle(yard, (result) => result.cpuMs),
    p50Ms: middle(found, (result) => result.p50Ms),
    p99Ms: middle(found, (result) => result.p99Ms),
    yardP50Ms: middle(yard, (result) => result.p50Ms),
    yardP99Ms: middle(yard, (result) => result.p99Ms),
    requests: middle(found, (result) => result.requests),
    yardRequests: middle(yard, (result) => result.requests),
    perSecondAndCore: 1000 / cpuMs,
  };
}

function sizeOf(rounds: readonly Round[], contender: string): Size {
  const showings = showingsOf(rounds, contender);
  return {
    contender,
    readyMs: median(showings.map(({ readyMs }) => readyMs)),
    idleMiB: median(showings.map(({ idleMiB }) => idleMiB)),
    endMiB: median(showings.map(({ endMiB }) => endMiB)),
  };
}

function showingsOf(rounds: readonly Round[], contender: string): readonly Showing[] {
  return rounds.map((round) => round.get(contender)).filter((each) => each !== undefined);
}

function resultsOf(rounds: readonly Round[], contender: string, label: string): readonly Result[] {
  return showingsOf(rounds, contender).flatMap(({ results }) => results.filter((each) => each.label === label));
}

export function comparisonAsTable({ setting, yardstick, ratios, sizes }: Comparison): string {
  const title = `CPU, to ${yardstick}`;
  const widest = Math.max(title.length, ...ratios.map(({ label }) => label.length));
  const broad = Math.max(...sizes.map(({ contender }) => contender.length));
  const lines = ratios.map((row) => {
    const { median: middle, least, greatest } = row.ratio;
    const ratio = `${middle.toFixed(2)} (${least.toFixed(2)} – ${greatest.toFixed(2)})`;
    const cpu = `${row.cpuMs.toFixed(2)} : ${row.yardCpuMs.toFixed(2)} ms`;
    const p50 = `${row.p50Ms.toFixed(1)} : ${row.yardP50Ms.toFixed(1)}`;
    const p99 = `${row.p99Ms.toFixed(1)} : ${row.yardP99Ms.toFixed(1)}`;
    return [
      row.label.padEnd(widest),
      row.contender.padEnd(broad),
      ratio.padEnd(22),
      cpu.padStart(16),
      p50.padStart(13),
      p99.padStart(13),
      `${row.requests} : ${row.yardRequests}`.padStart(8),
      row.perSecondAndCore.toFixed(0).padStart(10),
    ].join('  ');
  });
  const heading = [
    title.padEnd(widest),
    ''.padEnd(broad),
    'ratio'.padEnd(22),
    'CPU each'.padStart(16),
    'p50, ms'.padStart(13),
    'p99, ms'.padStart(13),
    'requests'.padStart(8),
    'core and s'.padStart(10),
  ].join('  ');
  const { node, machine, load, rounds, seconds, at } = setting;
  return [
    `node ${node}, ${machine}; ${rounds} rounds, ${seconds} s; load average at the end ${load.join(' ')}; ${at}`,
    '',
    heading,
    ...lines,
    '',
    ...sizes.map(
      ({ contender, readyMs, idleMiB, endMiB }) =>
        `${contender.padEnd(broad)}  ready after ${readyMs.toFixed(0)} ms; RSS ${idleMiB.toFixed(0)} MiB idle, ${endMiB.toFixed(0)} MiB after the work`,
    ),
    '',
  ].join('\n');
}
