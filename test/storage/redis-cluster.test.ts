// Redis Cluster: the one contract, and what a cluster has beyond one server: nodes that die and are replaced, keys that are on their
// way from one node to another, and replicas that lag. The nodes are real and started here.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { readSlotMap, slotOf } from '../../src/storage/redis-slots.ts';
import { openingIn, portContracts, twoProcessesRace } from '../contract/storage.ts';
import { movableClock } from '../contract/store.ts';
import { describeWithOwn } from '../support/describe-on.ts';
import { freePort } from '../support/ports.ts';
import { type ClusterNode, type OwnCluster, ownCluster } from '../support/redis-cluster.ts';
import { type Room } from '../support/servers.ts';
import { expectUnavailable, patiently, prepare, reads, startWatch, wakes, writes } from './fixtures/faults.ts';

const clock = movableClock();
const DEADLINE_MS = 900;
/** where what is shown is not that an answer comes in time */
const PATIENT_MS = 10_000;
/** R7: no answer takes longer, also on a busy machine */
const ANSWER_MS = 2000;
/** enough that every shard, so every master, has some */
const SPREAD = Array.from({ length: 64 }, (_, index) => `spread:${index}`);

let cluster: OwnCluster;
const makeRoom = async (): Promise<Room> => ({ url: cluster.makeUrl(), remove: async () => {} });

