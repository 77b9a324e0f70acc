// What a login asks of the storage, counted and not timed: of the port by operation and kind of record, and of the engine by
// statement or command. What the process asks by itself, whoever signs in, is counted over the same time and told apart.

import { setTimeout as delay } from 'node:timers/promises';
import { type Contender, startOurs } from './contenders.ts';
import type { ComparisonOptions } from './options.ts';
import type { StorageKind } from './rooms.ts';
import { WORKLOADS, type WorkloadName, workloads } from './workloads.ts';

/** Long enough for every job of a login to be over. */
const QUIET_MS = 1_500;
const PEOPLE = 8;

export interface LookUps {
  readonly storage: StorageKind;
  readonly workload: WorkloadName | 'enrolment';
  /** per time, what the process does by itself taken off */
  readonly each: Readonly<Record<string, number>>;
}

export async function countLookUps(
  options: ComparisonOptions,
  note: (text: string) => void,
): Promise<readonly LookUps[]> {
  const found: LookUps[] = [];
  for (const storage of options.storages) {
    const contender = await startOurs(storage, { people: PEOPLE, clients: 1, profile: undefined, counts: true });
    const idle = await countIdle(contender);
    const counting = async (workload: LookUps['workload'], times: number, work: () => Promise<void>) => {
      found.push({ storage, workload, each: await countEach(contender, idle, times, work) });
    };
    await counting('enrolment', contender.people.length, async () => {
      for (const person of contender.people) await contender.login(person);
    });
    for (const name of WORKLOADS.filter((each) => options.only.includes(each))) {
      const once = await workloads[name].prepare(contender);
      const rounds = Math.ceil(options.logins / PEOPLE);
      await counting(name, rounds * PEOPLE, async () => {
        for (let round = 0; round < rounds; round += 1) for (const person of contender.people) await once(person);
      });
    }
    await contender.stop();
    note(`${storage}: counted`);
  }
  return found;
}

type Counts = Readonly<Record<string, number>>;

/** @returns what happens in a second without anybody */
async function countIdle({ provider }: Contender): Promise<Counts> {
  const before = await provider.counts();
  await delay(2 * QUIET_MS);
  return scaled(difference(before, await provider.counts()), 1000 / (2 * QUIET_MS));
}

async function countEach({ provider }: Contender, idle: Counts, times: number, work: () => Promise<void>) {
  await delay(QUIET_MS);
  const before = await provider.counts();
  const startedMs = performance.now();
  await work();
  await delay(QUIET_MS);
  const after = await provider.counts();
  const hasPort = Object.keys(after).some((what) => what.startsWith('store.'));
  if (!hasPort) throw new Error('nothing was counted: does src/storage/backends.ts still open the storage?');
  const byItself = scaled(idle, (performance.now() - startedMs) / 1000);
  const each = scaled(difference(byItself, difference(before, after)), 1 / times);
  return Object.fromEntries(Object.entries(each).filter(([, count]) => count >= 0.05));
}

function difference(before: Counts, after: Counts): Counts {
  return Object.fromEntries(Object.entries(after).map(([what, count]) => [what, count - (before[what] ?? 0)]));
}

function scaled(counts: Counts, by: number): Counts {
  return Object.fromEntries(Object.entries(counts).map(([what, count]) => [what, count * by]));
}

const KINDS = {
  reads: /^store\.(?:get|keys)\b/,
  writes: /^store\./,
  jobs: /^jobs\./,
  bus: /^bus\./,
  engine: /^engine /,
  sent: /^sent /,
};

/** One table for each workload: what is asked, by storage, with sums of the reads, the writes and what reaches the engine. */
export function lookUpsAsTable(all: readonly LookUps[]): string {
  const workloads = [...new Set(all.map(({ workload }) => workload))];
  return workloads
    .map((workload) =>
      tableOf(
        workload,
        all.filter((each) => each.workload === workload),
      ),
    )
    .join('\n');
}

function tableOf(workload: string, columns: readonly LookUps[]): string {
  const names = [...new Set(columns.flatMap(({ each }) => Object.keys(each)))].sort();
  const line = (label: string, valueOf: (column: LookUps) => number) =>
    label.padEnd(40) + columns.map((column) => valueOf(column).toFixed(1).padStart(10)).join('');
  let rest = names;
  const groups = Object.entries(KINDS).flatMap(([group, pattern]) => {
    const members = rest.filter((name) => pattern.test(name));
    rest = rest.filter((name) => !members.includes(name));
    const sum = line(`${group}, all`, ({ each }) => members.reduce((total, name) => total + (each[name] ?? 0), 0));
    return members.length === 0
      ? []
      : [sum, ...members.map((name) => line(`  ${name}`, ({ each }) => each[name] ?? 0))];
  });
  const heading = workload.padEnd(40) + columns.map(({ storage }) => storage.padStart(10)).join('');
  return [heading, ...groups, ''].join('\n');
}
