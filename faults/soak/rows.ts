// What lies in a storage past its end, asked of the engine itself: the product's own reading would hide it.

import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@redis/client';
import pg from 'pg';
import { readPostgresUrl } from '../../src/storage/postgres-url.ts';
import { readRedisUrl } from '../../src/storage/redis-url.ts';

export interface RowCount {
  readonly all: number;
  /** of those, how many ended at `endedAt` or before */
  readonly ended: number;
}

/** @param endedAt epoch seconds */
export function countRows(storageUrl: string, endedAt: number): Promise<RowCount> {
  if (storageUrl.startsWith('sqlite:')) return countInSqlite(storageUrl.slice('sqlite:'.length), endedAt);
  return storageUrl.startsWith('redis:') ? countInRedis(storageUrl, endedAt) : countInPostgres(storageUrl, endedAt);
}

const COUNT = 'SELECT count(*) AS "all", count(*) FILTER (WHERE expires_at <= ?) AS ended FROM records';

async function countInSqlite(path: string, endedAt: number): Promise<RowCount> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const row = database.prepare(COUNT).get(endedAt) as { all: number; ended: number };
    return { all: Number(row.all), ended: Number(row.ended) };
  } finally {
    database.close();
  }
}

async function countInPostgres(storageUrl: string, endedAt: number): Promise<RowCount> {
  const { connection, schema } = readPostgresUrl(storageUrl);
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const text = COUNT.replace('?', '$1').replace('records', `"${schema}".records`);
    const { rows } = await client.query<{ all: string; ended: string }>(text, [endedAt]);
    return { all: Number(rows[0]?.all), ended: Number(rows[0]?.ended) };
  } finally {
    await client.end();
  }
}

async function countInRedis(storageUrl: string, endedAt: number): Promise<RowCount> {
  const { host, port, database, prefix } = readRedisUrl(storageUrl);
  const client = createClient({ socket: { host, port }, database });
  await client.connect();
  let all = 0;
  let ended = 0;
  try {
    for await (const keys of client.scanIterator({ MATCH: `{${prefix}:*`, COUNT: 1000 })) {
      const rows = keys.filter((key) => key.includes('}:row:'));
      if (rows.length === 0) continue;
      for (const value of await client.mGet(rows)) {
        if (value === null) continue;
        all += 1;
        if (Number(value.slice(0, value.indexOf(':'))) <= endedAt) ended += 1;
      }
    }
  } finally {
    client.destroy();
  }
  return { all, ended };
}
