// The answers to a token that is not good enough: status, `WWW-Authenticate` and JSON body, in the words of RFC 6750 §3 and
// RFC 9470 §3. A client reads them and knows what to ask the provider for.

import { type AccessToken, type Lack, lacksScope, type Need } from './need.ts';

/** Fit to be sent as it is; nothing in it comes from the request. */
export interface Refusal {
  readonly ok: false;
  readonly status: 400 | 401 | 403 | 503;
  /** absent where another token would not help */
  readonly wwwAuthenticate?: string;
  /** JSON; empty where the request brought no token, as RFC 6750 §3.1 tells nothing to somebody who asked nothing */
  readonly body: { readonly error?: string; readonly error_description?: string };
}

type Parameters = Readonly<Record<string, string | number | undefined>>;

/** No token, or a way of authenticating that this is not: no error code (RFC 6750 §3.1). */
export function askForToken(realm: string): Refusal {
  return { ok: false, status: 401, wwwAuthenticate: bearer({ realm }), body: {} };
}

export function refuseRequest(realm: string, description: string): Refusal {
  return refuse(400, { realm, error: 'invalid_request', error_description: description });
}

export function refuseToken(realm: string, description: string): Refusal {
  return refuse(401, { realm, error: 'invalid_token', error_description: description });
}

/** Names all that the resource needs, not only what was missing: the next token has to have it all. */
export function refuseFor(lack: Lack, realm: string, token: AccessToken, need: Need): Refusal {
  const scope = lacksScope(token, need) ? need.scope?.join(' ') : undefined;
  switch (lack) {
    case 'authentication':
      return refuse(401, {
        realm,
        error: 'insufficient_user_authentication',
        error_description: 'a stronger or more recent proof of who is there is needed',
        acr_values: need.acr?.join(' '),
        max_age: need.maxAgeSeconds,
        scope,
      });
    case 'scope':
      return refuse(403, {
        realm,
        error: 'insufficient_scope',
        error_description: 'the token does not allow this',
        scope,
      });
  }
}

/** The token may be good: nobody here can tell. A 401 would make every client throw its tokens away and log people in. */
export function unavailable(): Refusal {
  return {
    ok: false,
    status: 503,
    body: { error: 'temporarily_unavailable', error_description: 'the issuer of the token could not be asked' },
  };
}

function refuse(
  status: Refusal['status'],
  parameters: Parameters & { error: string; error_description: string },
): Refusal {
  const { error, error_description } = parameters;
  return { ok: false, status, wwwAuthenticate: bearer(parameters), body: { error, error_description } };
}

function bearer(parameters: Parameters): string {
  const written = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${quote(String(value))}`);
  return `Bearer ${written.join(', ')}`;
}

/** RFC 9110 §5.6.4. What is not visible ASCII is left out: a line break here would begin a header of somebody else's. */
function quote(text: string): string {
  return `"${text.replace(/[^\x20-\x7E]/g, '').replace(/["\\]/g, '\\$&')}"`;
}
