// For a resource server: is this access token good enough for what is asked? It stands behind the login: a client that is
// refused here learns what to ask the provider for, and the person proves more (RFC 9470). It imports nothing of the
// provider, only `jose`; copy the folder into a service of your own.

import { askForToken, type Refusal, refuseFor, refuseRequest, refuseToken, unavailable } from './challenge.ts';
import { createIntrospector, type Introspection } from './introspection.ts';
import { createDiscovery, IssuerUnavailable, isProtected } from './issuer.ts';
import { createJwtReader, type Expected, InvalidToken } from './jwt.ts';
import { type AccessToken, assertNeed, findLack, type Need } from './need.ts';

/** RFC 6750 §2.1, `b64token`. */
const BEARER = /^bearer +([\w\-.~+/]+=*)$/i;
const IS_BEARER = /^bearer(?: |$)/i;
const IS_JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

export type Outcome = { readonly ok: true; readonly token: AccessToken } | Refusal;

/**
 * @param authorization the request's `Authorization` headers, all of them: more than one credential is refused
 * @throws TypeError for a need that no token could meet; whatever a request brings is an outcome
 */
export type TokenCheck = (authorization: string | readonly string[] | undefined, need: Need) => Promise<Outcome>;

export interface TokenCheckSettings {
  /** exactly as the issuer writes it in its metadata and tokens */
  readonly issuer: string;
  /** this resource server: what clients name in `resource` */
  readonly audience: string;
  /** else it is looked up in the issuer's metadata */
  readonly jwksUri?: string;
  /** for clocks that differ; also added to `maxAgeSeconds` */
  readonly clockToleranceSeconds?: number;
  /** takes opaque tokens too */
  readonly introspection?: Introspection;
  /** epoch seconds */
  readonly now?: () => number;
}

/**
 * A check to be made once and used for every request. Nothing is fetched before the first token arrives.
 *
 * The order of its answers: no token (401), malformed (400), not a genuine token for us (401), too weak or too old a login
 * (401), too little scope (403). Nobody learns what a resource needs before showing a genuine token for it; why the login
 * comes before the scope is told at `findLack`. When the issuer cannot be asked the answer is 503.
 *
 * @throws TypeError for an address that is not https (http on loopback is let through, for trying out)
 */
export function createTokenCheck(settings: TokenCheckSettings): TokenCheck {
  const { issuer, audience, jwksUri, introspection, clockToleranceSeconds = 15 } = settings;
  for (const address of [issuer, ...(jwksUri === undefined ? [] : [jwksUri])]) {
    if (!isProtected(address)) throw new TypeError(`${JSON.stringify(address)} is no https address`);
  }
  if (audience === '') throw new TypeError('the audience is empty, so any token would be for somebody else');

  const now = settings.now ?? (() => Math.floor(Date.now() / 1000));
  const expected: Expected = { issuer, audience, toleranceSeconds: clockToleranceSeconds, now };
  const discover = createDiscovery(issuer);
  const readJwt = createJwtReader(expected, async () =>
    jwksUri === undefined ? (await discover()).jwksUri : new URL(jwksUri),
  );
  const introspect =
    introspection && createIntrospector(expected, introspection, async () => (await discover()).introspectionEndpoint);

  async function readToken(token: string): Promise<AccessToken> {
    if (IS_JWT.test(token)) return readJwt(token);
    if (introspect) return introspect(token);
    throw new InvalidToken('this is not a JWT: ask for a token with the resource named');
  }

  return async (authorization, need) => {
    assertNeed(need);
    const [header, ...others] = [authorization ?? []].flat();
    if (header === undefined) return askForToken(audience);
    if (others.length > 0) return refuseRequest(audience, 'more than one credential was sent');
    // Another scheme is no faulty token but none; `DPoP` is not offered, see the documentation.
    if (!IS_BEARER.test(header.trim())) return askForToken(audience);
    const sent = BEARER.exec(header.trim())?.[1];
    if (sent === undefined) return refuseRequest(audience, 'the Authorization header is malformed');
    try {
      const token = await readToken(sent);
      const lack = findLack(token, need, { now: now(), toleranceSeconds: clockToleranceSeconds });
      return lack === undefined ? { ok: true, token } : refuseFor(lack, audience, token, need);
    } catch (error) {
      if (error instanceof InvalidToken) return refuseToken(audience, error.message);
      if (error instanceof IssuerUnavailable) return unavailable();
      throw error;
    }
  };
}
