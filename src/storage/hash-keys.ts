// The keys that keyed hashes were made with outlive the data keys they come from: what a document number or an identifier hashed to can
// be recognised only under the key of its day, and the text itself is kept nowhere. They lie in one record, sealed under the present
// data key, so a data key that nothing is encrypted with any more can go for good.

import { FOREVER, type Store } from '../login/ports.ts';
import type { HashKey, RotatingSealer } from './sealer.ts';

export const HASH_KEYS = 'hash-keys';

interface Written {
  readonly id: string;
  /** base64url */
  readonly hash: string;
}

/** @throws SealedUnreadable the sealer's keys are others than those that this storage is sealed with */
export async function assertOpens({ store, sealer }: { store: Store; sealer: RotatingSealer }): Promise<void> {
  const sealed = await store.get<string>(HASH_KEYS);
  if (sealed !== undefined) sealer.openText(sealed, HASH_KEYS);
}

/**
 * Keeps the hash keys of every data key that the sealer has, and gives it all that were ever kept. Call it when data keys are new to a
 * process; safe to repeat, and in any number of processes.
 *
 * @throws SealedUnreadable none of the configured data keys opens the record: they are others than those before
 */
export async function keepHashKeys({ store, sealer }: { store: Store; sealer: RotatingSealer }): Promise<void> {
  const written: readonly Written[] = sealer
    .hashKeys()
    .map(({ id, hash }) => ({ id, hash: Buffer.from(hash).toString('base64url') }));
  const read = (sealed: string | undefined): readonly Written[] =>
    sealed === undefined ? [] : JSON.parse(sealer.openText(sealed, HASH_KEYS));
  const missing = (kept: readonly Written[]) => written.filter(({ id }) => !kept.some((each) => each.id === id));

  let kept = read(await store.get<string>(HASH_KEYS));
  if (missing(kept).length > 0) {
    kept = await store.update<string, readonly Written[]>(HASH_KEYS, (sealed) => {
      const before = read(sealed);
      const all = [...missing(before), ...before];
      return { kind: 'write', value: sealer.seal(JSON.stringify(all), HASH_KEYS), ttlSeconds: FOREVER, result: all };
    });
  }
  sealer.keepHashKeys(
    kept.map(({ id, hash }): HashKey => ({ id, hash: new Uint8Array(Buffer.from(hash, 'base64url')) })),
  );
}
