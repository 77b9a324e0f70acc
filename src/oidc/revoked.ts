// Which proofs were taken back: looked at after something was built on one, as it is written before what was built is looked for.

import { ALLOWED_SECONDS } from '../login/allowances.ts';
import type { Store } from '../login/ports.ts';

const key = (proofId: string) => `revoked:${proofId}`;

export function markRevoked(store: Store, proofId: string): Promise<void> {
  return store.set(key(proofId), true, ALLOWED_SECONDS);
}

export async function isRevoked(store: Store, proofId: string): Promise<boolean> {
  return (await store.get(key(proofId))) !== undefined;
}
