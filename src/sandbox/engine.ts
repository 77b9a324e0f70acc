/** The stand-in without HTTP: its parts, made once and handed to every set of routes. */
import { createApplications } from './applications.ts';
import { createCallLog } from './call-log.ts';
import { createFaults } from './faults.ts';
import { createMedia } from './media.ts';
import { createOutcomes } from './outcomes.ts';
import { createRateLimiter } from './rate-limits.ts';
import { createSessions } from './sessions.ts';
import { createShares } from './shares.ts';
import type { SandboxOptions, Settings } from './types.ts';
import { createWebhooks } from './webhooks.ts';

export type Engine = ReturnType<typeof createEngine>;

/** `baseUrl` is asked late, as the port is known only once it is bound. */
export function createEngine(options: SandboxOptions, baseUrl: () => string) {
  const secret = options.webhookSecrets[0];
  if (secret === undefined) throw new Error('the stand-in needs at least one webhook secret');
  const now = options.now ?? (() => Math.floor(Date.now() / 1000));
  const environment = options.environment ?? 'sandbox';
  const settings: Settings = { ...defaultSettings(options.webhookUrl ?? null, secret), ...options.settings };
  const applications = createApplications(options);
  const sessions = createSessions({ settings, now, baseUrl });
  const media = createMedia({ settings, sessions, now, baseUrl });
  const context = { settings, environment, addressOf: media.addressOf };
  const webhooks = createWebhooks({ ...context, now, receiverId: applications.own.id });
  const outcomes = createOutcomes({ settings, sessions, webhooks, now });
  const faults = createFaults();
  const calls = createCallLog();
  const limiter = createRateLimiter(now);
  const shares = createShares({ settings, sessions, now });
  return {
    applications,
    environment,
    now,
    baseUrl,
    settings,
    sessions,
    shares,
    media,
    context,
    webhooks,
    outcomes,
    faults,
    calls,
    limiter,
  };
}

function defaultSettings(webhookUrl: string | null, webhookSecret: string): Settings {
  return {
    webhookUrl,
    webhookMode: 'normal',
    retryDelaysMs: [],
    webhookSecret,
    createShape: 'docs',
    decisionShape: 'v3',
    listShape: 'paged',
    metadataShape: 'as_sent',
    missingPortrait: 'refuse',
    portraitMaxBytes: 2 * 1024 * 1024,
    portraitFormats: ['JPEG', 'PNG', 'WebP', 'TIFF'],
    refuseWorkflowType: false,
    wrongKeyStatus: 403,
    deleteStatus: 200,
    sharedSourceDeleted: 'imported',
    rateLimits: {},
    rateHeadersAlways: false,
    sessionLifeSeconds: 604_800,
    mediaLifeSeconds: 14_400,
    redirectOrder: 'webhook_first',
    callbackJoin: 'merge',
    callbackSpace: 'percent',
    reuseUnfinished: true,
    autoOutcome: null,
    flipAfterMs: 5000,
  };
}
