// The run without a mode: rounds of everything that is timed, and one with logins that wait.

import { asJson, asTable, describeSetting, Figures } from './figures.ts';
import { approveAtOnce, decideByHand, type Ground, withGround } from './ground.ts';
import { newPerson } from './login-flow.ts';
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
import type { Options } from './options.ts';

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

export async function runUsual(options: Options, note: (text: string) => void): Promise<string> {
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
