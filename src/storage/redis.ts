// Redis by `@redis/client`: any number of processes on any number of machines. Records, jobs and the bus share a prefix, which
// tells deployments on one server apart. What the server is told to do with data when memory is short or it is restarted is
// looked at before anything is stored.

import { StorageUnavailable } from '../core/errors.ts';
import type { Clock, Logger } from '../login/ports.ts';
import type { Backend } from './backend.ts';
import { type KeptConnection, keepConnected } from './kept-connection.ts';
import { createKeyv } from './keyv-face.ts';
import { createRedisBulk } from './redis-bulk.ts';
import { createRedisCommands, type RedisCommands } from './redis-commands.ts';
import { createRedisJobs } from './redis-jobs.ts';
import { createRedisConnector, type RedisClient } from './redis-link.ts';
import { createRedisRows } from './redis-rows.ts';
import { layOutShards } from './redis-shards.ts';
import { readRedisUrl } from './redis-url.ts';
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
 * @throws Error              the URL, or a server that may throw away records when its memory is full
 * @throws StorageUnavailable it cannot be reached now, or takes no writes
 */
export async function openRedis({ url, clock, deadlineMs, log }: RedisOptions): Promise<Backend> {
  const place = readRedisUrl(url);
  const commands = createRedisCommands({ place, deadlineMs, log });
  const channel = `${place.prefix}:bus`;
  const { bus, receive } = createSharedBus({
    send: (message) => commands.run((turn) => commands.ask(turn, ['PUBLISH', channel, message])),
    log,
  });
  let ears: KeptConnection<RedisClient> | undefined;
  try {
    await inspectServer(commands, log);
    ears = keepConnected({
      connector: createRedisConnector({
        place,
        deadlineMs,
        prepare: (client) => client.subscribe(channel, receive),
        beat: (client) => client.ping(),
      }),
      deadlineMs,
      log,
    });
    await ears.connected(performance.now() + deadlineMs);
  } catch (error) {
    ears?.close();
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
    description: place.description,
  };
}

async function inspectServer(commands: RedisCommands, log: Logger | undefined): Promise<void> {
  const info = String(await commands.run((turn) => commands.ask(turn, ['INFO'])));
  const read = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const version = read('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2)) throw new Error(`redis ${version} is too old; 6.2 or later is needed`);
  if (read('cluster_enabled') === '1') {
    throw new Error(
      'this server is part of a Redis Cluster, which this version does not support; name a server of its own',
    );
  }
  if (read('role') === 'slave')
    throw new StorageUnavailable('this redis is a replica and takes no writes; name the master');
  const policy = read('maxmemory_policy');
  if (policy?.startsWith('allkeys')) {
    throw new Error(
      `redis has maxmemory-policy ${policy} and would throw away accounts and used codes; set maxmemory-policy noeviction`,
    );
  }
  if (read('aof_enabled') === '0') {
    log?.warn(
      {},
      'redis has appendonly no: a restart of it forgets what was stored since its last snapshot; set appendonly yes',
    );
  }
}
