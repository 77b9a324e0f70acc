// PostgreSQL beyond the contracts: what a server in trouble may cost (R7), how the tables are made, and what keeps deployments
// and processes apart. The servers are real and started here.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Logger } from '../../src/login/ports.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { migrateBackend, openBackend } from '../../src/storage/backends.ts';
import { readPostgresUrl } from '../../src/storage/postgres-url.ts';
import { movableClock } from '../contract/store.ts';
import { describeOn, describeWithOwn } from '../support/describe-on.ts';
import { freePort } from '../support/ports.ts';
import { makeRoom, type OwnServer, ownPostgres, type Room } from '../support/servers.ts';
import {
  expectUnavailable,
  expectUntouched,
  patiently,
  prepare,
  reads,
  recovered,
  startWatch,
  wakes,
  writes,
} from './fixtures/faults.ts';
import { startProxy } from './fixtures/proxy.ts';

const clock = movableClock();
/** what a test leaves open, closed afterwards also when it fails */
const leftOpen: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of leftOpen.splice(0).reverse()) await close();
});
const DEADLINE_MS = 900;
/** how late a timer may be on a busy machine: within the two seconds of R7 */
const SLACK_MS = 1_100;

describe('a PostgreSQL URL', () => {
  test('says where the server is and which schema is ours; nothing that is printed holds the password', () => {
    const place = readPostgresUrl(
      'postgresql://us%40r:p%2Fw@[::1]:5433/db?schema=op_2&connections=3&sslmode=verify-full',
    );
    expect(place).toMatchObject({ schema: 'op_2', connections: 3, description: 'postgres [::1]:5433/db op_2' });
    expect(place.connection).toMatchObject({
      host: '::1',
      port: 5433,
      user: 'us@r',
      ssl: { rejectUnauthorized: true },
    });
    expect(JSON.stringify(place)).not.toContain('p/w');
    expect(readPostgresUrl('postgres://h/db')).toMatchObject({
      schema: 'selfie_oidc',
      connections: 10,
      connection: { ssl: false },
    });
  });

  test.each([
    'postgres://u:secret@h',
    'postgres:///db',
    'postgres://u:secret@h/db?schema=Upper',
    'postgres://u:secret@h/db?connections=0',
    'postgres://u:secret@h/db?sslmode=prefer',
    'postgres://u:secret@h/db?options=-c',
  ])('%s is refused, without its password', async (url) => {
    const failure = await openBackend(url, { clock }).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message).not.toContain('secret');
  });
});

