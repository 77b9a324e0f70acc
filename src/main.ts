// The process: load the configuration, build the app, listen, read clients and keys again on SIGHUP, drain on SIGTERM. Without a vendor's
// key and outside production it is the demo: the provider, a stand-in for the vendor and a client, all on loopback. With WORKERS it is
// the primary of that many processes, which do the serving.

import type { App, AppOptions } from './app.ts';
import type { Config } from './config/config.ts';
import { type Fault, formatFaults } from './config/faults.ts';
import { filesOf, keySourcesOf, readKeySet } from './config/keys.ts';
import { loadConfig } from './config/load.ts';
import { createClientsReader, fingerprintOf, watchFile } from './config/reload.ts';
import {
  dieLoudly,
  endProcess,
  letGoOfStart,
  MISCONFIGURED,
  STOP_MS,
  type StartFailure,
  startFailureOf,
} from './startup.ts';
import { createLogger, logLevelOf } from './telemetry/log.ts';

/** On SIGTERM, how long `/readyz` sends work elsewhere before none is taken: what still lay in the queue of the socket would be reset. */
const NOTICE_MS = 1_000;
/** Ctrl-C under npm arrives twice, from the terminal and from npm: that is one wish. */
const SAME_PRESS_MS = 500;

/** Runs the provider until it is told to stop. Whatever keeps it from starting is told, and is the process's exit code. */
export async function serve(env: NodeJS.ProcessEnv, options: { readonly json?: boolean } = {}): Promise<void> {
  dieLoudly();
  let reload = (): void => undefined;
  // unheard it would end the process; while the start is under way there is nothing to read again
  process.on('SIGHUP', () => reload());
  const watchKeys = await prepareKeyWatch(env);
  const reading = await loadConfig(env);
  if (!reading.ok) return refuse(reading.faults, options.json);
  const { config, warnings } = reading;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  try {
    const since = await fingerprintOf(config.clientsFile);
    const readers = {
      readClients: createClientsReader({ env, config, warnings }),
      readKeys: () => readKeySet(env),
    };
    const running = await starterOf(config)(config, readers);
    if ('exitCode' in running) return abandon(running, options.json);
    stopOnSignal(running);
    const watch = watchFile(config.clientsFile, () => reloadClients(running), { since });
    reload = () => {
      reloadKeys(running);
      // noted first: what is written behind that is read again
      void watch.noteRead().then(() => reloadClients(running));
    };
    watchKeys(() => reloadKeys(running));
  } catch (error) {
    abandon(startFailureOf(error, config), options.json);
  }
}

/** What runs until it is told to stop. */
type Running = Pick<App, 'close' | 'log'> & {
  reload(): Promise<unknown>;
  reloadKeys(): Promise<unknown>;
  /** `/readyz` says that work should go elsewhere; all that comes is still served. The demo has no elsewhere. */
  withdraw?(): void;
  /** Ends the processes beside this one. */
  kill?(): void;
};

type Readers = Required<Pick<AppOptions, 'readClients' | 'readKeys'>>;

function starterOf({ demo, workers }: Config): (config: Config, readers: Readers) => Promise<Running | StartFailure> {
  if (demo) return startDemo;
  return workers > 1 ? startWorkers : startApp;
}

async function startApp(config: Config, readers: Readers): Promise<Running> {
  const { createApp } = await import('./app.ts');
  const app = await createApp(config, readers);
  letGoOfStart();
  const port = await app.listen(config.port, config.host);
  app.log.info({ issuer: config.issuer, host: config.host, port }, 'listening');
  return app;
}

/** The primary loads nothing of what its workers serve with. */
async function startWorkers(config: Config, readers: Readers): Promise<Running | StartFailure> {
  const { startPrimary } = await import('./workers/primary.ts');
  const log = createLogger({ level: logLevelOf(config.logLevel) });
  const started = await startPrimary({ config, ...readers, log });
  if (!started.ok) return started.failure;
  letGoOfStart();
  const { issuer, host, port, workers } = config;
  log.info({ issuer, host, port, workers }, 'listening');
  return started.primary;
}

/** Loaded only now: production never reads a line of the stand-in, and need not have its client's package. */
async function startDemo(config: Config, readers: Readers): Promise<Running> {
  const demo = await import('./demo/start.ts');
  return demo.startDemo(config, readers);
}

/**
 * What the files of the keys look like now, before they are read.
 *
 * @returns what begins the watch: a change since now counts
 */
async function prepareKeyWatch(env: NodeJS.ProcessEnv): Promise<(onChange: () => void) => void> {
  const paths = filesOf(keySourcesOf(env));
  const files = await Promise.all(paths.map(async (path) => ({ path, since: await fingerprintOf(path) })));
  return (onChange) => {
    for (const { path, since } of files) watchFile(path, onChange, { since });
  };
}

function refuse(faults: readonly Fault[], json = false): void {
  if (json) for (const fault of faults) process.stdout.write(`${JSON.stringify({ level: 'fault', ...fault })}\n`);
  else process.stderr.write(`${formatFaults(faults)}\n`);
  process.exitCode = MISCONFIGURED;
}

/** Tells why nothing is served, and ends: parts that did start may hold the process open. */
function abandon({ exitCode, faults, message }: StartFailure, json?: boolean): never {
  if (faults) refuse(faults, json);
  if (message !== undefined) process.stderr.write(`${message}\n`);
  process.exit(exitCode);
}

/** Whatever comes of it, those who are signing in notice nothing. */
function reloadClients(running: Running): void {
  running.reload().catch((error: unknown) => {
    running.log.error({ err: error }, 'clients could not be read again: those before stay in use');
  });
}

function reloadKeys(running: Running): void {
  running.reloadKeys().catch((error: unknown) => {
    running.log.error({ err: error }, 'keys could not be read again: those before stay in use');
  });
}

function stopOnSignal(running: Running): void {
  let stoppingSince: number | undefined;
  const stop = (signal: 'SIGTERM' | 'SIGINT') => {
    if (stoppingSince !== undefined) {
      if (signal === 'SIGINT' && performance.now() - stoppingSince < SAME_PRESS_MS) return;
      running.kill?.();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    stoppingSince = performance.now();
    running.log.info({ signal }, 'stopping: no new requests, those under way are finished');
    const isNoticed = signal === 'SIGTERM' && running.withdraw !== undefined;
    if (isNoticed) running.withdraw?.();
    endProcess(running.close, {
      afterMs: isNoticed ? NOTICE_MS : 0,
      // workers keep to the time themselves, and are heard of a moment later
      withinMs: running.kill ? STOP_MS + 250 : STOP_MS,
      atLast: running.kill,
    });
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

if (import.meta.main) await serve(process.env);
