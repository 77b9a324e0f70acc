// What an accepted verification allowed, by its id: read when the verdict turns (`late.ts`), forgotten with the account.

import { FOREVER, type Store } from './ports.ts';
import type { Allowance } from './stores.ts';

/**
 * How long it is remembered what a login allowed, and what came of it: longer than a session (14 days) and then a refresh token of its last
 * code (30) live. After that, all of it has ended by itself.
 */
export const ALLOWED_SECONDS = 45 * 86_400;

const key = (verificationId: string) => `allowance:${verificationId}`;

export function findAllowance(store: Store, verificationId: string): Promise<Allowance | undefined> {
  return store.get<Allowance>(key(verificationId));
}

/** One that is there already stays as it is: a key may rest on it, or its verdict may have turned. */
export async function keepAllowance(store: Store, verificationId: string, allowance: Allowance): Promise<void> {
  await store.putIfAbsent(key(verificationId), allowance, lifeOf(allowance));
}

/** Remembered from now on as long as when it was new. */
export function renewAllowance(store: Store, verificationId: string): Promise<void> {
  return store.update<Allowance, void>(key(verificationId), (allowance) =>
    allowance
      ? { kind: 'write', value: allowance, ttlSeconds: lifeOf(allowance), result: undefined }
      : { kind: 'keep', result: undefined },
  );
}

/**
 * Something that has no end of its own rests on it: a passkey.
 *
 * @param first what is allowed, where nothing was before: the login that the key is made in goes on
 */
export function keepAllowanceForGood(store: Store, verificationId: string, first?: Allowance): Promise<void> {
  return store.update<Allowance, void>(key(verificationId), (allowance = first) =>
    allowance
      ? { kind: 'write', value: { ...allowance, bringsKey: true }, ttlSeconds: FOREVER, result: undefined }
      : { kind: 'keep', result: undefined },
  );
}

/** The verdict has turned: nothing more may be built on it. */
export function refuseAllowance(store: Store, verificationId: string): Promise<void> {
  return store.update<Allowance, void>(key(verificationId), (allowance) =>
    allowance
      ? { kind: 'replace', value: { ...allowance, refused: true }, result: undefined }
      : { kind: 'keep', result: undefined },
  );
}

/** An enrolment allows the account itself, and a face or a key all that it opens later, so these are kept with the account. */
function lifeOf({ purpose, bringsFace, bringsKey }: Allowance): number {
  return purpose === 'login' && !bringsFace && !bringsKey ? ALLOWED_SECONDS : FOREVER;
}

export function forgetAllowance(store: Store, verificationId: string): Promise<void> {
  return store.delete(key(verificationId));
}
