// Each setting once: its variable (the key), reader, default, whether it is secret, and what it is for. The documents
// and `example.env` are written from this table, and a variable that is not in it but looks like ours is a fault.

import {
  type Reader,
  readBoolean,
  readHost,
  readIssuer,
  readOutgoingAllow,
  readText,
  readTrustProxy,
  readVendorBase,
  readWorkflow,
  wholeNumber,
  word,
} from './readers.ts';
import {
  readApiKey,
  readCookieKeys,
  readDataKeys,
  readMailFrom,
  readMetricsToken,
  readSmtpUrl,
  readWebhookSecrets,
} from './secret-readers.ts';
import { readStorageUrl } from './storage-url.ts';

export interface Setting<T> {
  readonly read: Reader<T>;
  /** what the value is when the variable is not set */
  readonly fallback: T;
  /** the default in words, where it is made or depends on others */
  readonly fallbackText?: string;
  /** `in-part`: a URL that may hold a password. Both kinds can be read from a file named by `NAME_FILE`. */
  readonly secret: boolean | 'in-part';
  /** `vendor`: wherever the real vendor is used, which is everywhere but in the demo */
  readonly required?: 'production' | 'vendor';
  readonly about: string;
  /** a value fit for `example.env`; for a secret, how to make one */
  readonly example: string;
}

type Words = Pick<Setting<unknown>, 'about' | 'example'> &
  Partial<Pick<Setting<unknown>, 'fallbackText' | 'secret' | 'required'>>;

function withDefault<T>(fallback: T, read: Reader<T>, words: Words): Setting<T> {
  return { secret: false, ...words, read, fallback };
}

function optional<T>(read: Reader<T>, words: Words): Setting<T | undefined> {
  return { secret: false, ...words, read, fallback: undefined };
}

