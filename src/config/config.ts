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
