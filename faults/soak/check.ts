// R13: a day of load in minutes. People sign in, the clock goes on by an hour, they sign in again; a day later what has ended is gone
// and the memory is as it was. The clock of provider and stand-in is moved, and what is done every minute is done every second.

import { setTimeout as delay } from 'node:timers/promises';
import { login, newPerson, type Person } from '../../bench/login-flow.ts';
import { inParallel, median } from '../../bench/statistics.ts';
import { ENGINES } from '../../test/support/servers.ts';
import { type Check, type CheckContext, Failures, type Findings } from '../check.ts';
import { type Ground, openGround } from '../ground.ts';
import { openRoom } from '../rooms.ts';
import { tellAndWait } from '../told.ts';
import { countRows } from './rows.ts';

const PRELOAD = new URL('../preloads/clock.ts', import.meta.url).pathname;
const HOUR = 3600;
const HOURS = 24;
const MIB = 1024 * 1024;
/** Until then code is compiled, caches fill, and a heap finds its size. */
const WARM_UP_HOURS = 8;
/**
 * Between the median of the hours after the warm-up and that of the last ones. A leak of one login's worth (some 10 KiB and more) in each
 * login is more than this.
 */
const HEAP_GROWTH_MIB = 3;
const RSS_GROWTH_MIB = 24;
const AT_ONCE = 4;
/** A sweep comes every second here, the first one up to ten seconds after the start. */
const SWEPT_WITHIN_MS = 14_000;

async function moveTo({ provider, standIn }: Ground, shiftSeconds: number): Promise<void> {
  await Promise.all([provider, standIn].map((child) => tellAndWait(child, { shiftSeconds }, 'clockMoved')));
}

/** An hour on: what ended before the hour began must be gone soon. @returns how much is not */
async function untilSwept(storageUrl: string, endedAt: number): Promise<number> {
  const giveUpAtMs = performance.now() + SWEPT_WITHIN_MS;
  for (;;) {
    const { ended } = await countRows(storageUrl, endedAt);
    if (ended === 0 || performance.now() > giveUpAtMs) return ended;
    await delay(100);
  }
}

async function run(context: CheckContext): Promise<Findings> {
  const failures = new Failures();
  const hours = context.rounds(HOURS, 4, 2);
  const each = context.rounds(16, 8, 4);
  const room = await openRoom(context.engine);
  try {
    const ground = await openGround({
      storageUrl: room.url,
      preloads: [PRELOAD],
      standInPreloads: [PRELOAD],
      environment: { FAULTS_LONG_TIMERS_DIVIDED_BY: '60' },
    });
    try {
      await ground.standIn.configure({ autoOutcome: 'approve' });
      const heap: number[] = [];
      const rss: number[] = [];
      const lanes: Person[][] = Array.from({ length: AT_ONCE }, () => []);
      let logins = 0;
      for (let hour = 1; hour <= hours; hour += 1) {
        await inParallel(lanes, AT_ONCE, async (people) => {
          for (let turn = 0; turn < each / AT_ONCE; turn += 1) {
            // every fourth is new here; the others are known, with or without their browser
            const person = turn % 4 === 0 ? newPerson() : (people[turn % people.length] ?? newPerson());
            if (!people.includes(person)) people.push(person);
            await login(person, ground.places).catch((error: Error) =>
              failures.expect(false, 'everybody is let in', `hour ${hour}: ${error.message}`),
            );
            logins += 1;
          }
        });
        const { memory } = await ground.provider.gauge({ collect: true });
        heap.push(memory.heapUsed / MIB);
        rss.push(memory.rss / MIB);
        await moveTo(ground, hour * HOUR);
        const left = await untilSwept(room.url, Math.floor(Date.now() / 1000) + (hour - 1) * HOUR);
        failures.expect(left === 0, 'nothing lies there an hour past its end', `hour ${hour}: ${left} rows`);
      }
      const heapGrowth = growthOf(heap);
      const rssGrowth = growthOf(rss);
      if (hours > WARM_UP_HOURS) {
        failures.expect(heapGrowth <= HEAP_GROWTH_MIB, 'the heap is flat', `${heapGrowth.toFixed(1)} MiB more`);
        failures.expect(rssGrowth <= RSS_GROWTH_MIB, 'the memory is flat', `${rssGrowth.toFixed(1)} MiB more`);
      }
      const { all } = await countRows(room.url, 0);
      const checked = `${logins} logins in ${hours} h; heap ${shown(heapGrowth)}, rss ${shown(rssGrowth)} MiB; ${all} rows kept`;
      return { rounds: hours, checked, failures: failures.all() };
    } finally {
      await ground.end();
    }
  } finally {
    await room.remove();
  }
}

/** From the first third after the warm-up to the last one, by their medians. */
function growthOf(perHour: readonly number[]): number {
  const warm = perHour.length > WARM_UP_HOURS ? perHour.slice(WARM_UP_HOURS) : perHour;
  const third = Math.max(1, Math.floor(warm.length / 3));
  return median(warm.slice(-third)) - median(warm.slice(0, third));
}

function shown(growth: number): string {
  return `${growth < 0 ? '−' : '+'}${Math.abs(growth).toFixed(1)}`;
}

export const SOAK: Check = {
  fault: 'R13',
  name: 'a day of load',
  engines: ENGINES,
  notWhenQuick: ['redis', 'postgres'],
  run,
};
