// Does the storage keep what it is given? A record is written, read back and taken away.

import { randomUUID } from 'node:crypto';
import type { Store } from '../login/ports.ts';

const PROBE_SECONDS = 60;

/** @throws StorageUnavailable */
export async function checkStorage(parts: { readonly store: Store }): Promise<boolean> {
  const key = `check:${randomUUID()}`;
  await parts.store.set(key, key, PROBE_SECONDS);
  return (await parts.store.take<string>(key)) === key;
}
