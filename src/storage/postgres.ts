// PostgreSQL by `pg`: any number of processes on any number of machines. A commit is on the server's disk when its promise
// resolves, if the server is set up so, which is looked at when a process starts. Live pages are woken by LISTEN and NOTIFY over
// a connection of its own.

import pg from 'pg';
import { StorageUnavailable } from '../core/errors.ts';
import type { Clock, Logger } from '../login/ports.ts';
import type { Backend } from './backend.ts';
import { type Connector, keepConnected } from './kept-connection.ts';
import { createKeyv } from './keyv-face.ts';
import { createPostgresBulk } from './postgres-bulk.ts';
import { createPostgresJobs } from './postgres-jobs.ts';
import { codeOf, createPostgresQueries, takeLeave } from './postgres-queries.ts';
import { createPostgresRows } from './postgres-rows.ts';
import { foresee, prepareSchema, readMigration } from './postgres-schema.ts';
import { type PostgresPlace, readPostgresUrl } from './postgres-url.ts';
import { reasonOf } from './reasons.ts';
import type { Migration } from './schema-version.ts';
import { createSharedBus } from './shared-bus.ts';
import { createStore } from './store.ts';
import { sweep } from './sweep.ts';

/** For making and changing tables, and for waiting until another process has done so. */
const MIGRATION_TIMEOUT_MS = 30_000;

interface PostgresOptions {
  /** see `readPostgresUrl` */
  readonly url: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}

/**
 * Connects, and makes the tables or brings them up to date.
 *
 * @throws Error              the URL
 * @throws StorageUnavailable it cannot be reached now, or does not let us make the tables
 */
export async function openPostgres({ url, clock, deadlineMs, log }: PostgresOptions): Promise<Backend> {
  const place = readPostgresUrl(url);
  await prepare(place, deadlineMs, (client) => warnOfForgetting(client, log));
  const { schema } = place;
  const queries = createPostgresQueries({ place, deadlineMs, log });
  const channel = `${schema}_bus`;
  const notify = { name: `${schema} notify`, text: 'SELECT pg_notify($1, $2)', writes: false };
  const { bus, receive } = createSharedBus({
    send: (message) => queries.run((turn) => queries.ask(turn, notify, [channel, message])),
    log,
  });
  const ears = keepConnected({ connector: createListener(place, deadlineMs, channel, receive), deadlineMs, log });
  try {
    await ears.connected(performance.now() + deadlineMs);
  } catch (error) {
    ears.close();
    await queries.close();
    throw error;
  }
  const rows = createPostgresRows({ queries, schema });
  return {
    store: createStore({ rows, clock }),
    jobs: createPostgresJobs({ queries, schema }),
    bus,
    bulk: createPostgresBulk({ queries, schema }),
    keyv: createKeyv({ rows, clock }),
    ping: () => rows.write('backend:ping', 'true', clock.now() + 60),
    sweepExpired: () => sweep(rows, clock),
    async close() {
      ears.close();
      await queries.close();
    },
    description: place.description,
  };
}

/** Makes the tables or brings them up to date, or only looks. @throws as `openPostgres` */
export async function migratePostgres({
  url,
  deadlineMs,
  onlyLook,
}: Omit<PostgresOptions, 'clock'> & { onlyLook: boolean }): Promise<Migration & { description: string }> {
  const place = readPostgresUrl(url);
  const migration = onlyLook ? await foreseeAt(place, deadlineMs) : await prepare(place, deadlineMs);
  return { ...migration, description: place.description };
}

const foreseeAt = (place: PostgresPlace, deadlineMs: number): Promise<Migration> =>
  withClient(place, { deadlineMs }, (client) => foresee(client, place.schema));

type Also = (client: pg.Client) => Promise<void>;

/** @param also what else is looked at over the same connection */
function look(place: PostgresPlace, deadlineMs: number, also?: Also): Promise<Migration> {
  return withClient(place, { deadlineMs }, async (client) => {
    await also?.(client);
    return readMigration(client, place.schema);
  });
}

/** Only where there is something to be made is the server given long. */
async function prepare(place: PostgresPlace, deadlineMs: number, also?: Also): Promise<Migration> {
  const found = await look(place, deadlineMs, also);
  if (found.from === found.to) return found;
  const answerMs = MIGRATION_TIMEOUT_MS;
  return withClient(place, { deadlineMs, answerMs }, (client) => prepareSchema(client, place.schema));
}

/** Over a connection for this alone. @param options.answerMs for each answer; the deadline if not said @throws StorageUnavailable */
async function withClient<T>(
  place: PostgresPlace,
  { deadlineMs, answerMs = deadlineMs }: { deadlineMs: number; answerMs?: number },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...place.connection,
    connectionTimeoutMillis: deadlineMs,
    query_timeout: answerMs,
  });
  // What breaks it while nothing is asked is heard at the next question.
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    const { message } = error as Error;
    // what the server itself says is exact; what the network or the driver says is not
    const isExact = error instanceof StorageUnavailable || /^[0-9A-Z]{5}$/.test(codeOf(error));
    const said = isExact ? message : (reasonOf(error) ?? message);
    throw new StorageUnavailable(`cannot open ${place.description}: ${said}`, { cause: error });
  } finally {
    takeLeave(client);
  }
}

async function warnOfForgetting(client: pg.Client, log: Logger | undefined): Promise<void> {
  for (const name of ['fsync', 'synchronous_commit']) {
    const { rows } = await client.query('SELECT current_setting($1) AS value', [name]);
    if (rows[0].value !== 'off') continue;
    log?.warn(
      {},
      `postgres has ${name} off: a power cut can undo what was just stored, as the use of a code; set it on`,
    );
  }
}

function createListener(
  place: PostgresPlace,
  deadlineMs: number,
  channel: string,
  receive: (message: string) => void,
): Connector<pg.Client> {
  return {
    description: place.description,
    open(lose) {
      const client = new pg.Client({ ...place.connection, connectionTimeoutMillis: deadlineMs });
      client.on('error', lose);
      client.on('end', () => lose(new Error('the connection was closed')));
      client.on('notification', ({ payload }) => receive(payload ?? ''));
      return { connection: client, ready: client.connect().then(() => client.query(`LISTEN "${channel}"`)) };
    },
    // With a question under way the driver breaks the connection off instead of taking leave.
    end: takeLeave,
    beat: (client) => client.query('SELECT 1'),
  };
}
