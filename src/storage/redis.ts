// Redis by `@redis/client`, one server or a cluster: any number of processes on any number of machines. Records, jobs and the bus
// share a prefix, which tells deployments on one server apart.

import type { Clock, Logger } from '../login/ports.ts';
import type { Backend } from './backend.ts';
import { type KeptConnection, keepConnected } from './kept-connection.ts';
import { createKeyv } from './keyv-face.ts';
import { createRedisBulk } from './redis-bulk.ts';
import type { RedisCommands } from './redis-commands.ts';
import { connectRedis } from './redis-connect.ts';
import { createRedisJobs } from './redis-jobs.ts';
import { prepareLayout, readLayout } from './redis-layout.ts';
import { createRedisConnector, type RedisClient } from './redis-link.ts';
import { createRedisRows } from './redis-rows.ts';
import { layOutShards } from './redis-shards.ts';
import { type RedisPlace, readRedisUrl } from './redis-url.ts';
import type { Migration } from './schema-version.ts';
import { createSharedBus } from './shared-bus.ts';
import { createStore } from './store.ts';
import { sweep } from './sweep.ts';

interface RedisOptions {
  /** see `readRedisUrl` */
  readonly url: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}

/**
 * Connects, and looks whether this server can be trusted with records.
 *
 * @throws Error              the URL
 * @throws StorageUnavailable it cannot be reached now, or takes no writes, or holds records of a newer program, or may throw away records
 *   when its memory is full
 */
export async function openRedis({ url, clock, deadlineMs, log }: RedisOptions): Promise<Backend> {
  const place = readRedisUrl(url);
  const commands = await connectRedis({ place, deadlineMs, log });
  const channel = `${place.prefix}:bus`;
  const { bus, receive } = createSharedBus({
    send: (message) => commands.run((turn) => commands.ask(turn, undefined, ['PUBLISH', channel, message])),
    log,
  });
  const hear = (client: RedisClient) => client.subscribe(channel, receive);
  const ears = keepListening({ commands, deadlineMs, log, hear });
  try {
    await prepareLayout(commands, place.prefix);
    await ears.connected(performance.now() + deadlineMs);
  } catch (error) {
    ears.close();
    await commands.close();
    throw error;
  }
  const layout = layOutShards(place.prefix);
  const rows = createRedisRows({ commands, layout });
  return {
    store: createStore({ rows, clock }),
    jobs: createRedisJobs({ commands, prefix: place.prefix }),
    bus,
    bulk: createRedisBulk({ commands, layout, prefix: place.prefix }),
    keyv: createKeyv({ rows, clock }),
    ping: () => rows.write('backend:ping', 'true', clock.now() + 60),
    sweepExpired: () => sweep(rows, clock),
    async close() {
      ears.close();
      await commands.close();
    },
    description: commands.description,
  };
}

/** Notes the form of the keys, or only looks. @throws as `openRedis` */
export async function migrateRedis({
  url,
  deadlineMs,
  log,
  onlyLook,
}: Omit<RedisOptions, 'clock'> & { onlyLook: boolean }): Promise<Migration & { description: string }> {
  const place = readRedisUrl(url);
  const commands = await connectRedis({ place, deadlineMs, log });
  try {
    const migration = await (onlyLook ? readLayout : prepareLayout)(commands, place.prefix);
    return { ...migration, description: commands.description };
  } finally {
    await commands.close();
  }
}

/** Over a connection of its own: one that listens can ask nothing else. In a cluster every node passes every message on. */
function keepListening(options: {
  readonly commands: RedisCommands;
  readonly deadlineMs: number;
  readonly log: Logger | undefined;
  readonly hear: (client: RedisClient) => Promise<unknown>;
}): KeptConnection<RedisClient> {
  const { commands, deadlineMs, log, hear } = options;
  const places = new WeakMap<RedisClient, RedisPlace>();
  const connector = createRedisConnector({
    description: `${commands.description} bus`,
    place: commands.listeningPlace,
    deadlineMs,
    prepare(client, at) {
      places.set(client, at);
      return hear(client);
    },
    async beat(client) {
      const at = places.get(client);
      if (at !== undefined && !commands.hearsAll(at)) throw new Error('this node is no master any more');
      await client.ping();
    },
  });
  return keepConnected({ connector, deadlineMs, log });
}
