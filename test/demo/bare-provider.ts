// A bare oidc-provider to hold the demo client against: in memory, and with a login that takes no time. It shares nothing
// with ours, so what works here works with any provider. What `login_hint` says is what the login does; it has the scope
// `payments` for any resource, and its logins are as strong as they are asked to be.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { interactionPolicy } from 'oidc-provider';

export interface BareProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/** `login_hint` of a person who gives up, and of a provider that cannot decide; anything else is who signs in. */
export const GIVES_UP = 'gives-up';
export const HELD = 'held';
/** Signs in, but gives up when asked for more; is never stronger. */
export const NOT_TWICE = 'not-twice';
export const WEAK = 'weak';

const PASSIVE = 'urn:selfie-oidc:acr:selfie';
const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';

const { Check } = interactionPolicy;

export async function startBareProvider(settings: { port: number; clients: object[] }): Promise<BareProvider> {
  const issuer = `http://localhost:${settings.port}`;
  const provider = new Provider(issuer, {
    clients: settings.clients as never,
    acrValues: [PASSIVE, ACTIVE],
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'], profile: ['name'], email: ['email'] },
    cookies: { keys: ['a key of this test only'] },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      claimsParameter: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx: unknown, audience: string) => ({
          scope: 'payments',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (ctx: { oidc: { entities: { AuthorizationCode?: Login } } }) => {
      const { acr, amr, authTime } = ctx.oidc.entities.AuthorizationCode ?? {};
      return { acr, amr, auth_time: authTime };
    },
    // The library refuses addresses such as loopback by itself; here the demo client is on one.
    fetch: (url: string | URL | Request, options?: RequestInit) => {
      const plain = { ...options } as RequestInit & { dispatcher?: unknown };
      delete plain.dispatcher;
      return fetch(url, plain);
    },
    interactions: {
      url: (_ctx: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}`,
      policy: createPolicy(),
    },
    findAccount: (_ctx: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, name: `<b>${sub}</b>`, email: `${sub}@example.test` }),
    }),
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Grant: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
  } as never);

  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const details = await provider.interactionDetails(ctx.req, ctx.res);
    const { params, prompt, session } = details;
    const hint = typeof params.login_hint === 'string' ? params.login_hint : (session?.accountId ?? 'alice');
    ctx.respond = false;
    const isAgain = prompt.name === 'login' && session?.accountId === NOT_TWICE;
    if (hint === GIVES_UP || isAgain) {
      const error = { error: 'access_denied', error_description: 'gave up <script>here</script>' };
      return provider.interactionFinished(ctx.req, ctx.res, error);
    }
    if (hint === HELD) {
      const error = { error: 'temporarily_unavailable', error_description: 'a person is looking' };
      return provider.interactionFinished(ctx.req, ctx.res, error);
    }
    if (prompt.name === 'login') {
      const asked = typeof params.acr_values === 'string' ? params.acr_values.split(' ')[0] : undefined;
      const login = { accountId: hint, acr: hint === WEAK ? PASSIVE : (asked ?? PASSIVE), amr: ['face'] };
      return provider.interactionFinished(ctx.req, ctx.res, { login });
    }
    const earlier = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
    const ids = { accountId: session?.accountId ?? '', clientId: String(params.client_id) };
    const grant = earlier ?? new provider.Grant(ids);
    grant.addOIDCScope(String(params.scope));
    if (typeof params.resource === 'string') grant.addResourceScope(params.resource, String(params.scope));
    const consent = { grantId: await grant.save() };
    return provider.interactionFinished(ctx.req, ctx.res, { consent }, { mergeWithLastSubmission: true });
  });

  const server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(settings.port, '127.0.0.1', resolve));
  return {
    issuer: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Login {
  readonly acr?: string;
  readonly amr?: string[];
  readonly authTime?: number;
}

/**
 * The library's own, with one check more: a session is too weak for an `acr_values` that does not name its `acr`. And one
 * less: it does not look at `id_token_hint`, so that a client has to see for itself who came back.
 */
function createPolicy(): ReturnType<typeof interactionPolicy.base> {
  const policy = interactionPolicy.base();
  policy.get('login')?.checks.remove('id_token_hint');
  policy.get('login')?.checks.add(
    new Check('acr_values', 'another strength is wished for', 'login_required', ({ oidc }) => {
      const wished = typeof oidc.params?.acr_values === 'string' ? oidc.params.acr_values.split(' ') : [];
      const isMet = wished.length === 0 || wished.includes(String(oidc.session?.acr));
      return isMet || oidc.result?.login ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT;
    }),
  );
  return policy;
}
