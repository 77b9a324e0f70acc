// What is made anew when the clients or keys change: oidc-provider with its middleware, the routes around it, and all that speaks to its
// models. It keeps no state that counts: logins, sessions and tokens are in the storage, so between two requests another one takes over.

import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import type { Middleware } from 'koa';
import type Provider from 'oidc-provider';
import type { ClientEntry } from './config/client-entry.ts';
import { type Fault, Misconfigured } from './config/faults.ts';
import { type ClientChanges, type ClientsReader, compareClients } from './config/reload.ts';
import { viewOfClient } from './http/client-view.ts';
import { isOfPeer } from './http/errors.ts';
import { createCsrf } from './http/middleware/csrf.ts';
import { preparedDocuments } from './http/middleware/prepared-documents.ts';
import { type MountParts, mountRoutes } from './http/mount.ts';
import type { ClientView } from './http/pages.ts';
import type { InteractionRouteParts } from './http/routes/access.ts';
import { type AccountRouteParts, createAccountRoutes } from './http/routes/account.ts';
import { createAccountAccess } from './http/routes/account-access.ts';
import { createAccountPasskeyRoutes } from './http/routes/account-passkeys.ts';
import { createInteractionRoutes, type InteractionRoutes } from './http/routes/interaction.ts';
import { createInviteRoute } from './http/routes/invite.ts';
import { createLogoRoute } from './http/routes/logos.ts';
import { createNotMeRoutes } from './http/routes/not-me.ts';
import { forgetBrowser } from './http/routes/oidc-pages.ts';
import type { JobQueue, Journal, Store } from './login/ports.ts';
import { findRefusedClients } from './oidc/clients.ts';
import { createInteractions } from './oidc/interactions.ts';
import { createLogoutDelivery, type LogoutDelivery } from './oidc/logout.ts';
import { createOwnPages } from './oidc/own-pages.ts';
import { createProvider, type ProviderParts } from './oidc/provider.ts';
import { createRevocation, type Revocation, type RevocationParts } from './oidc/revocation.ts';
import { leadOn } from './oidc/self-submitting.ts';

/** The same for everybody until this assembly is replaced. */
const PREPARED = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'];

/** What an assembly is for; everything else outlives it. */
export interface ProviderSettings extends Pick<ProviderParts, 'jwks' | 'cookieKeys'> {
  readonly clients: readonly ClientEntry[];
}

/** What lives as long as the process. A part that a route, the library or the mounting asks for is asked for here by itself. */
export type LastingParts = Omit<ProviderParts, keyof ProviderSettings> &
  Omit<InteractionRouteParts, 'interactions' | 'csrf' | 'clientView'> &
  Omit<AccountRouteParts, 'revocation' | 'denials' | 'clientView' | 'verifierName'> &
  Omit<RevocationParts, 'provider' | 'logout'> &
  Pick<MountParts, 'webhook' | 'assets' | 'log' | 'assertServable' | 'usedUp'> & {
    /** as faults name it */
    readonly clientsFile: string;
    readonly store: Store;
    readonly jobs: JobQueue;
    readonly journal: Journal;
    readonly nowMs: () => number;
    /** around everything else, the first outermost */
    readonly outermost: readonly Middleware[];
  };

export interface ProviderApp {
  readonly callback: RequestListener;
  readonly provider: Provider;
  readonly revocation: Revocation;
  readonly logout: LogoutDelivery;
  readonly readState: InteractionRoutes['readState'];
  clientView(clientId: string): Promise<ClientView | undefined>;
}

