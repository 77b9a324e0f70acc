// `npm run bench`: drives whole logins against the provider and the stand-in, each a process of its own on loopback, and prints
// what they cost and how long they took. What the figures mean is in docs/performance.md.

import { cleanUp } from './clean-up.ts';
import { compare, type Round } from './compare.ts';
import { entrantsOf } from './contenders.ts';
import { asJson, asTable, describeSetting, Figures } from './figures.ts';
import { approveAtOnce, decideByHand, type Ground, withGround } from './ground.ts';
import { compareInstances, measureAcross, ONE } from './instances.ts';
import { newPerson } from './login-flow.ts';
import { countLookUps, lookUpsAsTable } from './look-ups.ts';
import {
  measureDecisions,
  measureEnrolments,
  measureIdle,
  measureLogins,
  measureSessions,
  measureWaiting,
  measureWebhooks,
  openStreams,
  warmUp,
} from './measurements.ts';
import { BadUsage, type Options, readOptions, USAGE } from './options.ts';
import { comparisonAsTable, comparisonOf } from './ratios.ts';
import { closeConnections } from './web-client.ts';

/** Beyond the time in which rounds may begin, before the bench gives up on what is under way. */
const GRACE_MS = 120_000;
/** The last part of the time is for the logins that wait. */
const WAITING_SHARE = 0.35;

async function runRound(ground: Ground, options: Options): Promise<void> {
  await measureIdle(ground);
  const people = Array.from({ length: options.people }, () => newPerson());
  await approveAtOnce(ground);
  await measureEnrolments(ground, people);
  await warmUp(ground, people, Math.ceil(options.logins / 2));
  await measureLogins(ground, people, options.logins);
  await measureSessions(ground, people, 2 * options.logins);
  await decideByHand(ground);
  await measureWebhooks(ground, people, options.webhooks, options.webhooksPerSecond);
  const closeStreams = await openStreams(ground, options.streams);
  await measureDecisions(ground, people, options.decisions);
  await closeStreams();
}

async function runWaiting(ground: Ground, options: Options, isLate: () => boolean): Promise<void> {
  await measureIdle(ground);
  await approveAtOnce(ground);
  const people = Array.from({ length: Math.min(options.people, 16) }, () => newPerson());
  await measureEnrolments(ground, people);
  await warmUp(ground, people, Math.min(options.logins, 64));
  await decideByHand(ground);
  await measureWaiting(ground, options.waiting, isLate);
}

async function runComparison(options: Options): Promise<string> {
  return toldBy(options, 'bare', () => compare(entrantsOf(options.storages, options), options, note));
}

async function toldBy(options: Options, yardstick: string, work: () => Promise<readonly Round[]>): Promise<string> {
  const startedMs = performance.now();
  const rounds = await work();
  const setting = describeSetting(options, rounds.length, (performance.now() - startedMs) / 1000);
  const comparison = comparisonOf(setting, rounds, yardstick);
  return options.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonAsTable(comparison);
}

async function runCount(options: Options): Promise<string> {
  const found = await countLookUps(options, note);
  return options.json ? `${JSON.stringify(found, null, 2)}\n` : lookUpsAsTable(found);
}

async function runInstances(options: Options): Promise<string> {
  const tables: string[] = [];
  for (const storage of options.storages) {
    const figures = new Figures();
    const startedMs = performance.now();
    for (let round = 1; round <= options.rounds; round += 1) await measureAcross(storage, options, figures);
    const setting = describeSetting(options, options.rounds, (performance.now() - startedMs) / 1000);
    const found = figures.all().filter(({ name }) => name.startsWith(`${storage}.`));
    tables.push(options.json ? asJson(setting, found) : asTable(setting, found));
    tables.push(await toldBy(options, ONE, () => compareInstances(storage, options, note)));
  }
  return tables.join('\n');
}

async function runMeasurements(options: Options): Promise<string> {
  const [storage = 'sqlite'] = options.storages;
  const ground = { storage, profile: options.profile };
  const figures = new Figures();
  const startedMs = performance.now();
  const spentMs = () => performance.now() - startedMs;
  const roundsMs = options.budgetMs * (1 - WAITING_SHARE);
  let rounds = 0;
  let longestMs = 0;
  while (rounds < options.rounds && (rounds === 0 || spentMs() + longestMs < roundsMs)) {
    const beganMs = spentMs();
    await withGround(ground, figures, (ground) => runRound(ground, options));
    longestMs = Math.max(longestMs, spentMs() - beganMs);
    rounds += 1;
    note(`round ${rounds} of ${options.rounds}: ${Math.round((spentMs() - beganMs) / 1000)} s`);
  }
  if (rounds < options.rounds) note(`no time for more than ${rounds} rounds`);
  const waitingFigures = new Figures();
  await withGround(ground, waitingFigures, (ground) =>
    runWaiting(ground, options, () => spentMs() > options.budgetMs - 5_000),
  );
  const found = [...figures.all(), ...waitingFigures.all().filter(({ name }) => name.startsWith('memory.waiting'))];
  const setting = describeSetting(options, rounds, spentMs() / 1000);
  return options.json ? asJson(setting, found) : asTable(setting, found);
}

const RUNS = { measure: runMeasurements, compare: runComparison, count: runCount, instances: runInstances };

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Ends everything, whatever is under way. */
function stop(text: string, exitCode: number): void {
  note(text);
  void cleanUp().finally(() => process.exit(exitCode));
}

try {
  const options = readOptions(process.argv.slice(2));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop('stopped', 130));
  setTimeout(() => stop('out of time', 1), options.budgetMs + GRACE_MS).unref();
  process.stdout.write(await RUNS[options.mode](options));
} catch (error) {
  await cleanUp();
  const isUsage = error instanceof BadUsage;
  note(isUsage ? `${error.message}\n${USAGE}` : ((error as Error).stack ?? String(error)));
  process.exitCode = isUsage ? 2 : 1;
} finally {
  closeConnections();
}
