// Rows in PostgreSQL: one table, one row a record, each operation one statement that commits by itself. Operations on one key go
// over different connections, so their order within this process is kept here.

import type { Rows, Sum } from './backend.ts';
import type { Turn } from './deadlines.ts';
import { createKeyOrder } from './key-order.ts';
import type { PostgresQueries, Statement } from './postgres-queries.ts';
import { createSeenRows, type Row } from './seen-rows.ts';
import { changeBySwap } from './swap.ts';

const LARGEST_CHARACTER = '\u{10FFFF}';

function createStatements(schema: string) {
  const records = `"${schema}".records`;
  const inTime = `"${schema}".in_time($1)`;
  const reading = (name: string, text: string): Statement => ({ name: `${schema} ${name}`, text, writes: false });
  const writing = (name: string, text: string): Statement => ({ name: `${schema} ${name}`, text, writes: true });
  const upsert = `INSERT INTO ${records} AS held (key, value, expires_at) VALUES ($2, $3, $4)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`;
  return {
    read: reading('read', `SELECT value, expires_at FROM ${records} WHERE key = $1`),
    write: writing('write', `${upsert} RETURNING ${inTime}`),
    insert: writing('insert', `${upsert} WHERE held.expires_at <= $5 RETURNING ${inTime}`),
    take: writing('take', `DELETE FROM ${records} WHERE key = $2 RETURNING value, expires_at, ${inTime}`),
    // numeric, as a count that was brought along from an old SQLite file may read 1.0
    add: writing(
      'add',
      `INSERT INTO ${records} AS held (key, value, expires_at) VALUES ($2, $3::bigint::text, $4)
       ON CONFLICT (key) DO UPDATE SET
         value = CASE WHEN held.expires_at > $5 THEN (held.value::numeric + $3::bigint)::bigint::text ELSE excluded.value END,
         expires_at = CASE WHEN held.expires_at > $5 THEN held.expires_at ELSE excluded.expires_at END
       RETURNING value, expires_at, ${inTime}`,
    ),
    swap: writing(
      'swap',
      `UPDATE ${records} SET value = $3, expires_at = $4 WHERE key = $2 AND value = $5 AND expires_at = $6 RETURNING ${inTime}`,
    ),
    swapAway: writing(
      'swap away',
      `DELETE FROM ${records} WHERE key = $2 AND value = $3 AND expires_at = $4 RETURNING ${inTime}`,
    ),
    list: reading(
      'list',
      `SELECT key FROM ${records} WHERE key >= $1 AND key < $2 AND key > $3 AND expires_at > $5 ORDER BY key LIMIT $4`,
    ),
    // Whoever sweeps beside this one takes other rows, and a row that is being written again is left alone.
    removeExpired: writing(
      'remove expired',
      `DELETE FROM ${records} WHERE expires_at <= $2 AND key = ANY (ARRAY(
         SELECT key FROM ${records} WHERE expires_at <= $2 ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED
       )) RETURNING ${inTime}`,
    ),
  };
}

interface Held {
  value: string;
  /** a bigint, which the driver hands out as text */
  expires_at: string;
}

export function createPostgresRows({ queries, schema }: { queries: PostgresQueries; schema: string }): Rows {
  const statements = createStatements(schema);
  const order = createKeyOrder();
  const seenRows = createSeenRows();

  async function see(turn: Turn, key: string): Promise<Row | undefined> {
    const [held] = await queries.ask<Held>(turn, statements.read, [key]);
    if (held === undefined) {
      seenRows.forget(key);
      return undefined;
    }
    const row = { text: held.value, expiresAt: Number(held.expires_at) };
    seenRows.note(key, row);
    return row;
  }

  function write<R extends object, T>(
    key: string,
    statement: Statement,
    values: readonly unknown[],
    read: (rows: R[]) => T,
  ) {
    return queries.run((turn) =>
      order.alone(key, async () => read(await queries.ask<R>(turn, statement, [key, ...values]))),
    );
  }

  const hasRow = (rows: readonly object[]) => rows.length > 0;

  function takeAway<T>(key: string, now: number, read: (text: string | undefined) => T): Promise<T> {
    return write<Held, T>(key, statements.take, [], ([row]) => {
      seenRows.forget(key);
      return read(row !== undefined && Number(row.expires_at) > now ? row.value : undefined);
    });
  }

  return {
    read: (key, now) =>
      queries.run((turn) =>
        order.beside(key, async () => {
          const row = await see(turn, key);
          return row !== undefined && row.expiresAt > now ? row.text : undefined;
        }),
      ),
    write: (key, text, expiresAt) =>
      write(key, statements.write, [text, expiresAt], () => seenRows.note(key, { text, expiresAt })),
    remove: (key, now) => takeAway(key, now, (text) => text !== undefined),
    insert: (key, text, expiresAt, now) =>
      write(key, statements.insert, [text, expiresAt, now], (rows) => {
        if (hasRow(rows)) seenRows.note(key, { text, expiresAt });
        return hasRow(rows);
      }),
    take: (key, now) => takeAway(key, now, (text) => text),
    add: (key, by, expiresAt, now) =>
      write<Held, Sum>(key, statements.add, [by, expiresAt, now], ([row]) => {
        seenRows.forget(key);
        return { sum: Number(row?.value), expiresAt: Number(row?.expires_at) };
      }),
    change: (key, now, decide, hint) =>
      queries.run((turn) =>
        order.alone(key, () =>
          changeBySwap({
            engine: 'postgres',
            turn,
            key,
            now,
            decide,
            isNew: hint?.isNew === true,
            seenRows,
            see: () => see(turn, key),
            async swap(seen, change) {
              const before = seen === undefined ? [] : [seen.text, seen.expiresAt];
              if (change.kind === 'remove')
                return hasRow(await queries.ask(turn, statements.swapAway, [key, ...before]));
              const { text, expiresAt } = change;
              // With a row that was not there, whoever makes it first wins.
              const [statement, condition] =
                seen === undefined ? [statements.insert, [now]] : [statements.swap, before];
              return hasRow(await queries.ask(turn, statement, [key, text, expiresAt, ...condition]));
            },
          }),
        ),
      ),
    list: (prefix, after, limit, now) =>
      queries.run((turn) =>
        order.after(async () => {
          const values = [prefix, prefix + LARGEST_CHARACTER, after, limit, now];
          return (await queries.ask<{ key: string }>(turn, statements.list, values)).map(({ key }) => key);
        }),
      ),
    removeExpired: (now, limit) =>
      queries.run(async (turn) => (await queries.ask(turn, statements.removeExpired, [now, limit])).length),
  };
}
