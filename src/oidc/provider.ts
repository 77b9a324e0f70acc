// The assembled Provider: what is switched on, how long things live, which claims go where. Only what works is configured, so
// that discovery tells the truth.

import Provider, {
  type AdapterFactory,
  type Configuration,
  errors,
  type JWKS,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import { CLAIMS_BY_SCOPE } from '../core/claims.ts';
import { isLoopbackHost } from '../core/outgoing.ts';
import type { JourneyRules } from '../login/rules.ts';
import type { AccountStore, PasskeyStore } from '../login/stores.ts';
import { createFindAccount, type PairwiseSub } from './accounts.ts';
import { type Consents, GRANT_SECONDS } from './consents.ts';
import { createCookieSigner } from './cookie-signer.ts';
import { ownClient } from './own-pages.ts';
import { assertAcrClaim, assertClaimsAllowed, createInteractionPolicy } from './policy.ts';
import { acrsOffered } from './reach.ts';

const MINUTE = 60;
const DAY = 86_400;
const REFRESH_TOKEN_SECONDS = 30 * DAY;
const SESSION_SECONDS = 14 * DAY;
const SESSION_IDLE_SECONDS = DAY;

const CLIENT_AUTH_METHODS: NonNullable<Configuration['clientAuthMethods']> = [
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'none',
];

/** Keys of our own in a client's entry (design section 2). */
const OWN_CLIENT_KEYS = ['first_party', 'minimum_acr', 'vendor_workflow', 'pkce'];

export interface ProviderParts {
  readonly issuer: string;
  readonly adapter: AdapterFactory;
  readonly jwks: JWKS;
  readonly cookieKeys: readonly string[];
  readonly clients: readonly object[];
  readonly accounts: AccountStore;
  readonly consents: Consents;
  readonly pairwiseSub: PairwiseSub;
  readonly passkeys: Pick<PasskeyStore, 'list'>;
  readonly rules: JourneyRules;
  /** mail can be sent */
  readonly hasMail: boolean;
  /** how long an interaction lives, in seconds: longer than the attempt in it */
  readonly interactionSeconds: number;
  /** sends a request whose address somebody else named; refuses special-use addresses (T20) */
  readonly fetch: NonNullable<Configuration['fetch']>;
  readonly pages: {
    error(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string }, status: number): void;
    logout(ctx: KoaContextWithOIDC, form: string): void;
    loggedOut(ctx: KoaContextWithOIDC): void;
  };
}

export function createProvider(parts: ProviderParts): Provider {
  const algorithms = [...new Set(parts.jwks.keys.map((key) => key.alg).filter((alg) => alg !== undefined))];
  const { scopes } = parts.rules;

  const configuration: Configuration = {
    adapter: parts.adapter,
    clients: [...parts.clients, ownClient(parts.issuer)] as NonNullable<Configuration['clients']>,
    jwks: parts.jwks,
    cookies: {
      // its types know keygrip alone
      keys: createCookieSigner(parts.cookieKeys) as never,
      long: { signed: true, httpOnly: true, sameSite: 'lax', path: '/' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    findAccount: createFindAccount(parts.accounts),
    scopes: [...new Set(['openid', 'profile', 'email', 'offline_access', ...Object.keys(scopes)])],
    claims: {
      ...CLAIMS_BY_SCOPE,
      openid: ['sub', 'acr', 'amr', 'auth_time'],
    } as NonNullable<Configuration['claims']>,
    acrValues: acrsOffered(parts, parts.clients as readonly Record<string, unknown>[]),
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: async (_ctx, accountId, client) =>
      parts.pairwiseSub(accountId, String(client.sectorIdentifier ?? client.clientId)),
    responseTypes: ['code'],
    clientAuthMethods: CLIENT_AUTH_METHODS,
    enabledJWA: { idTokenSigningAlgValues: algorithms as never },
    // what the library does and does not tell by itself
    discovery: {
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      introspection_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
      revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    },
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: async (ctx, client, token) => {
          // the library would ask the entry of a client that is gone for its kind of subject
          const isOrphaned = token.clientId === undefined || !(await ctx.oidc.provider.Client.find(token.clientId));
          if (isOrphaned) return false;
          tellStrength(token);
          return client.clientAuthMethod !== 'none' || token.clientId === client.clientId;
        },
      },
      // RFC 7009 §2.1: another client's token is refused; to a public client it looks like one that never was
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => {
          if (token.clientId === client.clientId) return true;
          if (client.clientAuthMethod === 'none') return false;
          throw new errors.InvalidRequest('client is not authorized to revoke the presented token');
        },
      },
      userinfo: { enabled: true },
      // off, though on by default: no client's entry can ask for it, so discovery must not offer it
      jwtUserinfo: { enabled: false },
      claimsParameter: {
        enabled: true,
        assertClaimsParameter: (_ctx, claims, client) => {
          assertAcrClaim(claims);
          assertClaimsAllowed(claims, client);
        },
      },
      dPoP: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => parts.pages.logout(ctx, form),
        postLogoutSuccessSource: (ctx) => parts.pages.loggedOut(ctx),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator, client) =>
          resourceServer(indicator, String(client.idTokenSignedResponseAlg ?? 'RS256'), resourceScopes(scopes)),
        // RFC 8707 §2.2: a token request that names none is for what was granted
        useGrantedResource: () => true,
      },
    },
    interactions: {
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
      policy: createInteractionPolicy(parts),
    },
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' || client.pkce !== 'optional' },
    extraClientMetadata: { properties: OWN_CLIENT_KEYS, validator: () => undefined },
    extraTokenClaims: (ctx) => strengthClaims(ctx),
    loadExistingGrant: (ctx) => parts.consents.loadGrant(ctx),
    rotateRefreshToken: true,
    allowOmittingSingleRegisteredRedirectUri: false,
    clientBasedCORS: (_ctx, origin, client) => redirectOrigins(client.redirectUris ?? []).has(origin),
    clockTolerance: 15,
    renderError: (ctx, out) => parts.pages.error(ctx, out as { error: string; error_description?: string }, ctx.status),
    fetch: parts.fetch,
    ttl: {
      AuthorizationCode: MINUTE,
      AccessToken: 10 * MINUTE,
      IdToken: 10 * MINUTE,
      RefreshToken: (_ctx, token) => Math.max(1, REFRESH_TOKEN_SECONDS - lifetimeSoFar(token)),
      Session: (_ctx, session) => sessionLife(session, parts.rules),
      Grant: GRANT_SECONDS,
      Interaction: parts.interactionSeconds,
    },
  };
  return new Provider(parts.issuer, configuration);
}

