// What several settings say together: production's demands, the demo's limits, pairs that need each other.

import type { Environment } from './environment.ts';
import type { Fault } from './faults.ts';
import { isLoopbackHost } from './network.ts';
import { fileVariable, SETTING_NAMES, SETTINGS, type Setting, type SettingName } from './schema.ts';

export interface Judgement {
  readonly demo: boolean;
  readonly issuer: string;
  readonly host: string;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** Judges the settings as a whole and settles the defaults that depend on others. */
export function judgeSettings(environment: Environment): Judgement {
  const { values, given, production } = environment;
  const demo = !production && !given.has('DIDIT_API_KEY');
  const issuer = values.ISSUER ?? `http://localhost:${values.PORT}`;
  const host = values.HOST ?? (demo ? '127.0.0.1' : '0.0.0.0');
  const faults = [
    ...findMissing(environment, demo),
    ...(production ? judgeProduction(environment) : []),
    ...(demo ? judgeDemo(environment) : []),
    ...judgeWorkers(environment, demo),
    ...judgePairs(environment),
  ];
  return { demo, issuer, host, faults, warnings: findOddities(environment, demo, issuer) };
}

function findMissing({ given, production }: Environment, demo: boolean): Fault[] {
  return SETTING_NAMES.flatMap((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    const needed = (setting.required === 'production' && production) || (setting.required === 'vendor' && !demo);
    if (!needed || given.has(name)) return [];
    const orFile = fileVariable(name);
    const problem = production ? 'is not set, and production needs it' : 'is not set, and DIDIT_API_KEY needs it';
    const example = setting.secret === true ? `(${setting.example})` : `(for example ${setting.example})`;
    return [{ where: name, problem, fix: `set ${name}${orFile ? ` or ${orFile}` : ''} ${example}` }];
  });
}

function judgeProduction({ values }: Environment): Fault[] {
  if (values.STORAGE_URL !== 'memory:') return [];
  return [
    {
      where: 'STORAGE_URL',
      problem: 'memory: loses every account at a restart, and production refuses it',
      fix: 'write sqlite:data/selfie-oidc.sqlite',
    },
  ];
}

/** The demo signs anybody in: it must not be reachable from elsewhere. */
function judgeDemo({ values, given }: Environment): Fault[] {
  const faults: Fault[] = [];
  const fix = 'leave it out, or set DIDIT_API_KEY to use the real vendor';
  if (values.ISSUER !== undefined && !isLoopbackHost(new URL(values.ISSUER).hostname)) {
    faults.push({
      where: 'ISSUER',
      problem: 'is not on loopback, and the demo (no DIDIT_API_KEY) runs nowhere else',
      fix,
    });
  }
  if (values.HOST !== undefined && !isLoopbackHost(values.HOST)) {
    faults.push({
      where: 'HOST',
      problem: 'is not a loopback address, and the demo (no DIDIT_API_KEY) binds nothing else',
      fix,
    });
  }
  const ports = (['PORT', 'DEMO_VENDOR_PORT', 'DEMO_CLIENT_PORT'] as const).filter((name) => given.has(name));
  for (const [index, name] of ports.entries()) {
    const same = ports.slice(0, index).find((other) => values[other] === values[name]);
    if (same) faults.push({ where: name, problem: `is the same port as ${same}`, fix: 'give each its own' });
  }
  return faults;
}

/** State that lies in one process is not what the others see: a login would begin at one and be unknown at the next. */
function judgeWorkers({ values }: Environment, demo: boolean): Fault[] {
  const { WORKERS: workers, STORAGE_URL: storage } = values;
  if (workers === 1) return [];
  const where = 'WORKERS';
  if (demo) {
    const problem = `is ${workers}, and the demo (no DIDIT_API_KEY) is one process`;
    return [{ where, problem, fix: 'leave it out, or set DIDIT_API_KEY to use the real vendor' }];
  }
  if (storage !== 'memory:') return [];
  const problem = `is ${workers}, and STORAGE_URL is memory:, which one process alone can see`;
  return [{ where, problem, fix: 'write WORKERS=1, or STORAGE_URL=sqlite:data/selfie-oidc.sqlite' }];
}

function judgePairs({ given }: Environment): Fault[] {
  const pair = (has: SettingName, needs: SettingName): Fault[] =>
    given.has(has) && !given.has(needs)
      ? [{ where: needs, problem: `is not set, and ${has} needs it`, fix: `set ${needs}, or leave ${has} out` }]
      : [];
  return [...pair('SMTP_URL', 'MAIL_FROM'), ...pair('MAIL_FROM', 'SMTP_URL')];
}

/** What is allowed and probably not meant. */
function findOddities({ values, given, production }: Environment, demo: boolean, issuer: string): string[] {
  const warnings: string[] = [];
  const ignored = (
    [
      'DIDIT_WEBHOOK_SECRETS',
      'DIDIT_BASE_URL',
      'DIDIT_WORKFLOW_ENROL',
      'DIDIT_WORKFLOW_PASSIVE',
      'DIDIT_WORKFLOW_ACTIVE',
    ] as const
  ).filter((name) => given.has(name));
  if (demo && ignored.length > 0)
    warnings.push(`${ignored.join(', ')}: ignored, as DIDIT_API_KEY is not set and this is the demo`);
  if (production && values.DIDIT_ENVIRONMENT === 'sandbox')
    warnings.push("DIDIT_ENVIRONMENT: production accepts the sandbox's verdicts, which anybody can make");
  if (production && values.TRUST_PROXY === undefined) {
    warnings.push(
      'TRUST_PROXY: is not set; behind a proxy every person then has the address of the proxy, and shares its limits',
    );
  }
  const workflows = [values.DIDIT_WORKFLOW_ENROL, values.DIDIT_WORKFLOW_PASSIVE, values.DIDIT_WORKFLOW_ACTIVE].filter(
    (id) => id !== undefined,
  );
  if (new Set(workflows).size < workflows.length)
    warnings.push('DIDIT_WORKFLOW_*: one workflow stands for two purposes');
  const { hostname, port } = new URL(issuer);
  if (!production && isLoopbackHost(hostname) && Number(port || 80) !== values.PORT) {
    warnings.push(`ISSUER: names another port than PORT (${values.PORT}); that is right only behind a proxy`);
  }
  return warnings;
}
