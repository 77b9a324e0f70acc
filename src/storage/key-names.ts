// What keys are called where their secrets must not be told: in lists, in the journal, in what processes say of themselves.

import { createHash } from 'node:crypto';
import type { KeysHeld } from '../core/key-rotation.ts';
import { dataKeyId } from './sealer.ts';

export interface SecretKeys {
  readonly jwks: { readonly keys: readonly { readonly kid?: string; readonly alg?: string }[] };
  readonly cookieKeys: readonly string[];
  readonly dataKeys: readonly Uint8Array[];
}

export function namesOf({ jwks, cookieKeys, dataKeys }: SecretKeys): KeysHeld {
  return {
    signing: jwks.keys.map(({ kid = '', alg = '' }) => ({ id: kid, alg })),
    cookie: cookieKeys.map((key) => ({ id: cookieKeyId(key), alg: 'HMAC' })),
    data: dataKeys.map((key) => ({ id: dataKeyId(key), alg: 'A256GCM' })),
  };
}

/** Whoever has one cookie can try guesses of its key as well as whoever reads this: it tells nothing that is not out already. */
export function cookieKeyId(key: string): string {
  return createHash('sha256').update(`selfie-oidc cookie key id ${key}`).digest('hex').slice(0, 8);
}
