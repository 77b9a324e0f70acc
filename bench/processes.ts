// The programs of a round, each a process of its own: the provider, the stand-in for its vendor, and the providers it is compared
// with.

import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Child, type SingleChild, startChild } from './children.ts';
import type { Folder } from './folders.ts';
import { send } from './web-client.ts';

export const API_KEY = 'bench-api-key';
export const WEBHOOK_SECRET = randomBytes(32).toString('base64url');
const WORKFLOWS = {
  DIDIT_WORKFLOW_ENROL: 'be9c0000-0000-4000-8000-0000000000e1',
  DIDIT_WORKFLOW_PASSIVE: 'be9c0000-0000-4000-8000-0000000000a1',
  DIDIT_WORKFLOW_ACTIVE: 'be9c0000-0000-4000-8000-0000000000b1',
};
export const WORKFLOW_IDS: readonly string[] = Object.values(WORKFLOWS);
const COUNTING = join(import.meta.dirname, 'count-storage.ts');
const TIMING = join(import.meta.dirname, 'time-answers.ts');
const ROOT = resolve(import.meta.dirname, '..');
/** As `npm start` and the image start it. */
export const SHIPPED_FLAGS = ['--max-semi-space-size=16', '--expose-gc'];

export interface Provider extends Child {
  readonly issuer: string;
  /** from the start of the process to the first 200 */
  readonly readyMs: number;
}

export type SingleProvider = Provider & SingleChild;