/** Every setting, in the order in which documents show them. */
export const SETTINGS = {
  NODE_ENV: optional(word('production', 'development', 'test'), {
    about: '`production` turns the strict rules on: https, no made-up keys, no demo.',
    fallbackText: 'development',
    example: 'production',
  }),
  ISSUER: optional(readIssuer, {
    about: 'Public address of this provider: scheme, host, port; no path, no slash at the end. https in production.',
    fallbackText: '`http://localhost:PORT` outside production',
    required: 'production',
    example: 'https://login.example.org',
  }),
  HOST: optional(readHost, {
    about: 'Address to listen on.',
    fallbackText: '`0.0.0.0`; `127.0.0.1` in the demo',
    example: '0.0.0.0',
  }),
  PORT: withDefault(3000, wholeNumber(1, 65_535), {
    about: 'Port to listen on. A taken port is fatal, but in the demo, which takes the next free one.',
    example: '3000',
  }),
  WORKERS: withDefault(1, wholeNumber(1, 64), {
    about:
      'How many processes serve the port, on one machine: one for each core that logins may use. More than one is refused with `memory:` and in the demo.',
    example: '4',
  }),
  CLIENTS_FILE: withDefault('config/clients.yaml', readText, {
    about: 'Clients, YAML or JSON: see "Clients file".',
    example: 'config/clients.yaml',
  }),
  POLICY_FILE: withDefault('config/policy.yaml', readText, {
    about: 'Login policy, YAML: see "Policy file". The default file may be absent; a named one may not.',
    example: 'config/policy.yaml',
  }),
  STORAGE_URL: withDefault('sqlite:data/selfie-oidc.sqlite', readStorageUrl, {
    about:
      'Where state is kept: `sqlite:PATH` for one machine; `redis://HOST:PORT/DB` (`rediss:` for TLS; `?prefix=` where several share it; of a Redis Cluster any node, and more by `node=HOST:PORT`) or `postgres://USER@HOST:PORT/DB` (`?schema=`, `connections=`, `sslmode=require|verify-full`, `sslrootcert=`) for many processes; `memory:` forgets everything and is refused in production.',
    secret: 'in-part',
    example: 'sqlite:data/selfie-oidc.sqlite',
  }),
  COOKIE_KEYS: optional(readCookieKeys, {
    about:
      'Keys that sign cookies: comma list; the first signs, all are accepted; in production at least 32 characters each. In a file they can be rotated by `keys rotate`.',
    fallbackText: 'made and kept in `data/` outside production',
    secret: true,
    required: 'production',
    example: 'openssl rand -base64 48',
  }),
  JWKS_FILE: optional(readText, {
    about:
      'Private signing keys, a JWK set (JSON): each key with `kid`, `alg` and `use: "sig"`; at least one RS256 (2048 bits or more), ES256 and EdDSA beside it. The first key of an algorithm signs.',
    fallbackText: 'made and kept in `data/` outside production',
    required: 'production',
    example: '/run/secrets/jwks.json',
  }),
  DATA_KEYS: optional(readDataKeys, {
    about:
      'Keys for what is encrypted at rest: comma list of 32-byte base64url keys; the first encrypts, all decrypt. In a file they can be rotated by `keys rotate`.',
    fallbackText: 'made and kept in `data/` outside production',
    secret: true,
    required: 'production',
    example: "openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
  }),
  DIDIT_API_KEY: optional(readApiKey, {
    about: "Key for the vendor's API. Without it, and outside production, the start is the demo.",
    secret: true,
    required: 'production',
    example: "from the vendor's console",
  }),
  DIDIT_WEBHOOK_SECRETS: optional(readWebhookSecrets, {
    about:
      "Secrets of the vendor's webhook destination: comma list, newest first; in production at least 16 characters each.",
    secret: true,
    required: 'vendor',
    example: "from the vendor's console",
  }),
  DIDIT_BASE_URL: withDefault('https://verification.didit.me', readVendorBase, {
    about: "The vendor's API. https; plain http only on loopback.",
    example: 'https://verification.didit.me',
  }),
  DIDIT_WORKFLOW_ENROL: optional(readWorkflow, {
    about: 'Id of the workflow for a first login: document and selfie.',
    required: 'vendor',
    example: '11111111-1111-4111-8111-111111111111',
  }),
  DIDIT_WORKFLOW_PASSIVE: optional(readWorkflow, {
    about: 'Id of the workflow for a usual login: passive liveness and face match.',
    required: 'vendor',
    example: '22222222-2222-4222-8222-222222222222',
  }),
  DIDIT_WORKFLOW_ACTIVE: optional(readWorkflow, {
    about:
      'Id of the workflow for a strong login: ACTIVE_3D liveness and face match. Without it `urn:selfie-oidc:acr:selfie-active` is not offered, and rules that ask for it by default get a passive selfie.',
    example: '33333333-3333-4333-8333-333333333333',
  }),
  DIDIT_ENVIRONMENT: withDefault('live', word('live', 'sandbox'), {
    about: 'Whose verdicts are ours: `live` or `sandbox`. A verdict that names the other one is refused.',
    example: 'live',
  }),
  DIDIT_SEND_WORKFLOW_TYPE: withDefault(true, readBoolean, {
    about:
      'Whether `workflow_type` is sent when a verification is opened (`true` or `false`); for a vendor account that refuses it.',
    example: 'true',
  }),
  SMTP_URL: optional(readSmtpUrl, {
    about: 'Mail server for codes, links and notices. Needs `MAIL_FROM`; without both those ways are off.',
    secret: 'in-part',
    example: 'smtps://user:password@mail.example.org:465',
  }),
  MAIL_FROM: optional(readMailFrom, {
    about: 'Sender of mail.',
    example: 'Example Login <login@example.org>',
  }),
  OUTGOING_ALLOW: withDefault([], readOutgoingAllow, {
    about:
      'Hosts or address ranges that outgoing requests (back-channel logout, `jwks_uri`) may reach although they are special-use: comma list.',
    fallbackText: 'none',
    example: 'logout.internal, 10.1.2.0/24',
  }),
  METRICS_TOKEN: optional(readMetricsToken, {
    about:
      'Bearer token for `/metrics`; without it only loopback and private peers read it. In production at least 16 characters.',
    secret: true,
    example: 'openssl rand -hex 24',
  }),
  TRUST_PROXY: optional(readTrustProxy, {
    about:
      'Which proxies are believed about the peer: how many stand in front, or a comma list of their address ranges.',
    example: '1',
  }),
  LOG_LEVEL: withDefault('info', word('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), {
    about: 'Least level that is logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent`.',
    fallbackText: '`info`; `warn` in the demo',
    example: 'info',
  }),
  DEMO_VENDOR_PORT: withDefault(3001, wholeNumber(1, 65_535), {
    about: "Port of the demo's stand-in for the vendor.",
    example: '3001',
  }),
  DEMO_CLIENT_PORT: withDefault(3002, wholeNumber(1, 65_535), {
    about: "Port of the demo's client.",
    example: '3002',
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = {
  -readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never;
};

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Reads a secret from a file: `DATA_KEYS_FILE`. Undefined for a setting that is no secret. */
export function fileVariable(name: SettingName): string | undefined {
  return SETTINGS[name].secret === false ? undefined : `${name}_FILE`;
}
