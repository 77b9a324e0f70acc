// `npm run bench`: drives whole logins against the provider and the stand-in, each a process of its own on loopback, and prints
// what they cost and how long they took. What the figures mean is in docs/performance.md.

import { cleanUp } from './clean-up.ts';
import { BadUsage, readOptions, USAGE } from './options.ts';
import { RUNS } from './runs.ts';
import { closeConnections } from './web-client.ts';

/** Beyond the time in which rounds may begin, before the bench gives up on what is under way. */
const GRACE_MS = 120_000;

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Ends everything, whatever is under way. */
function stop(text: string, exitCode: number): void {
  note(text);
  // measurements under way would go on
  void cleanUp().finally(() => process.exit(exitCode));
}

try {
  const options = readOptions(process.argv.slice(2));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop('stopped', 130));
  setTimeout(() => stop('out of time', 1), options.budgetMs + GRACE_MS).unref();
  process.stdout.write(await RUNS[options.mode](options, note));
} catch (error) {
  await cleanUp();
  const isUsage = error instanceof BadUsage;
  note(isUsage ? `${error.message}\n${USAGE}` : ((error as Error).stack ?? String(error)));
  process.exitCode = isUsage ? 2 : 1;
} finally {
  closeConnections();
}
