// The one place where parts are made and handed to each other. No decisions: what the configuration says is built, what is built
// is returned, and `close()` takes it down in the right order. Here is what lives as long as the process; what is made anew when the
// clients or keys change is in `provider-app.ts`.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWKS } from 'oidc-provider';
import { FORGET } from './admin/erasure.ts';
import { createForgetting } from './admin/forgetting.ts';
import { removeAccount } from './admin/remove-account.ts';
import { createRunningKeys, type KeysReload } from './app-keys.ts';
import { openMail, openNetworks, openParts, type Parts, type PartsOptions } from './app-parts.ts';
import { rulesOf } from './app-rules.ts';
import { assertServable, watchStanding } from './app-standing.ts';
import type { Config } from './config/config.ts';
import { Misconfigured } from './config/faults.ts';
import type { KeysReader } from './config/keys.ts';
import type { ClientsReader } from './config/reload.ts';
import { createOutgoingPolicy } from './core/outgoing.ts';
import { createCookies } from './http/cookies.ts';
import { accessLog } from './http/middleware/access-log.ts';
import { requestId } from './http/middleware/request-id.ts';
import { securityHeaders } from './http/middleware/security-headers.ts';
import { trustedProxy } from './http/middleware/trusted-proxy.ts';
import { createReply } from './http/reply.ts';
import { healthRoutes } from './http/routes/health.ts';
import { createOidcPages } from './http/routes/oidc-pages.ts';
import { createWebhookRoute } from './http/routes/webhooks.ts';
import { createViews } from './http/views.ts';
import { createWaitingRoom } from './http/waiting-room.ts';
import { DELIVERY } from './login/inbox.ts';
import { createJourney } from './login/journey.ts';
import { LOOK } from './login/look.ts';
import type { Logger, Revoker } from './login/ports.ts';
import type { MailDelivery } from './mail/mailer.ts';
import { createPairwiseSub } from './oidc/accounts.ts';
import { LOGOUT } from './oidc/logout.ts';
import { createGuardedFetch } from './oidc/outgoing.ts';
import { type Reload, serveProvider } from './provider-app.ts';
import { createOidcAdapter } from './storage/oidc-adapter.ts';
import { inRequest } from './storage/request-patience.ts';
import { createResealing, RESEAL } from './storage/resealing.ts';
import { keepStorageId } from './storage/storage-id.ts';
import { createSweeper } from './storage/sweeper.ts';
import { createUsedUp } from './storage/used-up.ts';
import { redactPath } from './telemetry/log.ts';
import type { Exposition } from './telemetry/metrics.ts';
import { hushOutage } from './telemetry/outage.ts';

/** The interaction must outlive attempt and review, or the last answer to the client cannot be delivered (design section 8). */
const INTERACTION_MARGIN_SECONDS = 600;
/** Less than the 10 s a stop may take in all: ending the work under way comes after it. */
const DRAIN_MS = 8_000;
const IDLE_EVERY_MS = 50;

export interface App {
  readonly server: Server;
  readonly log: Logger;
  readonly parts: Parts;
  /** for what an operator takes back by hand */
  readonly revoker: Revoker;
  /** Does the mail server take us? undefined where none is configured. */
  probeMail(): ReturnType<MailDelivery['probe']> | undefined;
  /** Reads the clients again, without dropping a login; where they come from is `AppOptions.readClients`. Safe to repeat. */
  reload(): Promise<Reload>;
  /** The same with the keys; where they come from is `AppOptions.readKeys`. */
  reloadKeys(): Promise<KeysReload>;
  listen(port: number, host: string): Promise<number>;
  /** Work may be due that was not a moment ago (the clock was moved): looks at once, not at the next tick. */
  poke(): void;
  /** From now on `/readyz` says that work should go elsewhere; all that comes is still served. */
  withdraw(): void;
  /** Stops taking requests, tells open pages to come back, ends the work under way, closes the storage. Safe to repeat. */
  close(): Promise<void>;
}

export interface AppOptions extends PartsOptions {
  /** reads the clients file again (`config/reload.ts`); without it a reload finds nothing changed */
  readonly readClients?: ClientsReader;
  /** true beside others that run already: the logins they look after are not looked at anew */
  readonly joins?: boolean;
  /** what `/metrics` says, where it is more than this process counts */
  readonly exposition?: Exposition;
  /** reads the keys again (`config/keys.ts`); the same */
  readonly readKeys?: KeysReader;
}