/** `acr`, `amr`, `auth_time` of the login behind a token: RFC 9068 §2.2.1, RFC 9470 §6. */
function strengthClaims(ctx: KoaContextWithOIDC | undefined): Record<string, string | number | string[]> | undefined {
  const source = ctx?.oidc.entities.AuthorizationCode ?? ctx?.oidc.entities.RefreshToken;
  if (!source) return undefined;
  return strengthOf(source);
}

function strengthOf({ acr, amr, authTime }: Strength): Record<string, string | number | string[]> {
  return {
    ...(acr ? { acr } : {}),
    ...(amr ? { amr } : {}),
    ...(authTime ? { auth_time: authTime } : {}),
  };
}

interface Strength {
  readonly acr?: string | undefined;
  readonly amr?: string[] | undefined;
  readonly authTime?: number | undefined;
}

/** An access token holds its strength as extra claims; of a refresh token introspection would not tell it. */
function tellStrength(token: { kind: string; extra?: unknown } & Strength): void {
  if (token.kind === 'RefreshToken') token.extra = strengthOf(token);
}

/** The scopes of the policy that are no scopes of OpenID Connect: what they allow is known to the resources alone. */
function resourceScopes(scopes: Readonly<Record<string, unknown>>): string {
  return Object.keys(scopes)
    .filter((scope) => CLAIMS_BY_SCOPE[scope] === undefined)
    .join(' ');
}

/** A resource is any absolute https address; its tokens are JWTs (RFC 9068) that carry the policy's scopes, none of OpenID Connect. */
function resourceServer(indicator: string, alg: string, scope: string) {
  const url = URL.parse(indicator);
  const isUsable =
    url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname)));
  if (!isUsable || url.hash !== '')
    throw new errors.InvalidTarget('a resource is an absolute https address without a fragment');
  return {
    scope,
    audience: indicator,
    accessTokenTTL: 10 * MINUTE,
    accessTokenFormat: 'jwt' as const,
    jwt: { sign: { alg: (alg.startsWith('HS') || alg === 'none' ? 'RS256' : alg) as never } },
  };
}

/**
 * 14 days from the login at most, and a day without use. A session that a known device was enough for keeps the time of the selfie
 * before it, which may be as old as the rules of risk let a selfie be: it lives as long as one that began at the last moment.
 */
function sessionLife(session: { loginTs?: number | undefined; acr?: string | undefined }, rules: JourneyRules): number {
  const age = session.loginTs === undefined ? 0 : Math.floor(Date.now() / 1000) - session.loginTs;
  const isSkipped = session.acr === 'urn:selfie-oidc:acr:device';
  const most = SESSION_SECONDS + (isSkipped ? rules.risk.oldestSelfieDays * DAY : 0);
  return Math.max(1, Math.min(SESSION_IDLE_SECONDS, most - age));
}

/** A rotated refresh token keeps the time its first ancestor was issued. */
function lifetimeSoFar(token: { iiat?: number | undefined; iat?: number | undefined }): number {
  const first = token.iiat ?? token.iat;
  return first === undefined ? 0 : Math.max(0, Math.floor(Date.now() / 1000) - first);
}

function redirectOrigins(uris: readonly string[]): Set<string> {
  return new Set(
    uris.map((uri) => URL.parse(uri)?.origin).filter((origin) => origin !== undefined && origin !== 'null') as string[],
  );
}
