// The whole configuration, checked: what the app is built from. Only app.ts sees all of it.

import type { JWK } from 'jose';
import type { ClientEntry } from './client-entry.ts';
import type { Policy } from './policy.ts';
import { maskUrl } from './secret-readers.ts';

export interface Config {
  readonly production: boolean;
  /** no vendor key and not production: a stand-in plays the vendor, loopback only */
  readonly demo: boolean;
  /** an origin, without slash at the end */
  readonly issuer: string;
  readonly host: string;
  readonly port: number;
  /** processes that serve it */
  readonly workers: number;
  /** `memory:` or `sqlite:` and an absolute path */
  readonly storageUrl: string;
  /** the first signs, all are accepted */
  readonly cookieKeys: string[];
  /** private keys; the first of an algorithm signs */
  readonly jwks: { keys: JWK[] };
  /** 32 bytes each; the first encrypts, all decrypt */
  readonly dataKeys: Uint8Array[];
  /** in the demo: fixed values, and the stand-in's address if it gets the port it wants */
  readonly didit: DiditConfig;
  readonly smtp?: { url: string; from: string };
  readonly outgoingAllow: string[];
  readonly metricsToken?: string;
  readonly trustProxy?: { hops: number } | { cidrs: string[] };
  readonly clients: ClientEntry[];
  readonly policy: Policy;
  readonly demoVendorPort: number;
  readonly demoClientPort: number;
  /** absolute; exists only where something was put into it */
  readonly dataDir: string;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** absolute */
  readonly clientsFile: string;
  /** absolute */
  readonly policyFile: string;
}

export interface DiditConfig {
  readonly apiKey: string;
  /** newest first */
  readonly webhookSecrets: string[];
  /** without slash at the end */
  readonly baseUrl: string;
  readonly workflows: { readonly enrol: string; readonly passive: string; readonly active?: string };
  readonly environment: 'live' | 'sandbox';
  readonly sendWorkflowType: boolean;
}

const SECRET = '[secret]';

/** The configuration as it may be shown to anybody: secrets say `[secret]`, keys their id and algorithm. */
export function toPrintable(config: Config): Record<string, unknown> {
  return {
    ...config,
    storageUrl: maskUrl(config.storageUrl),
    cookieKeys: config.cookieKeys.map(() => SECRET),
    jwks: { keys: config.jwks.keys.map(({ kid, alg }) => ({ kid, alg, private: SECRET })) },
    dataKeys: config.dataKeys.map(() => SECRET),
    didit: { ...config.didit, apiKey: SECRET, webhookSecrets: config.didit.webhookSecrets.map(() => SECRET) },
    ...(config.smtp && { smtp: { url: maskUrl(config.smtp.url), from: config.smtp.from } }),
    ...(config.metricsToken !== undefined && { metricsToken: SECRET }),
    clients: config.clients.map((client) =>
      'client_secret' in client ? { ...client, client_secret: SECRET } : client,
    ),
  };
}

/** The same for people: settings and policy under the names that an operator writes. */
export function toWritten(config: Config): Record<string, unknown> {
  const { didit, smtp, jwks } = config;
  const secrets = (list: readonly unknown[]) => list.map(() => SECRET);
  return {
    NODE_ENV: config.production ? 'production' : 'not production',
    ISSUER: config.issuer,
    HOST: config.host,
    PORT: config.port,
    WORKERS: config.workers,
    CLIENTS_FILE: config.clientsFile,
    POLICY_FILE: config.policyFile,
    STORAGE_URL: maskUrl(config.storageUrl),
    COOKIE_KEYS: secrets(config.cookieKeys),
    DATA_KEYS: secrets(config.dataKeys),
    JWKS_FILE: jwks.keys.map(({ kid, alg }) => `${alg} ${kid}`),
    DIDIT_API_KEY: SECRET,
    DIDIT_WEBHOOK_SECRETS: secrets(didit.webhookSecrets),
    DIDIT_BASE_URL: didit.baseUrl,
    DIDIT_WORKFLOW_ENROL: didit.workflows.enrol,
    DIDIT_WORKFLOW_PASSIVE: didit.workflows.passive,
    DIDIT_WORKFLOW_ACTIVE: didit.workflows.active,
    DIDIT_ENVIRONMENT: didit.environment,
    DIDIT_SEND_WORKFLOW_TYPE: didit.sendWorkflowType,
    SMTP_URL: smtp && maskUrl(smtp.url),
    MAIL_FROM: smtp?.from,
    OUTGOING_ALLOW: config.outgoingAllow,
    METRICS_TOKEN: config.metricsToken === undefined ? undefined : SECRET,
    TRUST_PROXY: config.trustProxy && ('hops' in config.trustProxy ? config.trustProxy.hops : config.trustProxy.cidrs),
    LOG_LEVEL: config.logLevel,
    DEMO_VENDOR_PORT: config.demo ? config.demoVendorPort : undefined,
    DEMO_CLIENT_PORT: config.demo ? config.demoClientPort : undefined,
    clients: toPrintable(config).clients,
    policy: writtenPolicy(config.policy),
  };
}

function writtenPolicy({ scopes, clients, ...policy }: Policy): object {
  const each = Object.entries(clients).map(([id, client]) => [id, inSnakeCase(client)]);
  // names of scopes and clients are other people's
  return { ...(inSnakeCase(policy) as object), scopes, clients: Object.fromEntries(each) };
}

function inSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  const toSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [toSnake(name), inSnakeCase(inner)]));
}
