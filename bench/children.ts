// A child process that the bench asks for its CPU and memory, and that never outlives it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Folder } from './folders.ts';
import type { CountQuestion, CountReply, Gauge, Question, Reply } from './probe.ts';
import { send } from './web-client.ts';

const PROBE = join(import.meta.dirname, 'probe.ts');
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;

const running = new Set<ChildProcess>();

/** Ends every child, now. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs a program that ends by itself. @throws Error when it does not end well */
export async function runToEnd(path: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const flags = ['--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, path], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  running.add(child);
  const [code] = await once(child, 'exit');
  running.delete(child);
  if (code !== 0) throw new Error(`${path} ended with ${code}`);
}

export interface Child {
  gauge(options?: { collect?: boolean }): Promise<Gauge>;
  /** What it has counted since the start; only for a child that loads something that counts. */
  counts(): Promise<Readonly<Record<string, number>>>;
  /** SIGTERM, and when that does not help in time, SIGKILL. */
  stop(): Promise<void>;
}

/** One process, not several as one: it can also be watched, told something and killed. */
export interface SingleChild extends Child {
  /** Tells a preload something, over the channel that the probe answers on. */
  tell(message: object): void;
  /** Hears what preloads tell. @returns how to stop */
  onTold(listener: (message: object) => void): () => void;
  isRunning(): boolean;
  /** resolves when the process is gone, however it went */
  readonly ended: Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface Program {
  /** as the name of its log in the folder, and in what goes wrong */
  readonly name: string;
  readonly path: string;
  readonly folder: Folder;
  readonly flags?: readonly string[];
  /** modules loaded before the program */
  readonly preloads?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** `answers` resolves once `url` gives a 200. @throws Error when that takes too long, or the child ends before */
export function startChild(program: Program): SingleChild & { answers(url: string): Promise<void> } {
  const { name, path, folder, flags = [], preloads = [], environment } = program;
  const log = join(folder.path, `${name}.log`);
  const file = openSync(log, 'a');
  const child = spawn(
    process.execPath,
    [
      ...flags,
      '--expose-gc',
      '--disable-warning=ExperimentalWarning',
      ...[PROBE, ...preloads].flatMap((module) => ['--import', module]),
      path,
    ],
    {
      cwd: folder.path,
      // nothing of the environment of whoever runs the bench may change what is measured
      env: { PATH: process.env.PATH ?? '', ...environment },
      stdio: ['ignore', file, file, 'ipc'],
    },
  );
  closeSync(file);
  running.add(child);
  const hasEnded = new Promise<void>((done) => {
    child.once('exit', () => {
      running.delete(child);
      done();
    });
    child.once('error', () => {
      running.delete(child);
      done();
    });
  });
  const asking = new Map<number, (reply: Reply | CountReply) => void>();
  let lastId = 0;
  child.on('message', (reply: Reply | CountReply) => {
    asking.get(reply.id)?.(reply);
    asking.delete(reply.id);
  });
  const wrong = (what: string) => {
    const lines = readFileSync(log, 'utf8').trim().split('\n').slice(-10).join('\n');
    return new Error(`the ${name} ${what}\n${lines}`);
  };
  const died = () => wrong('ended by itself');

  async function ask<R extends Reply | CountReply>(
    about: Omit<Question, 'id'> | Omit<CountQuestion, 'id'>,
  ): Promise<R> {
    if (!running.has(child)) throw died();
    lastId += 1;
    const id = lastId;
    const reply = new Promise<R>((done) => asking.set(id, done as (reply: Reply | CountReply) => void));
    child.send({ ...about, id });
    return Promise.race([
      reply,
      hasEnded.then(() => {
        throw died();
      }),
    ]);
  }

  return {
    async answers(url) {
      const giveUpAt = performance.now() + READY_WITHIN_MS;
      while (performance.now() < giveUpAt) {
        if (!running.has(child)) throw died();
        const isReady = await send(url).then(
          ({ status }) => status === 200,
          () => false,
        );
        if (isReady) return;
        await delay(5);
      }
      throw wrong('was not ready in time');
    },
    gauge: ({ collect = false } = {}) => ask<Reply>({ about: 'gauge', collect }),
    counts: async () => (await ask<CountReply>({ about: 'counts' })).counts,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await hasEnded;
      clearTimeout(late);
    },
    // whoever is gone in this moment hears nothing: `ended` says so
    tell: (message) => void child.send(message, () => undefined),
    onTold(listener) {
      child.on('message', listener);
      return () => void child.off('message', listener);
    },
    isRunning: () => running.has(child),
    ended: hasEnded,
    async kill() {
      child.kill('SIGKILL');
      await hasEnded;
    },
  };
}
