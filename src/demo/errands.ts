// What the person asks of the API, with all that it takes: a token for it, and where the API is not content with that token, a
// new authorization request made of its challenge, and the same call again (RFC 9470 §2, §4). Nothing here knows what the
// API wants; it is read from the answer.

import type { ApiAnswer, ApiRequest, Challenge, RelyingParty, SignInOptions, Tokens } from './relying-party.ts';
import type { BrowserSession, SessionStore, SignedIn } from './sessions.ts';

/** First a token for the API, then one that is stronger, then perhaps one with more scope. What is not enough then never is. */
const MOST_REQUESTS = 3;

/** A token that is used in its last seconds expires on the way. */
const SPARE_SECONDS = 5;

const REQUESTS = {
  balance: { method: 'GET', path: '/balance' },
  transfer: { method: 'POST', path: '/transfer', body: { amount: 100 } },
} as const satisfies Record<string, Omit<ApiRequest, 'url'> & { path: string }>;

export type ErrandName = keyof typeof REQUESTS;

/** One thing asked of the API, across as many visits to the provider as it takes. */
export interface Errand {
  readonly name: ErrandName;
  /** in the order they came: refusals first, if any */
  readonly answers: ApiAnswer[];
  /** authorization requests sent for it */
  requests: number;
}

export interface Errands {
  /** Each of these says where the browser goes next: to the provider, or back to the page that shows how it went. */
  begin(session: BrowserSession, name: ErrandName): Promise<string>;
  /** Goes on with the tokens that the provider gave for it. */
  resume(session: BrowserSession, errand: Errand, tokens: Tokens): Promise<string>;
}

/** Where the home page shows how an errand went. */
export const ERRAND_PATH = '/#api';

/** @param parts.api address of the API, which is the `resource` that tokens are asked for */
export function createErrands(parts: {
  readonly relyingParty: RelyingParty;
  readonly sessions: SessionStore;
  readonly api: string;
}): Errands {
  const { relyingParty, sessions, api } = parts;

  async function advance(session: BrowserSession, signedIn: SignedIn, errand: Errand): Promise<string> {
    const { apiTokens } = signedIn;
    if (!apiTokens || isExpiring(apiTokens)) return authorize(session, signedIn, errand);
    const { path, ...request } = REQUESTS[errand.name];
    const answer = await relyingParty.callApi(apiTokens, { ...request, url: new URL(api + path) });
    errand.answers.push(answer);
    if (answer.challenge === undefined || errand.requests >= MOST_REQUESTS) return ERRAND_PATH;
    return authorize(session, signedIn, errand, answer.challenge);
  }

  async function authorize(
    session: BrowserSession,
    signedIn: SignedIn,
    errand: Errand,
    challenge: Challenge = {},
  ): Promise<string> {
    errand.requests += 1;
    const { url, pending } = await relyingParty.begin({
      freshSelfie: false,
      offline: false,
      essentialAcr: false,
      resource: api,
      // what the last token had, or the call might be refused for that next
      scope: union(signedIn.apiTokens?.scope, challenge.scope),
      // else the person could prove to be somebody else, only to be told so
      idTokenHint: signedIn.tokens.idToken,
      ...readNeed(challenge),
    });
    sessions.remember(session, { ...pending, errand });
    return url.href;
  }

  return {
    async begin(session, name) {
      const { signedIn } = session;
      if (!signedIn) return '/';
      const errand: Errand = { name, answers: [], requests: 0 };
      signedIn.errand = errand;
      return advance(session, signedIn, errand);
    },

    async resume(session, errand, tokens) {
      const { signedIn } = session;
      // signed out meanwhile, signed in again, or asked for something else in another tab
      if (!signedIn || signedIn.errand !== errand) return '/';
      if (tokens.claims.sub !== signedIn.tokens.claims.sub) throw new Error('it was somebody else who signed in');
      signedIn.apiTokens = tokens;
      // the newer proof, and the session at the provider whose end this client will be told of
      signedIn.tokens = { ...signedIn.tokens, idToken: tokens.idToken, claims: tokens.claims };
      return advance(session, signedIn, errand);
    },
  };
}

/** The parameters of RFC 9470 §4, named in a challenge as they are sent. */
function readNeed({ acr_values, max_age = '' }: Challenge): Pick<SignInOptions, 'acrValues' | 'maxAgeSeconds'> {
  return {
    ...(acr_values && { acrValues: acr_values }),
    ...(/^\d{1,9}$/.test(max_age) && { maxAgeSeconds: Number(max_age) }),
  };
}

function isExpiring({ accessTokenExpiresAt }: Tokens): boolean {
  return accessTokenExpiresAt !== undefined && accessTokenExpiresAt - SPARE_SECONDS <= Date.now() / 1000;
}

function union(...lists: readonly (string | undefined)[]): string {
  return [...new Set(lists.flatMap((list) => list?.split(' ').filter(Boolean) ?? []))].join(' ');
}
