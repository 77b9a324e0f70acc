// Real servers for tests and for `npm run faults`. Shared ones (TEST_REDIS_URL, TEST_POSTGRES_URL, or the usual ports on this
// machine) are used under a name of one's own, which is removed afterwards; those that are stopped, paused and filled are started
// here on free ports. How a suite is skipped where there are none is in `describe-on.ts`.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import pg from 'pg';
import { freePort } from './ports.ts';

const REDIS_URL = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';
const POSTGRES_URL = process.env.TEST_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test';

export const ENGINES = ['sqlite', 'redis', 'postgres'] as const;
export type Engine = (typeof ENGINES)[number];

/** Room for records of one test: a storage URL, and how to leave nothing behind. */
export interface Room {
  readonly url: string;
  remove(): Promise<void>;
}

async function answers(url: string, port: number): Promise<boolean> {
  const { hostname, port: given } = new URL(url);
  const socket = connect(Number(given || port), hostname);
  const answered = await Promise.race([
    once(socket, 'connect').then(
      () => true,
      () => false,
    ),
    // a port that nobody listens at refuses at once; a busy machine takes its time
    delay(5_000, false, { ref: false }),
  ]);
  socket.destroy();
  return answered;
}

/** Why an engine cannot be had here, for those that cannot. */
export const MISSING: Partial<Record<Engine, string>> = {
  ...(!(await answers(REDIS_URL, 6379)) && { redis: 'no Redis answers at TEST_REDIS_URL or 127.0.0.1:6379' }),
  ...(!(await answers(POSTGRES_URL, 5432)) && {
    postgres: 'no PostgreSQL answers at TEST_POSTGRES_URL or 127.0.0.1:5432',
  }),
};

/** Can a server of one's own be started here? */
export function hasOwn(engine: 'redis' | 'postgres'): boolean {
  return findBinary(engine === 'redis' ? 'redis-server' : 'initdb') !== undefined;
}

export async function makeRoom(engine: Engine): Promise<Room> {
  const name = `t${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  if (engine === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-'));
    return { url: `sqlite:${join(folder, 'store.sqlite')}`, remove: async () => rmSync(folder, { recursive: true }) };
  }
  if (engine === 'redis') return { url: `${REDIS_URL}?prefix=${name}`, remove: () => removeRedisKeys(name) };
  return {
    url: `${POSTGRES_URL}?schema=${name}`,
    async remove() {
      const client = new pg.Client(POSTGRES_URL);
      await client.connect();
      await client.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
      await client.end();
    },
  };
}

async function removeRedisKeys(prefix: string): Promise<void> {
  const client = createClient({ url: REDIS_URL });
  await client.connect();
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}:*`, COUNT: 1000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  client.destroy();
}

const ended = new Set<() => void>();

/** Kills every server started here and removes its files, now. For the end of a run, however it comes. */
export function endOwnServersNow(): void {
  for (const end of ended) end();
}

/** A server that a test may do anything to. */
export interface OwnServer {
  /** a storage URL */
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** at once, as after a crash; what was committed stays where the engine keeps it */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nobody answers */
  pause(): void;
  resume(): void;
  /** a command to the server itself */
  tell(...command: string[]): string;
  /** ends it and removes its files */
  remove(): Promise<void>;
}

/** @param settings as on the command line of `redis-server` */
export async function ownRedis(...settings: string[]): Promise<OwnServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...settings];
  const tell = (...command: string[]) =>
    execFileSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', timeout: 5000, stdio: 'pipe' });
  return supervise({
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    tell,
    launch: () => spawn('redis-server', args, { stdio: 'ignore' }),
    isReady: () => tell('PING').startsWith('PONG'),
  });
}

/** A cluster of one's own in PostgreSQL's sense; its server refuses to run as root. */
export async function ownPostgres(): Promise<OwnServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  const user = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const initdb = findBinary('initdb') ?? 'initdb';
  const data = join(folder, 'data');
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8'], {
    ...user,
    cwd: folder,
    stdio: 'pipe',
  });
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off'];
  const tell = (...command: string[]) =>
    execFileSync('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-Atqc', command.join(' ')], {
      encoding: 'utf8',
      timeout: 5000,
      stdio: 'pipe',
    });
  const postgres = findBinary('postgres') ?? join(initdb, '../postgres');
  return supervise({
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    folder,
    tell,
    launch: () => spawn(postgres, args, { ...user, cwd: folder, stdio: 'ignore' }),
    isReady: () => tell('SELECT 1').startsWith('1'),
  });
}

async function supervise(server: {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly tell: OwnServer['tell'];
  readonly launch: () => ChildProcess;
  readonly isReady: () => boolean;
}): Promise<OwnServer> {
  const { url, port, folder, tell, launch, isReady } = server;
  let child: ChildProcess | undefined;
  let paused: number[] = [];

  async function start(): Promise<void> {
    child = launch();
    for (const giveUpAtMs = Date.now() + 10_000; ; await delay(25)) {
      try {
        if (isReady()) return;
      } catch (error) {
        if (Date.now() > giveUpAtMs || child.exitCode !== null) throw error;
      }
    }
  }

  function resume(): void {
    for (const pid of paused) signal(pid, 'SIGCONT');
    paused = [];
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    resume();
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  const endNow = () => {
    resume();
    child?.kill('SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  };
  ended.add(endNow);
  await start();
  return {
    url,
    port,
    start,
    tell,
    resume,
    // PostgreSQL's word for "at once"; killed harder, its parts would outlive it.
    kill: () => kill('SIGQUIT'),
    pause() {
      const pid = child?.pid as number;
      paused = [pid, ...childrenOf(pid)];
      for (const each of paused) signal(each, 'SIGSTOP');
    },
    async remove() {
      await kill('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
      ended.delete(endNow);
    },
  };
}

/** A part of a server may have ended between being listed and being told. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function findBinary(name: string): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort().reverse() : [];
  const folders = [
    ...versions.map((version) => `/usr/lib/postgresql/${version}/bin`),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
