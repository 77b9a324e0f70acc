// Verifies a JWT access token as RFC 9068 §4 says: of this issuer, for this resource server, in its time, and an access token
// at all.

import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { IssuerUnavailable } from './issuer.ts';
import type { AccessToken } from './need.ts';

/** Named, and no others: `none` and the HS family would let whoever knows the public key make tokens. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];

/** What is wrong with a token, in words for the developer of the client. They quote nothing of the token. */
export class InvalidToken extends Error {
  readonly code = 'invalid_token';
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly toleranceSeconds: number;
  /** epoch seconds */
  readonly now: () => number;
}

/** @throws InvalidToken, or IssuerUnavailable when the keys cannot be had: then the token may well be good */
export function createJwtReader(
  expected: Expected,
  jwksUri: () => Promise<URL>,
): (token: string) => Promise<AccessToken> {
  const keys = createKeys(jwksUri);
  return async (token) => {
    const now = expected.now();
    let claims: JWTPayload;
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer: expected.issuer,
        audience: expected.audience,
        // An ID token and a logout token are signed with the same keys, and are no access tokens.
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'sub', 'client_id'],
        clockTolerance: expected.toleranceSeconds,
        currentDate: new Date(now * 1000),
      });
      claims = payload;
    } catch (error) {
      if (error instanceof IssuerUnavailable) throw error;
      throw new InvalidToken(explain(error), { cause: error });
    }
    if (typeof claims.iat !== 'number' || claims.iat > now + expected.toleranceSeconds)
      throw new InvalidToken('the token is not valid yet');
    return toAccessToken(claims);
  };
}

/**
 * What the claims of a genuine token say, read strictly: a claim of another type than its specification counts as absent.
 *
 * @throws InvalidToken for one that is bound to a key (`cnf`: RFC 9449, RFC 8705). Only who has the key may use it, which is
 *   not checked here; taken as a bearer token it would be worth as much to a thief.
 */
export function toAccessToken(claims: Readonly<Record<string, unknown>>): AccessToken {
  if (claims.cnf !== undefined)
    throw new InvalidToken('the token is bound to a key, and only bearer tokens are taken here');
  const { sub, client_id: clientId, scope, acr, auth_time: authTime } = claims;
  if (typeof sub !== 'string' || typeof clientId !== 'string')
    throw new InvalidToken('the token does not say whose it is');
  return {
    sub,
    clientId,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
    ...(typeof acr === 'string' && { acr }),
    ...(typeof authTime === 'number' && Number.isFinite(authTime) && { authTime }),
    claims,
  };
}

/** The issuer's keys, kept ten minutes; an unknown `kid` has them fetched again, twice a minute at most. */
function createKeys(jwksUri: () => Promise<URL>): JWTVerifyGetKey {
  let keySet: JWTVerifyGetKey | undefined;
  return async (header, token) => {
    keySet ??= createRemoteJWKSet(await jwksUri());
    try {
      return await keySet(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      if (cause instanceof errors.JOSENotSupported) throw cause;
      throw new IssuerUnavailable('the keys could not be fetched', { cause });
    }
  };
}

function explain(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'the token is for another resource';
    if (error.claim === 'iss') return 'the token is of another issuer';
    if (error.claim === 'typ') return 'this is not an access token';
    if (error.claim === 'nbf') return 'the token is not valid yet';
    return 'the token lacks a claim';
  }
  return 'the token cannot be verified';
}
