// Which storage this is: a random name that the first provider on it gives it. A running provider has read secrets out of its storage (the
// salt of pairwise identifiers, hash keys). Where all is lost, as a Redis that keeps nothing on disk was restarted, it writes them again and
// goes on: the next start must not make others. Where another provider was first, they are no longer what is kept there.

import { randomUUID } from 'node:crypto';
import { FOREVER, type Store } from '../login/ports.ts';

const KEY = 'storage-id';
/** Read at the start, and what all processes must agree on. */
const READ_ONCE = ['pairwise-salt', 'hash-keys', 'key-history'];

/** Of any number of processes that begin at once, all get one. What is lost later is noticed. */
export async function keepStorageId(store: Store, name: string = randomUUID()): Promise<string> {
  await store.putIfAbsent(KEY, name, FOREVER);
  const id = await findStorageId(store);
  if (id === undefined) throw new Error('the name of this storage could not be kept');
  return id;
}

export function findStorageId(store: Store): Promise<string | undefined> {
  return store.get<string>(KEY);
}

export type OwnRecords = ReadonlyMap<string, unknown>;

export async function readOwnRecords(store: Store): Promise<OwnRecords> {
  const values = await Promise.all(READ_ONCE.map((key) => store.get(key)));
  return new Map(READ_ONCE.map((key, index) => [key, values[index]]));
}

/** Where they are missing; whoever else does so at the same time writes the same. */
export async function writeOwnRecords(store: Store, records: OwnRecords): Promise<void> {
  for (const [key, value] of records) if (value !== undefined) await store.putIfAbsent(key, value, FOREVER);
}