/** @throws Misconfigured when a client's entry cannot be served; nothing has been touched then */
export async function assembleProvider(parts: LastingParts, settings: ProviderSettings): Promise<ProviderApp> {
  const { journey, reply, log, nowMs } = parts;
  const provider = createProvider({ ...parts, ...settings });
  provider.proxy = true;
  // without a listener koa prints to stderr in a form of its own
  (provider as NodeJS.EventEmitter).on('error', (error: NodeJS.ErrnoException) => {
    if (isOfPeer(error)) log.debug({ code: error.code }, 'a browser went away');
    else log.error({ err: error }, 'an answer could not be sent');
  });
  const refused = await findRefusedClients(provider, settings.clients, log);
  if (refused.length > 0) {
    throw new Misconfigured(
      refused.map(({ clientId, problem }) => ({
        where: `${parts.clientsFile} (client ${JSON.stringify(clientId)})`,
        problem,
        fix: 'mend this entry of the clients file',
      })),
    );
  }

  const logout = createLogoutDelivery({ ...parts, provider, poke: () => journey.worker.poke() });
  const revocation = createRevocation({ ...parts, provider, logout });
  const interactions = createInteractions({ ...parts, provider, revocation });
  const clientView = async (clientId: string) => {
    const client = await provider.Client.find(clientId);
    return client && viewOfClient(client);
  };
  const csrf = createCsrf(settings.cookieKeys);
  const routes = createInteractionRoutes({ ...parts, interactions, csrf, clientView });
  const ownPages = createOwnPages({ provider, issuer: parts.issuer, revocation });
  const accountAccess = createAccountAccess({ ...parts, ownPages, csrf });

  for (const each of parts.outermost) provider.use(each);
  provider.use(preparedDocuments(PREPARED));
  mountRoutes(provider, {
    ...parts,
    router: new Router(),
    routes,
    invite: createInviteRoute({
      ...parts,
      clients: async () =>
        (await Promise.all(settings.clients.filter(signsIn).map((client) => clientView(client.client_id)))).filter(
          (view) => view !== undefined,
        ),
    }),
    notMe: createNotMeRoutes({ denials: journey.denials, reply, issuer: parts.issuer, clientView }),
    account: createAccountRoutes(
      { ...parts, revocation, denials: journey.denials, clientView, verifierName: parts.verifier.name },
      accountAccess,
    ),
    accountPasskeys: createAccountPasskeyRoutes({ ...parts, making: journey.passkeyMaking }, accountAccess),
    logo: createLogoRoute({
      logoUri: async (clientId) => (await provider.Client.find(clientId))?.logoUri,
      fetch: (url) => parts.fetch(url, {}),
      reply,
      nowMs,
    }),
    track: async (ctx, next) => {
      await revocation.track(ctx, next);
      await leadOn(ctx, revocation);
      await forgetBrowser(ctx, parts);
    },
  });
  return { callback: provider.callback(), provider, revocation, logout, readState: routes.readState, clientView };
}

/** A resource server only introspects: nobody signs in there. */
const signsIn = ({ grant_types: grants }: ClientEntry) => grants.includes('authorization_code');

/** Client ids, by what happened to them; or why those before stay in use. */
export type Reload =
  | ({ readonly ok: true } & ClientChanges)
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface ServedProvider {
  /** asked for anew by each request and each job: one under way keeps what it began with */
  readonly current: ProviderApp;
  /** Reads the clients again. Those that are refused are told in the log, each fault by itself, and change nothing. Safe to repeat. */
  reload(): Promise<Reload>;
  /** Other signing and cookie keys from now on. @throws Misconfigured when a client cannot be served with them: those before stay then */
  useKeys(keys: Pick<ProviderSettings, 'jwks' | 'cookieKeys'>): Promise<void>;
}

/** @throws Misconfigured as `assembleProvider`: at the start there is none before */
export async function serveProvider(
  parts: LastingParts,
  first: ProviderSettings,
  reread: ClientsReader,
): Promise<ServedProvider> {
  const { log } = parts;
  let settings = first;
  let current = await assembleProvider(parts, settings);
  let latest: Promise<unknown> = Promise.resolve();

  async function reloadNow(): Promise<Reload> {
    const reading = await reread(settings.clients);
    if (!reading.ok) return keep(reading.faults);
    for (const warning of reading.warnings) log.warn({ warning }, 'a warning about the configuration');
    const { clients } = reading;
    // a file that is being written anew is empty for a moment, and nobody takes all clients away from a provider that runs
    if (clients.length === 0 && settings.clients.length > 0) {
      const fix = 'put the entries back; to serve nobody, stop the provider';
      return keep([{ where: parts.clientsFile, problem: 'names no client any more', fix }]);
    }
    const changes = compareClients(settings.clients, clients);
    const { added, changed, removed } = changes;
    if (added.length + changed.length + removed.length > 0) {
      const next = { ...settings, clients };
      try {
        current = await assembleProvider(parts, next);
      } catch (error) {
        if (error instanceof Misconfigured) return keep(error.faults);
        throw error;
      }
      settings = next;
    }
    const counts = { added: added.length, changed: changed.length, removed: removed.length };
    log.info({ ...counts, clients: changes }, 'clients read again');
    return { ok: true, ...changes };
  }

  async function useKeysNow(keys: Pick<ProviderSettings, 'jwks' | 'cookieKeys'>): Promise<void> {
    const next = { ...settings, ...keys };
    current = await assembleProvider(parts, next);
    settings = next;
  }

  /** One after another: the last to ask gets what was there when it asked, or later. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = latest.then(work);
    latest = turn.catch(() => undefined);
    return turn;
  }

  function keep(faults: readonly Fault[]): Reload {
    for (const fault of faults) log.error({ ...fault }, 'a fault in the configuration');
    log.error({ faults: faults.length }, 'clients not read again: those before stay in use');
    return { ok: false, faults };
  }

  return {
    get current() {
      return current;
    },
    reload: () => inTurn(reloadNow),
    useKeys: (keys) => inTurn(() => useKeysNow(keys)),
  };
}
