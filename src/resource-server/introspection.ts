// Asks the issuer about an opaque token (RFC 7662): one request for each use of one, and in return a token that was revoked
// a moment ago counts no more.

import { fetchJson, IssuerUnavailable } from './issuer.ts';
import { type Expected, InvalidToken, toAccessToken } from './jwt.ts';
import type { AccessToken } from './need.ts';

export interface Introspection {
  /** this resource server, as a client of the issuer */
  readonly clientId: string;
  readonly clientSecret: string;
  /**
   * Clients whose tokens are taken though they are for no resource at all. Without this a token that any client got for
   * something else would open this resource too (RFC 7662 §4), so whoever is not listed needs a token for our audience.
   */
  readonly clients: readonly string[];
}

/** @throws InvalidToken, or IssuerUnavailable: also when our own credentials are refused, which is no fault of the token */
export function createIntrospector(
  expected: Expected,
  settings: Introspection,
  endpoint: () => Promise<URL | undefined>,
): (token: string) => Promise<AccessToken> {
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  const pair = `${encode(settings.clientId)}:${encode(settings.clientSecret)}`;
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;

  return async (token) => {
    const url = await endpoint();
    if (!url) throw new IssuerUnavailable('the issuer does not introspect');
    const told = await fetchJson(url, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    });
    if (told.active !== true) throw new InvalidToken('the token has expired or was revoked');
    // A refresh token is active too, but has no type: it must open nothing but the token endpoint.
    if (String(told.token_type).toLowerCase() !== 'bearer') throw new InvalidToken('this is not a bearer access token');
    if (told.iss !== undefined && told.iss !== expected.issuer)
      throw new InvalidToken('the token is of another issuer');
    const isExpired = typeof told.exp === 'number' && told.exp <= expected.now() - expected.toleranceSeconds;
    if (isExpired) throw new InvalidToken('the token has expired');
    const isForUs =
      told.aud === undefined
        ? settings.clients.includes(String(told.client_id))
        : [told.aud].flat().includes(expected.audience);
    if (!isForUs) throw new InvalidToken('the token is for another resource');
    return toAccessToken(told);
  };
}
