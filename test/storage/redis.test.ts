// Redis beyond the contracts: what a server in trouble may cost (R7), what is refused at the start, and what keeps deployments,
// processes and shards apart. The servers are real and started here.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '@redis/client';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Logger } from '../../src/login/ports.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { migrateBackend, openBackend } from '../../src/storage/backends.ts';
import { readRedisUrl } from '../../src/storage/redis-url.ts';
import { movableClock } from '../contract/store.ts';
import { describeOn, describeWithOwn } from '../support/describe-on.ts';
import { freePort } from '../support/ports.ts';
import { makeRoom, type OwnServer, ownRedis, type Room } from '../support/servers.ts';
import {
  expectUnavailable,
  expectUntouched,
  patiently,
  prepare,
  reads,
  recovered,
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

describe('a Redis URL', () => {
  test('says where the server is and under which prefix; nothing that is printed holds the password', () => {
    const place = readRedisUrl('rediss://us%40r:p%2Fw@[::1]:7000/3?prefix=op-2');
    expect(place).toMatchObject({ host: '::1', port: 7000, tls: true, username: 'us@r', password: 'p/w', database: 3 });
    expect([place.prefix, place.description]).toEqual(['op-2', 'redis [::1]:7000/3 op-2']);
    expect(readRedisUrl('redis://h')).toMatchObject({ port: 6379, tls: false, database: 0, prefix: 'selfie-oidc' });
    expect(readRedisUrl('redis://h?node=h2&node=[::1]:7001').others).toEqual([
      { host: 'h2', port: 6379 },
      { host: '::1', port: 7001 },
    ]);
  });

  test.each([
    'redis://',
    'redis://h/name',
    'redis://:secret@h/0?prefix={a}',
    'redis://:secret@h?db=1',
    'redis://h#x',
    'redis://h?node=:secret@h2',
  ])('%s is refused, without its password', async (url) => {
    const failure = await openBackend(url, { clock }).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message).not.toContain('secret');
  });
});

