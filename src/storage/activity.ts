// What an account did lately: sign-ins for its person to look up, each in a record of its own; and one short record of refused selfies
// and the last place, which the rules of risk read with every login. Sealed, as they tell from where somebody signs in.

import { keyPages } from '../login/key-pages.ts';
import type { Sealer, Store } from '../login/ports.ts';
import type { Activity, ActivityStore, SignIn } from '../login/stores.ts';
import { rememberOpened } from './opened.ts';

/** As many as a person looks through; older ones go when one login in so many is noted. */
const SIGN_INS = 50;
const TRIMMED_EVERY = 16;
const DECLINES = 50;
const ACTIVITY_SECONDS = 400 * 86_400;
const EMPTY: Activity = { declines: [] };
/** What is left of it after a time has ten digits for centuries, so that keys sort by it. */
const END_OF_TIME = 9_999_999_999;

export function createActivityStore(parts: { store: Store; sealer: Sealer }): ActivityStore {
  const { store, sealer } = parts;
  const key = (accountId: string) => `activity:${accountId}`;
  const signInPrefix = (accountId: string) => `sign-in:${accountId}:`;
  /** the latest first in the order of keys */
  const signInKey = (accountId: string, { at, uid }: SignIn) => `${signInPrefix(accountId)}${END_OF_TIME - at}:${uid}`;
  const openRecord = rememberOpened((place, sealed): Activity => {
    const { declines, last }: Activity = JSON.parse(sealer.openText(sealed, place));
    // an earlier version kept the sign-ins here: they must not be carried along for ever, addresses and all
    return { declines, ...(last ? { last } : {}) };
  });
  const open = (accountId: string, sealed: string | undefined) =>
    sealed === undefined ? EMPTY : openRecord(key(accountId), sealed);
  const openSignIn = (place: string, sealed: string): SignIn => JSON.parse(sealer.openText(sealed, place));
  const sealSignIn = (place: string, signIn: SignIn) => sealer.seal(JSON.stringify(signIn), place);

  function change(accountId: string, next: (activity: Activity) => Activity): Promise<void> {
    return store.update<string, void>(key(accountId), (sealed) => ({
      kind: 'write',
      value: sealer.seal(JSON.stringify(next(open(accountId, sealed))), key(accountId)),
      ttlSeconds: ACTIVITY_SECONDS,
      result: undefined,
    }));
  }

  const signInKeys = (accountId: string) => keyPages(store, signInPrefix(accountId));

  async function trim(accountId: string): Promise<void> {
    let kept = 0;
    for await (const keys of signInKeys(accountId)) {
      const old = keys.slice(Math.max(0, SIGN_INS - kept));
      kept += keys.length - old.length;
      await Promise.all(old.map((each) => store.delete(each)));
    }
  }

  async function findSignInKey(accountId: string, uid: string): Promise<string | undefined> {
    const start = signInPrefix(accountId).length;
    for await (const keys of signInKeys(accountId)) {
      const found = keys.find((each) => each.slice(each.indexOf(':', start) + 1) === uid);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    find: async (accountId) => open(accountId, await store.get<string>(key(accountId))),

    async signIns(accountId) {
      const keys = await store.keys(signInPrefix(accountId), { limit: SIGN_INS });
      const sealed = await Promise.all(keys.map((each) => store.get<string>(each)));
      return keys.flatMap((each, index) => {
        const text = sealed[index];
        return text === undefined ? [] : [openSignIn(each, text)];
      });
    },

    async findSignIn(accountId, uid) {
      const found = await findSignInKey(accountId, uid);
      const sealed = found === undefined ? undefined : await store.get<string>(found);
      return found === undefined || sealed === undefined ? undefined : openSignIn(found, sealed);
    },

    async noteSignIn(accountId, signIn, place) {
      const own = signInKey(accountId, signIn);
      await Promise.all([
        store.set(own, sealSignIn(own, signIn), ACTIVITY_SECONDS),
        place && change(accountId, (activity) => ({ ...activity, last: { at: signIn.at, place } })),
      ]);
      // which one it is depends on chance, as an id's last character does
      if (signIn.uid.charCodeAt(signIn.uid.length - 1) % TRIMMED_EVERY === 0) await trim(accountId);
    },

    noteDecline: (accountId, at) =>
      change(accountId, (activity) => ({ ...activity, declines: [at, ...activity.declines].slice(0, DECLINES) })),

    async noteDenial(accountId, uid, deniedAt) {
      const found = await findSignInKey(accountId, uid);
      if (found === undefined) return;
      await store.update<string, void>(found, (sealed) =>
        sealed === undefined
          ? { kind: 'keep', result: undefined }
          : {
              kind: 'replace',
              value: sealSignIn(found, { ...openSignIn(found, sealed), deniedAt }),
              result: undefined,
            },
      );
    },

    async forget(accountId) {
      for await (const keys of signInKeys(accountId)) await Promise.all(keys.map((each) => store.delete(each)));
      await store.delete(key(accountId));
    },
  };
}
