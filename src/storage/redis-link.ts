// A connection to Redis as this program wants it: without the client's own reconnecting and its queue for bad times.

import { createClient } from '@redis/client';
import type { Connector } from './kept-connection.ts';
import type { RedisPlace } from './redis-url.ts';

export type RedisClient = ReturnType<typeof createClient>;

/**
 * @param place   where to; asked anew for each connection, as in a cluster it may be another node by then
 * @param prepare what a new connection needs before anybody may use it
 * @param beat    asks a sign of life
 */
export function createRedisConnector(options: {
  readonly description: string;
  readonly place: () => RedisPlace;
  readonly deadlineMs: number;
  readonly prepare: (client: RedisClient, place: RedisPlace) => Promise<unknown>;
  readonly beat: (client: RedisClient) => Promise<unknown>;
}): Connector<RedisClient> {
  const { description, deadlineMs, prepare, beat } = options;
  const aborts = new WeakMap<RedisClient, AbortController>();
  return {
    description,
    open(lose) {
      const place = options.place();
      const abort = new AbortController();
      const client = createRedisClient(place, deadlineMs, abort.signal);
      aborts.set(client, abort);
      client.on('error', lose);
      client.on('end', () => lose(new Error('the connection was closed')));
      return { connection: client, ready: client.connect().then(() => prepare(client, place)) };
    },
    end(client) {
      // the client forgets a socket that is still on its way: it would arrive, and stay
      aborts.get(client)?.abort();
      try {
        client.destroy();
      } catch {
        // It was closed already.
      }
    },
    beat,
  };
}

function createRedisClient(place: RedisPlace, deadlineMs: number, signal: AbortSignal): RedisClient {
  const { host, port, tls, username, password, database } = place;
  const socket = { host, port, connectTimeout: deadlineMs, reconnectStrategy: false as const, signal };
  const isName = /[a-z]/i.test(host) && !host.includes(':');
  return createClient({
    socket: tls ? { ...socket, tls, ...(isName && { servername: host }) } : socket,
    database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  }) as unknown as RedisClient;
}
