// What a comparison came to: for each workload and each storage the ratio to the bare provider within a round, its median over the
// rounds and its spread.

import type { Result, Round, Showing } from './compare.ts';
import type { ContenderName } from './contenders.ts';
import type { Setting } from './figures.ts';
import { median } from './statistics.ts';

export interface Ratio {
  readonly label: string;
  readonly contender: ContenderName;
  /** of CPU, to the bare provider in the same round */
  readonly ratio: { readonly median: number; readonly least: number; readonly greatest: number };
  readonly cpuMs: number;
  readonly bareCpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bareP50Ms: number;
  readonly bareP99Ms: number;
  readonly requests: number;
  readonly bareRequests: number;
  /** what one core would do if it did nothing else */
  readonly perSecondAndCore: number;
}

export interface Size {
  readonly contender: ContenderName;
  readonly readyMs: number;
  readonly idleMiB: number;
  readonly endMiB: number;
}

export interface Comparison {
  readonly setting: Setting;
  readonly ratios: readonly Ratio[];
  readonly sizes: readonly Size[];
}

export function ratiosOf(rounds: readonly Round[]): readonly Ratio[] {
  const labels = showingsOf(rounds, 'bare')[0]?.results.map(({ label }) => label) ?? [];
  return labels.flatMap((label) => contendersOf(rounds).map((contender) => ratioOf(rounds, label, contender)));
}

function ratioOf(rounds: readonly Round[], label: string, contender: ContenderName): Ratio {
  const ours = resultsOf(rounds, contender, label);
  const bare = resultsOf(rounds, 'bare', label);
  const each = ours.map(({ cpuMs }, index) => cpuMs / (bare[index]?.cpuMs ?? Number.NaN));
  const middle = (results: readonly Result[], value: (result: Result) => number) => median(results.map(value));
  const cpuMs = middle(ours, (result) => result.cpuMs);
  return {
    label,
    contender,
    ratio: { median: median(each), least: Math.min(...each), greatest: Math.max(...each) },
    cpuMs,
    bareCpuMs: middle(bare, (result) => result.cpuMs),
    p50Ms: middle(ours, (result) => result.p50Ms),
    p99Ms: middle(ours, (result) => result.p99Ms),
    bareP50Ms: middle(bare, (result) => result.p50Ms),
    bareP99Ms: middle(bare, (result) => result.p99Ms),
    requests: middle(ours, (result) => result.requests),
    bareRequests: middle(bare, (result) => result.requests),
    perSecondAndCore: 1000 / cpuMs,
  };
}

export function sizesOf(rounds: readonly Round[]): readonly Size[] {
  const names: readonly ContenderName[] = ['bare', ...contendersOf(rounds)];
  return names.map((contender) => {
    const showings = showingsOf(rounds, contender);
    return {
      contender,
      readyMs: median(showings.map(({ readyMs }) => readyMs)),
      idleMiB: median(showings.map(({ idleMiB }) => idleMiB)),
      endMiB: median(showings.map(({ endMiB }) => endMiB)),
    };
  });
}

function contendersOf(rounds: readonly Round[]): readonly ContenderName[] {
  return [...(rounds[0]?.keys() ?? [])].filter((name) => name !== 'bare');
}

function showingsOf(rounds: readonly Round[], contender: ContenderName): readonly Showing[] {
  return rounds.map((round) => round.get(contender)).filter((each) => each !== undefined);
}

function resultsOf(rounds: readonly Round[], contender: ContenderName, label: string): readonly Result[] {
  return showingsOf(rounds, contender).flatMap(({ results }) => results.filter((each) => each.label === label));
}

export function comparisonAsTable({ setting, ratios, sizes }: Comparison): string {
  const widest = Math.max(0, ...ratios.map(({ label }) => label.length));
  const lines = ratios.map((row) => {
    const { median: middle, least, greatest } = row.ratio;
    const ratio = `${middle.toFixed(2)} (${least.toFixed(2)} – ${greatest.toFixed(2)})`;
    const cpu = `${row.cpuMs.toFixed(2)} : ${row.bareCpuMs.toFixed(2)} ms`;
    const p50 = `${row.p50Ms.toFixed(1)} : ${row.bareP50Ms.toFixed(1)}`;
    const p99 = `${row.p99Ms.toFixed(1)} : ${row.bareP99Ms.toFixed(1)}`;
    return [
      row.label.padEnd(widest),
      row.contender.padEnd(8),
      ratio.padEnd(20),
      cpu.padStart(16),
      p50.padStart(13),
      p99.padStart(13),
      `${row.requests} : ${row.bareRequests}`.padStart(8),
      row.perSecondAndCore.toFixed(0).padStart(10),
    ].join('  ');
  });
  const heading = [
    'CPU, to a bare provider'.padEnd(widest),
    'storage '.padEnd(8),
    'ratio'.padEnd(20),
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
        `${contender.padEnd(8)}  ready after ${readyMs.toFixed(0)} ms; RSS ${idleMiB.toFixed(0)} MiB idle, ${endMiB.toFixed(0)} MiB after the work`,
    ),
    '',
  ].join('\n');
}
