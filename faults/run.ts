// `npm run faults`: the product through the faults R1 to R13 of docs/faults.md, on every engine that is there, and a table of what
// held. Exit code 1 when a promise was broken, 2 for a command line that makes no sense. Everything it starts ends with it.

import { cleanUp } from '../bench/clean-up.ts';
import { BadUsage } from '../bench/options.ts';
import { closeConnections, keepNoConnections } from '../bench/web-client.ts';
import { type Engine, endOwnServersNow, MISSING } from '../test/support/servers.ts';
import type { Check, CheckContext, Findings } from './check.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { createRandom } from './random.ts';
import { CHECKS } from './registry.ts';
import { leaveNoRooms } from './rooms.ts';
import { asTable, describeRun, type Row } from './table.ts';

/** No check takes a third as long when all is well; beyond it the check has failed. */
const CHECK_MS = { usual: 1_800_000, quick: 600_000, tiny: 180_000 } as const;
const SHOWN_AS_IT_COMES = 100;
/** of what a check broke off with: an error's text and where it came from, or the last lines of a process's log */
const MOST_LINES = 14;

function planOf({ only, engines, size }: Options): readonly { readonly check: Check; readonly engine: Engine }[] {
  return CHECKS.filter(({ fault }) => only.length === 0 || only.includes(fault)).flatMap((check) =>
    check.engines
      .filter((engine) => engines.includes(engine))
      .filter((engine) => size === 'usual' || only.length > 0 || !check.notWhenQuick?.includes(engine))
      .map((engine) => ({ check, engine })),
  );
}

async function play(check: Check, engine: Engine, options: Options): Promise<Row> {
  const { fault, name } = check;
  const missing = MISSING[engine];
  const row = { fault, name, engine };
  if (missing !== undefined) return { ...row, rounds: 0, checked: '', failures: [], skipped: missing, seconds: 0 };
  const startedMs = performance.now();
  const { size, seed } = options;
  const context: CheckContext = {
    engine,
    random: createRandom(seed, `${fault} ${name} ${engine}`),
    isQuick: size !== 'usual',
    isTiny: size === 'tiny',
    point: options.point,
    rounds: (usual, quick, tiny = 1) => (size === 'usual' ? usual : size === 'quick' ? quick : tiny),
    note: (text) => note(`  ${text}`),
  };
  let findings: Findings;
  try {
    findings = await inTime(check.run(context), CHECK_MS[size]);
  } catch (error) {
    const text = (error as Error).stack?.split('\n').slice(0, MOST_LINES).join(' ') ?? String(error);
    findings = { rounds: 0, checked: 'broke off', failures: [text] };
  }
  return { ...row, ...findings, seconds: (performance.now() - startedMs) / 1000 };
}

function inTime<T>(work: Promise<T>, timeMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not done within ${timeMs / 1000} s`)), timeMs);
    work.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

async function run(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  note(`seed ${options.seed}`);
  for (const { check, engine } of planOf(options)) {
    const row = await play(check, engine, options);
    rows.push(row);
    const said = row.skipped ?? (row.failures.length === 0 ? 'held' : `BROKEN: ${row.failures[0]}`);
    note(`${row.fault} ${row.name}, ${engine}: ${said.slice(0, SHOWN_AS_IT_COMES)} (${row.seconds.toFixed(1)} s)`);
    // what a check that broke off left behind must not stand in the way of the next
    if (row.checked === 'broke off') await cleanUp();
  }
  return rows;
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function endNow(): Promise<void> {
  await cleanUp();
  endOwnServersNow();
  closeConnections();
  await leaveNoRooms();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // checks under way would go on
  process.once(signal, () => void endNow().finally(() => process.exit(130)));
}
let exitCode = 0;
try {
  const options = readOptions(process.argv.slice(2));
  const startedMs = performance.now();
  keepNoConnections();
  const rows = await run(options);
  process.stdout.write(`${asTable(rows)}${describeRun(options, (performance.now() - startedMs) / 1000)}`);
  if (rows.some(({ failures }) => failures.length > 0)) exitCode = 1;
} catch (error) {
  const isUsage = error instanceof BadUsage;
  note(isUsage ? `${error.message}\n${USAGE}` : ((error as Error).stack ?? String(error)));
  exitCode = isUsage ? 2 : 1;
} finally {
  await endNow();
}
// a check that broke off may have left a timer or a socket
process.exit(exitCode);
