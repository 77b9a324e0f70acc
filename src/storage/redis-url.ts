// Reads a Redis URL: where the server is, how to sign in, and under which prefix this deployment's keys lie.

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** begins every key and channel, so that several deployments can share one server */
  readonly prefix: string;
  /** for logs and errors; no user and no password */
  readonly description: string;
}

/**
 * `redis://[[USER][:PASSWORD]@]HOST[:PORT][/DATABASE][?prefix=PREFIX]`, or `rediss://` for TLS.
 *
 * @throws Error what is wrong with it; never a part of the URL, which may hold a password
 */
export function readRedisUrl(text: string): RedisPlace {
  if (!URL.canParse(text)) throw new Error('the Redis URL cannot be read; write redis://HOST:PORT/DATABASE');
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new Error('the Redis URL names no host');
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (database === undefined)
    throw new Error('behind the host of a Redis URL stands the number of a database, or nothing');
  const { prefix = DEFAULT_PREFIX, ...unknown } = Object.fromEntries(url.searchParams);
  if (Object.keys(unknown).length > 0 || url.hash !== '') throw new Error('a Redis URL has no option but prefix');
  // Braces would move the part of a key that a cluster looks at.
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(prefix)) {
    throw new Error('the prefix in the Redis URL has 1 to 64 letters, digits, dots, dashes, underscores and colons');
  }
  const port = Number(url.port || 6379);
  return {
    host,
    port,
    tls: url.protocol === 'rediss:',
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    database: Number(database),
    prefix,
    description: `redis ${url.hostname}:${port}/${Number(database)} ${prefix}`,
  };
}

const DEFAULT_PREFIX = 'selfie-oidc';
