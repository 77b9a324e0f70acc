// Files and environment → Config, or every fault at once. The only place that is handed the environment.

import { resolve } from 'node:path';
import { type ClientsReading, readClients } from './clients.ts';
import type { Config, DiditConfig } from './config.ts';
import { DEMO_DIDIT } from './demo.ts';
import { findDevSecrets, loadDevSecrets } from './dev-secrets.ts';
import { type Environment, readEnvironment } from './environment.ts';
import type { Fault } from './faults.ts';
import { defaultPolicy, type PolicyReading, readPolicy } from './policy.ts';
import { scopesWritten } from './policy-pairs.ts';
import { judgePolicy } from './policy-reach.ts';
import { judgeSettings } from './rules.ts';
import { type KeysReading, readJwksFile, SIGNING_ALGORITHMS } from './signing-keys.ts';
import { errorCode, readTextFile } from './text-file.ts';
import { byLine } from './yaml-file.ts';

export type ConfigReading =
  | { readonly ok: true; readonly config: Config; readonly warnings: string[] }
  | { readonly ok: false; readonly faults: Fault[] };

/**
 * Reads and judges everything an operator can say. Writes nothing unless all is well; then, outside production, keys
 * that were not given are made once and kept in `data/`.
 *
 * @param options.cwd what relative paths are relative to; the process's own by default
 */
export async function loadConfig(env: NodeJS.ProcessEnv, options: { cwd?: string } = {}): Promise<ConfigReading> {
  const cwd = options.cwd ?? process.cwd();
  const dataDir = resolve(cwd, 'data');
  const environment = await readEnvironment(env, cwd);
  const { values, given, production } = environment;
  const { demo, issuer, host, ...settings } = judgeSettings(environment);

  const hasActiveWorkflow = demo || given.has('DIDIT_WORKFLOW_ACTIVE');
  const policy = await loadPolicy(environment, cwd);
  const keys = values.JWKS_FILE === undefined ? undefined : await readJwksFile(values.JWKS_FILE, cwd);
  const clients = await loadClients(environment, { cwd, demo, keys, policy, hasActiveWorkflow });
  const reach = judgePolicy(policy, {
    hasActiveWorkflow,
    hasMail: given.has('SMTP_URL'),
    demo,
    clients: clients.drafts,
  });
  const needsMade = !production && !(given.has('COOKIE_KEYS') && given.has('DATA_KEYS') && given.has('JWKS_FILE'));
  const made = needsMade ? await findDevSecrets(dataDir) : undefined;

  const faults = [
    ...environment.faults,
    ...settings.faults,
    ...(keys?.ok === false ? keys.faults : []),
    ...byLine([...(policy.ok ? [] : policy.faults), ...reach.faults], policy.written.where),
    ...clients.faults,
    ...(made?.ok === false ? made.faults : []),
  ];
  if (faults.length > 0) return { ok: false, faults };

  let secrets: { cookieKeys?: string[]; dataKeys?: Uint8Array[]; jwks?: Config['jwks'] } = {};
  try {
    if (needsMade) secrets = await loadDevSecrets(dataDir);
  } catch (error) {
    return { ok: false, faults: [cannotMakeKeys(dataDir, error)] };
  }
  const config: Config = {
    production,
    demo,
    issuer,
    host,
    port: values.PORT,
    workers: values.WORKERS,
    storageUrl: resolveStorage(values.STORAGE_URL, cwd),
    cookieKeys: values.COOKIE_KEYS ?? secrets.cookieKeys ?? [],
    jwks: (keys?.ok ? keys.jwks : secrets.jwks) ?? { keys: [] },
    dataKeys: values.DATA_KEYS ?? secrets.dataKeys ?? [],
    didit: assembleDidit(environment, demo),
    ...(values.SMTP_URL !== undefined &&
      values.MAIL_FROM !== undefined && { smtp: { url: values.SMTP_URL, from: values.MAIL_FROM } }),
    outgoingAllow: values.OUTGOING_ALLOW,
    ...(values.METRICS_TOKEN !== undefined && { metricsToken: values.METRICS_TOKEN }),
    ...(values.TRUST_PROXY !== undefined && { trustProxy: values.TRUST_PROXY }),
    clients: [...clients.clients],
    policy: policy.policy,
    demoVendorPort: values.DEMO_VENDOR_PORT,
    demoClientPort: values.DEMO_CLIENT_PORT,
    dataDir,
    // its three addresses are what somebody who tries the demo must see
    logLevel: demo && !given.has('LOG_LEVEL') ? 'warn' : values.LOG_LEVEL,
    clientsFile: resolve(cwd, values.CLIENTS_FILE),
    policyFile: resolve(cwd, values.POLICY_FILE),
  };
  const warnings = [environment, settings, reach, clients].flatMap((reading) => reading.warnings);
  if (production && keys?.ok && keys.warning !== undefined) warnings.push(keys.warning);
  return { ok: true, config, warnings };
}

