// Redis Cluster: each key is asked about where it lies, and the cluster's own words (a slot moved, a master dead and its replica not
// yet in its place) are waited out within the deadline. The promises are those of one server, node by node
// (docs/decisions/2026-11-21-redis-cluster.md).

import { setTimeout as delay } from 'node:timers/promises';
import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { createDeadlines, type Turn } from './deadlines.ts';
import { orUnavailable, type RedisCommands } from './redis-commands.ts';
import type { RedisJudge } from './redis-judge.ts';
import { codeOf, type RedisNode } from './redis-node.ts';
import { slotOf } from './redis-slots.ts';
import { createTopology } from './redis-topology.ts';
import { addressOf, type Endpoint, type RedisPlace } from './redis-url.ts';

const PAUSE_MS = 25;

/**
 * Nothing was done, and soon something may be: somebody else serves this slot now or will in a moment. ASK is among them: a
 * script wants all its keys in one place, so while its slot is on its way it waits, and follows when all have arrived.
 */
const PASSING = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN', 'READONLY', 'LOADING']);

/** @throws StorageUnavailable no node tells who serves what */
export async function createClusterCommands(options: {
  readonly place: RedisPlace;
  readonly deadlineMs: number;
  readonly judge?: RedisJudge | undefined;
  readonly log?: Logger | undefined;
}): Promise<RedisCommands> {
  const { place, deadlineMs, judge, log } = options;
  const description = `redis cluster ${addressOf(place)} ${place.prefix}`;
  const deadlines = createDeadlines({ engine: description, deadlineMs });
  const topology = createTopology({ place, description, deadlineMs, judge, log });
  let turns = 0;

  /** Whoever serves the slot, once there is a connection. Waits for neither longer than the deadline, nor in a long outage. */
  async function reach(turn: Turn, slot: number): Promise<RedisNode> {
    for (;;) {
      const node = topology.masterOf(slot);
      if (node?.isConnected) return node;
      void topology.look();
      const untilMs = Math.min(turn.giveUpAtMs, performance.now() + PAUSE_MS);
      if (node === undefined) await delay(PAUSE_MS);
      else {
        await node.connected(untilMs).catch((error: unknown) => {
          // Refused at once: it has been away for long, and nobody took its place.
          if (performance.now() < untilMs - 1) throw error;
        });
      }
      if (performance.now() >= turn.giveUpAtMs) throw new StorageUnavailable(`${description}: a part of it is away`);
    }
  }

  async function route(turn: Turn, key: string, send: (node: RedisNode) => Promise<unknown>): Promise<unknown> {
    const slot = slotOf(key);
    for (;;) {
      const node = await reach(turn, slot);
      try {
        return await send(node);
      } catch (error) {
        if (!PASSING.has(codeOf(error)) || performance.now() + PAUSE_MS >= turn.giveUpAtMs) throw error;
      }
      await Promise.all([topology.look(), delay(PAUSE_MS)]);
    }
  }

  /** A key that has left already is read where it went: it is nowhere else. */
  const read = (turn: Turn, command: readonly string[]) => (node: RedisNode) =>
    node.ask(turn, command).catch((error: unknown) => {
      const endpoint = codeOf(error) === 'ASK' ? readAsk(error, node.place) : undefined;
      if (endpoint === undefined) throw error;
      return topology.nodeAt(endpoint).ask(turn, command, true);
    });

  /** Another one each time: who lost the last one had a reason. */
  function anyNode(): RedisNode {
    const masters = topology.masters();
    const connected = masters.filter((node) => node.isConnected);
    const candidates = connected.length > 0 ? connected : masters;
    turns += 1;
    return candidates[turns % candidates.length] ?? topology.nodeAt(place);
  }

  const commands: RedisCommands = {
    description,
    run: deadlines.run,
    ask(turn, key, command) {
      const answer = key === undefined ? anyNode().ask(turn, command) : route(turn, key, read(turn, command));
      return orUnavailable(description, answer);
    },
    askEach: (turn, command) =>
      Promise.all(topology.masters().map((node) => orUnavailable(node.place.description, node.ask(turn, command)))),
    call: (turn, script, keys, args) =>
      orUnavailable(
        description,
        route(turn, keys[0] ?? '', (node) => node.call(turn, script, [...keys, ...args])),
      ),
    listeningPlace: () => anyNode().place,
    hearsAll: (at) => topology.isMaster(at),
    async close() {
      await deadlines.close();
      topology.close();
    },
  };
  try {
    await topology.ready(performance.now() + deadlineMs);
    return commands;
  } catch (error) {
    await commands.close();
    throw error;
  }
}

/** `ASK 3999 127.0.0.1:6381`; a host that is left out is that of the node which said so. */
function readAsk(error: unknown, from: Endpoint): Endpoint | undefined {
  const [, host, port] = /^ASK \d+ (.*):(\d+)$/.exec((error as Error).message) ?? [];
  if (host === undefined || host === '?') return undefined;
  return { host: host || from.host, port: Number(port) };
}
