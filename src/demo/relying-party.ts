// The demo client's side of OpenID Connect: all of it is the npm package `openid-client`, unmodified, called as its
// documentation says. That nothing else is needed is what the demo is to show.

import type {
  IDToken,
  IntrospectionResponse,
  UserInfoResponse,
  WWWAuthenticateChallengeParameters,
} from 'openid-client';
import { createDiscovery, loadLibrary, ProviderUnreachable } from './library.ts';

/** What the person chose on the home page, or an API demanded; each becomes a parameter of the authorization request. */
export interface SignInOptions {
  readonly loginHint?: string;
  /** `prompt=login`: a new selfie, whatever session there is */
  readonly freshSelfie: boolean;
  /** `scope=offline_access` with `prompt=consent`, without which it is ignored */
  readonly offline: boolean;
  /** `acr_values`, wished for and not insisted on */
  readonly acrValues?: string;
  /** the same, as an essential claim: met, or the sign-in fails */
  readonly essentialAcr: boolean;
  readonly maxAgeSeconds?: number;
  /** the API that the access token is to be for (RFC 8707); without it the token is for the user info */
  readonly resource?: string;
  /** with `resource`: what to ask for beside `openid` */
  readonly scope?: string;
  /** who is to sign in, and nobody else */
  readonly idTokenHint?: string;
}

/** One sign-in under way, kept by the browser's session until the provider answers. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly options: SignInOptions;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly idToken: string;
  readonly claims: IDToken;
  readonly scope?: string;
  /** epoch seconds */
  readonly accessTokenExpiresAt?: number;
}

/** An answer of the provider, or the lack of one, in the words of the specification. */
export interface SignInFault {
  readonly error: string;
  readonly description?: string;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** sent as JSON */
  readonly body?: object;
}

/** The parameters of a `Bearer` challenge (RFC 6750 §3, RFC 9470 §3). */
export type Challenge = WWWAuthenticateChallengeParameters;

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  /** what another token would have to have */
  readonly challenge?: Challenge;
  /** the challenge as it was sent */
  readonly wwwAuthenticate?: string;
}

export interface RelyingParty {
  /** Where to send the browser, and what to remember until it comes back. @throws ProviderUnreachable */
  begin(options: SignInOptions): Promise<{ readonly url: URL; readonly pending: PendingSignIn }>;
  /** Checks state, issuer, code, nonce and the ID token. Throws what `faultOf` explains. */
  complete(returnedTo: URL, pending: PendingSignIn): Promise<Tokens>;
  /** The old refresh token is used up by this: never call twice with one. */
  refresh(tokens: Tokens): Promise<Tokens>;
  fetchUserInfo(tokens: Tokens): Promise<UserInfoResponse>;
  introspect(token: string, hint: 'access_token' | 'refresh_token'): Promise<IntrospectionResponse>;
  /** A refusal is an answer; throws when there is none. */
  callApi(tokens: Tokens, request: ApiRequest): Promise<ApiAnswer>;
  endSessionUrl(tokens: Tokens, state: string): Promise<URL>;
  jwksUri(): Promise<URL>;
  faultOf(error: unknown): SignInFault;
}

/**
 * @param settings.clientUrl   origin of this client; its addresses are below
 * @param settings.discoveryMs how long a sign-in waits for the provider to answer
 * @throws Error when `openid-client`, a development dependency, is not installed
 */
