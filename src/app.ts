// The one place where parts are made and handed to each other. No decisions: what the configuration says is built, what is built
// is returned, and `close()` takes it down in the right order.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import type { JWKS } from 'oidc-provider';
import type { Config } from './config/config.ts';
import { Misconfigured } from './config/faults.ts';
import { createOutgoingPolicy } from './core/outgoing.ts';
import { viewOfClient } from './http/client-view.ts';
import { createCookies } from './http/cookies.ts';
import { accessLog } from './http/middleware/access-log.ts';
import { createCsrf } from './http/middleware/csrf.ts';
import { requestId } from './http/middleware/request-id.ts';
import { securityHeaders } from './http/middleware/security-headers.ts';
import { trustedProxy } from './http/middleware/trusted-proxy.ts';
import { mountRoutes } from './http/mount.ts';
import { createReply } from './http/reply.ts';
import { healthRoutes } from './http/routes/health.ts';
import { createInteractionRoutes } from './http/routes/interaction.ts';
import { createInviteRoute } from './http/routes/invite.ts';
import { createLogoRoute } from './http/routes/logos.ts';
import { createOidcPages } from './http/routes/oidc-pages.ts';
import { createWebhookRoute } from './http/routes/webhooks.ts';
import { createViews } from './http/views.ts';
import { createWaitingRoom } from './http/waiting-room.ts';
import { createJourney } from './login/journey.ts';
import { LOOK } from './login/look.ts';
import type { Clock, Logger, Revoker } from './login/ports.ts';
import type { JourneyRules } from './login/rules.ts';
import { createPairwiseSub } from './oidc/accounts.ts';
import { findRefusedClients } from './oidc/clients.ts';
import { createConsents } from './oidc/consents.ts';
import { createInteractions } from './oidc/interactions.ts';
import { createLogoutDelivery, LOGOUT } from './oidc/logout.ts';
import { createGuardedFetch } from './oidc/outgoing.ts';
import { createProvider } from './oidc/provider.ts';
import { createRevocation } from './oidc/revocation.ts';
import { leadOn } from './oidc/self-submitting.ts';
import { createAccountStore, createDeviceStore, createInvitationStore } from './storage/accounts.ts';
import { createAttemptStore } from './storage/attempts.ts';
import { openBackend } from './storage/backends.ts';
import { createOidcAdapter } from './storage/oidc-adapter.ts';
import { createSealer } from './storage/sealer.ts';
import { createJournal } from './telemetry/journal.ts';
import { createLedger } from './telemetry/ledger.ts';
import { createLogger, type RequestLogger, redactPath } from './telemetry/log.ts';
import { createMeter } from './telemetry/metrics.ts';
import { vendorFactories } from './vendors/registry.ts';

/** The interaction must outlive attempt and review, or the last answer to the client cannot be delivered (design section 8). */
const INTERACTION_MARGIN_SECONDS = 600;
const SWEEP_EVERY_MS = 60_000;
/** Less than the 10 s a stop may take in all: ending the work under way comes after it. */
const DRAIN_MS = 8_000;
const IDLE_EVERY_MS = 50;

export interface App {
  readonly server: Server;
  readonly log: Logger;
  readonly parts: Parts;
  /** for what an operator takes back by hand */
  readonly revoker: Revoker;
  listen(port: number, host: string): Promise<number>;
  /** Stops taking requests, tells open pages to come back, ends the work under way, closes the storage. Safe to repeat. */
  close(): Promise<void>;
}

export interface AppOptions {
  /** where the vendor is, when that is known only now (the demo) */
  readonly vendorBaseUrl?: string;
  readonly clock?: Clock;
  readonly log?: RequestLogger;
}

/** The rules of the journey, from configuration. */
export function rulesOf(config: Config): JourneyRules {
  return {
    issuer: config.issuer,
    environment: config.didit.environment,
    workflows: config.didit.workflows,
    attempt: config.policy.attempt,
    enrolment: config.policy.enrolment,
    crossDevice: config.policy.crossDevice,
    portrait: config.policy.portrait,
    limits: config.policy.limits,
    verdict: config.policy.verdict,
  };
}

/** The parts that need no server: what the command line works with. */
export async function openParts(config: Config, options: AppOptions = {}) {
  const clock = options.clock ?? { now: () => Math.floor(Date.now() / 1000) };
  const log = options.log ?? createLogger({ level: logLevel(config.logLevel) });
  const backend = await openBackend(config.storageUrl, { clock, log });
  const { store } = backend;
  const sealer = createSealer(config.dataKeys);
  const metrics = createMeter();
  const vendor = vendorFactories.didit({
    ...config.didit,
    baseUrl: options.vendorBaseUrl ?? config.didit.baseUrl,
    limits: config.policy.vendor,
    counters: store,
    outgoingPolicy: createOutgoingPolicy(config.outgoingAllow),
    clock,
    meter: metrics.meter,
    log,
  });
  return {
    config,
    clock,
    log,
    backend,
    store,
    sealer,
    metrics,
    vendor,
    accounts: createAccountStore({ store, sealer }),
    attempts: createAttemptStore({ store, clock }),
    devices: createDeviceStore({ store }),
    consents: createConsents({ store }),
    invitations: createInvitationStore({ store, sealer, clock }),
    journal: createJournal({ store, clock }),
    ledger: createLedger({ store, clock, price: config.policy.costs.pricePerVerification }),
  };
}

export type Parts = Awaited<ReturnType<typeof openParts>>;

