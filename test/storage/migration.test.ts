// The form of the records: made once, by whoever is first; looked at without a trace; and refused when a newer program wrote it.

import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '@redis/client';
import pg from 'pg';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { FOREVER } from '../../src/login/ports.ts';
import { migrateBackend, openBackend } from '../../src/storage/backends.ts';
import { movableClock } from '../contract/store.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, type Engine, makeRoom, type Room } from '../support/servers.ts';

const clock = movableClock();
let room: Room;
const migrate = (options: { deadlineMs?: number } = {}) => migrateBackend(room.url, { ...options, onlyLook: false });
const look = (options: { deadlineMs?: number } = {}) => migrateBackend(room.url, { ...options, onlyLook: true });

/** What this program brings records to. */
const LATEST: Readonly<Record<Engine, number>> = { sqlite: 2, redis: 1, postgres: 1 };

/** The number that stands beside the records, by the engine's own means. */
const HOLDERS: Record<Engine, (version: number) => Promise<unknown>> = {
  async sqlite(version) {
    const file = new DatabaseSync(pathOf(room));
    file.exec(`PRAGMA user_version = ${version}`);
    file.close();
  },
  redis: (version) => withRedis((client, prefix) => client.set(`{${prefix}:layout}`, String(version))),
  postgres: (version) =>
    withPostgres((client, schema) => client.query(`UPDATE ${schema}.schema_version SET version = ${version}`)),
};

for (const engine of ENGINES) {
  describeOn(engine, () => {
    useRoom(engine);

    test('of several that migrate at once the first does it, and the others find it done', async () => {
      const migrations = await Promise.all([migrate(), migrate(), migrate()]);
      const latest = LATEST[engine];
      expect(migrations.map(({ from, to }) => [from, to]).toSorted()).toEqual([
        [0, latest],
        [latest, latest],
        [latest, latest],
      ]);
      const backend = await openBackend(room.url, { clock });
      await backend.store.set('a', 1, 60);
      await backend.close();
      expect(await migrate()).toMatchObject({ from: latest, to: latest });
      const again = await openBackend(room.url, { clock });
      expect(await again.store.get('a')).toBe(1);
      await again.close();
    });

    test('what a newer program wrote is refused by opening, migrating and looking, and stays as it is', async () => {
      await migrate();
      await HOLDERS[engine](99);
      for (const ask of [
        () => openBackend(room.url, { clock, deadlineMs: 10_000 }),
        () => migrate({ deadlineMs: 10_000 }),
        () => look({ deadlineMs: 10_000 }),
      ]) {
        const failure = await ask().catch((error: Error) => error);
        expect(failure).toBeInstanceOf(StorageUnavailable);
        expect((failure as Error).message).toMatch(
          new RegExp(`schema 99, this program knows ${LATEST[engine]}: .* newer one`),
        );
      }
    });
  });
}

describe('sqlite', () => {
  useRoom('sqlite');

  test('looking makes no file, and tells what is due', async () => {
    expect(await look()).toMatchObject({ from: 0, to: 2 });
    expect(existsSync(pathOf(room))).toBe(false);
    await migrate();
    expect(await look()).toMatchObject({ from: 2, to: 2 });
  });

  test('a file of the first version is brought on, and what has expired there goes all the same', async () => {
    const old = new DatabaseSync(pathOf(room));
    old.exec(`
      CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT;
      CREATE INDEX records_by_end ON records (expires_at);
      CREATE TABLE jobs (
        kind TEXT NOT NULL, id TEXT NOT NULL, due_at_ms INTEGER NOT NULL, ready_at_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (kind, id)
      ) STRICT;
      CREATE INDEX jobs_by_readiness ON jobs (ready_at_ms);
      INSERT INTO records VALUES ('gone', '1', 1), ('here', '2', ${clock.now() + 60}), ('for ever', '3', ${clock.now() + FOREVER});
      PRAGMA user_version = 1`);
    old.close();
    expect(await migrate()).toMatchObject({ from: 1, to: 2 });
    const backend = await openBackend(room.url, { clock });
    expect(await backend.sweepExpired()).toBe(1);
    expect(await backend.store.keys('')).toEqual(['for ever', 'here']);
    await backend.close();
  });

  test('who comes while another migrates waits for it, longer than an operation may take', async () => {
    const other = new DatabaseSync(pathOf(room));
    other.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
    const waiting = migrate({ deadlineMs: 20 });
    await delay(100);
    other.exec('PRAGMA user_version = 2; COMMIT');
    other.close();
    expect(await waiting).toMatchObject({ from: 2, to: 2 });
  });
});

describeOn('postgres', () => {
  useRoom('postgres');

  test('looking makes no tables, and tells what is due', async () => {
    for (const _ of [1, 2]) expect(await look()).toMatchObject({ from: 0, to: 1 });
    await migrate();
    expect(await look()).toMatchObject({ from: 1, to: 1 });
  });

  test('who comes while another migrates waits for it', async () => {
    await withPostgres(async (client, schema) => {
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`selfie-oidc ${schema}`]);
      await client.query(`CREATE SCHEMA ${schema}`);
      await client.query(`CREATE TABLE ${schema}.schema_version AS SELECT 1 AS version`);
      const waiting = migrate();
      const blocked = 'SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))';
      while ((await client.query(blocked)).rowCount === 0) await delay(10);
      await client.query('COMMIT');
      expect(await waiting).toMatchObject({ from: 1, to: 1 });
    });
  });
});

describeOn('redis', () => {
  useRoom('redis');
  const heldNumber = () => withRedis((client, prefix) => client.get(`{${prefix}:layout}`));

  test('what was stored before the number was kept counts as the first form; migrating notes it, looking does not', async () => {
    const backend = await openBackend(room.url, { clock });
    await backend.store.set('a', 1, 60);
    await backend.close();
    await withRedis((client, prefix) => client.del(`{${prefix}:layout}`));
    expect(await look()).toMatchObject({ from: 1, to: 1 });
    expect(await heldNumber()).toBeNull();
    expect(await migrate()).toMatchObject({ from: 1, to: 1 });
    expect(await heldNumber()).toBe('1');
  });

  test('where nothing was ever stored, looking tells that something is due, and notes nothing', async () => {
    for (const _ of [1, 2]) expect(await look()).toMatchObject({ from: 0, to: 1 });
    expect(await heldNumber()).toBeNull();
    expect(await migrate()).toMatchObject({ from: 0, to: 1 });
    expect(await look()).toMatchObject({ from: 1, to: 1 });
  });
});

test('memory has nothing that another process could migrate', async () => {
  await expect(migrateBackend('memory:', { onlyLook: false })).rejects.toThrow(/can be migrated/);
});

function useRoom(engine: Engine): void {
  beforeEach(async () => {
    room = await makeRoom(engine);
  });
  afterEach(() => room.remove());
}

function pathOf({ url }: Room): string {
  return url.slice('sqlite:'.length);
}

async function withRedis<T>(work: (client: ReturnType<typeof createClient>, prefix: string) => Promise<T>): Promise<T> {
  const url = new URL(room.url);
  const prefix = url.searchParams.get('prefix') ?? '';
  url.search = '';
  const client = createClient({ url: url.href });
  await client.connect();
  return work(client as ReturnType<typeof createClient>, prefix).finally(() => client.destroy());
}

async function withPostgres<T>(work: (client: pg.Client, schema: string) => Promise<T>): Promise<T> {
  const url = new URL(room.url);
  const schema = url.searchParams.get('schema') ?? '';
  url.search = '';
  const client = new pg.Client(url.href);
  await client.connect();
  return work(client, schema).finally(() => client.end());
}