export interface StandIn extends SingleChild {
  readonly url: string;
  /** milliseconds it has taken to answer its API, since its start */
  answeringMs(): Promise<number>;
  configure(settings: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface ProviderSettings {
  readonly folder: Folder;
  readonly port: number;
  /** of another instance, or of a proxy, whose issuer this one speaks for; its own unless given */
  readonly issuerPort?: number;
  readonly standInPort: number;
  readonly storageUrl: string;
  readonly profile?: string | undefined;
  /** what it asks of its storage is counted */
  readonly counts?: boolean;
  /** modules loaded before the program */
  readonly preloads?: readonly string[];
  /** settings beside, or instead of, the usual ones */
  readonly environment?: Readonly<Record<string, string>>;
}

const COOKIE_KEY = randomBytes(48).toString('base64url');
/** The same for all providers of a run, so that one may read what was filled in for another. */
export const DATA_KEY = randomBytes(32).toString('base64url');

export async function startProvider(settings: ProviderSettings): Promise<SingleProvider> {
  const { folder, port, profile, counts = false, preloads = [] } = settings;
  const environment = environmentOf(settings);
  const startedMs = performance.now();
  const child = startChild({
    name: 'provider',
    path: join(ROOT, 'src/main.ts'),
    folder,
    flags: [...SHIPPED_FLAGS, ...profilingTo(profile)],
    preloads: [...(counts ? [COUNTING] : []), ...preloads],
    environment,
  });
  await child.answers(`http://127.0.0.1:${port}/readyz`);
  return { ...child, issuer: environment.ISSUER, readyMs: performance.now() - startedMs };
}

/** The settings of a provider, as whatever works beside it needs them too. */
export function environmentOf(settings: Omit<ProviderSettings, 'profile' | 'counts' | 'preloads'>) {
  const { folder, port, issuerPort = port, standInPort, storageUrl, environment } = settings;
  return {
    ISSUER: `http://127.0.0.1:${issuerPort}`,
    HOST: '127.0.0.1',
    PORT: String(port),
    CLIENTS_FILE: join(folder.path, 'clients.yaml'),
    POLICY_FILE: join(folder.path, 'policy.yaml'),
    JWKS_FILE: join(folder.path, 'jwks.json'),
    COOKIE_KEYS: COOKIE_KEY,
    DATA_KEYS: DATA_KEY,
    STORAGE_URL: storageUrl,
    DIDIT_API_KEY: API_KEY,
    DIDIT_WEBHOOK_SECRETS: WEBHOOK_SECRET,
    DIDIT_BASE_URL: `http://127.0.0.1:${standInPort}`,
    DIDIT_ENVIRONMENT: 'live',
    ...WORKFLOWS,
    ...environment,
  };
}

function profilingTo(directory: string | undefined): string[] {
  return directory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(directory)}`];
}

interface PlainSettings {
  readonly folder: Folder;
  readonly port: number;
  readonly profile?: string | undefined;
}

export function startBareProvider(settings: PlainSettings): Promise<Provider> {
  return startPlain('bare-provider', join(import.meta.dirname, 'bare-provider.ts'), settings);
}

/** The bare provider that makes the exchanges of a selfie besides. @param vendorUrl of the stand-in */
export function startExchangesProvider(vendorUrl: string, settings: PlainSettings): Promise<Provider> {
  return startPlain('exchanges-provider', join(import.meta.dirname, 'exchanges-provider.ts'), settings, {
    VENDOR_URL: vendorUrl,
    API_KEY,
    WEBHOOK_SECRET,
    WORKFLOW: WORKFLOWS.DIDIT_WORKFLOW_ENROL,
  });
}

/** @param installation a folder in which `better-auth` and `@better-auth/oauth-provider` are installed; the program is copied there */
export async function startBetterAuth(installation: string, settings: PlainSettings): Promise<Provider> {
  const name = 'better-auth-provider';
  // .mts: a module, whatever the folder's package.json says
  const program = join(resolve(installation), `${name}.mts`);
  await copyFile(join(import.meta.dirname, `${name}.ts`), program);
  return startPlain(name, program, settings);
}

async function startPlain(
  name: string,
  path: string,
  { folder, port, profile }: PlainSettings,
  environment: Readonly<Record<string, string>> = {},
): Promise<Provider> {
  const issuer = `http://127.0.0.1:${port}`;
  const startedMs = performance.now();
  const child = startChild({
    name,
    path,
    folder,
    flags: profilingTo(profile),
    environment: {
      ISSUER: issuer,
      PORT: String(port),
      CLIENTS_FILE: join(folder.path, 'clients.yaml'),
      JWKS_FILE: join(folder.path, 'jwks.json'),
      COOKIE_KEYS: COOKIE_KEY,
      // people at many clients have more tokens than the library's adapter keeps
      ...(folder.clients.length > 1 ? { RECORDS: '1000000' } : {}),
      ...environment,
    },
  });
  await child.answers(`${issuer}/jwks`);
  return { ...child, issuer, readyMs: performance.now() - startedMs };
}

export async function startStandIn(settings: {
  folder: Folder;
  port: number;
  webhookUrl: string;
  preloads?: readonly string[];
}): Promise<StandIn> {
  const { folder, port, webhookUrl, preloads = [] } = settings;
  const url = `http://127.0.0.1:${port}`;
  const child = startChild({
    name: 'stand-in',
    path: join(ROOT, 'src/sandbox/main.ts'),
    folder,
    preloads: [TIMING, ...preloads],
    environment: {
      DEMO_VENDOR_PORT: String(port),
      DIDIT_API_KEY: API_KEY,
      DIDIT_WEBHOOK_SECRETS: WEBHOOK_SECRET,
      SANDBOX_WEBHOOK_URL: webhookUrl,
      DIDIT_ENVIRONMENT: 'live',
      ...WORKFLOWS,
    },
  });
  await child.answers(`${url}/_control/settings`);
  return {
    ...child,
    url,
    answeringMs: async () => ((await child.counts())['answering, in microseconds'] ?? 0) / 1000,
    async configure(settings) {
      const headers = { 'content-type': 'application/json' };
      const { status, text } = await send(`${url}/_control/settings`, {
        method: 'PATCH',
        headers,
        body: JSON.stringify(settings),
      });
      if (status !== 200) throw new Error(`the stand-in refuses its settings: ${text}`);
    },
  };
}
