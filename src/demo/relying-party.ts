// The demo client's side of OpenID Connect: all of it is the npm package `openid-client`, unmodified, called as its
// documentation says. That nothing else is needed is what the demo is to show.

import { setTimeout as delay } from 'node:timers/promises';
import type { Configuration, IDToken, IntrospectionResponse, UserInfoResponse } from 'openid-client';

type OpenIdClient = typeof import('openid-client');

/** What the person chose on the home page; each becomes a parameter of the authorization request. */
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

/** The provider could not be reached, or is not who it should be. */
export class ProviderUnreachable extends Error {
  readonly code = 'provider_unreachable';
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
  endSessionUrl(tokens: Tokens, state: string): Promise<URL>;
  jwksUri(): Promise<URL>;
  faultOf(error: unknown): SignInFault;
}

/**
 * The provider is looked for at the first use, for up to `discoveryMs`, so that it does not matter which of the two starts
 * first. A failure is not remembered.
 *
 * @param clientUrl origin of this client; its addresses are below
 * @throws Error when `openid-client`, a development dependency, is not installed
 */
export async function createRelyingParty(settings: {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly clientUrl: string;
  readonly discoveryMs: number;
}): Promise<RelyingParty> {
  const { issuer, clientId, clientSecret, clientUrl, discoveryMs } = settings;
  const client = await loadLibrary();
  let discovered: Promise<Configuration> | undefined;

  async function discover(): Promise<Configuration> {
    const server = new URL(issuer);
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
    const insecure = server.protocol === 'http:' && isLoopback(server.hostname);
    const execute = insecure ? [client.allowInsecureRequests] : [];
    const deadline = Date.now() + discoveryMs;
    for (;;) {
      try {
        return await client.discovery(server, clientId, undefined, authentication, { execute, timeout: 5 });
      } catch (cause) {
        if (Date.now() >= deadline) throw new ProviderUnreachable(`no provider answers at ${issuer}`, { cause });
        await delay(200);
      }
    }
  }

  function configuration(): Promise<Configuration> {
    discovered ??= discover().catch((error: unknown) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  }

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
        scope: options.offline ? 'openid profile email offline_access' : 'openid profile email',
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: 'S256',
      };
      const prompts = [...(options.freshSelfie ? ['login'] : []), ...(options.offline ? ['consent'] : [])];
      if (prompts.length > 0) parameters.prompt = prompts.join(' ');
      if (options.loginHint !== undefined) parameters.login_hint = options.loginHint;
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
      const maxAge = pending.options.maxAgeSeconds;
      const answer = await client.authorizationCodeGrant(await configuration(), returnedTo, {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
        ...(maxAge !== undefined && { maxAge }),
      });
      return toTokens(answer);
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

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

async function loadLibrary(): Promise<OpenIdClient> {
  try {
    return await import('openid-client');
  } catch (cause) {
    throw new Error(
      'the demo client needs openid-client, a development dependency: run "npm install" without --omit=dev',
      {
        cause,
      },
    );
  }
}
