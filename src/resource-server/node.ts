// The check in front of a handler of plain Node.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './challenge.ts';
import type { TokenCheck } from './check.ts';
import { type AccessToken, assertNeed, type Need } from './need.ts';

/** how long a client is asked to wait when the issuer cannot be asked */
const RETRY_SECONDS = 5;

/**
 * The token, or undefined: then the refusal was sent already, and there is nothing left to do.
 *
 * @throws TypeError at once for a need that no token could meet
 */
export function requireNodeToken(
  check: TokenCheck,
  need: Need,
): (request: IncomingMessage, response: ServerResponse) => Promise<AccessToken | undefined> {
  assertNeed(need);
  return async (request, response) => {
    const outcome = await check(credentialsOf(request), need);
    if (outcome.ok) return outcome.token;
    response.writeHead(outcome.status, { ...refusalHeaders(outcome), 'content-type': 'application/json' });
    response.end(JSON.stringify(outcome.body));
    return undefined;
  };
}

/**
 * Each credential of a request. Node keeps only the first of several `Authorization` headers in `headers`, and what stands
 * behind it in a proxy or a cache may believe the last. A token in the query is never used, as addresses are logged
 * (RFC 6750 §5.3), but beside a header it makes two.
 */
export function credentialsOf(request: IncomingMessage): readonly string[] {
  const headers = request.headersDistinct.authorization ?? [];
  const query = new URLSearchParams(request.url?.split('?').slice(1).join('?'));
  return headers.length > 0 ? [...headers, ...query.getAll('access_token')] : [];
}

export function refusalHeaders({ status, wwwAuthenticate }: Refusal): Record<string, string> {
  return {
    'cache-control': 'no-store',
    ...(wwwAuthenticate !== undefined && { 'www-authenticate': wwwAuthenticate }),
    ...(status === 503 && { 'retry-after': String(RETRY_SECONDS) }),
  };
}
