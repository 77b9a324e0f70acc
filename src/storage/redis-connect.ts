// How a Redis URL becomes something that can be asked: one server or a cluster, which the server itself tells, of servers that can be
// trusted with records (`redis-judge.ts`).

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { createClusterCommands } from './redis-cluster.ts';
import { createRedisCommands, type RedisCommands } from './redis-commands.ts';
import { createRedisJudge, readInfo } from './redis-judge.ts';
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
  const judge = createRedisJudge({ log });
  const judged = { ...options, judge };
  const commands = isCluster ? await createClusterCommands(judged) : createRedisCommands(judged);
  try {
    const infos = await commands.run((turn) => commands.askEach(turn, ['INFO']));
    for (const info of infos) judge.judge(String(info));
    judge.watch();
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
