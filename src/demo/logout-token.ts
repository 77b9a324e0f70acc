// Who signed out elsewhere: the provider posts a logout token to this client, without any browser, and it counts only if
// every check of OpenID Connect Back-Channel Logout 1.0 §2.6 passes.

import { type JWTVerifyGetKey, jwtVerify } from 'jose';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CLOCK_TOLERANCE_SECONDS = 15;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Whose sessions end: those of one browser session at the provider, or all of a person's. */
export type LogoutNotice =
  | { readonly kind: 'session'; readonly sid: string; readonly sub?: string }
  | { readonly kind: 'person'; readonly sub: string };

/** Reads logout tokens, each at most once. The function it returns throws on anything that is not a genuine new one. */
export function createLogoutTokenReader(expected: {
  readonly issuer: string;
  readonly clientId: string;
  readonly keys: () => Promise<JWTVerifyGetKey>;
}): (token: string) => Promise<LogoutNotice> {
  const seen = new Map<string, number>();

  return async (token) => {
    const { payload } = await jwtVerify(token, await expected.keys(), {
      issuer: expected.issuer,
      audience: expected.clientId,
      algorithms: ALGORITHMS,
      typ: 'logout+jwt',
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    const { events, nonce, sid, sub, jti = '', exp = 0 } = payload;
    if (nonce !== undefined) throw new Error('a logout token has no nonce: this is another kind of token');
    if (typeof events !== 'object' || events === null || !(EVENT in events)) throw new Error('not a logout event');

    const now = Math.floor(Date.now() / 1000);
    for (const [id, until] of seen) if (until < now) seen.delete(id);
    if (seen.has(jti)) throw new Error('this logout token was used before');
    seen.set(jti, exp + CLOCK_TOLERANCE_SECONDS);

    if (typeof sid === 'string') return { kind: 'session', sid, ...(sub !== undefined && { sub }) };
    if (sub !== undefined) return { kind: 'person', sub };
    throw new Error('a logout token names a session or a person');
  };
}
