// The provider and the stand-in for the vendor, each a process of its own, in a temp folder that goes when they have gone.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeSigningKeys } from '../src/config/dev-secrets.ts';
import type { Gauge, Question, Reply } from './probe.ts';
import { send } from './web-client.ts';

export const API_KEY = 'bench-api-key';
export const WEBHOOK_SECRET = randomBytes(32).toString('base64url');
export const CLIENT = {
  id: 'bench',
  secret: randomBytes(32).toString('base64url'),
  redirectUri: 'http://127.0.0.1:9/callback',
} as const;
const WORKFLOWS = {
  DIDIT_WORKFLOW_ENROL: 'be9c0000-0000-4000-8000-0000000000e1',
  DIDIT_WORKFLOW_PASSIVE: 'be9c0000-0000-4000-8000-0000000000a1',
  DIDIT_WORKFLOW_ACTIVE: 'be9c0000-0000-4000-8000-0000000000b1',
};

/** As high as the settings go: a bench is thousands of logins from one address in an hour. All else is the default. */
const POLICY = `
enrolment: open
# nobody skips: what is measured is a selfie
risk:
  rules: [new_device, new_network]
limits:
  sessions_per_account_per_hour: 10000
  unknown_devices_per_account_per_hour: 10000
  sessions_per_address_per_hour: 1000000
  sessions_per_client_per_hour: 1000000
  sessions_per_day: 10000000
vendor:
  creates_per_minute: 100000
`;

const ROOT = resolve(import.meta.dirname, '..');
const PROBE = join(import.meta.dirname, 'probe.ts');
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;

const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** Ends every child and removes every folder, now. For the end of the bench, however it comes. */
export function cleanUpNow(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

/** Keys, clients and policy of one round, in a new folder. */
export async function makeFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'selfie-oidc-bench-'));
  folders.add(path);
  await mkdir(join(path, 'data'), { mode: 0o700 });
  const client = {
    client_id: CLIENT.id,
    client_secret: CLIENT.secret,
    client_name: 'Bench',
    redirect_uris: [CLIENT.redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
  await writeFile(join(path, 'clients.yaml'), JSON.stringify([client]));
  await writeFile(join(path, 'policy.yaml'), POLICY);
  await writeFile(join(path, 'jwks.json'), JSON.stringify(await makeSigningKeys()), { mode: 0o600 });
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}

export interface Child {
  gauge(options?: { collect?: boolean }): Promise<Gauge>;
  /** SIGTERM, and when that does not help in time, SIGKILL. */
  stop(): Promise<void>;
}

export interface Provider extends Child {
  readonly issuer: string;
  /** from the start of the process to the first 200 of /readyz */
  readonly readyMs: number;
}

export interface StandIn extends Child {
  readonly url: string;
  configure(settings: Readonly<Record<string, unknown>>): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

export interface ProviderSettings {
  readonly folder: Folder;
  readonly port: number;
  readonly standInPort: number;
  readonly storage: 'sqlite' | 'memory';
  readonly profile?: string | undefined;
}

const secrets = {
  cookie: randomBytes(48).toString('base64url'),
  data: randomBytes(32).toString('base64url'),
};

export async function startProvider(settings: ProviderSettings): Promise<Provider> {
  const { folder, port, standInPort, storage, profile } = settings;
  const issuer = `http://127.0.0.1:${port}`;
  const startedMs = performance.now();
  const child = startChild('provider', join(ROOT, 'src/main.ts'), {
    folder,
    flags: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`],
    environment: {
      ISSUER: issuer,
      HOST: '127.0.0.1',
      PORT: String(port),
      CLIENTS_FILE: join(folder.path, 'clients.yaml'),
      POLICY_FILE: join(folder.path, 'policy.yaml'),
      JWKS_FILE: join(folder.path, 'jwks.json'),
      COOKIE_KEYS: secrets.cookie,
      DATA_KEYS: secrets.data,
      STORAGE_URL: storage === 'memory' ? 'memory:' : `sqlite:${join(folder.path, 'data/bench.sqlite')}`,
      DIDIT_API_KEY: API_KEY,
      DIDIT_WEBHOOK_SECRETS: WEBHOOK_SECRET,
      DIDIT_BASE_URL: `http://127.0.0.1:${standInPort}`,
      DIDIT_ENVIRONMENT: 'live',
      ...WORKFLOWS,
    },
  });
  await child.answers(`${issuer}/readyz`);
  return { ...child, issuer, readyMs: performance.now() - startedMs };
}

export async function startStandIn(settings: { folder: Folder; port: number; webhookUrl: string }): Promise<StandIn> {
  const { folder, port, webhookUrl } = settings;
  const url = `http://127.0.0.1:${port}`;
  const child = startChild('stand-in', join(ROOT, 'src/sandbox/main.ts'), {
    folder,
    flags: [],
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

function startChild(
  name: string,
  program: string,
  options: { folder: Folder; flags: readonly string[]; environment: Readonly<Record<string, string>> },
): Child & { answers(url: string): Promise<void> } {
  const { folder, flags, environment } = options;
  const log = join(folder.path, `${name}.log`);
  const file = openSync(log, 'a');
  const child = spawn(
    process.execPath,
    [...flags, '--expose-gc', '--disable-warning=ExperimentalWarning', '--import', PROBE, program],
    {
      cwd: folder.path,
      // nothing of the environment of whoever runs the bench may change what is measured
      env: { PATH: process.env.PATH ?? '', ...environment },
      stdio: ['ignore', file, file, 'ipc'],
    },
  );
  closeSync(file);
  running.add(child);
  const hasEnded = new Promise<void>((done) => {
    child.once('exit', () => {
      running.delete(child);
      done();
    });
    child.once('error', () => done());
  });
  const asking = new Map<number, (reply: Reply) => void>();
  let lastId = 0;
  child.on('message', (reply: Reply) => {
    asking.get(reply.id)?.(reply);
    asking.delete(reply.id);
  });
  const died = () => {
    const lines = readFileSync(log, 'utf8').trim().split('\n').slice(-10).join('\n');
    return new Error(`the ${name} ended by itself\n${lines}`);
  };

  return {
    async answers(url) {
      const giveUpAt = performance.now() + READY_WITHIN_MS;
      while (performance.now() < giveUpAt) {
        if (!running.has(child)) throw died();
        const isReady = await send(url).then(
          ({ status }) => status === 200,
          () => false,
        );
        if (isReady) return;
        await delay(5);
      }
      throw new Error(`the ${name} was not ready in time`);
    },
    async gauge({ collect = false } = {}) {
      if (!running.has(child)) throw died();
      lastId += 1;
      const question: Question = { id: lastId, collect };
      const reply = new Promise<Gauge>((done) => asking.set(question.id, done));
      child.send(question);
      return Promise.race([
        reply,
        hasEnded.then(() => {
          throw died();
        }),
      ]);
    },
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await hasEnded;
      clearTimeout(late);
    },
  };
}
