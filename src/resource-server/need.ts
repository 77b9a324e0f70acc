// What a resource asks of a token, and what a token that was found genuine tells. Whether the one meets the other is decided
// here, without input or output.

/** A token that was verified. Times are epoch seconds. */
export interface AccessToken {
  readonly sub: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** how strong the login behind it was; absent where no person logged in */
  readonly acr?: string;
  /** when that login was proven, which is not when the token was issued */
  readonly authTime?: number;
  /** all that the token, or introspection, says */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Need {
  /** every one of them */
  readonly scope?: readonly string[];
  /** one of them; in order of preference */
  readonly acr?: readonly string[];
  /** how long ago the person's proof may be */
  readonly maxAgeSeconds?: number;
}

export type Lack = 'authentication' | 'scope';

/** RFC 6749 §3.3: what a scope may consist of. An `acr` stands in a list by spaces too, so it is held to the same. */
const LIST_MEMBER = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/**
 * A fault in a need is the resource server's own: it must show when it starts, and not guard less than was meant.
 *
 * @throws TypeError for an empty list of `acr`, a name that no challenge can carry, or an age that is not a whole second
 */
export function assertNeed({ scope = [], acr, maxAgeSeconds }: Need): void {
  for (const name of [...scope, ...(acr ?? [])]) {
    if (!LIST_MEMBER.test(name)) throw new TypeError(`${JSON.stringify(name)} can be neither a scope nor an acr`);
  }
  if (acr?.length === 0) throw new TypeError('acr lists no value, so no token could meet it');
  if (maxAgeSeconds !== undefined && (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 1))
    throw new TypeError('maxAgeSeconds is a whole number from 1 on');
}

/**
 * What the token lacks first, or undefined when it lacks nothing.
 *
 * The login comes before the scope. One authorization request can mend both, and RFC 9470 §3 lets the challenge for the
 * login name the scope too, while RFC 6750's for the scope knows no strength: the other order sends the person to the
 * provider twice, the first time for a token that is refused again.
 *
 * @param now epoch seconds
 */
export function findLack(
  token: AccessToken,
  need: Need,
  { now, toleranceSeconds }: { readonly now: number; readonly toleranceSeconds: number },
): Lack | undefined {
  const { acr, maxAgeSeconds } = need;
  if (acr && (token.acr === undefined || !acr.includes(token.acr))) return 'authentication';
  if (maxAgeSeconds !== undefined) {
    // A token that does not tell when cannot be told from one of last year; one from the future proves nothing either.
    const age = token.authTime === undefined ? Number.NaN : now - token.authTime;
    if (!(age <= maxAgeSeconds + toleranceSeconds && age >= -toleranceSeconds)) return 'authentication';
  }
  return lacksScope(token, need) ? 'scope' : undefined;
}

export function lacksScope(token: AccessToken, { scope = [] }: Need): boolean {
  return scope.some((each) => !token.scopes.includes(each));
}