describeWithOwn('redis', 'a Redis in trouble', () => {
  let server: OwnServer;
  let backend: Backend;

  beforeAll(async () => {
    server = await ownRedis('--appendonly', 'yes', '--appendfsync', 'always');
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    server.tell('FLUSHALL');
    backend = await patiently(() => openBackend(server.url, { clock, deadlineMs: DEADLINE_MS }));
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
    server.pause();
    expect(await expectUnavailable([...writes(backend), ...reads(backend)])).toBeLessThan(DEADLINE_MS + SLACK_MS);
    server.resume();
    expect(await recovered(backend)).toBeLessThan(2000);
    await expectUntouched(backend);
  });

  test.each([
    ['a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    [
      'without enough replicas',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
    ['full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ])('%s: writes are refused with nothing half done, and work again afterwards', async (name, begin, end) => {
    server.tell(...begin);
    // A full server still lets go of what is there.
    const asked =
      name === 'full' ? [backend.store.set('a', 'stale', 60), backend.store.increment('count', 60)] : writes(backend);
    await expectUnavailable(asked);
    if (name !== 'a replica') expect(await backend.store.get('a')).toBe('before');
    server.tell(...end);
    expect(await recovered(backend)).toBeLessThan(2000);
    await expectUntouched(backend);
  });

  test('a connection that died without a word is given up, and the next operation has a new one', async () => {
    const proxy = await startProxy(server.port);
    leftOpen.push(proxy.close);
    const behind = await patiently(() =>
      openBackend(`redis://127.0.0.1:${proxy.port}`, { clock, deadlineMs: DEADLINE_MS }),
    );
    leftOpen.push(behind.close);
    proxy.freeze();
    expect(await expectUnavailable(writes(behind))).toBeLessThan(DEADLINE_MS + SLACK_MS);
    expect(await recovered(behind)).toBeLessThan(1000);
    await expectUntouched(behind);
    // The other connection, which only listens, is asked every two seconds whether it lives.
    expect(await wakes(backend, behind, 5000)).toBe(true);
  });

  test('one that forgot the scripts is taught them again', async () => {
    server.tell('SCRIPT', 'FLUSH');
    expect(await backend.store.increment('count', 60)).toBe(1);
  });

  test.each(['no job', 'a job that is none'])('a name that waits with %s keeps nobody from work', async (what) => {
    const jobs = '{selfie-oidc:jobs}';
    const name = "'poll'..string.char(0)..'orphan'";
    for (const ready of [`${jobs}:ready`, `${jobs}:ready:poll`])
      server.tell('EVAL', `return redis.call('ZADD', KEYS[1], 1, ${name})`, '1', ready);
    if (what !== 'no job')
      server.tell('EVAL', `return redis.call('HSET', KEYS[1], ${name}, 'nonsense')`, '1', `${jobs}:jobs`);
    expect(await backend.jobs.claimDue({ nowMs: 10, limit: 9, leaseMs: 5 })).toMatchObject([{ id: 'before' }]);
    expect(await backend.jobs.nextDueAtMs()).toBe(15);
    // the same where only the set of its kind still has it
    server.tell('EVAL', `return redis.call('ZADD', KEYS[1], 99, ${name})`, '1', `${jobs}:ready:poll`);
    await backend.jobs.hasten('poll', 12);
    expect(await backend.jobs.nextDueAtMs()).toBe(12);
    expect(server.tell('ZCARD', `${jobs}:ready:poll`).trim()).toBe('1');
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

describeWithOwn('redis', 'opening Redis', () => {
  let server: OwnServer;
  const said: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => said.push(message), error() {} } as Logger;
  const open = (url = server.url) => openBackend(url, { clock, deadlineMs: DEADLINE_MS, log });

  beforeAll(async () => {
    server = await ownRedis();
  });
  afterAll(() => server.remove());

  test('an unreachable server is told by host and port, never with the password', async () => {
    const port = await freePort();
    const failure = await open(`redis://user:secret@127.0.0.1:${port}`).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(StorageUnavailable);
    expect((failure as Error).message).toBe(
      `redis 127.0.0.1:${port}/0 selfie-oidc: not connected (ECONNREFUSED: nothing listens there)`,
    );
  });

  test('a wrong password is told as such, and so is a database that is not there', async () => {
    await expect(open(`${server.url}/77`)).rejects.toThrow(/not connected \(ERR: there is no such database\)/);
    server.tell('CONFIG', 'SET', 'requirepass', 'right');
    try {
      await expect(open(server.url.replace('//', '//:wrong@'))).rejects.toThrow(
        /not connected \(WRONGPASS: the user or the password is wrong\)/,
      );
      await expect(open()).rejects.toThrow(/NOAUTH/);
      await (await open(server.url.replace('//', '//:right@'))).close();
    } finally {
      server.tell('-a', 'right', 'CONFIG', 'SET', 'requirepass', '');
    }
  });

  test('a server that may throw records away is refused, one that forgets them on a restart is warned of', async () => {
    server.tell('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const refusal = await open()
      .catch((error: Error) => error)
      .finally(() => server.tell('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'));
    // as what an operator is told, and not as a fault of ours
    expect(refusal).toBeInstanceOf(StorageUnavailable);
    expect((refusal as Error).message).toMatch(/maxmemory-policy allkeys-lru .*; set maxmemory-policy noeviction/);
    said.length = 0;
    await (await open()).close();
    expect(said).toEqual([expect.stringMatching(/set appendonly yes/)]);
  });

  test('a server whose settings go bad while it is used is refused soon, told once, and used again when they are good', async () => {
    const told: unknown[] = [];
    const watching = { ...log, error: (fields: object) => told.push(fields) } as Logger;
    const backend = await openBackend(server.url, { clock, deadlineMs: DEADLINE_MS, log: watching });
    leftOpen.push(backend.close);
    server.tell('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    const refusal = await patiently(async () => {
      const failure = await backend.store.get('a').catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StorageUnavailable);
      return failure as Error;
    });
    expect(refusal.message).toContain('set maxmemory-policy noeviction');
    await expect(backend.ping()).rejects.toThrow('set maxmemory-policy noeviction');
    await delay(1000);
    expect(told).toEqual([expect.objectContaining({ problem: expect.stringContaining('allkeys-random') })]);
    server.tell('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(await recovered(backend)).toBeLessThan(2000);
  });

  test('a connection that leads to a server with bad settings is not used', async () => {
    const backend = await open();
    leftOpen.push(backend.close);
    server.tell('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    server.tell('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect(backend.store.set('a', 'lost', 60)).rejects.toThrow(StorageUnavailable);
    server.tell('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(await recovered(backend)).toBeLessThan(2000);
    expect(await backend.store.get('a')).toBeUndefined();
  });

  test('what stands in the place of the layout, and is none, is told as that, and stays', async () => {
    server.tell('SET', '{selfie-oidc:layout}', 'garbage');
    const told = /the key \{selfie-oidc:layout\} in redis should hold the number of a schema and does not/;
    await expect(open()).rejects.toThrow(told);
    await expect(migrateBackend(server.url, { onlyLook: true })).rejects.toThrow(told);
    expect(server.tell('GET', '{selfie-oidc:layout}').trim()).toBe('garbage');
    server.tell('DEL', '{selfie-oidc:layout}');
  });

  test('a replica is refused', async () => {
    server.tell('REPLICAOF', '127.0.0.1', '1');
    await expect(open()).rejects.toThrow(/replica/);
    server.tell('REPLICAOF', 'NO', 'ONE');
  });

  test('several nodes in the URL are refused of a server that is in no cluster, and a cluster that serves nothing', async () => {
    await expect(open(`${server.url}?node=127.0.0.1`)).rejects.toThrow(/none of a Redis Cluster/);
    const node = await ownRedis('--cluster-enabled', 'yes');
    leftOpen.push(node.remove);
    await expect(open(node.url)).rejects.toThrow(/no node of the cluster serves any key/);
    await expect(open(`${node.url}/1`)).rejects.toThrow(/no databases but 0/);
  });

  test('rediss: speaks TLS with a server whose certificate is trusted, and with no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...subject], { stdio: 'pipe' });
    const port = await freePort();
    const files = ['--tls-key-file', key, '--tls-cert-file', cert, '--tls-ca-cert-file', cert];
    const secure = await ownRedis('--tls-port', String(port), ...files, '--tls-auth-clients', 'no');
    await expect(open(`rediss://localhost:${port}`)).rejects.toThrow(/not connected \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
    const trusted = tls.getCACertificates();
    tls.setDefaultCACertificates([...trusted, readFileSync(cert, 'utf8')]);
    const backend = await open(`rediss://localhost:${port}`);
    await backend.store.set('a', 1, 60);
    expect(await backend.store.get('a')).toBe(1);
    await backend.close();
    tls.setDefaultCACertificates(trusted);
    await secure.remove();
    rmSync(folder, { recursive: true });
  });
});

/** What Redis itself says of every key in a room; -1 is "no end". */
async function lifetimesIn(url: string): Promise<readonly number[]> {
  const { host, port, prefix } = readRedisUrl(url);
  const client = createClient({ socket: { host, port } });
  await client.connect();
  const ends: number[] = [];
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}:*`, COUNT: 1000 })) {
    ends.push(...(await Promise.all(keys.map((key) => client.pTTL(key)))));
  }
  client.destroy();
  return ends;
}

describeOn('redis', () => {
  let rooms: Room[];
  beforeEach(async () => {
    rooms = [await makeRoom('redis'), await makeRoom('redis')];
  });
  afterEach(async () => {
    for (const room of rooms) await room.remove();
  });
  const open = async (room = 0, options: { deadlineMs?: number } = {}) => {
    const backend = await openBackend(rooms[room]?.url ?? '', { clock, ...options });
    leftOpen.push(backend.close);
    return backend;
  };

  test('deployments with prefixes of their own on one server know nothing of each other', async () => {
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

  test('a list passes over thousands that are dead, is in byte order over all shards, and comes in pages', async () => {
    const backend = await open();
    const names = ['\u{1F600}', '\uFF5E', 'a', 'B', 'é', ...Array.from({ length: 300 }, () => randomUUID())];
    const keys = names.map((name) => `list:${name}`);
    await Promise.all(Array.from({ length: 3000 }, (_, index) => backend.store.set(`list:${index}`, 1, 5)));
    await Promise.all(keys.map((key) => backend.store.set(key, 1, 60)));
    clock.advance(5);
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await backend.store.keys('list:')).toEqual(sorted);
    const paged: string[] = [];
    for (let page: readonly string[] = ['']; page.length > 0; paged.push(...page)) {
      page = await backend.store.keys('list:', { after: paged.at(-1) ?? '', limit: 7 });
    }
    expect(paged).toEqual(sorted);
  });

  test('a clock moved back still sees what was stored, and nothing of ours has an end that the server knows', async () => {
    const backend = await open();
    await backend.store.set('short', 1, 1);
    await backend.store.increment('count', 1);
    await backend.jobs.schedule({ kind: 'poll', id: 'a', dueAtMs: 1 });
    clock.advance(100);
    expect(await backend.store.get('short')).toBeUndefined();
    clock.advance(-100);
    expect(await backend.store.get('short')).toBe(1);
    const ends = await lifetimesIn(rooms[0]?.url ?? '');
    expect([...new Set(ends)]).toEqual([-1]);
  });

  test('fifty writers of one record all get through', async () => {
    const backends = await Promise.all(Array.from({ length: 50 }, () => open(0, { deadlineMs: 20_000 })));
    const add = (current = 0) => ({ kind: 'write', value: current + 1, ttlSeconds: 60, result: current + 1 }) as const;
    const counts = await Promise.all(backends.map(({ store }) => store.update<number, number>('hot', add)));
    expect(counts.toSorted((a, b) => a - b)).toEqual(backends.map((_, index) => index + 1));
  });
});
