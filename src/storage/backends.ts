// A storage URL becomes a backend: the one place that knows which engines exist. A new engine is a file beside this one and
// a case below.

import type { Clock, Logger } from '../login/ports.ts';
import type { Backend } from './backend.ts';
import type { Migration } from './schema-version.ts';
import type { Relay } from './shared-bus.ts';

export interface BackendOptions {
  readonly clock: Clock;
  /** how long an operation may take before it fails as StorageUnavailable; design section 7 */
  readonly deadlineMs?: number;
  readonly log?: Logger;
  /** to the other processes of this machine; engines with a server have one of their own */
  readonly relay?: Relay | undefined;
  /** `Backend.file` of those that this one joins: it opens no other, and makes none */
  readonly file?: string | undefined;
}

/** A little less than the two seconds that an answer may take altogether. */
const DEADLINE_MS = 1500;

/**
 * Opens the storage a URL names: `memory:`, `sqlite:PATH` (relative to the working directory), `redis://…` or `rediss://…`
 * (see `readRedisUrl`), `postgres://…` (see `readPostgresUrl`).
 *
 * @throws Error             a URL this version cannot serve
 * @throws StorageUnavailable it cannot be opened now
 */
export async function openBackend(url: string, options: BackendOptions): Promise<Backend> {
  const scheme = url.slice(0, url.indexOf(':') + 1);
  const { clock, deadlineMs = DEADLINE_MS, log, relay, file } = options;
  // only the one that is used is loaded: the drivers of the others take tens of megabytes and a tenth of a second of the start
  switch (scheme) {
    case 'memory:': {
      const { openMemory } = await import('./memory.ts');
      return openMemory({ clock, log });
    }
    case 'sqlite:': {
      const { openSqlite } = await import('./sqlite.ts');
      return openSqlite({ path: sqlitePath(url), clock, deadlineMs, log, relay, file });
    }
    case 'redis:':
    case 'rediss:': {
      const { openRedis } = await import('./redis.ts');
      return openRedis({ url, clock, deadlineMs, log });
    }
    case 'postgres:':
    case 'postgresql:': {
      const { openPostgres } = await import('./postgres.ts');
      return openPostgres({ url, clock, deadlineMs, log });
    }
    default:
      throw new Error('a storage URL begins with sqlite:, memory:, redis:, rediss: or postgres:');
  }
}

/** What was done to the form of the records, or would be. */
export interface StorageMigration extends Migration {
  /** engine and place, without secrets */
  readonly description: string;
}

/**
 * Makes or changes what the records lie in, as opening does, and says what that was.
 *
 * @param onlyLook changes nothing and says what would be done
 * @throws Error             a URL this version cannot serve, or storage that ends with its process
 * @throws StorageUnavailable it cannot be opened now, or was written by a newer program
 */
export async function migrateBackend(
  url: string,
  options: Omit<BackendOptions, 'clock'> & { readonly onlyLook: boolean },
): Promise<StorageMigration> {
  const scheme = url.slice(0, url.indexOf(':') + 1);
  const { deadlineMs = DEADLINE_MS, log, onlyLook } = options;
  switch (scheme) {
    case 'sqlite:': {
      const { migrateSqlite } = await import('./sqlite.ts');
      return migrateSqlite({ path: sqlitePath(url), deadlineMs, log, onlyLook });
    }
    case 'redis:':
    case 'rediss:': {
      const { migrateRedis } = await import('./redis.ts');
      return migrateRedis({ url, deadlineMs, log, onlyLook });
    }
    case 'postgres:':
    case 'postgresql:': {
      const { migratePostgres } = await import('./postgres.ts');
      return migratePostgres({ url, deadlineMs, onlyLook });
    }
    default:
      throw new Error('nothing but sqlite:, redis:, rediss: and postgres: can be migrated');
  }
}

function sqlitePath(url: string): string {
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  // ":memory:" and an empty name are SQLite's words for a database that is gone on closing.
  if (path === '' || path.startsWith(':'))
    throw new Error('sqlite: needs the path of a file, as in sqlite:data/selfie-oidc.sqlite');
  return path;
}
