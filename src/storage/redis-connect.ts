// How a Redis URL becomes something that can be asked: one server or a cluster, which the server itself tells, and whether what the
// servers are told to do with data when memory is short or they are restarted can be borne.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { createClusterCommands } from './redis-cluster.ts';
import { createRedisCommands, type RedisCommands } from './redis-commands.ts';
import { placeAt, type RedisPlace } from './redis-url.ts';

interface Options {
  readonly place: RedisPlace;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}

/**
 * @throws StorageUnavailable it cannot be reached now, takes no writes, may throw away records when its memory is full, or is not what
 *   the URL says it is
 */
export async function connectRedis(options: Options): Promise<RedisCommands> {
  const { place, log } = options;
  const isCluster = readInfo(await askWhatItIs(options), 'cluster_enabled') === '1';
  if (isCluster && place.database !== 0) {
    throw new StorageUnavailable('a Redis Cluster has no databases but 0; name none in the URL');
  }
  if (!isCluster && place.others.length > 0) {
    throw new StorageUnavailable('the Redis URL names several nodes, and the server is none of a Redis Cluster');
  }
  const commands = isCluster ? await createClusterCommands(options) : createRedisCommands(options);
  try {
    const infos = await commands.run((turn) => commands.askEach(turn, ['INFO']));
    for (const info of infos) judgeServer(String(info), log);
    return commands;
  } catch (error) {
    await commands.close();
    throw error;
  }
}

/** The first that answers, of those named: in a cluster some may be down. A node of one would refuse any database but 0. */
async function askWhatItIs({ place, deadlineMs, log }: Options): Promise<string> {
  const places = place.others.length === 0 ? [place] : [place, ...place.others].map((at) => placeAt(place, at));
  const all = places.map((at) => createRedisCommands({ place: { ...at, database: 0 }, deadlineMs, log }));
  const asked = all.map((commands) => commands.run((turn) => commands.ask(turn, undefined, ['INFO'])));
  try {
    return String(await Promise.any(asked));
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    await Promise.all(all.map((commands) => commands.close()));
  }
}

function judgeServer(info: string, log: Logger | undefined): void {
  const version = readInfo(info, 'redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    throw new StorageUnavailable(`redis ${version} is too old; 6.2 or later is needed`);
  if (readInfo(info, 'role') === 'slave')
    throw new StorageUnavailable('this redis is a replica and takes no writes; name the master');
  const policy = readInfo(info, 'maxmemory_policy');
  if (policy?.startsWith('allkeys')) {
    throw new StorageUnavailable(
      `redis has maxmemory-policy ${policy} and would throw away accounts and used codes; set maxmemory-policy noeviction`,
    );
  }
  if (readInfo(info, 'aof_enabled') === '0') {
    log?.warn(
      {},
      'redis has appendonly no: a restart of it forgets what was stored since its last snapshot; set appendonly yes',
    );
  }
  if (readInfo(info, 'cluster_enabled') === '1' && readInfo(info, 'connected_slaves') === '0') {
    log?.warn({}, 'a master of the redis cluster has no replica: while it is down nobody can sign in');
  }
}

function readInfo(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}
