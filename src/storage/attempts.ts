// Login attempts, the claims on accounts and the ownership of verifications, on the atomic store. What an attempt may become is
// decided in `core/`; here it only becomes it, all or nothing.

import type { LoginAttempt, Step } from '../core/attempt.ts';
import { type Claim, type Contest, contest } from '../core/claim.ts';
import { type Change, type Clock, FOREVER, type Sealer, type Store } from '../login/ports.ts';
import type { AttemptStore, HeldReview, Ownership } from '../login/stores.ts';
import { createAttemptPlaces, type StoredAttempt } from './attempt-places.ts';

/** How long an attempt that is over can still be told apart from one that never was (410, not 403). */
const AFTERLIFE_SECONDS = 86_400;

interface Owner {
  readonly uid: string;
  /** it had two owners: its verdict counts for nobody, for ever */
  readonly burnt?: true;
}

export function createAttemptStore(parts: { store: Store; sealer: Sealer; clock: Clock }): AttemptStore {
  const { store, clock } = parts;
  const places = createAttemptPlaces(parts);
  const attemptKey = (uid: string) => `attempt:${uid}`;
  const claimKey = (key: string) => `claim:${key}`;
  const ownerKey = (verificationId: string) => `owner:${verificationId}`;
  const heldKey = (verificationId: string) => `held:${verificationId}`;
  const lifeOf = (attempt: LoginAttempt) => Math.max(1, attempt.latestEnd - clock.now()) + AFTERLIFE_SECONDS;

  return {
    async find(uid) {
      const stored = await store.get<StoredAttempt>(attemptKey(uid));
      return stored && places.open(stored);
    },

    create: (attempt) => store.putIfAbsent(attemptKey(attempt.uid), places.seal(attempt), lifeOf(attempt)),

    change: (uid, step) =>
      store.update<StoredAttempt, Step | undefined>(attemptKey(uid), (current) => {
        if (!current) return { kind: 'keep', result: undefined };
        const result = step(places.open(current));
        if (result.kind !== 'moved') return { kind: 'keep', result };
        return { kind: 'write', value: places.seal(result.attempt), ttlSeconds: lifeOf(result.attempt), result };
      }),

    claim: (key, challenger, contestedAfterSeconds) =>
      store.update<Claim, Contest>(
        claimKey(key),
        (holder): Change<Claim, Contest> => {
          const result = contest(holder, challenger, clock.now(), contestedAfterSeconds);
          if (result.kind === 'held' || result.kind === 'own') return { kind: 'keep', result };
          return { kind: 'write', value: challenger, ttlSeconds: Math.max(1, challenger.until - clock.now()), result };
        },
        { isNew: true },
      ),

    release: (key, uid, backTo) =>
      store.update<Claim, void>(claimKey(key), (holder) => {
        if (holder?.uid !== uid) return { kind: 'keep', result: undefined };
        if (!backTo || backTo.until <= clock.now()) return { kind: 'remove', result: undefined };
        return { kind: 'write', value: backTo, ttlSeconds: backTo.until - clock.now(), result: undefined };
      }),

    own: (verificationId, uid) =>
      store.update<Owner, Ownership>(
        ownerKey(verificationId),
        (owner) => {
          if (!owner) return { kind: 'write', value: { uid }, ttlSeconds: FOREVER, result: { isOurs: true } };
          if (owner.uid === uid) return { kind: 'keep', result: { isOurs: !owner.burnt } };
          if (owner.burnt) return { kind: 'keep', result: { isOurs: false } };
          const result = { isOurs: false, taken: owner.uid };
          return { kind: 'write', value: { ...owner, burnt: true }, ttlSeconds: FOREVER, result };
        },
        { isNew: true },
      ),

    async ownerOf(verificationId) {
      const owner = await store.get<Owner>(ownerKey(verificationId));
      return owner && !owner.burnt ? owner.uid : undefined;
    },

    // no longer than its attempt waits: what a crash has left in the list goes by itself
    hold: (verificationId, held) =>
      store.set(heldKey(verificationId), held, Math.max(1, held.waitsUntil - clock.now())),
    letGo: (verificationId) => store.delete(heldKey(verificationId)),

    async held() {
      const keys = await store.keys('held:');
      const reviews = await Promise.all(keys.map((key) => store.get<HeldReview>(key)));
      return reviews.filter((review) => review !== undefined);
    },
  };
}
