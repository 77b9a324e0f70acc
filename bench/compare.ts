// The comparison: in each round every contender is started anew, does the same work on the same machine, and is stopped before the
// next one starts. What counts is the ratio within a round; the order is turned round each time.

import { setTimeout as delay } from 'node:timers/promises';
import type { Contender, Entrant } from './contenders.ts';
import { runLanes, SETTLE_MS } from './lanes.ts';
import type { ComparisonOptions } from './options.ts';
import { median, quantile } from './statistics.ts';
import { workloads } from './workloads.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 16;

/** One workload with so many at once. */
export interface Result {
  readonly label: string;
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

/** What one contender showed in one round. */
export interface Showing {
  readonly readyMs: number;
  /** RSS before anybody came, and after all the work with garbage collected */
  readonly idleMiB: number;
  readonly endMiB: number;
  readonly results: readonly Result[];
}

export type Round = ReadonlyMap<string, Showing>;

export type Work = Pick<ComparisonOptions, 'rounds' | 'logins' | 'only'>;

export async function compare(
  entrants: readonly Entrant[],
  work: Work,
  note: (text: string) => void,
): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= work.rounds; round += 1) {
    const showings = new Map<string, Showing>();
    for (const { name, only = work.only, start } of round % 2 === 1 ? entrants : entrants.toReversed()) {
      const common = work.only.filter((each) => only.includes(each));
      if (common.length === 0) continue;
      const startedMs = performance.now();
      const contender = await start();
      showings.set(name, await measure(contender, { ...work, only: common }));
      await contender.stop();
      note(`round ${round} of ${work.rounds}, ${name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    }
    rounds.push(showings);
  }
  return rounds;
}

async function measure(contender: Contender, work: Work): Promise<Showing> {
  const { provider, people } = contender;
  const results: Result[] = [];
  await delay(SETTLE_MS);
  const idle = await provider.gauge();
  // first logins are of another kind, and nothing is compiled yet
  for (const times of [people.length, work.logins * contender.instances]) {
    await runLanes(provider, { people, times, atOnce: AT_ONCE }, (person) => contender.login(person));
  }
  for (const person of people) if (!person.enrolled) await contender.login(person);
  for (const name of work.only) {
    const { label, lanes, factor, prepare } = workloads[name];
    const once = await prepare(contender);
    const times = work.logins * factor;
    await runLanes(provider, { people, times: Math.ceil((times * contender.instances) / 2), atOnce: AT_ONCE }, once);
    for (const atOnce of lanes) {
      const run = await runLanes(provider, { people, times, atOnce }, once);
      const ms = run.results.map((each) => each.ms);
      results.push({
        label: `${label}, ${atOnce} at once`,
        cpuMs: run.cpuMs,
        p50Ms: median(ms),
        p99Ms: quantile(ms, 0.99),
        requests: median(run.results.map(({ requests }) => requests)),
      });
    }
  }
  const end = await provider.gauge({ collect: true });
  return { readyMs: provider.readyMs, idleMiB: idle.memory.rss / MIB, endMiB: end.memory.rss / MIB, results };
}
