// Reads a Redis URL: where the server or the first nodes of a cluster are, how to sign in, and under which prefix this deployment's
// keys lie.

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** begins every key and channel, so that several deployments can share one server */
  readonly prefix: string;
  /** other nodes of a cluster to ask at the start, each with the same credentials; none for one server */
  readonly others: readonly Endpoint[];
  /** for logs and errors; no user and no password */
  readonly description: string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * `redis://[[USER][:PASSWORD]@]HOST[:PORT][/DATABASE][?prefix=PREFIX][&node=HOST[:PORT]]…`, or `rediss://` for TLS.
 *
 * @throws Error what is wrong with it; never a part of the URL, which may hold a password
 */
export function readRedisUrl(text: string): RedisPlace {
  if (!URL.canParse(text)) throw new Error('the Redis URL cannot be read; write redis://HOST:PORT/DATABASE');
  const url = new URL(text);
  const endpoint = endpointOf(url);
  if (endpoint.host === '') throw new Error('the Redis URL names no host');
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (database === undefined)
    throw new Error('behind the host of a Redis URL stands the number of a database, or nothing');
  const { prefix = DEFAULT_PREFIX, node: _nodes, ...unknown } = Object.fromEntries(url.searchParams);
  if (Object.keys(unknown).length > 0 || url.hash !== '')
    throw new Error('a Redis URL has no options but prefix and node');
  // Braces would move the part of a key that a cluster looks at.
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(prefix)) {
    throw new Error('the prefix in the Redis URL has 1 to 64 letters, digits, dots, dashes, underscores and colons');
  }
  return {
    ...endpoint,
    tls: url.protocol === 'rediss:',
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    database: Number(database),
    prefix,
    others: url.searchParams.getAll('node').map(readNode),
    description: `redis ${addressOf(endpoint)}/${Number(database)} ${prefix}`,
  };
}

/** HOST:PORT, with an IPv6 address in brackets. */
export function addressOf({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The same place by other words: another node of its cluster. */
export function placeAt(place: RedisPlace, endpoint: Endpoint): RedisPlace {
  return { ...place, ...endpoint, description: `redis ${addressOf(endpoint)} ${place.prefix}` };
}

function readNode(text: string): Endpoint {
  const url = URL.parse(`redis://${text}`);
  if (url === null || !/^(?:\[[0-9a-fA-F:.]+\]|[^[\]:@/?#\s]+)(?::\d+)?$/.test(text)) {
    throw new Error('a node in the Redis URL is HOST or HOST:PORT');
  }
  return endpointOf(url);
}

function endpointOf(url: URL): Endpoint {
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 6379) };
}

const DEFAULT_PREFIX = 'selfie-oidc';
