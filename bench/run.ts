// `npm run bench`: drives whole logins against the provider and the stand-in, each a process of its own on loopback, and prints
// what they cost and how long they took. What the figures mean is in docs/performance.md.

import { asJson, asTable, describeSetting, Figures } from './figures.ts';
import { newPerson } from './login-flow.ts';
import {
  approveAtOnce,
  decideByHand,
  type Ground,
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
import { cleanUpNow, freePort, makeFolder, startProvider, startStandIn } from './processes.ts';
import { closeConnections } from './web-client.ts';

/** Beyond the time in which rounds may begin, before the bench gives up on what is under way. */
const GRACE_MS = 120_000;
/** The last part of the time is for the logins that wait. */
const WAITING_SHARE = 0.35;

/** Provider and stand-in in a folder of their own, for as long as `work` takes. */
async function withGround(options: Options, figures: Figures, work: (ground: Ground) => Promise<void>): Promise<void> {
  const folder = await makeFolder();
  try {
    const port = await freePort();
    const standInPort = await freePort();
    const webhookUrl = `http://127.0.0.1:${port}/webhooks/didit`;
    const standIn = await startStandIn({ folder, port: standInPort, webhookUrl });
    try {
      const { storage, profile } = options;
      const provider = await startProvider({ folder, port, standInPort, storage, profile });
      try {
        await work({ provider, standIn, figures, places: { issuer: provider.issuer, standIn: standIn.url } });
      } finally {
        await provider.stop();
      }
    } finally {
      await standIn.stop();
    }
  } finally {
    folder.remove();
  }
}

async function runRound(ground: Ground, options: Options): Promise<void> {
  await measureIdle(ground);
  const people = Array.from({ length: options.people }, newPerson);
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
  const people = Array.from({ length: Math.min(options.people, 16) }, newPerson);
  await measureEnrolments(ground, people);
  await warmUp(ground, people, Math.min(options.logins, 64));
  await decideByHand(ground);
  await measureWaiting(ground, options.waiting, isLate);
}

async function run(options: Options): Promise<string> {
  const figures = new Figures();
  const startedMs = performance.now();
  const spentMs = () => performance.now() - startedMs;
  const roundsMs = options.budgetMs * (1 - WAITING_SHARE);
  let rounds = 0;
  let longestMs = 0;
  while (rounds < options.rounds && (rounds === 0 || spentMs() + longestMs < roundsMs)) {
    const beganMs = spentMs();
    await withGround(options, figures, (ground) => runRound(ground, options));
    longestMs = Math.max(longestMs, spentMs() - beganMs);
    rounds += 1;
    note(`round ${rounds} of ${options.rounds}: ${Math.round((spentMs() - beganMs) / 1000)} s`);
  }
  if (rounds < options.rounds) note(`no time for more than ${rounds} rounds`);
  const waitingFigures = new Figures();
  await withGround(options, waitingFigures, (ground) =>
    runWaiting(ground, options, () => spentMs() > options.budgetMs - 5_000),
  );
  const found = [...figures.all(), ...waitingFigures.all().filter(({ name }) => name.startsWith('memory.waiting'))];
  const setting = describeSetting(options, rounds, spentMs() / 1000);
  return options.json ? asJson(setting, found) : asTable(setting, found);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Ends everything, whatever is under way. */
function stop(text: string, exitCode: number): never {
  note(text);
  cleanUpNow();
  process.exit(exitCode);
}

try {
  const options = readOptions(process.argv.slice(2));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop('stopped', 130));
  setTimeout(() => stop('out of time', 1), options.budgetMs + GRACE_MS).unref();
  process.stdout.write(await run(options));
} catch (error) {
  cleanUpNow();
  const isUsage = error instanceof BadUsage;
  note(isUsage ? `${error.message}\n${USAGE}` : ((error as Error).stack ?? String(error)));
  process.exitCode = isUsage ? 2 : 1;
} finally {
  closeConnections();
}
