// The nodes of a Redis Cluster and who serves what among them, kept fresh: asked for every second, and at once when something
// does not fit. All that answer are asked and the newest view counts, as a node cut off from the others goes on telling of old
// times. Masters are connected to and replicas are not: a replica may lag behind.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import type { Turn } from './deadlines.ts';
import { inTime } from './kept-connection.ts';
import type { RedisJudge } from './redis-judge.ts';
import { createRedisNode, type RedisNode } from './redis-node.ts';
import { readSlotMap, type SlotMap } from './redis-slots.ts';
import { addressOf, type Endpoint, placeAt, type RedisPlace } from './redis-url.ts';

const LOOK_EVERY_MS = 1000;
/** A node that hangs must not hold up what the others know. */
const LOOK_MS = 400;
/** A master that is none any more is let go after this: long after the last operation that was under way to it. */
const FORGET_MS = 10_000;

export interface Topology {
  /** Waits until a node has told who serves what. @throws StorageUnavailable */
  ready(giveUpAtMs: number): Promise<void>;
  /** the master that serves a slot, as far as is known */
  masterOf(slot: number): RedisNode | undefined;
  masters(): readonly RedisNode[];
  /** any node, connected to if it was not */
  nodeAt(endpoint: Endpoint): RedisNode;
  isMaster(endpoint: Endpoint): boolean;
  /** Something did not fit: asks again, soon. */
  look(): Promise<void>;
  close(): void;
}

export function createTopology(options: {
  readonly place: RedisPlace;
  readonly description: string;
  readonly deadlineMs: number;
  readonly judge?: RedisJudge | undefined;
  readonly log?: Logger | undefined;
}): Topology {
  const { place, description, deadlineMs, judge, log } = options;
  const seeds: readonly Endpoint[] = [place, ...place.others];
  const nodes = new Map<string, { node: RedisNode; wantedAtMs: number }>();
  let map: SlotMap | undefined;
  let looking: Promise<void> | undefined;
  let closed = false;

  function nodeAt(endpoint: Endpoint): RedisNode {
    const address = addressOf(endpoint);
    const known = nodes.get(address);
    const node =
      known?.node ??
      createRedisNode({
        place: placeAt(place, endpoint),
        deadlineMs,
        replicas: () => map?.masters.get(address)?.replicas,
        judge,
        log,
      });
    nodes.set(address, { node, wantedAtMs: performance.now() });
    return node;
  }

  const masters = () => [...(map?.masters.values() ?? [])].map(({ endpoint }) => nodeAt(endpoint));

  async function ask(node: RedisNode): Promise<SlotMap> {
    const turn: Turn = { giveUpAtMs: performance.now() + LOOK_MS, unanswered: new Map() };
    const asked = [node.ask(turn, ['CLUSTER', 'SLOTS']), node.ask(turn, ['CLUSTER', 'INFO'])];
    const [slots, info] = await inTime(Promise.all(asked), LOOK_MS);
    return readSlotMap(slots, info, node.place);
  }

  async function lookNow(): Promise<void> {
    const connected = [...nodes.values()].filter(({ node }) => node.isConnected);
    if (connected.length === 0) for (const seed of seeds) nodeAt(seed);
    const answers = await Promise.allSettled(connected.map(({ node }) => ask(node)));
    const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const [newest] = views.filter((view) => view.masters.size > 0).sort((one, other) => other.epoch - one.epoch);
    if (newest !== undefined && !closed) adopt(newest);
  }

  function adopt(view: SlotMap): void {
    map = view;
    masters();
    for (const [address, { node, wantedAtMs }] of nodes) {
      if (performance.now() - wantedAtMs < FORGET_MS) continue;
      nodes.delete(address);
      node.close();
    }
  }

  const look = () => {
    looking ??= lookNow().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  for (const seed of seeds) nodeAt(seed);
  const timer = setInterval(look, LOOK_EVERY_MS).unref();

  return {
    async ready(giveUpAtMs) {
      await Promise.any([...nodes.values()].map(({ node }) => node.connected(giveUpAtMs))).catch(
        ({ errors }: AggregateError) => Promise.reject(errors[0]),
      );
      await look();
      if (map === undefined) throw new StorageUnavailable(`${description}: no node of the cluster serves any key`);
    },
    masterOf(slot) {
      const address = map?.masterOf(slot);
      return address === undefined ? undefined : nodes.get(address)?.node;
    },
    masters,
    nodeAt,
    isMaster: (endpoint) => map?.masters.has(addressOf(endpoint)) === true,
    look,
    close() {
      closed = true;
      clearInterval(timer);
      for (const { node } of nodes.values()) node.close();
    },
  };
}
