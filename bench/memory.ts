// What the process holds: over many logins one after another, and with many waiting pages open at once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Entrant } from './contenders.ts';
import type { Figures } from './figures.ts';
import { approveAtOnce, decideByHand, type Ground } from './ground.ts';
import { runLanes, SETTLE_MS } from './lanes.ts';
import { login, newPerson } from './login-flow.ts';
import { openStreams } from './measurements.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 16;
const SOAKS = [1_000, 5_000, 10_000, 20_000];
const WATCH_MS = 10_000;

/** Logins, one after another, and what the process holds after so many of them, garbage collected. */
export async function soak({ name, start }: Entrant, scale: number, figures: Figures): Promise<void> {
  const contender = await start();
  const { provider, people } = contender;
  const look = async (what: string, label: string) => {
    await delay(SETTLE_MS);
    const { memory } = await provider.gauge({ collect: true });
    figures.add(`${name}.${what}.rss`, `${name}, ${label} (RSS)`, 'MiB', memory.rss / MIB);
    figures.add(`${name}.${what}.heap`, `${name}, ${label} (heap)`, 'MiB', memory.heapUsed / MIB);
  };
  await look('idle', 'idle');
  let done = 0;
  for (const mark of SOAKS.map((each) => Math.ceil(each * scale))) {
    await runLanes(provider, { people, times: mark - done, atOnce: AT_ONCE }, (person) => contender.login(person));
    done = mark;
    await look(`${mark}`, `after ${mark} logins`);
  }
  await contender.stop();
}

/** So many waiting pages open at once, and what they cost while nothing happens. */
export async function measurePages(ground: Ground, pages: number): Promise<void> {
  const { provider, places, figures } = ground;
  await approveAtOnce(ground);
  const people = Array.from({ length: AT_ONCE }, () => newPerson());
  await runLanes(provider, { people, times: 400, atOnce: AT_ONCE }, (person) => login(person, places));
  await decideByHand(ground);
  await delay(SETTLE_MS);
  const warm = await provider.gauge({ collect: true });
  figures.add('pages.none.rss', 'process after 400 logins, no page open (RSS)', 'MiB', warm.memory.rss / MIB);
  const close = await openStreams(ground, pages);
  const before = await provider.gauge();
  await delay(WATCH_MS);
  const after = await provider.gauge();
  const cpuMs = (after.cpuMicros - before.cpuMicros) / 1000;
  figures.add(
    'pages.cpu',
    `${pages} open pages, CPU in a second while nothing happens`,
    'ms',
    (cpuMs * 1000) / WATCH_MS,
  );
  await close();
}
