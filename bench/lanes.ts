// The same thing over and over by several people at once, with the CPU that the process under measurement took for it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from './children.ts';

/** Long enough for work that goes on after an answer, short against the first look at an open decision. */
export const SETTLE_MS = 300;

export interface Run<R> {
  /** of the process, user and system, for each time */
  readonly cpuMs: number;
  readonly seconds: number;
  readonly results: readonly R[];
}

/** One person does one thing at a time, so each lane keeps to people of its own. */
export async function runLanes<P, R>(
  child: Pick<Child, 'gauge'>,
  { people, times, atOnce }: { people: readonly P[]; times: number; atOnce: number },
  once: (person: P) => Promise<R>,
): Promise<Run<R>> {
  const results: R[] = [];
  const lanes = people.slice(0, atOnce);
  let left = times;
  const before = await child.gauge();
  const startedMs = performance.now();
  await Promise.all(
    lanes.map(async (_person, lane) => {
      const own = people.filter((_each, index) => index % lanes.length === lane);
      for (let turn = 0; left > 0; turn += 1) {
        left -= 1;
        results.push(await once(own[turn % own.length] as P));
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  await delay(SETTLE_MS);
  const after = await child.gauge();
  return { cpuMs: (after.cpuMicros - before.cpuMicros) / 1000 / times, seconds, results };
}
