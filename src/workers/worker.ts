// One of several processes on a port: the provider as it is everywhere, told what to serve by its primary. It hears of the terminal's
// Ctrl-C and of a hang-up as the primary does, and leaves both to it.

import { type App, createApp } from '../app.ts';
import type { ClientEntry } from '../config/client-entry.ts';
import { receiveConfig } from '../config/handover.ts';
import { readKeySet } from '../config/keys.ts';
import { dieLoudly, endProcess, letGoOfStart, startFailureOf } from '../startup.ts';
import { openLink } from './link.ts';
import type { ToWorker } from './messages.ts';

/** A primary that is alive answers sooner, also one that was told to end with all of us and gives notice first (`NOTICE_MS`). */
const RELEASE_MS = 2_000;

let app: App | undefined;
let clients: readonly ClientEntry[] = [];
let isListening = false;
let isStopping = false;

dieLoudly();
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('SIGTERM', leave);
const link = openLink({ message: obey, broken: stop });
link.send({ kind: 'ready' });

function obey(message: ToWorker): void {
  if (message.kind === 'begin') void begin(message);
  else if (message.kind === 'serve-clients') void serveClients(message.version, message.clients);
  else if (message.kind === 'reload-keys') void reloadKeys();
  else if (message.kind === 'measure') void measure(message.round);
  else if (message.kind === 'withdraw') app?.withdraw();
  else if (message.kind === 'ping') link.send({ kind: 'pong' });
  else if (message.kind === 'stop') stop();
}

async function begin({ number, joins, storageFile, ...message }: Extract<ToWorker, { kind: 'begin' }>): Promise<void> {
  const config = receiveConfig(message.config);
  ({ clients } = config);
  try {
    const made = await createApp(config, {
      readClients: async () => ({ ok: true, clients, warnings: [] }),
      // from the files, and not what the primary read: a rotation counts on what a process reads after it has said that it runs
      readKeys: () => readKeySet(process.env),
      logBase: { worker: number },
      relay: link.relay,
      exposition: link.exposition,
      joins,
      storageFile,
    });
    app = made;
    letGoOfStart();
    await made.listen(config.port, config.host);
    isListening = true;
    link.send({ kind: 'listening' });
  } catch (error) {
    const failure = startFailureOf(error, config);
    await link.sendLast({ kind: 'failed', failure });
    // parts that did start may hold the process open
    process.exit(failure.exitCode);
  }
}

async function serveClients(version: number, next: readonly ClientEntry[]): Promise<void> {
  clients = next;
  try {
    const reload = await app?.reload();
    link.send({ kind: 'clients-served', version, accepted: reload?.ok === true });
  } catch (error) {
    app?.log.error({ err: error }, 'clients could not be read again: those before stay in use');
    link.send({ kind: 'clients-served', version, accepted: false });
  }
}

async function reloadKeys(): Promise<void> {
  try {
    await app?.reloadKeys();
  } catch (error) {
    app?.log.error({ err: error }, 'keys could not be read again: those before stay in use');
  }
}

async function measure(round: number): Promise<void> {
  if (app) link.send({ kind: 'measured', round, series: await app.parts.metrics.series() });
}

/** The primary takes it off the port first; without an answer it goes by itself. */
async function leave(): Promise<void> {
  setTimeout(stop, RELEASE_MS).unref();
  if (isListening && app) link.send({ kind: 'leaving', series: await app.parts.metrics.series() });
  else stop();
}

/** Finishes what is under way, and ends; whoever asked, and however often. */
function stop(): void {
  if (isStopping) return;
  isStopping = true;
  endProcess(async () => app?.close());
}
