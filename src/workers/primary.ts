// The primary of several workers: it holds the port and the messages between them, and serves nothing itself. It judges no login, opens
// no connection to anybody, and so has little that could fail.

import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import type { KeySet, KeysReader } from '../config/keys.ts';
import type { ClientsReader } from '../config/reload.ts';
import type { StartFailure } from '../startup.ts';
import { openBackend } from '../storage/backends.ts';
import type { RequestLogger } from '../telemetry/log.ts';
import { type Crew, type CrewOptions, type CrewTiming, createCrew, type Worker, type WorkerEvents } from './crew.ts';
import { createMeasuring } from './measuring.ts';
import type { ToPrimary, ToWorker } from './messages.ts';
import { createReloading } from './reloading.ts';
import { createWatch } from './watch.ts';

export interface Primary {
  readonly log: RequestLogger;
  /** Reads the clients again, for all workers. Never rejects: what is wrong is in the log. */
  reload(): Promise<void>;
  /** Tells all workers that the files of the keys have changed; each takes them, or says in the log why not. */
  reloadKeys(): Promise<void>;
  /** All workers say that work should go elsewhere, and serve what comes all the same. */
  withdraw(): void;
  /** Lets all workers finish what is under way. Safe to repeat. */
  close(): Promise<void>;
  kill(): void;
}

const realTiming: CrewTiming = {
  nowMs: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Starts `config.workers` processes on one port.
 *
 * @returns when all listen, or why not one of them could start
 * @throws StorageUnavailable and what else keeps the storage from opening: before any worker is started
 */
export async function startPrimary(options: {
  readonly config: Config;
  readonly readClients: ClientsReader;
  readonly readKeys: KeysReader;
  readonly log: RequestLogger;
}): Promise<{ readonly ok: true; readonly primary: Primary } | { readonly ok: false; readonly failure: StartFailure }> {
  const { config, readClients, readKeys, log } = options;
  let keys: KeySet = config;
  // tables are made once, and a storage that does not open is told once
  const clock = { now: () => Math.floor(Date.now() / 1000) };
  const backend = await openBackend(config.storageUrl, { clock, log });
  await backend.close();
  const { file: storageFile } = backend;

  const members = () => crew.members;
  const reloading = createReloading({ first: config.clients, read: readClients, members, log });
  const measuring = createMeasuring({ members, timing: realTiming });
  const watch = createWatch({ members, timing: realTiming, log });
  const crew: Crew = createCrew({
    size: config.workers,
    hire: createHiring(),
    timing: realTiming,
    log,
    begin: (number, isFirst) => ({
      kind: 'begin',
      config: { ...config, ...keysOf(keys), clients: [...reloading.begin(number)] },
      number,
      joins: !isFirst,
      storageFile,
    }),
    heard(member, message) {
      if (message.kind === 'bus') {
        for (const each of members()) if (each !== member) each.worker.send(message);
      } else if (message.kind === 'clients-served') reloading.answered(member, message.version, message.accepted);
      else if (message.kind === 'pong') watch.heard(member);
      else if (message.kind === 'measured' || message.kind === 'leaving' || message.kind === 'expose')
        measuring.heard(member, message);
    },
    joined(member) {
      reloading.joined(member);
      // it has read the files of the keys, and was not among those who are told of a change between then and now
      member.worker.send({ kind: 'reload-keys' });
    },
    left(member) {
      reloading.left(member);
      measuring.left(member);
    },
  });
  const started = await crew.started;
  if (!started.ok) return started;
  watch.start();
  const primary: Primary = {
    log,
    reload: reloading.reload,
    async reloadKeys() {
      const reading = await readKeys();
      // whoever takes the place of another begins with these: those of the start may be retired by then
      if (reading.ok) ({ keys } = reading);
      for (const { worker } of members()) worker.send({ kind: 'reload-keys' });
    },
    withdraw: crew.withdraw,
    async close() {
      if (!(await crew.stop())) throw new Error('a worker did not end well');
    },
    kill: crew.kill,
  };
  return { ok: true, primary };
}

function keysOf({ jwks, cookieKeys, dataKeys }: KeySet): Pick<Config, 'jwks' | 'cookieKeys' | 'dataKeys'> {
  return { jwks: { keys: [...jwks.keys] }, cookieKeys: [...cookieKeys], dataKeys: [...dataKeys] };
}

function createHiring(): CrewOptions['hire'] {
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('worker.ts', import.meta.url)),
    args: [],
    // keys are bytes, and JSON has none
    serialization: 'advanced',
  });
  return (_place, events) => hire(events);
}

function hire({ heard, ended }: WorkerEvents): Worker {
  const worker = cluster.fork();
  worker.on('message', (message: ToPrimary) => heard(message));
  // one that was killed: its channel breaks, which its end tells better
  worker.on('error', () => {});
  worker.on('exit', (code, signal) => {
    const how = { code: signal ? null : code, signal };
    // its last words may still be in the channel
    if (worker.isConnected()) worker.once('disconnect', () => ended(how));
    else ended(how);
  });
  const send = (message: ToWorker) => {
    if (worker.isConnected()) worker.send(message, undefined, () => {});
  };
  return {
    send,
    release() {
      send({ kind: 'stop' });
      // Takes it off the port here and now. Were the last to close its side first, a connection on its way to it would be nobody's,
      // and whoever made it would wait until this process ends.
      worker.disconnect();
    },
    kill: (signal) => void worker.process.kill(signal),
  };
}
