// Two proofs that a form was sent by our own page (T23): a token for the interaction, which only its page can have told, as the page
// needs the interaction's cookie; and what the browser itself says about where the request came from. Both are checked.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Csrf {
  /** The token for the forms of one interaction. */
  issue(uid: string): string;
  /** Whether a token was issued for it, under any key. Takes the same time whatever is wrong. */
  check(uid: string, token: string | undefined): boolean;
}

/** @param keys the cookie keys, of which the first issues and all check: tokens on open pages outlive a rotation */
export function createCsrf(keys: readonly string[]): Csrf {
  const [newest] = keys;
  if (newest === undefined) throw new TypeError('createCsrf needs at least one key');

  return {
    issue: (uid) => tokenUnder(newest, uid).toString('base64url'),
    check(uid, token) {
      if (token === undefined || uid === '') return false;
      const given = Buffer.from(token, 'base64url');
      let fits = false;
      for (const key of keys) {
        const expected = tokenUnder(key, uid);
        if (given.length === expected.length && timingSafeEqual(given, expected)) fits = true;
      }
      return fits;
    },
  };
}

function tokenUnder(key: string, uid: string): Buffer {
  return createHmac('sha256', key).update(`csrf:${uid}`).digest();
}

export type SiteReading =
  | { readonly kind: 'same' }
  | { readonly kind: 'refused'; readonly status: 403; readonly reason: 'cross-site' | 'other-origin' };

/**
 * Whether a state-changing request began on our own pages, as the browser tells it.
 *
 * `Sec-Fetch-Site` cannot be set by script and decides where it is present (only on https and loopback); `none` is a
 * person's own act. Else `Origin` must be ours. With neither (an old browser, a tool) the token alone decides.
 */
export function readSite(headers: IncomingHttpHeaders, issuer: string): SiteReading {
  const site = headers['sec-fetch-site'];
  if (typeof site === 'string') {
    return site === 'same-origin' || site === 'none'
      ? { kind: 'same' }
      : { kind: 'refused', status: 403, reason: 'cross-site' };
  }
  const { origin } = headers;
  if (origin === undefined || origin === new URL(issuer).origin) return { kind: 'same' };
  return { kind: 'refused', status: 403, reason: 'other-origin' };
}
