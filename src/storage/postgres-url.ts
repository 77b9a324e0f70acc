// Reads a PostgreSQL URL: where the server is, how to sign in, which schema holds this deployment's tables, and how many
// connections a process may have.

import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';

export interface PostgresPlace {
  /** what the driver needs; holds the password */
  readonly connection: ClientConfig;
  /** of this deployment's own, made if it is not there */
  readonly schema: string;
  readonly connections: number;
  /** for logs and errors; no user and no password */
  readonly description: string;
}

const DEFAULT_SCHEMA = 'selfie_oidc';
/** Enough for some thousand operations a second; a server has a hundred connections unless told otherwise. */
const DEFAULT_CONNECTIONS = 10;

/**
 * `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?schema=…][&connections=…][&sslmode=…][&sslrootcert=PATH]`, also `postgresql:`.
 * `sslmode` is `disable` (as without it), `require` (encrypted, whoever answers) or `verify-full`.
 *
 * @throws Error what is wrong with it; never a part of the URL, which may hold a password
 */
export function readPostgresUrl(text: string): PostgresPlace {
  if (!URL.canParse(text)) throw new Error('the PostgreSQL URL cannot be read; write postgres://HOST:PORT/DATABASE');
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new Error('the PostgreSQL URL names no host');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '' || database.includes('/'))
    throw new Error('the PostgreSQL URL names no database behind its host');
  const options = Object.fromEntries(url.searchParams);
  const {
    schema = DEFAULT_SCHEMA,
    connections = String(DEFAULT_CONNECTIONS),
    sslmode,
    sslrootcert,
    ...unknown
  } = options;
  if (Object.keys(unknown).length > 0 || url.hash !== '') {
    throw new Error('a PostgreSQL URL has no options but schema, connections, sslmode and sslrootcert');
  }
  if (!/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) {
    throw new Error('the schema in the PostgreSQL URL has 1 to 48 small letters, digits and underscores');
  }
  if (!/^[1-9]\d{0,2}$/.test(connections))
    throw new Error('connections in the PostgreSQL URL is a number from 1 to 999');
  const port = Number(url.port || 5432);
  return {
    connection: {
      host,
      port,
      database,
      user: decodeURIComponent(url.username) || 'postgres',
      // A function, so that the driver's objects do not show it when they are printed.
      ...(url.password !== '' && { password: () => decodeURIComponent(url.password) }),
      ssl: readTls(sslmode, sslrootcert),
      keepAlive: true,
      application_name: 'selfie-oidc',
    },
    schema,
    connections: Number(connections),
    description: `postgres ${url.hostname}:${port}/${database} ${schema}`,
  };
}

function readTls(mode = 'disable', rootCertificate?: string): NonNullable<ClientConfig['ssl']> {
  const ca = rootCertificate === undefined ? {} : { ca: readFileSync(rootCertificate, 'utf8') };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false, ...ca };
    case 'verify-full':
      return { rejectUnauthorized: true, ...ca };
    default:
      throw new Error('sslmode in the PostgreSQL URL is disable, require or verify-full');
  }
}
