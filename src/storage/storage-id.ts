// Which storage this is: a random name that the first provider on it gives it. A running provider has read secrets out of its storage (the
// salt of pairwise identifiers, hash keys); where the name is gone or another, they are no longer what is kept there.

import { randomUUID } from 'node:crypto';
import { FOREVER, type Store } from '../login/ports.ts';

const KEY = 'storage-id';

/** Of any number of processes that begin at once, all get one. To be called before any secret is read: what is lost later is noticed. */
export async function keepStorageId(store: Store): Promise<string> {
  await store.putIfAbsent(KEY, randomUUID(), FOREVER);
  const id = await findStorageId(store);
  if (id === undefined) throw new Error('the name of this storage could not be kept');
  return id;
}

export function findStorageId(store: Store): Promise<string | undefined> {
  return store.get<string>(KEY);
}
