// Passkeys: WebAuthn credentials, one sealed list an account, and an index by the credential's hash, so that one credential is never
// two accounts'.

import { createHash } from 'node:crypto';
import { FOREVER, type Sealer, type Store } from '../login/ports.ts';
import type { Passkey, PasskeyStore } from '../login/stores.ts';

/** More than anybody has devices; every start of a login with a key reads them all. */
const MOST_PER_ACCOUNT = 10;

export function createPasskeyStore(parts: { store: Store; sealer: Sealer }): PasskeyStore {
  const { store, sealer } = parts;
  const listKey = (accountId: string) => `passkeys:${accountId}`;
  const ownerKey = (id: string) => `passkey-of:${createHash('sha256').update(id).digest('base64url')}`;
  const open = (accountId: string, sealed: string | undefined): readonly Passkey[] =>
    sealed === undefined ? [] : JSON.parse(sealer.openText(sealed, listKey(accountId)));

  /** @param next gives the list as it is to be, or none to leave it */
  function change<R>(
    accountId: string,
    next: (passkeys: readonly Passkey[]) => { readonly passkeys?: readonly Passkey[]; readonly result: R },
  ): Promise<R> {
    return store.update<string, R>(listKey(accountId), (sealed) => {
      const { passkeys, result } = next(open(accountId, sealed));
      if (passkeys === undefined) return { kind: 'keep', result };
      if (passkeys.length === 0) return { kind: 'remove', result };
      const value = sealer.seal(JSON.stringify(passkeys), listKey(accountId));
      return { kind: 'write', value, ttlSeconds: FOREVER, result };
    });
  }

  /** Removes those, and then their index: a crash in between leaves an index that leads to no key. */
  async function removeWhere(accountId: string, is: (passkey: Passkey) => boolean): Promise<boolean> {
    const removed = await change(accountId, (passkeys) => {
      const gone = passkeys.filter(is);
      return gone.length === 0 ? { result: gone } : { passkeys: passkeys.filter((each) => !is(each)), result: gone };
    });
    for (const { id } of removed) await store.delete(ownerKey(id));
    return removed.length > 0;
  }

  return {
    list: async (accountId) => open(accountId, await store.get<string>(listKey(accountId))),

    async add(accountId, passkey) {
      // the index first: of two accounts that claim one credential, one wins
      if (!(await store.putIfAbsent(ownerKey(passkey.id), accountId, FOREVER))) return 'taken';
      const isAdded = await change(accountId, (passkeys) =>
        passkeys.length >= MOST_PER_ACCOUNT ? { result: false } : { passkeys: [...passkeys, passkey], result: true },
      );
      if (isAdded) return 'added';
      await store.delete(ownerKey(passkey.id));
      return 'full';
    },

    ownerOf: (credentialId) => store.get<string>(ownerKey(credentialId)),

    use: (accountId, credentialId, counter, at) =>
      change<'used' | 'copied' | 'gone'>(accountId, (passkeys) => {
        const passkey = passkeys.find(({ id }) => id === credentialId);
        if (!passkey) return { result: 'gone' };
        const replaceBy = (next: Passkey) => passkeys.map((each) => (each === passkey ? next : each));
        if (passkey.copiedAt !== undefined) return { result: 'copied' };
        // one that never counts says 0 each time; one that did and does not go on is one of two
        const goesOn = counter > passkey.counter || (counter === 0 && passkey.counter === 0);
        if (!goesOn) return { passkeys: replaceBy({ ...passkey, copiedAt: at }), result: 'copied' };
        return { passkeys: replaceBy({ ...passkey, counter, lastUsedAt: at }), result: 'used' };
      }),

    remove: (accountId, credentialId) => removeWhere(accountId, ({ id }) => id === credentialId),

    async removeAddedBy(accountId, uid, verificationIds = []) {
      await removeWhere(
        accountId,
        ({ madeIn, rests, faces = [] }) =>
          madeIn === uid || [...rests, ...faces].some((id) => verificationIds.includes(id)),
      );
    },

    async forget(accountId) {
      await removeWhere(accountId, () => true);
    },
  };
}
