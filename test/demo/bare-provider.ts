// A bare oidc-provider to hold the demo client against: in memory, and with a login that takes no time. It shares nothing
// with ours, so what works here works with any provider. What `login_hint` says is what the login does.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface BareProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/** `login_hint` of a person who gives up, and of a provider that cannot decide; anything else is who signs in. */
export const GIVES_UP = 'gives-up';
export const HELD = 'held';

export async function startBareProvider(settings: { port: number; clients: object[] }): Promise<BareProvider> {
  const issuer = `http://localhost:${settings.port}`;
  const provider = new Provider(issuer, {
    clients: settings.clients as never,
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'], profile: ['name'], email: ['email'] },
    cookies: { keys: ['a key of this test only'] },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      claimsParameter: { enabled: true },
    },
    // The library refuses addresses such as loopback by itself; here the demo client is on one.
    fetch: (url: string | URL | Request, options?: RequestInit) => {
      const plain = { ...options } as RequestInit & { dispatcher?: unknown };
      delete plain.dispatcher;
      return fetch(url, plain);
    },
    interactions: { url: (_ctx: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
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
    const hint = typeof params.login_hint === 'string' ? params.login_hint : 'alice';
    ctx.respond = false;
    if (hint === GIVES_UP) {
      const error = { error: 'access_denied', error_description: 'gave up <script>here</script>' };
      return provider.interactionFinished(ctx.req, ctx.res, error);
    }
    if (hint === HELD) {
      const error = { error: 'temporarily_unavailable', error_description: 'a person is looking' };
      return provider.interactionFinished(ctx.req, ctx.res, error);
    }
    if (prompt.name === 'login') {
      const login = { accountId: hint, acr: 'urn:selfie-oidc:acr:selfie', amr: ['face'] };
      return provider.interactionFinished(ctx.req, ctx.res, { login });
    }
    const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
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