describeWithOwn('redis', 'Redis Cluster', () => {
  beforeAll(async () => {
    cluster = await ownCluster({ masters: 3, replicas: true });
  });
  afterAll(() => cluster?.remove());

  describe('held to the contracts', () => {
    portContracts('redis cluster', openingIn(makeRoom));
    twoProcessesRace(makeRoom, 3);
  });

  describe('in trouble', () => {
    let backend: Backend;
    const running: (() => Promise<unknown>)[] = [];
    const spread = <T>(ask: (key: string) => Promise<T>) => Promise.allSettled(SPREAD.map(ask));

    /** For as long as a master may be without a replica that it waits for, or a connection to it be made. */
    async function open(deadlineMs: number): Promise<void> {
      backend = await patiently(() => openBackend(cluster.makeUrl(), { clock, deadlineMs }));
      await patiently(() => prepare(backend));
    }

    beforeEach(async () => {
      await cluster.mend();
      await open(DEADLINE_MS);
    });
    afterEach(async () => {
      for (const stop of running.splice(0)) await stop();
      await backend?.close();
    });

    /** @returns the master that holds a key of ours, and the key as it is called there */
    function holderOf(key: string): { master: ClusterNode; replicas: ClusterNode[]; name: string } {
      for (const pair of cluster.pairs()) {
        const name = pair.master.tell('KEYS', `{${prefixOf(backend)}:*:row:${key}`).trim();
        if (name !== '') return { ...pair, name };
      }
      throw new Error(`nobody holds ${key}`);
    }

    /** Adds one to every key of the spread until told to stop. @returns what was told, and how long the slowest took */
    function keepCounting() {
      const zero = () => new Map(SPREAD.map((key) => [key, 0]));
      const seen = { told: zero(), asked: zero(), slowestMs: 0, refused: 0 };
      const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
      let isOver = false;
      const counting = (async () => {
        while (!isOver) {
          const stopWatch = startWatch();
          await spread(async (key) => {
            add(seen.asked, key);
            await backend.store.increment(key, 600).then(
              () => add(seen.told, key),
              () => {
                seen.refused += 1;
              },
            );
          });
          seen.slowestMs = Math.max(seen.slowestMs, stopWatch());
          await delay(5);
        }
      })();
      const stop = async () => {
        isOver = true;
        await counting;
        return seen;
      };
      running.push(stop);
      return { stop };
    }

    /** @returns milliseconds until a write works on every shard */
    async function wholeAgain(): Promise<number> {
      const begunAt = performance.now();
      for (;;) {
        const results = await spread((key) => backend.store.increment(`whole:${key}`, 60));
        if (results.every(({ status }) => status === 'fulfilled')) return performance.now() - begunAt;
        if (performance.now() - begunAt > 10_000) throw new Error('a part of the cluster is still away');
        await delay(20);
      }
    }

    const ends = [
      ['dies', (master: ClusterNode) => master.kill()],
      ['hangs, and wakes when it has been replaced', async (master: ClusterNode) => master.pause()],
    ] as const;
    test.each(ends)(
      'a master %s: its replica takes its place, and what was told is there',
      async (_name, end) => {
        const { master, replicas } = holderOf('a');
        const once = await spread((key) => backend.store.putIfAbsent(`once:${key}`, 1, 600));
        expect(once.map((result) => result.status === 'fulfilled' && result.value)).toEqual(SPREAD.map(() => true));
        const counting = keepCounting();
        await delay(50);
        cluster.giveUpSoon();
        await end(master);
        const promoted = replicas[0] as ClusterNode;
        while (!/role:master/.test(promoted.tell('INFO', 'replication'))) await delay(50);
        // one failover is enough: on a busy machine others would follow
        cluster.giveUpLate(master);
        expect(await wholeAgain()).toBeLessThan(5000);
        master.resume();
        await delay(100);
        const { told, asked, slowestMs } = await counting.stop();
        expect(slowestMs).toBeLessThan(ANSWER_MS);
        for (const key of SPREAD) {
          const count = await patiently(() => backend.store.get<number>(key));
          expect(count).toBeGreaterThanOrEqual(told.get(key) ?? 0);
          expect(count).toBeLessThanOrEqual(asked.get(key) ?? 0);
          // one that woke is a replica by now, and until it has caught up nothing is told as done
          expect(await patiently(() => backend.store.putIfAbsent(`once:${key}`, 2, 600))).toBe(false);
        }
        const url = cluster.makeUrl().replace(/prefix=.*/, `prefix=${prefixOf(backend)}`);
        const other = await patiently(() => openBackend(url, { clock }));
        expect(await wakes(backend, other)).toBe(true);
        expect(await wakes(other, backend)).toBe(true);
        await other.close();
      },
      40_000,
    );

    test('what no replica has is not told as done; when the cluster gives the replica up, work goes on', async () => {
      const { replicas } = holderOf('a');
      const [replica] = replicas as [ClusterNode];
      replica.pause();
      expect(await expectUnavailable([backend.store.set('a', 'unsure', 60)])).toBeLessThan(ANSWER_MS);
      cluster.giveUpSoon(replica);
      expect(await wholeAgain()).toBeLessThan(5000);
    });

    test('keys on their way are read where they went, and written when they have arrived; nothing is refused for a short move', async () => {
      await backend.close();
      // how short a move is depends on how busy the machine is: here it is made by commands, each a process
      await open(PATIENT_MS);
      const { master: from, name } = holderOf('a');
      const { master: to } = cluster.pairs().find(({ master }) => master !== from) as { master: ClusterNode };
      const slot = from.tell('CLUSTER', 'KEYSLOT', name).trim();
      const counting = keepCounting();
      to.tell('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
      from.tell('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
      from.tell('MIGRATE', '127.0.0.1', String(to.port), '', '0', '1000', 'KEYS', name);
      expect(await backend.store.get('a')).toBe('before');
      const write = backend.store.set('a', 'after', 60);
      await delay(50);
      const rest = from.tell('CLUSTER', 'GETKEYSINSLOT', slot, '1000').trim().split('\n').filter(Boolean);
      from.tell('MIGRATE', '127.0.0.1', String(to.port), '', '0', '1000', 'KEYS', ...rest);
      for (const { master } of cluster.pairs()) master.tell('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
      await write;
      expect(await backend.store.get('a')).toBe('after');
      expect(holderOf('a').master).toBe(to);
      const { told, refused } = await counting.stop();
      const counts = await Promise.all(SPREAD.map((key) => backend.store.get(key)));
      expect([refused, counts]).toEqual([0, SPREAD.map((key) => told.get(key))]);
    });

    test('all masters hang: everything is refused in time, and nothing of it is carried out later', async () => {
      for (const node of cluster.nodes) node.pause();
      const tookMs = await expectUnavailable([...writes(backend), ...reads(backend)]);
      for (const node of cluster.nodes) node.resume();
      expect(tookMs).toBeLessThan(ANSWER_MS);
      expect(await wholeAgain()).toBeLessThan(5000);
      expect([await backend.store.get('a'), await backend.store.get('b'), await backend.store.get('count')]).toEqual([
        'before',
        undefined,
        undefined,
      ]);
    });

    test('it is found by any of the nodes that the URL names, be it a replica', async () => {
      const dead = await freePort();
      const [pair] = cluster.pairs();
      const url = `redis://127.0.0.1:${dead}?node=127.0.0.1:${pair?.replicas[0]?.port}`;
      const found = await openBackend(url, { clock, deadlineMs: PATIENT_MS });
      await found.ping();
      expect(found.description).toBe(`redis cluster 127.0.0.1:${dead} selfie-oidc`);
      await found.close();
    });
  });
});

test('the slot of a key is that of the Redis Cluster Specification: only the first braces count, unless there is nothing in them', () => {
  const keys = ['123456789', 'somekey', 'foo{hash_tag}', '{hash_tag}{b}', 'hash_tag'];
  expect(slotOf('{}hash_tag')).not.toBe(2515);
  expect(keys.map(slotOf)).toEqual([12_739, 11_058, 2515, 2515, 2515]);
});

test('a map of slots: hosts that are left out are those of who was asked, and a node without an address serves nothing', () => {
  const reply = [
    [0, 99, ['', 7000, 'id-a'], ['h2', 7001, 'id-b']],
    [100, 199, ['?', 7002, 'id-c']],
    [200, 16_383, ['::1', 7003, 'id-d']],
  ];
  const map = readSlotMap(reply, 'cluster_state:ok\r\ncluster_current_epoch:7\r\n', { host: 'h1', port: 1 });
  expect([map.epoch, map.masterOf(99), map.masterOf(100), map.masterOf(16_383)]).toEqual([
    7,
    'h1:7000',
    undefined,
    '[::1]:7003',
  ]);
  expect(map.masters.get('h1:7000')).toEqual({ endpoint: { host: 'h1', port: 7000 }, replicas: 1 });
});

/** What tells this deployment's keys from those of others. */
function prefixOf({ description }: Backend): string {
  return description.split(' ').at(-1) ?? '';
}
