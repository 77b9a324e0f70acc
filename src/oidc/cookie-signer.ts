// Signs and checks the library's cookies, in the place of keygrip: the same contract (`sign`, `verify`, `index`), with keys prepared
// once and one comparison in constant time. keygrip hides the time of its comparison behind two more HMACs under a random key,
// which was the dearest part of a request.

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

export interface CookieSigner {
  sign(data: string): string;
  verify(data: string, signature: string): boolean;
  /** @returns which key it was signed with, 0 being the newest; -1 for none: a cookie under an older key is signed anew */
  index(data: string, signature: string): number;
}

/** @param keys newest first: the first signs, all are accepted */
export function createCookieSigner(keys: readonly string[]): CookieSigner {
  const [newest, ...older] = keys.map((key) => createSecretKey(Buffer.from(key)));
  if (newest === undefined) throw new TypeError('createCookieSigner needs at least one key');
  const all = [newest, ...older];

  function index(data: string, signature: string): number {
    const given = Buffer.from(signature);
    // the same time wherever it differs: whoever guesses a signature learns nothing of the right one
    return all.findIndex((key) => {
      const expected = Buffer.from(signatureUnder(key, data));
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  return {
    sign: (data) => signatureUnder(newest, data),
    verify: (data, signature) => index(data, signature) !== -1,
    index,
  };
}

function signatureUnder(key: KeyObject, data: string): string {
  return createHmac('sha256', key).update(data).digest('base64url');
}
