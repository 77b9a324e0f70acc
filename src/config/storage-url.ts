// Where state is kept: `STORAGE_URL`, judged before anything is opened. The engines in `storage/` read their own part of it the same way; a
// test holds the two together.

import { bad, good, type Reading } from './faults.ts';
import type { Reader } from './readers.ts';

const EXAMPLES: Readonly<Record<string, string>> = {
  'sqlite:': 'sqlite:data/selfie-oidc.sqlite',
  'redis:': 'redis://localhost:6379/0',
  'rediss:': 'rediss://redis.example.org:6380/0',
  'postgres:': 'postgres://user@localhost:5432/selfie_oidc',
  'postgresql:': 'postgresql://user@localhost:5432/selfie_oidc',
  'memory:': 'memory:',
};

export const readStorageUrl: Reader<string> = (text) => {
  const scheme = text.slice(0, text.indexOf(':') + 1);
  if (!text.includes(':')) return bad('names no kind of storage', `write ${EXAMPLES['sqlite:']}`);
  switch (scheme) {
    case 'memory:':
      return text === 'memory:' ? good(text) : bad('says more than memory: knows', 'write memory: and nothing else');
    case 'sqlite:':
      return readSqlite(text);
    case 'redis:':
    case 'rediss:':
      return readServer(text, scheme, judgeRedis);
    case 'postgres:':
    case 'postgresql:':
      return readServer(text, scheme, judgePostgres);
    default:
      return bad(
        'names a kind of storage that does not exist',
        `write one that begins with ${Object.keys(EXAMPLES).join(', ')}`,
      );
  }
};

function readSqlite(text: string): Reading<string> {
  const path = text.slice('sqlite:'.length);
  if (path === '' || path === ':memory:') return bad('names no file', `write ${EXAMPLES['sqlite:']}`);
  if (/^\/\/[^/]/.test(path))
    return bad(
      'has two slashes, which mean neither a relative nor an absolute path',
      'write sqlite:data/name.sqlite or sqlite:/data/name.sqlite',
    );
  if (/[?#\0]/.test(path)) return bad('has options behind the path', 'write the path only');
  return good(text);
}

/** What is wrong is told without a part of the URL, which may hold a password. */
function readServer(
  text: string,
  scheme: string,
  judge: (url: URL) => readonly [problem: string, fix: string] | undefined,
): Reading<string> {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return bad('names no host', `write one like ${EXAMPLES[scheme]}`);
  if (url.hash !== '') return bad('has a #, which no part of it means', 'write %23 for one in a password');
  const fault = judge(url);
  return fault ? bad(...fault) : good(text);
}

function judgeRedis({ pathname, searchParams }: URL): readonly [string, string] | undefined {
  if (!/^\/?\d{0,4}$/.test(pathname)) return ['has no number of a database behind the host', 'write /0, or nothing'];
  const { prefix, node: _nodes, ...unknown } = Object.fromEntries(searchParams);
  if (Object.keys(unknown).length > 0)
    return ['has options that Redis storage does not know', 'write prefix or node behind the ?'];
  if (prefix !== undefined && !/^[A-Za-z0-9._:-]{1,64}$/.test(prefix))
    return ['has a prefix that cannot be one', 'write 1 to 64 letters, digits, dots, dashes, underscores or colons'];
  if (!searchParams.getAll('node').every(isNode))
    return ['names a node of a cluster that cannot be one', 'write node=HOST or node=HOST:PORT, once for each'];
  return undefined;
}

function isNode(text: string): boolean {
  return /^(?:\[[0-9a-fA-F:.]+\]|[^[\]:@/?#\s]+)(?::\d+)?$/.test(text) && URL.canParse(`redis://${text}`);
}

const SSL_MODES = ['disable', 'require', 'verify-full'];

function judgePostgres({ pathname, searchParams }: URL): readonly [string, string] | undefined {
  if (!/^\/[^/]+$/.test(pathname)) return ['names no database behind the host', 'write /NAME behind it'];
  const { schema, connections, sslmode, sslrootcert: _file, ...unknown } = Object.fromEntries(searchParams);
  if (Object.keys(unknown).length > 0)
    return [
      'has options that PostgreSQL storage does not know',
      'write schema, connections, sslmode or sslrootcert behind the ?',
    ];
  if (schema !== undefined && !/^[a-z_][a-z0-9_]{0,47}$/.test(schema))
    return ['has a schema that cannot be one', 'write 1 to 48 small letters, digits and underscores'];
  if (connections !== undefined && !/^[1-9]\d{0,2}$/.test(connections))
    return ['has a number of connections that cannot be one', 'write connections=1 to 999'];
  if (sslmode !== undefined && !SSL_MODES.includes(sslmode))
    return ['has an sslmode that is not known', `write one of ${SSL_MODES.join(', ')}`];
  return undefined;
}