/** Builds the whole provider. Nothing listens yet. */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const parts = await openParts(config, options);
  const { backend, store, clock, log, sealer, metrics, accounts, consents } = parts;
  const rules = rulesOf(config);
  const nowMs = () => Math.max(Date.now(), clock.now() * 1000);
  const guardedFetch = createGuardedFetch(createOutgoingPolicy(config.outgoingAllow));
  const views = createViews({ now: () => new Date(clock.now() * 1000) });
  const reply = createReply(views);
  const activeAvailable = rules.workflows.active !== undefined;
  const pairwiseSub = await createPairwiseSub({ store, sealer });
  const provider = createProvider({
    issuer: config.issuer,
    adapter: createOidcAdapter({ store, clock }),
    jwks: config.jwks as JWKS,
    cookieKeys: config.cookieKeys,
    clients: config.clients,
    accounts,
    consents,
    pairwiseSub,
    activeAvailable,
    interactionSeconds: rules.attempt.ttlSeconds + rules.attempt.reviewWaitSeconds + INTERACTION_MARGIN_SECONDS,
    fetch: guardedFetch,
    pages: createOidcPages({ reply }),
  });
  provider.proxy = true;
  // without a listener koa prints to stderr in a form of its own
  (provider as NodeJS.EventEmitter).on('error', (error: NodeJS.ErrnoException) => {
    const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
    if (isGone) log.debug({ code: error.code }, 'a browser went away');
    else log.error({ err: error }, 'an answer could not be sent');
  });
  const refused = await findRefusedClients(provider, config.clients, log);
  if (refused.length > 0) {
    await backend.close();
    throw new Misconfigured(
      refused.map(({ clientId, problem }) => ({
        where: `${config.clientsFile} (client ${JSON.stringify(clientId)})`,
        problem,
        fix: 'mend this entry of the clients file',
      })),
    );
  }

  const logout = createLogoutDelivery({ provider, jobs: backend.jobs, log, nowMs, poke: () => journey.worker.poke() });
  const revocation = createRevocation({ provider, store, logout });
  const revoker: Revoker = { revoke: (verificationId) => revocation.revoke(verificationId) };
  const journey = createJourney(
    { ...parts, jobs: backend.jobs, bus: backend.bus, meter: metrics.meter, revoker, rules, nowMs },
    { [LOGOUT]: (job) => logout.deliver(job) },
  );
  const interactions = createInteractions({
    provider,
    accounts,
    consents,
    revocation,
    pairwiseSub,
    clock,
    activeAvailable,
  });
  const clientView = async (clientId: string) => {
    const client = await provider.Client.find(clientId);
    return client && viewOfClient(client);
  };
  const cookies = createCookies(config.issuer);
  const waitingRoom = createWaitingRoom({
    bus: backend.bus,
    readState: (uid) => routes.readState(uid),
    logger: log,
  });
  const routes = createInteractionRoutes({
    ...parts,
    journey,
    interactions,
    rules,
    reply,
    cookies,
    csrf: createCsrf(config.cookieKeys),
    waitingRoom,
    verifier: parts.vendor.about,
    clientView,
  });

  let isDraining = false;
  provider.use(trustedProxy({ issuer: config.issuer, trust: config.trustProxy }));
  provider.use(requestId({ inRequest: (id, work) => log.inRequest(id, work) }));
  provider.use(accessLog({ logger: log, redactPath }));
  provider.use(securityHeaders({ issuer: config.issuer, openerPolicy: 'unsafe-none' }));
  provider.use(
    healthRoutes({
      issuer: config.issuer,
      dependencies: { storage: () => backend.ping() },
      exposition: () => metrics.exposition(),
      logger: log,
      metricsToken: config.metricsToken,
      draining: () => isDraining,
    }),
  );
  mountRoutes(provider, {
    router: new Router(),
    routes,
    webhook: createWebhookRoute({ inbox: journey.inbox, meter: metrics.meter, log }),
    invite: createInviteRoute({
      cookies,
      reply,
      clients: async () =>
        (await Promise.all(config.clients.map((client) => clientView(client.client_id)))).filter(
          (view) => view !== undefined,
        ),
    }),
    logo: createLogoRoute({
      logoUri: async (clientId) => (await provider.Client.find(clientId))?.logoUri,
      fetch: (url) => guardedFetch(url),
      reply,
      nowMs,
    }),
    assets: views.assets,
    reply,
    log,
    track: async (ctx, next) => {
      await revocation.track(ctx, next);
      await leadOn(ctx, revocation);
    },
  });

  const server = createServer(provider.callback());
  server.requestTimeout = 30_000;
  server.headersTimeout = 15_000;
  const sweeper = setInterval(() => {
    backend.sweepExpired().catch((error: unknown) => log.warn({ err: error }, 'expired rows could not be removed'));
  }, SWEEP_EVERY_MS);
  sweeper.unref();
  let closing: Promise<void> | undefined;

  async function shutDown(): Promise<void> {
    isDraining = true;
    waitingRoom.drain();
    clearInterval(sweeper);
    if (server.listening) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // a connection whose last request has just been answered would be kept for the next one
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_EVERY_MS);
      const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(force);
    }
    await journey.worker.stop();
    await parts.journal.flush();
    await backend.close();
  }

  return {
    server,
    log,
    parts,
    revoker,
    async listen(port, host) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      // logins that were open when the last process ended are looked at again
      await backend.jobs.hasten(LOOK, nowMs());
      journey.worker.start();
      return (server.address() as AddressInfo).port;
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

function logLevel(level: Config['logLevel']) {
  if (level === 'trace') return 'debug';
  return level === 'fatal' ? 'error' : level;
}