/** Builds the whole provider. Nothing listens yet. */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const parts = await openParts(config, options);
  const { backend, store, clock, log, sealer, metrics } = parts;
  const { bus } = backend;
  const nowMs = () => Math.max(Date.now(), clock.now() * 1000);
  // for what goes on beside requests
  const { jobs, log: quietLog } = hushOutage({ jobs: backend.jobs, log, nowMs });
  const { meter } = metrics;
  const rules = rulesOf(config);
  const orClose = async <T>(work: Promise<T>): Promise<T> =>
    work.catch(async (error: unknown) => {
      await backend.close();
      throw error;
    });
  await orClose(assertServable(store));
  const storageId = await orClose(keepStorageId(store));
  const views = createViews({ now: () => new Date(clock.now() * 1000) });
  const reply = createReply(views);
  const revoker: Revoker = {
    revoke: (proofId, accountId) => served.current.revocation.revoke(proofId, accountId),
    isRevoked: (proofId) => served.current.revocation.isRevoked(proofId),
    revokeAccount: (accountId) => served.current.revocation.revokeAccount(accountId),
  };
  const mailing = openMail(config, { jobs, sealer, log, nowMs, poke: () => journey.worker.poke() });
  const [networks, mail] = await orClose(both(openNetworks(config, log), mailing));
  const pairwiseSub = await orClose(createPairwiseSub({ store, sealer }));
  const clientName = async (clientId: string) => (await served.current.clientView(clientId))?.name ?? clientId;
  const journey = createJourney(
    { ...parts, log: quietLog, jobs, bus, meter, revoker, rules, nowMs, networks, mailer: mail?.mailer, clientName },
    {
      [LOGOUT]: (job) => served.current.logout.deliver(job),
      [FORGET]: createForgetting({ ...parts, jobs, revoker }),
      [RESEAL]: createResealing({ ...parts, jobs, nowMs, poke: () => journey.worker.poke() }),
      ...(mail ? { [mail.jobKind]: (job) => mail.deliver(job) } : {}),
    },
  );
  const waitingRoom = createWaitingRoom({ bus, readState: (uid) => served.current.readState(uid), logger: log });
  let isDraining = false;
  const standing = watchStanding({
    store,
    storageId,
    log: quietLog,
    // what waits to be done was moved as well
    changed: (isServable) => (isServable ? journey.worker.start() : void journey.worker.stop()),
  });
  const outermost = [
    trustedProxy({ issuer: config.issuer, trust: config.trustProxy }),
    requestId({ inRequest: (id, work) => log.inRequest(id, work) }),
    accessLog({ logger: log, redactPath }),
    securityHeaders({ issuer: config.issuer, openerPolicy: 'unsafe-none' }),
    healthRoutes({
      issuer: config.issuer,
      dependencies: {
        async storage() {
          standing.assertServable();
          await backend.ping();
        },
      },
      exposition: options.exposition ?? metrics.exposition,
      logger: quietLog,
      metricsToken: config.metricsToken,
      draining: () => isDraining,
    }),
  ];
  const usedUp = createUsedUp();
  const serving = serveProvider(
    {
      ...parts,
      clientsFile: config.clientsFile,
      issuer: config.issuer,
      adapter: createOidcAdapter({ store, sealer, clock, usedUp }),
      usedUp,
      pairwiseSub,
      hasMail: mail !== undefined,
      networks,
      interactionSeconds: rules.attempt.ttlSeconds + rules.attempt.reviewWaitSeconds + INTERACTION_MARGIN_SECONDS,
      fetch: createGuardedFetch(createOutgoingPolicy(config.outgoingAllow)),
      pages: createOidcPages({ reply }),
      outermost,
      assertServable: standing.assertServable,
      jobs,
      journey,
      rules,
      nowMs,
      reply,
      cookies: createCookies(config.issuer),
      waitingRoom,
      verifier: parts.vendor.about,
      mailer: mail?.mailer,
      removeAccount: async (id, receipt) => {
        await removeAccount({ ...parts, jobs, revoker }, id, 'person', receipt);
        journey.worker.poke();
      },
      webhook: createWebhookRoute({ inbox: journey.inbox, meter, log }),
      assets: views.assets,
    },
    { clients: config.clients, jwks: config.jwks as JWKS, cookieKeys: config.cookieKeys },
    options.readClients ?? (async () => ({ ok: true, clients: config.clients, warnings: [] })),
  );
  const served = await orClose(serving);

  const keys = createRunningKeys({
    ...parts,
    log: quietLog,
    first: config,
    read: options.readKeys,
    served,
    history: parts.keyHistory,
    jobs,
    nowMs,
  });
  const server = createServer((req, res) => inRequest(res, () => served.current.callback(req, res)));
  server.requestTimeout = 30_000;
  server.headersTimeout = 15_000;
  const sweeper = createSweeper({ backend, store, log: quietLog });
  let closing: Promise<void> | undefined;

  async function shutDown(): Promise<void> {
    isDraining = true;
    waitingRoom.drain();
    sweeper.stop();
    standing.stop();
    // nothing may be waited for before: a worker is taken off its port meanwhile, and would not know that it had listened
    if (server.listening) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // a connection whose last request has just been answered would be kept for the next one
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_EVERY_MS);
      const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(force);
    }
    // until here it served with them
    await keys.stop();
    await mail?.close();
    await journey.worker.stop();
    await networks.close();
    await parts.journal.flush();
    await backend.close();
  }

  return {
    server,
    log,
    parts,
    revoker,
    probeMail: () => mail?.probe(),
    reload: () => served.reload(),
    reloadKeys: () => keys.reload(),
    async listen(port, host) {
      await keys.start();
      // once more: a move that did not see this process run has set its mark before
      await assertServable(store);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      // logins that were open when the last process ended are looked at again
      // and what was delivered to it need not wait for a lease of it to end
      if (!options.joins) for (const kind of [LOOK, DELIVERY]) await backend.jobs.hasten(kind, nowMs());
      await journey.start();
      sweeper.start();
      standing.start();
      networks.watch();
      journey.worker.start();
      return (server.address() as AddressInfo).port;
    },
    poke() {
      journey.worker.poke();
      void standing.look();
    },
    withdraw() {
      isDraining = true;
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** @throws Misconfigured with the faults of both: neither hides the other's */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  const settled = await Promise.allSettled([one, other]);
  const errors = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
  const misconfigured = errors.filter((error) => error instanceof Misconfigured);
  if (misconfigured.length > 1) throw new Misconfigured(misconfigured.flatMap(({ faults }) => faults));
  return Promise.all([one, other]);
}
