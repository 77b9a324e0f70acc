// The process: load the configuration, build the app, listen, read the clients again on SIGHUP, drain on SIGTERM. Without a vendor's
// key and outside production it is the demo: the provider, a stand-in for the vendor and a client, all on loopback.

import { type App, createApp } from './app.ts';
import type { Config } from './config/config.ts';
import { type Fault, formatFaults, Misconfigured } from './config/faults.ts';
import { loadConfig } from './config/load.ts';
import { type ClientsReader, createClientsReader, fingerprintOf, watchFile } from './config/reload.ts';
import type { AppErrorCode } from './core/errors.ts';
import { createLogger } from './telemetry/log.ts';

/** The configuration cannot be served. */
const MISCONFIGURED = 2;
/** Something else failed: a taken port, a storage that does not open, a fault of our own. */
const FAILED = 1;
/** A stop may take this long; what is left then is on disk, and goes on after the next start. */
const STOP_MS = 9_500;
/** Ctrl-C under npm arrives twice, from the terminal and from npm: that is one wish. */
const SAME_PRESS_MS = 500;

/** Runs the provider until it is told to stop. Whatever keeps it from starting is told, and is the process's exit code. */
export async function serve(env: NodeJS.ProcessEnv, options: { readonly json?: boolean } = {}): Promise<void> {
  dieLoudly();
  let reload = (): void => undefined;
  // unheard it would end the process; while the start is under way there is nothing to read again
  process.on('SIGHUP', () => reload());
  const reading = await loadConfig(env);
  if (!reading.ok) return refuse(reading.faults, options.json);
  const { config, warnings } = reading;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  try {
    if (config.demo) stopOnSignal(await startDemo(config));
    else {
      const since = await fingerprintOf(config.clientsFile);
      const app = await startApp(config, createClientsReader({ env, config, warnings }));
      stopOnSignal(app);
      reload = () => reloadClients(app);
      watchFile(config.clientsFile, reload, { since });
    }
  } catch (error) {
    const faults = faultsOf(error);
    if (faults) refuse(faults, options.json);
    else process.stderr.write(`${explain(error, config)}\n`);
    // parts that did start may hold the process open
    process.exit(faults ? MISCONFIGURED : FAILED);
  }
}

async function startApp(config: Config, readClients: ClientsReader): Promise<App> {
  const app = await createApp(config, { readClients });
  const port = await app.listen(config.port, config.host);
  app.log.info({ issuer: config.issuer, host: config.host, port }, 'listening');
  return app;
}

/** Loaded only now: production never reads a line of the stand-in, and need not have its client's package. */
async function startDemo(config: Config): Promise<Pick<App, 'close'>> {
  const demo = await import('./demo/start.ts');
  return demo.startDemo(config);
}

function refuse(faults: readonly Fault[], json = false): void {
  if (json) for (const fault of faults) process.stdout.write(`${JSON.stringify({ level: 'fault', ...fault })}\n`);
  else process.stderr.write(`${formatFaults(faults)}\n`);
  process.exitCode = MISCONFIGURED;
}

/** What only the opened parts could tell about the configuration. */
export function faultsOf(error: unknown): readonly Fault[] | undefined {
  if (error instanceof Misconfigured) return error.faults;
  if ((error as { code?: AppErrorCode }).code !== 'sealed_unreadable') return undefined;
  const problem = `does not open what is stored (${(error as Error).message})`;
  return [{ where: 'DATA_KEYS', problem, fix: 'put the keys that were used before behind the new one' }];
}

function explain(error: unknown, config: Config): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${config.host}:${config.port}`;
  if (code === 'EADDRINUSE') return `PORT: ${where} is taken; set PORT to a free one, or stop what listens there`;
  if (code === 'EACCES') return `PORT: ${where} may not be listened on by this user; set PORT to one above 1023`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `HOST: ${config.host} is no address of this machine`;
  if (code === 'storage_unavailable') return `STORAGE_URL: ${message}`;
  return `could not start: ${message}`;
}

/** Whatever comes of it, those who are signing in notice nothing. */
function reloadClients(app: App): void {
  app.reload().catch((error: unknown) => {
    app.log.error({ err: error }, 'clients could not be read again: those before stay in use');
  });
}

function stopOnSignal(running: Pick<App, 'close'> & Partial<Pick<App, 'log'>>): void {
  let stoppingSince: number | undefined;
  const stop = (signal: 'SIGTERM' | 'SIGINT') => {
    if (stoppingSince !== undefined) {
      if (signal === 'SIGINT' && performance.now() - stoppingSince < SAME_PRESS_MS) return;
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    stoppingSince = performance.now();
    running.log?.info({ signal }, 'stopping: no new requests, those under way are finished');
    setTimeout(() => {
      process.stderr.write('stopped before all work had ended; what is left goes on after the next start\n');
      process.exit(0);
    }, STOP_MS);
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`could not stop cleanly: ${String(error)}\n`);
        process.exit(FAILED);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

/** A fault nobody caught leaves the process in no known state: it is told, and whoever watches starts another. */
function dieLoudly(): void {
  const log = createLogger({ level: 'error' });
  const die = (message: string) => (error: unknown) => {
    log.error({ err: error }, message);
    process.exit(FAILED);
  };
  process.on('uncaughtException', die('a fault that nobody caught'));
  process.on('unhandledRejection', die('a failure that nobody waited for'));
}

if (import.meta.main) await serve(process.env);
