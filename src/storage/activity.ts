// What an account did lately: sign-ins for its person to look up, refused selfies and the last place for the rules of risk. One sealed
// record an account, short.

import type { Sealer, Store } from '../login/ports.ts';
import type { Activity, ActivityStore } from '../login/stores.ts';

const SIGN_INS = 50;
const DECLINES = 50;
const ACTIVITY_SECONDS = 400 * 86_400;
const EMPTY: Activity = { signIns: [], declines: [] };

export function createActivityStore(parts: { store: Store; sealer: Sealer }): ActivityStore {
  const { store, sealer } = parts;
  const key = (accountId: string) => `activity:${accountId}`;
  const open = (accountId: string, sealed: string | undefined): Activity =>
    sealed === undefined ? EMPTY : JSON.parse(sealer.openText(sealed, key(accountId)));

  function change(accountId: string, next: (activity: Activity) => Activity): Promise<void> {
    return store.update<string, void>(key(accountId), (sealed) => ({
      kind: 'write',
      value: sealer.seal(JSON.stringify(next(open(accountId, sealed))), key(accountId)),
      ttlSeconds: ACTIVITY_SECONDS,
      result: undefined,
    }));
  }

  return {
    find: async (accountId) => open(accountId, await store.get<string>(key(accountId))),

    noteSignIn: (accountId, signIn, place) =>
      change(accountId, (activity) => ({
        ...activity,
        // the same login may be noted again after a lost answer
        signIns: [signIn, ...activity.signIns.filter(({ uid }) => uid !== signIn.uid)].slice(0, SIGN_INS),
        ...(place ? { last: { at: signIn.at, place } } : {}),
      })),

    noteDecline: (accountId, at) =>
      change(accountId, (activity) => ({ ...activity, declines: [at, ...activity.declines].slice(0, DECLINES) })),

    noteDenial: (accountId, uid, at) =>
      change(accountId, (activity) => ({
        ...activity,
        signIns: activity.signIns.map((signIn) => (signIn.uid === uid ? { ...signIn, deniedAt: at } : signIn)),
      })),

    forget: (accountId) => store.delete(key(accountId)),
  };
}
