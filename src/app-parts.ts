// The parts that need no server: storage, vendor, stores, tables of networks, mail. What the command line works with, and what the app is
// built from.

import type { Config } from './config/config.ts';
import { Misconfigured } from './config/faults.ts';
import { createOutgoingPolicy } from './core/outgoing.ts';
import { createKeyCeremonies } from './factors/passkey.ts';
import type { Clock, IdentityVendor, JobQueue, Logger, Sealer } from './login/ports.ts';
import type { MailDelivery } from './mail/mailer.ts';
import { loadNetworks } from './networks/load.ts';
import { createNetworks } from './networks/networks.ts';
import { createConsents } from './oidc/consents.ts';
import { createAccountStore, createInvitationStore } from './storage/accounts.ts';
import { createActivityStore } from './storage/activity.ts';
import { createAttemptStore } from './storage/attempts.ts';
import { openBackend } from './storage/backends.ts';
import { createDeviceStore } from './storage/devices.ts';
import { keepHashKeys } from './storage/hash-keys.ts';
import { createInstances } from './storage/instances.ts';
import { createKeyHistory } from './storage/key-history.ts';
import { createPasskeyStore } from './storage/passkeys.ts';
import { createRecoveryStore } from './storage/recovery.ts';
import { countWait, seeThrough } from './storage/request-patience.ts';
import { createSealer } from './storage/sealer.ts';
import type { Relay } from './storage/shared-bus.ts';
import { type ChainedJournal, createJournal } from './telemetry/journal.ts';
import { createLedger } from './telemetry/ledger.ts';
import { createLogger, logLevelOf, type RequestLogger } from './telemetry/log.ts';
import { createMeter } from './telemetry/metrics.ts';
import { vendorFactories } from './vendors/registry.ts';

/** The parts that need no server: what the command line works with. */
export async function openParts(config: Config, options: PartsOptions = {}) {
  const clock = options.clock ?? { now: () => Math.floor(Date.now() / 1000) };
  const log = options.log ?? createLogger({ level: logLevelOf(config.logLevel), base: options.logBase });
  const backend = await openBackend(config.storageUrl, { clock, log, relay: options.relay, file: options.storageFile });
  const { store } = backend;
  const sealer = createSealer(config.dataKeys);
  await keepHashKeys({ store, sealer }).catch(async (error: unknown) => {
    await backend.close();
    throw error;
  });
  const metrics = createMeter();
  const didit = vendorFactories.didit({
    ...config.didit,
    baseUrl: options.vendorBaseUrl ?? config.didit.baseUrl,
    limits: config.policy.vendor,
    store,
    bus: backend.bus,
    outgoingPolicy: createOutgoingPolicy(config.outgoingAllow),
    clock,
    meter: metrics.meter,
    log,
  });
  const vendor: IdentityVendor = {
    ...didit,
    // what was asked for there may be paid for: what came of it is stored, however slow the storage is
    openVerification: (request) => didit.openVerification(request).finally(seeThrough),
  };
  const journal = createJournal({ store, clock });
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
    attempts: createAttemptStore({ store, sealer, clock }),
    devices: createDeviceStore({ store, sealer }),
    activity: createActivityStore({ store, sealer }),
    passkeys: createPasskeyStore({ store, sealer }),
    ceremonies: createKeyCeremonies({ issuer: config.issuer }),
    recovery: createRecoveryStore({ store, sealer, clock }),
    consents: createConsents({ store }),
    invitations: createInvitationStore({ store, sealer, clock }),
    instances: createInstances({ store }),
    keyHistory: createKeyHistory({ store, clock }),
    journal: { ...journal, record: (entry) => countWait(() => journal.record(entry)) } satisfies ChainedJournal,
    ledger: createLedger({
      store,
      clock,
      price: config.policy.costs.pricePerVerification,
      enrolmentPrice: config.policy.costs.pricePerEnrolment,
      meter: metrics.meter,
    }),
  };
}

export interface PartsOptions {
  /** where the vendor is, when that is known only now (the demo) */
  readonly vendorBaseUrl?: string;
  readonly clock?: Clock;
  readonly log?: RequestLogger;
  /** on every line of the log that is made where none is given */
  readonly logBase?: object;
  /** to the other processes of this machine, which share its storage */
  readonly relay?: Relay;
  /** `Backend.file` of those processes */
  readonly storageFile?: string | undefined;
}

export type Parts = Awaited<ReturnType<typeof openParts>>;

/** @throws Misconfigured with every fault of the tables */
export async function openNetworks(config: Config, log: Logger) {
  const loading = await loadNetworks(config.policy.networks);
  if (!loading.ok) throw new Misconfigured(loading.faults);
  return createNetworks({ tables: loading.tables, log });
}

/** @throws Misconfigured with every template that cannot be used */
export async function openMail(
  { smtp, policy }: Pick<Config, 'smtp' | 'policy'>,
  parts: { jobs: JobQueue; sealer: Sealer; log: Logger; nowMs: () => number; poke: () => void },
): Promise<MailDelivery | undefined> {
  if (smtp === undefined) return undefined;
  // nodemailer is loaded where mail is sent, and nowhere else
  const [{ createMailer }, { checkMailTemplates }] = await Promise.all([
    import('./mail/mailer.ts'),
    import('./mail/template-check.ts'),
  ]);
  const faults = checkMailTemplates({ directory: policy.mailTemplates });
  if (faults.length > 0) {
    const fix = 'mend the template, or remove it: ours then takes its place';
    throw new Misconfigured(faults.map(({ file, problem }) => ({ where: file, problem, fix })));
  }
  return createMailer({ ...parts, smtp, templates: policy.mailTemplates });
}