async function loadPolicy({ values, given, production }: Environment, cwd: string): Promise<PolicyReading> {
  const where = values.POLICY_FILE;
  const file = await readTextFile(where, cwd);
  if (file.ok) return readPolicy(file.value, where, { production, cwd });
  const absent = 'missing' in file && !given.has('POLICY_FILE');
  const policy = defaultPolicy({ production });
  const written = { where, readable: absent, lines: new Map(), clients: new Map() };
  if (absent) return { ok: true, policy, written };
  const fault = { where: `POLICY_FILE ${where}`, problem: file.problem, fix: file.fix };
  return { ok: false, policy, written, faults: [fault] };
}

async function loadClients(
  { values, given, production }: Environment,
  context: {
    cwd: string;
    demo: boolean;
    keys: KeysReading | undefined;
    policy: PolicyReading;
    hasActiveWorkflow: boolean;
  },
): Promise<ClientsReading> {
  const {
    cwd,
    demo,
    keys,
    hasActiveWorkflow,
    policy: { policy, written },
  } = context;
  const file = await readTextFile(values.CLIENTS_FILE, cwd);
  const nothing = { clients: [], drafts: [], faults: [], warnings: [] };
  if (!file.ok && 'missing' in file && demo && !given.has('CLIENTS_FILE')) return nothing;
  if (!file.ok) {
    const fix =
      'missing' in file
        ? 'copy config/clients.example.yaml there and describe your clients in it, or name another file in CLIENTS_FILE'
        : file.fix;
    const faults = [{ where: `CLIENTS_FILE ${values.CLIENTS_FILE}`, problem: file.problem, fix }];
    return { ...nothing, drafts: undefined, faults };
  }
  // Keys that are made have RS256 and ES256. While JWKS_FILE has faults of its own, none is told of what it might hold.
  const own = keys?.ok ? keys.jwks.keys.map((key) => key.alg ?? '') : SIGNING_ALGORITHMS;
  const reading = readClients(file.value, values.CLIENTS_FILE, {
    production,
    hasActiveWorkflow,
    outgoingAllow: values.OUTGOING_ALLOW,
    signingAlgorithms: keys === undefined && !production ? ['RS256', 'ES256'] : [...new Set(own)],
    scopes: written.readable ? scopesWritten(written.lines) : 'unknown',
    passkeys: policy.passkeys === 'on',
  });
  const holdsSecrets = reading.clients.some((client) => client.client_secret !== undefined);
  if (!production || !holdsSecrets || file.warning === undefined) return reading;
  return { ...reading, warnings: [...reading.warnings, `CLIENTS_FILE ${values.CLIENTS_FILE}: ${file.warning}`] };
}

function assembleDidit({ values }: Environment, demo: boolean): DiditConfig {
  const common = { environment: values.DIDIT_ENVIRONMENT, sendWorkflowType: values.DIDIT_SEND_WORKFLOW_TYPE };
  if (demo) {
    const { apiKey, webhookSecret, workflows } = DEMO_DIDIT;
    return {
      ...common,
      apiKey,
      webhookSecrets: [webhookSecret],
      baseUrl: `http://localhost:${values.DEMO_VENDOR_PORT}`,
      workflows,
    };
  }
  return {
    ...common,
    apiKey: values.DIDIT_API_KEY ?? '',
    webhookSecrets: values.DIDIT_WEBHOOK_SECRETS ?? [],
    baseUrl: values.DIDIT_BASE_URL,
    workflows: {
      enrol: values.DIDIT_WORKFLOW_ENROL ?? '',
      passive: values.DIDIT_WORKFLOW_PASSIVE ?? '',
      ...(values.DIDIT_WORKFLOW_ACTIVE !== undefined && { active: values.DIDIT_WORKFLOW_ACTIVE }),
    },
  };
}

function resolveStorage(url: string, cwd: string): string {
  return url.startsWith('sqlite:') ? `sqlite:${resolve(cwd, url.slice('sqlite:'.length))}` : url;
}

function cannotMakeKeys(dataDir: string, error: unknown): Fault {
  return {
    where: dataDir,
    problem: `keys could not be made and kept here (${errorCode(error)})`,
    fix: 'make the directory writable, or set COOKIE_KEYS, DATA_KEYS and JWKS_FILE',
  };
}
