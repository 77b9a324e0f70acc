// Room for one round's records in each storage, under a name of its own that goes with the round. Servers are those of this machine,
// or what BENCH_REDIS_URL and BENCH_POSTGRES_URL name.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import pg from 'pg';
import type { Folder } from './folders.ts';

export const STORAGES = ['sqlite', 'redis', 'postgres', 'memory'] as const;
export type StorageKind = (typeof STORAGES)[number];

const REDIS_URL = process.env.BENCH_REDIS_URL ?? 'redis://127.0.0.1:6379';
const POSTGRES_URL = process.env.BENCH_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test';

export interface Room {
  /** as STORAGE_URL takes it */
  readonly url: string;
  remove(): Promise<void>;
}

const rooms = new Set<Room>();

/** Removes what rounds that did not come to their end have left at a server. */
export async function removeRooms(): Promise<void> {
  await Promise.allSettled([...rooms].map((room) => room.remove()));
}

export function makeRoom(kind: StorageKind, folder: Folder): Room {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  const { url, empty } = place(kind, folder, name);
  const room = {
    url,
    async remove() {
      await empty();
      rooms.delete(room);
    },
  };
  rooms.add(room);
  return room;
}

function place(kind: StorageKind, folder: Folder, name: string): { url: string; empty: () => Promise<void> } {
  switch (kind) {
    case 'memory':
      return { url: 'memory:', empty: async () => undefined };
    case 'sqlite':
      return { url: `sqlite:${join(folder.path, 'data/bench.sqlite')}`, empty: async () => undefined };
    case 'redis':
      return { url: `${REDIS_URL}?prefix=${name}`, empty: () => removeRedisKeys(name) };
    case 'postgres':
      return { url: `${POSTGRES_URL}?schema=${name}`, empty: () => dropSchema(name) };
  }
}

async function removeRedisKeys(prefix: string): Promise<void> {
  const client = createClient({ url: REDIS_URL });
  await client.connect();
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}:*`, COUNT: 1000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  client.destroy();
}

async function dropSchema(schema: string): Promise<void> {
  const client = new pg.Client(POSTGRES_URL);
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await client.end();
}