export async function createRelyingParty(settings: {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly clientUrl: string;
  readonly discoveryMs: number;
}): Promise<RelyingParty> {
  const { clientUrl } = settings;
  const client = await loadLibrary();
  const configuration = createDiscovery(client, settings);

  type TokenAnswer = Awaited<ReturnType<typeof client.refreshTokenGrant>>;

  function toTokens(answer: TokenAnswer, before?: Tokens): Tokens {
    const claims = answer.claims() ?? before?.claims;
    const idToken = answer.id_token ?? before?.idToken;
    if (claims === undefined || idToken === undefined) throw new Error('the provider sent no ID token');
    // OpenID Connect Core §12.2: a refreshed ID token is about the same person.
    if (before && claims.sub !== before.claims.sub) throw new Error('the refreshed ID token is about somebody else');
    const expiresIn = answer.expiresIn();
    const refreshToken = answer.refresh_token ?? before?.refreshToken;
    const scope = answer.scope ?? before?.scope;
    return {
      accessToken: answer.access_token,
      idToken,
      claims,
      ...(refreshToken !== undefined && { refreshToken }),
      ...(scope !== undefined && { scope }),
      ...(expiresIn !== undefined && { accessTokenExpiresAt: Math.floor(Date.now() / 1000) + expiresIn }),
    };
  }

  return {
    async begin(options) {
      const config = await configuration();
      const pending: PendingSignIn = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        codeVerifier: client.randomPKCECodeVerifier(),
        options,
      };
      const parameters: Record<string, string> = {
        redirect_uri: `${clientUrl}/callback`,
        scope: scopeOf(options),
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: 'S256',
      };
      const prompts = [...(options.freshSelfie ? ['login'] : []), ...(options.offline ? ['consent'] : [])];
      if (prompts.length > 0) parameters.prompt = prompts.join(' ');
      if (options.loginHint !== undefined) parameters.login_hint = options.loginHint;
      if (options.idTokenHint !== undefined) parameters.id_token_hint = options.idTokenHint;
      if (options.resource !== undefined) parameters.resource = options.resource;
      if (options.maxAgeSeconds !== undefined) parameters.max_age = String(options.maxAgeSeconds);
      if (options.acrValues !== undefined) {
        if (options.essentialAcr) {
          const acr = { essential: true, values: options.acrValues.split(' ') };
          parameters.claims = JSON.stringify({ id_token: { acr } });
        } else {
          parameters.acr_values = options.acrValues;
        }
      }
      return { url: client.buildAuthorizationUrl(config, parameters), pending };
    },

    async complete(returnedTo, pending) {
      const { maxAgeSeconds: maxAge, resource } = pending.options;
      const checks = {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
        ...(maxAge !== undefined && { maxAge }),
      };
      // RFC 8707 §2.2: some providers want it again here, or give a token for the user info
      const parameters = { ...(resource !== undefined && { resource }) };
      return toTokens(await client.authorizationCodeGrant(await configuration(), returnedTo, checks, parameters));
    },

    async refresh(tokens) {
      if (tokens.refreshToken === undefined) throw new Error('there is no refresh token');
      return toTokens(await client.refreshTokenGrant(await configuration(), tokens.refreshToken), tokens);
    },

    async fetchUserInfo(tokens) {
      return client.fetchUserInfo(await configuration(), tokens.accessToken, tokens.claims.sub);
    },

    async introspect(token, hint) {
      return client.tokenIntrospection(await configuration(), token, { token_type_hint: hint });
    },

    async callApi(tokens, { method, url, body }) {
      const headers = new Headers(body && { 'content-type': 'application/json' });
      const content = body && JSON.stringify(body);
      try {
        const config = await configuration();
        const answer = await client.fetchProtectedResource(config, tokens.accessToken, url, method, content, headers);
        return { status: answer.status, body: await answer.text() };
      } catch (error) {
        if (!(error instanceof client.WWWAuthenticateChallengeError)) throw error;
        const challenge = error.cause.find(({ scheme }) => scheme === 'bearer')?.parameters;
        return {
          status: error.status,
          body: await error.response.text(),
          wwwAuthenticate: error.response.headers.get('www-authenticate') ?? '',
          ...(challenge && { challenge }),
        };
      }
    },

    async endSessionUrl(tokens, state) {
      return client.buildEndSessionUrl(await configuration(), {
        id_token_hint: tokens.idToken,
        post_logout_redirect_uri: `${clientUrl}/signed-out`,
        state,
      });
    },

    async jwksUri() {
      const uri = (await configuration()).serverMetadata().jwks_uri;
      if (uri === undefined) throw new ProviderUnreachable('the provider publishes no keys');
      return new URL(uri);
    },

    faultOf(error) {
      if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
        return {
          error: error.error,
          ...(error.error_description !== undefined && { description: error.error_description }),
        };
      }
      if (error instanceof client.WWWAuthenticateChallengeError) {
        const challenge = error.cause[0]?.parameters;
        return {
          error: challenge?.error ?? 'unauthorized',
          ...(challenge?.error_description !== undefined && { description: challenge.error_description }),
        };
      }
      if (error instanceof ProviderUnreachable) return { error: error.code, description: error.message };
      return { error: 'client_error', description: error instanceof Error ? error.message : 'unknown' };
    },
  };
}

function scopeOf({ offline, resource, scope = '' }: SignInOptions): string {
  if (resource !== undefined) return `openid ${scope}`.trim();
  return offline ? 'openid profile email offline_access' : 'openid profile email';
}
