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
  const clocks = new WeakMap<object, ServerClock>();
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
    clocks.set(client, await measureServerClock(askMs));
    answeredAtMs.set(client, performance.now());
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
    const deadline = writes ? [clocks.get(client)?.at(turn.giveUpAtMs)] : [];
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
      turn.unanswered.add(abandon);
      return await execute<R>(turn, client, statement, values);
    } catch (error) {
      if (codeOf(error) === LATE && performance.now() < turn.giveUpAtMs) {
        // Too late by the server's clock and not by ours: that clock was moved. Nothing was done, so it may be asked again.
        await measure(client);
        return await execute<R>(turn, client, statement, values);
      }
      if (isOfTheConnection(error)) release(error);
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
    },
  };
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