describeWithOwn('postgres', 'a PostgreSQL of one’s own', () => {
  let server: OwnServer;
  const said: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => said.push(message), error() {} } as Logger;

  beforeAll(async () => {
    server = await ownPostgres();
  });
  afterAll(() => server.remove());

  describe('in trouble', () => {
    let backend: Backend;

    beforeEach(async () => {
      server.tell('DROP SCHEMA IF EXISTS selfie_oidc CASCADE');
      backend = await patiently(() => openBackend(server.url, { clock, deadlineMs: DEADLINE_MS, log }));
      await prepare(backend);
    });
    afterEach(async () => {
      server.resume();
      await backend.close();
    });

    test('killed: everything is refused in time, nothing comes later, and a restart is noticed by itself', async () => {
      await server.kill();
      expect(await expectUnavailable([...writes(backend), ...reads(backend)])).toBeLessThan(DEADLINE_MS + SLACK_MS);
      await server.start();
      expect(await recovered(backend)).toBeLessThan(2000);
      await expectUntouched(backend);
      expect(await wakes(backend, backend)).toBe(true);
    });

    test('paused: what was given up is not carried out on waking', async () => {
      // So that each operation has a connection that is open already, and its statement is on the way when the server stops.
      await Promise.all([...Array(20)].map((_, index) => backend.store.set(`warm:${index}`, 1, 60)));
      server.pause();
      expect(await expectUnavailable([...writes(backend), ...reads(backend)])).toBeLessThan(DEADLINE_MS + SLACK_MS);
      server.resume();
      expect(await recovered(backend)).toBeLessThan(2000);
      await delay(100);
      await expectUntouched(backend);
    });

    test('read-only: writes are refused with nothing half done, and work again afterwards', async () => {
      const setTo = (value: string) => {
        server.tell(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        server.tell('SELECT pg_reload_conf()');
      };
      setTo('on');
      await delay(100);
      await expectUnavailable(writes(backend));
      expect(await backend.store.get('a')).toBe('before');
      setTo('off');
      expect(await recovered(backend)).toBeLessThan(2000);
      await expectUntouched(backend);
    });

    test('full: the error of a full disk leaves nothing half done, reads go on, and it recovers', async () => {
      server.tell(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`);
      for (const table of ['records', 'jobs']) {
        server.tell(`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON selfie_oidc.${table}
          FOR EACH ROW EXECUTE FUNCTION full_disk()`);
      }
      await expectUnavailable(writes(backend));
      expect(await backend.store.get('a')).toBe('before');
      server.tell('DROP FUNCTION full_disk CASCADE');
      expect(await recovered(backend)).toBeLessThan(2000);
      await expectUntouched(backend);
    });

    test('every connection ended by the server: the next operations have new ones, and pages are still woken', async () => {
      server.tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'selfie-oidc'");
      expect(await recovered(backend)).toBeLessThan(1000);
      await expectUntouched(backend);
      expect(await wakes(backend, backend)).toBe(true);
    });

    test('a row that somebody holds is refused in time, and not written when it is let go', async () => {
      const holder = new pg.Client(server.url);
      await holder.connect();
      await holder.query("BEGIN; SELECT FROM selfie_oidc.records WHERE key = 'a' FOR UPDATE");
      expect(await expectUnavailable([backend.store.set('a', 'stale', 60)])).toBeLessThan(DEADLINE_MS + SLACK_MS);
      await holder.query('ROLLBACK');
      await holder.end();
      await delay(100);
      await expectUntouched(backend);
    });

    async function openBehindProxy() {
      const proxy = await startProxy(server.port);
      leftOpen.push(proxy.close);
      const url = server.url.replace(`:${server.port}`, `:${proxy.port}`);
      const behind = await patiently(() => openBackend(url, { clock, deadlineMs: DEADLINE_MS }));
      leftOpen.push(behind.close);
      // so many at once that all connections are opened that there may be
      await Promise.all([...Array(20)].map((_, index) => behind.store.set(`warm:${index}`, 1, 60)));
      return { proxy, behind };
    }

    test('connections that died without a word are given up, and the next operations have new ones', async () => {
      const { proxy, behind } = await openBehindProxy();
      proxy.freeze();
      expect(await expectUnavailable(writes(behind))).toBeLessThan(DEADLINE_MS + SLACK_MS);
      expect(await recovered(behind)).toBeLessThan(2000);
      await expectUntouched(behind);
    });

    test('where one connection died without a word, nobody waits for each of the others', async () => {
      const { proxy, behind } = await openBehindProxy();
      proxy.freeze();
      await expectUnavailable([behind.store.set('a', 'stale', 60)]);
      expect(await recovered(behind)).toBeLessThan(2000);
      await expectUntouched(behind);
    });

    test('whoever had no time left when its turn came takes no connection along: after a pause under load all is well at once', async () => {
      const proxy = await startProxy(server.port);
      leftOpen.push(proxy.close);
      const url = `${server.url.replace(`:${server.port}`, `:${proxy.port}`)}?connections=2`;
      const behind = await patiently(() => openBackend(url, { clock, deadlineMs: DEADLINE_MS }));
      leftOpen.push(behind.close);
      await Promise.all([...Array(8)].map((_, index) => behind.store.set(`warm:${index}`, 1, 60)));
      proxy.slow(100);
      const before = proxy.made;
      // 0.2 s an operation on each of two connections: at first some get no answer, then most have no time left when it is their turn
      for (const times of [30, 60]) {
        const asked = await Promise.allSettled([...Array(times)].map((_, i) => behind.store.set(`many:${i}`, 1, 60)));
        expect(asked.some(({ status }) => status === 'rejected')).toBe(true);
      }
      proxy.slow(0);
      expect(await recovered(behind)).toBeLessThan(2000);
      expect(proxy.made - before).toBeLessThanOrEqual(2);
    });

    test('what was given up is not carried out either where the server’s clock was set back since it was measured (R10)', async () => {
      const warm = () => Promise.all([...Array(20)].map((_, index) => backend.store.set(`warm:${index}`, 1, 60)));
      await warm();
      // ours ahead by as much comes to the same
      const now = performance.now.bind(performance);
      const spy = jest.spyOn(performance, 'now').mockImplementation(() => now() + 10_000);
      leftOpen.push(() => spy.mockRestore());
      await warm();
      server.pause();
      await expectUnavailable([backend.store.set('a', 'stale', 60)]);
      server.resume();
      expect(await recovered(backend)).toBeLessThan(2000);
      await delay(100);
      await expectUntouched(backend);
    });

    test('a process that closes its storage ends, also where its connections died without a word', async () => {
      const proxy = await startProxy(server.port);
      leftOpen.push(proxy.close);
      const url = server.url.replace(`:${server.port}`, `:${proxy.port}`);
      const child = fork(join(import.meta.dirname, 'fixtures/store-process.ts'), ['leave', url], {
        execArgv: ['--no-warnings'],
      });
      leftOpen.push(() => child.kill('SIGKILL'));
      await once(child, 'message');
      child.send('warm');
      await once(child, 'message');
      proxy.freeze();
      child.send('lose');
      expect(await once(child, 'exit')).toEqual([0, null]);
    });

    test('a broken table is never "not there"', async () => {
      server.tell('ALTER TABLE selfie_oidc.records RENAME TO gone');
      await expectUnavailable([
        backend.store.get('a'),
        backend.store.take('a'),
        backend.keyv.get('a'),
        backend.keyv.has('a'),
      ]);
    });

    test('what was asked before closing is done, what is asked after is refused', async () => {
      const writing = backend.store.set('a', 'after', 60);
      const closing = backend.close();
      await expectUnavailable([...writes(backend), ...reads(backend)]);
      await Promise.all([writing, closing]);
      backend = await openBackend(server.url, { clock });
      expect(await backend.store.get('a')).toBe('after');
    });
  });

  describe('opened', () => {
    const open = (url = server.url) => openBackend(url, { clock, deadlineMs: DEADLINE_MS, log });

    beforeEach(() => {
      server.tell('DROP SCHEMA IF EXISTS selfie_oidc CASCADE');
      said.length = 0;
    });

    test('an unreachable server is told by host and port, never with the password', async () => {
      const port = await freePort();
      const failure = await open(`postgres://user:secret@127.0.0.1:${port}/db`).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(StorageUnavailable);
      expect((failure as Error).message).toMatch(
        `cannot open postgres 127.0.0.1:${port}/db selfie_oidc: ECONNREFUSED: nothing listens there`,
      );
      expect((failure as Error).message).not.toContain('secret');
    });

    test('a database that is not there is told by its name', async () => {
      const url = new URL(server.url);
      url.pathname = '/absent';
      await expect(open(url.href)).rejects.toThrow(/: database "absent" does not exist$/);
    });

    test('a paused server does not hold up the start', async () => {
      server.pause();
      const stopWatch = startWatch();
      await expect(open()).rejects.toThrow(StorageUnavailable);
      expect(stopWatch()).toBeLessThan(DEADLINE_MS + SLACK_MS);
      server.resume();
    });

    test('several at once on an empty database make the tables once, and find what is there later', async () => {
      const backends = await Promise.all([open(), open(), open(), open()]);
      await backends[0]?.store.set('a', 1, 60);
      expect(await backends[3]?.store.get('a')).toBe(1);
      await Promise.all(backends.map((backend) => backend.close()));
      const again = await open();
      expect(await again.store.get('a')).toBe(1);
      await again.close();
    });

    test('tables of a newer program are refused', async () => {
      await (await open()).close();
      server.tell('UPDATE selfie_oidc.schema_version SET version = 99');
      await expect(open()).rejects.toThrow(/schema 99/);
    });

    test('whoever may not make schemas can be given one', async () => {
      server.tell(
        'CREATE ROLE plain LOGIN; CREATE SCHEMA given AUTHORIZATION plain; REVOKE CREATE ON DATABASE postgres FROM PUBLIC',
      );
      const url = server.url.replace('postgres@', 'plain@');
      await expect(open(url)).rejects.toThrow(/permission denied/);
      // foretold, too
      const look = (at: string) => migrateBackend(at, { onlyLook: true });
      await expect(look(url)).rejects.toThrow(/the user plain may make no schema in this database; CREATE SCHEMA "/);
      server.tell('CREATE SCHEMA foreign_one; GRANT USAGE ON SCHEMA foreign_one TO plain');
      await expect(look(`${url}?schema=foreign_one`)).rejects.toThrow(
        /may make no tables in this schema; GRANT CREATE ON/,
      );
      expect(await look(`${url}?schema=given`)).toMatchObject({ from: 0 });
      const backend = await open(`${url}?schema=given`);
      await backend.ping();
      await backend.close();
    });

    test('a database that cannot hold every text is refused, a server that may forget is warned of', async () => {
      server.tell("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
      const latin = server.url.replace(/postgres$/, 'latin');
      await expect(open(latin)).rejects.toThrow(/UTF8 is needed/);
      await expect(migrateBackend(latin, { onlyLook: true })).rejects.toThrow(/UTF8 is needed/);
      said.length = 0;
      await (await open()).close();
      expect(said).toEqual([expect.stringMatching(/fsync off/)]);
    });
  });
});

describeOn('postgres', () => {
  let rooms: Room[];
  beforeEach(async () => {
    rooms = [await makeRoom('postgres'), await makeRoom('postgres')];
  });
  afterEach(async () => {
    for (const room of rooms) await room.remove();
  });
  const open = async (room = 0, options: { deadlineMs?: number } = {}) => {
    const backend = await openBackend(`${rooms[room]?.url}&connections=3`, { clock, ...options });
    leftOpen.push(backend.close);
    return backend;
  };

  test('deployments with schemas of their own in one database know nothing of each other', async () => {
    const [one, other] = await Promise.all([open(0), open(1)]);
    await one.store.set('a', 1, 60);
    await one.jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: 1 });
    expect([await other.store.get('a'), await other.store.keys(''), await other.jobs.nextDueAtMs()]).toEqual([
      undefined,
      [],
      undefined,
    ]);
    expect(await wakes(one, other, 200)).toBe(false);
  });

  test('a message wakes another process’s page, and each page of one’s own once', async () => {
    const [one, other] = await Promise.all([open(), open()]);
    let count = 0;
    one.bus.subscribe('own', () => {
      count += 1;
    });
    await one.bus.publish('own');
    expect(await wakes(one, other)).toBe(true);
    expect(count).toBe(1);
  });

  test('a list is in byte order, and comes in pages', async () => {
    const backend = await open();
    const keys = ['\u{1F600}', '\uFF5E', 'a', 'B', 'é', 'n1', 'n10', 'n2'].map((name) => `list:${name}`);
    await Promise.all(keys.map((key) => backend.store.set(key, 1, 60)));
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await backend.store.keys('list:')).toEqual(sorted);
    expect(await backend.store.keys('list:', { after: sorted[2] ?? '', limit: 2 })).toEqual(sorted.slice(3, 5));
  });

  test('fifty writers of one record, in ten processes, all get through', async () => {
    const backends = await Promise.all(Array.from({ length: 10 }, () => open(0, { deadlineMs: 20_000 })));
    const add = (current = 0) => ({ kind: 'write', value: current + 1, ttlSeconds: 60, result: current + 1 }) as const;
    const fifty = Array.from({ length: 5 }, () => backends).flat();
    const counts = await Promise.all(fifty.map(({ store }) => store.update<number, number>('hot', add)));
    expect(counts.toSorted((a, b) => a - b)).toEqual(fifty.map((_, index) => index + 1));
  });
});
