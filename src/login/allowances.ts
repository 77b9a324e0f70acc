// What an accepted verification allowed, by its id: read when the verdict turns (`late.ts`), forgotten with the account.

import { FOREVER, type Store } from './ports.ts';
import type { Allowance } from './stores.ts';

/** Longer than any session or token that a login can leave behind. */
const ALLOWANCE_SECONDS = 40 * 86_400;

const key = (verificationId: string) => `allowance:${verificationId}`;

export function findAllowance(store: Store, verificationId: string): Promise<Allowance | undefined> {
  return store.get<Allowance>(key(verificationId));
}

/** An enrolment allows the account itself, and a face all that it opens later, so these are kept with the account. */
export function keepAllowance(store: Store, verificationId: string, allowance: Allowance): Promise<void> {
  const isLogin = allowance.purpose === 'login' && !allowance.bringsFace;
  return store.set(key(verificationId), allowance, isLogin ? ALLOWANCE_SECONDS : FOREVER);
}

/** Something that has no end of its own rests on it: a passkey. */
export async function keepAllowanceForGood(store: Store, verificationId: string): Promise<void> {
  const allowance = await findAllowance(store, verificationId);
  if (allowance) await store.set(key(verificationId), allowance, FOREVER);
}

export function forgetAllowance(store: Store, verificationId: string): Promise<void> {
  return store.delete(key(verificationId));
}
