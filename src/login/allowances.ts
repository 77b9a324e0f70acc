// What an accepted verification allowed, by its id: read when the verdict turns (`late.ts`), forgotten with the account.

import { FOREVER, type Store } from './ports.ts';
import type { Allowance } from './stores.ts';

/**
 * How long it is remembered what a login allowed, and what came of it: longer than a session (14 days) and then a refresh token of its last
 * code (30) live. After that, all of it has ended by itself.
 */
export const ALLOWED_SECONDS = 45 * 86_400;

/** A finish that was under way may still build on what was taken back, and die: the hourly sweep has to find it. */
const TAKEN_BACK_SECONDS = 86_400;

const key = (verificationId: string) => `allowance:${verificationId}`;

export function findAllowance(store: Store, verificationId: string): Promise<Allowance | undefined> {
  return store.get<Allowance>(key(verificationId));
}

/**
 * One that is there already stays as it is: a key may rest on it, or its verdict may have turned.
 *
 * @param loginSeconds see `loginAllowanceSeconds`
 */
export async function keepAllowance(
  store: Store,
  verificationId: string,
  allowance: Allowance,
  loginSeconds = ALLOWED_SECONDS,
): Promise<void> {
  await store.putIfAbsent(key(verificationId), allowance, lifeOf(allowance, loginSeconds));
}

/** Remembered from now on as long as when it was new. */
export function renewAllowance(store: Store, verificationId: string, loginSeconds: number): Promise<void> {
  return store.update<Allowance, void>(key(verificationId), (allowance) =>
    allowance && !allowance.refused
      ? { kind: 'write', value: allowance, ttlSeconds: lifeOf(allowance, loginSeconds), result: undefined }
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
    allowance && !allowance.refused
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

/** All that it allowed has been taken back. */
export function closeAllowance(store: Store, verificationId: string): Promise<void> {
  return store.update<Allowance, void>(key(verificationId), (allowance) => {
    if (!allowance) return { kind: 'keep', result: undefined };
    const value: Allowance = { ...allowance, refused: true, takenBack: true };
    return { kind: 'write', value, ttlSeconds: TAKEN_BACK_SECONDS, result: undefined };
  });
}

/** An enrolment allows the account itself, and a face or a key all that it opens later, so these are kept with the account. */
function lifeOf({ purpose, bringsFace, bringsKey }: Allowance, loginSeconds: number): number {
  return purpose === 'login' && !bringsFace && !bringsKey ? loginSeconds : FOREVER;
}

/** How long a login's own selfie has to be remembered where a skip may still rest on it so many days later, which then renews it. */
export function loginAllowanceSeconds(oldestSelfieDays: number): number {
  return Math.max(ALLOWED_SECONDS, (oldestSelfieDays + 1) * 86_400);
}

export function forgetAllowance(store: Store, verificationId: string): Promise<void> {
  return store.delete(key(verificationId));
}
