// What can be wrong with a storage (R7), for each engine: how it begins and how it ends. The servers are of the run's own.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SingleChild } from '../../bench/children.ts';
import { type Proxy, startProxy } from '../../test/storage/fixtures/proxy.ts';
import { type Engine, ownPostgres, ownRedis } from '../../test/support/servers.ts';
import { tellAndWait } from '../told.ts';

export interface Illness {
  readonly name: string;
  /** reads go on while it lasts, so an answer that only reads is right */
  readonly readsGoOn: boolean;
  /** some is done all the same: what fits into room that is left on a page, or can be asked in time */
  readonly letsSomeThrough?: boolean;
  begin(provider: SingleChild): Promise<void> | void;
  end(provider: SingleChild): Promise<void> | void;
}

export interface Ward {
  readonly storageUrl: string;
  readonly illnesses: readonly Illness[];
  close(): Promise<void>;
}

/** Longer than an operation may take. */
const SLOW_MS = 4_000;
/** Each way: a question is answered in time, and three of them together are not. */
const LATE_MS = 350;
const HOLDER = join(import.meta.dirname, '../../test/storage/fixtures/store-process.ts');

export function openWard(engine: Engine): Promise<Ward> {
  switch (engine) {
    case 'sqlite':
      return sqliteWard();
    case 'redis':
      return redisWard();
    case 'postgres':
      return postgresWard();
  }
}

async function sqliteWard(): Promise<Ward> {
  const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-faults-'));
  const path = join(folder, 'store.sqlite');
  let holder: ChildProcess | undefined;
  const said = (begin: string, end: string) => ({
    readsGoOn: true,
    begin: (provider: SingleChild) => tellAndWait(provider, { sqlite: begin }, 'sqliteTold'),
    end: (provider: SingleChild) => tellAndWait(provider, { sqlite: end }, 'sqliteTold'),
  });
  return {
    storageUrl: `sqlite:${path}`,
    illnesses: [
      {
        name: 'held by another',
        readsGoOn: true,
        async begin() {
          holder = fork(HOLDER, ['hold', path], { execArgv: ['--no-warnings'] });
          await once(holder, 'message');
        },
        async end() {
          const gone = once(holder as ChildProcess, 'exit');
          holder?.send('let go');
          await gone;
        },
      },
      { name: 'read-only', ...said('PRAGMA query_only = 1', 'PRAGMA query_only = 0') },
      {
        name: 'full',
        letsSomeThrough: true,
        ...said('PRAGMA max_page_count = 1', 'PRAGMA max_page_count = 1000000'),
      },
    ],
    async close() {
      holder?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function late(proxy: Proxy): Omit<Illness, 'name'> {
  return { readsGoOn: true, letsSomeThrough: true, begin: () => proxy.slow(LATE_MS), end: () => proxy.slow(0) };
}

async function redisWard(): Promise<Ward> {
  const server = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always');
  const proxy = await startProxy(server.port);
  const set = (name: string, value: string) => () => void server.tell('CONFIG', 'SET', name, value);
  return {
    storageUrl: `redis://127.0.0.1:${proxy.port}`,
    illnesses: [
      { name: 'stopped', readsGoOn: false, begin: () => server.kill(), end: () => server.start() },
      { name: 'paused', readsGoOn: false, begin: server.pause, end: server.resume },
      {
        name: 'read-only',
        readsGoOn: true,
        begin: () => void server.tell('REPLICAOF', '127.0.0.1', '1'),
        end: () => void server.tell('REPLICAOF', 'NO', 'ONE'),
      },
      { name: 'full', readsGoOn: true, begin: set('maxmemory', '1'), end: set('maxmemory', '0') },
      { name: 'slow', readsGoOn: false, begin: () => proxy.slow(SLOW_MS), end: () => proxy.slow(0) },
      { name: 'late', ...late(proxy) },
    ],
    async close() {
      proxy.close();
      await server.remove();
    },
  };
}

async function postgresWard(): Promise<Ward> {
  const server = await ownPostgres();
  const proxy = await startProxy(server.port);
  const readOnly = (value: string) => () => {
    server.tell(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    server.tell('SELECT pg_reload_conf()');
  };
  return {
    storageUrl: server.url.replace(`:${server.port}`, `:${proxy.port}`),
    illnesses: [
      { name: 'stopped', readsGoOn: false, begin: () => server.kill(), end: () => server.start() },
      { name: 'paused', readsGoOn: false, begin: server.pause, end: server.resume },
      { name: 'read-only', readsGoOn: true, begin: readOnly('on'), end: readOnly('off') },
      {
        name: 'full',
        readsGoOn: true,
        begin() {
          server.tell(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`);
          for (const table of ['records', 'jobs']) {
            server.tell(`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON selfie_oidc.${table}
              FOR EACH ROW EXECUTE FUNCTION full_disk()`);
          }
        },
        end: () => void server.tell('DROP FUNCTION full_disk CASCADE'),
      },
      { name: 'slow', readsGoOn: false, begin: () => proxy.slow(SLOW_MS), end: () => proxy.slow(0) },
      { name: 'late', ...late(proxy) },
    ],
    async close() {
      proxy.close();
      await server.remove();
    },
  };
}
