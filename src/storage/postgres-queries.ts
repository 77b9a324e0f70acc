// What a statement in PostgreSQL costs and can fail with: one connection of a modest pool, prepared once by name, each write with
// its deadline in the server's time, every failure a StorageUnavailable. A connection that gave no answer is thrown away.

import type { Pool as PgPool, PoolClient, QueryResultRow } from 'pg';
import pg from 'pg';
import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';
import { assertInTime, createDeadlines, type Turn } from './deadlines.ts';
import { inTime } from './kept-connection.ts';
import { LATE } from './postgres-schema.ts';
import type { PostgresPlace } from './postgres-url.ts';
import { failureOf } from './reasons.ts';
import { measureServerClock, type ServerClock } from './server-clock.ts';

/** Prepared under its name on each connection. A write has `in_time($1)` in its RETURNING and is handed the deadline first. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly writes: boolean;
}

/** Over Redis it is measured as often, with each sign of life. */
const CLOCK_KEPT_MS = 2000;

export interface PostgresQueries {
  /** One operation, however many steps it takes, within the deadline. */
  run<T>(operation: (turn: Turn) => Promise<T>): Promise<T>;
  ask<R extends QueryResultRow>(turn: Turn, statement: Statement, values: readonly unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

export function createPostgresQueries(options: {
  readonly place: PostgresPlace;
  readonly deadlineMs: number;
  readonly log?: Logger | undefined;
}): PostgresQueries {
  const { place, deadlineMs, log } = options;
  const deadlines = createDeadlines({ engine: place.description, deadlineMs });
  const clocks = new WeakMap<object, { readonly clock: ServerClock; readonly measuredAtMs: number }>();
  const answeredAtMs = new WeakMap<object, number>();
  /** Whatever had its last answer before may be as dead as the connection that gave none then. */
  let distrustedBeforeMs = 0;
  const pool: PgPool = new pg.Pool({
    ...place.connection,
    max: place.connections,
    connectionTimeoutMillis: deadlineMs,
    idleTimeoutMillis: 60_000,
    onConnect: (client) => inTime(prepareSession(client as PoolClient), deadlineMs),
  });
  // Without a listener the first idle connection that breaks would end the process (R7). A broken one has left the pool already.
  pool.on('error', (error) => log?.warn({ err: error }, `${place.description}: an idle connection is lost`));

  // Taking leave of a connection that carries nothing any more would keep its socket for as long as the network does.
  const opened = new Set<PoolClient>();
  pool.on('connect', (client) => void opened.add(client));
  pool.on('remove', (client) => void opened.delete(client as PoolClient));
  pool.on('release', (error: unknown, client) => {
    if (error) breakOff(client);
  });

  async function prepareSession(client: PoolClient): Promise<void> {
    // The pool listens only while a connection is idle; one in use tells whoever uses it, by failing.
    client.on('error', () => {});
    const limits = {
      statement_timeout: deadlineMs,
      lock_timeout: deadlineMs,
      default_transaction_isolation: 'read committed',
    };
    const calls = Object.entries(limits).map(([name, value]) => `set_config('${name}', '${value}', false)`);
    await client.query(`SELECT ${calls.join(', ')}`);
    await measure(client);
  }

  async function measure(client: PoolClient): Promise<void> {
    const askMs = async () => {
      const { rows } = await client.query('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at');
      return Number(rows[0].at);
    };
    const clock = await measureServerClock(askMs);
    clocks.set(client, { clock, measuredAtMs: performance.now() });
    answeredAtMs.set(client, performance.now());
  }

  /** Of a server whose clock was set back since, a deadline would lie too late: what was given up would be carried out (R10). */
  async function clockOf(client: PoolClient): Promise<ServerClock | undefined> {
    const known = clocks.get(client);
    if (!known || performance.now() - known.measuredAtMs > CLOCK_KEPT_MS) await measure(client);
    return clocks.get(client)?.clock;
  }

  /** A firewall that forgot one connection forgot all that were open: not each of them costs somebody the whole wait (R7). */
  async function connect(turn: Turn): Promise<PoolClient> {
    for (;;) {
      assertInTime(turn, place.description);
      const client = await pool.connect();
      if ((answeredAtMs.get(client) ?? 0) >= distrustedBeforeMs) return client;
      client.release(new Error('another connection gave no answer'));
    }
  }

  async function execute<R extends QueryResultRow>(
    turn: Turn,
    client: PoolClient,
    { name, text, writes }: Statement,
    values: readonly unknown[],
  ): Promise<R[]> {
    const deadline = writes ? [(await clockOf(client))?.at(turn.giveUpAtMs)] : [];
    const { rows } = await client.query<R>({ name, text, values: [...deadline, ...values] });
    answeredAtMs.set(client, performance.now());
    return rows;
  }

  async function ask<R extends QueryResultRow>(
    turn: Turn,
    statement: Statement,
    values: readonly unknown[],
  ): Promise<R[]> {
    const client = await connect(turn);
    const askedAtMs = performance.now();
    const release = once((error?: unknown) => client.release(error === undefined ? undefined : (error as Error)));
    const abandon = () => {
      distrustedBeforeMs = Math.max(distrustedBeforeMs, askedAtMs);
      release(new Error('no answer in time'));
    };
    try {
      assertInTime(turn, place.description);
      turn.unanswered.set(abandon, askedAtMs);
      return await execute<R>(turn, client, statement, values);
    } catch (error) {
      if (codeOf(error) === LATE && performance.now() < turn.giveUpAtMs) {
        // Too late by the server's clock and not by ours: that clock was moved. Nothing was done, so it may be asked again.
        await measure(client);
        return await execute<R>(turn, client, statement, values);
      }
      // whoever had no time left when its turn came has asked nothing: after a pause each of them would take a good connection along
      if (!(error instanceof StorageUnavailable) && isOfTheConnection(error)) release(error);
      throw error;
    } finally {
      turn.unanswered.delete(abandon);
      release();
    }
  }

  return {
    run: deadlines.run,
    async ask(turn, statement, values) {
      try {
        return await ask(turn, statement, values);
      } catch (error) {
        if (error instanceof StorageUnavailable) throw error;
        throw new StorageUnavailable(`${place.description} ${failureOf(error)}`, { cause: error });
      }
    },
    async close() {
      await deadlines.close();
      // a dead connection would keep it waiting for as long as the network does
      await inTime(pool.end(), deadlineMs).catch(() => {});
      setTimeout(() => opened.forEach(breakOff), LEAVE_MS).unref();
    },
  };
}

/** As long as a server may take to answer a goodbye. */
const LEAVE_MS = 500;

/** Says goodbye, and waits for no answer: a connection that carries nothing any more would hold its process for as long as the network does. */
export function takeLeave(client: pg.Client): void {
  client.end().catch(() => {});
  setTimeout(breakOff, LEAVE_MS, client).unref();
}

/** The driver has no word for it that does not wait for the server. */
function breakOff(client: object): void {
  (client as { connection?: { stream: { destroy(): void } } }).connection?.stream.destroy();
}

function once(step: (error?: unknown) => void): (error?: unknown) => void {
  let done = false;
  return (error) => {
    if (done) return;
    done = true;
    step(error);
  };
}

/** SQLSTATE, or the system's code (ECONNREFUSED); empty when there is neither. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : '';
}

/** Not of the statement: shut down, broken, or read-only, as a former primary is; a new connection may lead to the present one. */
function isOfTheConnection(error: unknown): boolean {
  return !/^[0-9A-Z]{5}$/.test(codeOf(error)) || /^(?:08|57P|25006)/.test(codeOf(error));
}
