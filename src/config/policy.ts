// The login policy from policy.yaml: what may be enrolled, how long a login lives, how much proof it needs, what may be
// spent, which verdicts are not good enough. Read with all faults at once, each with its line.

import type { OtherWay, Strength } from './acrs.ts';
import { type Fault, quote } from './faults.ts';
import { nearest } from './nearest.ts';
import { PATHS, toPolicy, withDefaults } from './policy-assembly.ts';
import type { WrittenClients } from './policy-clients.ts';
import { type Notice, POLICY_KEYS, type PolicyValues } from './policy-keys.ts';
import { judgePairs } from './policy-pairs.ts';
import { groupsOf, readTree } from './policy-tree.ts';
import type { Reporter } from './policy-values.ts';
import type { RuleSetting } from './risk-rules.ts';
import { byLine, readYaml } from './yaml-file.ts';

export interface Policy {
  readonly attempt: {
    readonly ttlSeconds: number;
    readonly tries: number;
    readonly reviewWaitSeconds: number;
    readonly contestedAfterSeconds: number;
  };
  readonly enrolment: 'open' | 'invite' | 'closed';
  /** whether a mail address is proven by a code at enrolment; only where there is a mail server */
  readonly emailCode: 'required' | 'off';
  readonly risk: {
    /** in the order in which they are asked */
    readonly rules: readonly RuleSetting[];
    readonly knownDeviceDays: number;
    readonly knownNetworkDays: number;
  };
  /** scope → the `acr` it requires: one of the ladder, or `phr`; without a prototype */
  readonly scopes: Readonly<Record<string, Strength>>;
  readonly otherWays: readonly OtherWay[];
  readonly passkeys: 'on' | 'off';
  readonly crossDevice: 'confirm' | 'off';
  readonly portrait: 'local' | 'vendor';
  /** files, absolute; whether they exist is not looked at here */
  readonly networks: {
    readonly tor: readonly string[];
    readonly vpn: readonly string[];
    readonly hosting: readonly string[];
    readonly countryDatabase?: string;
    readonly anonymousDatabase?: string;
  };
  readonly limits: {
    readonly sessionsPerAccountPerHour: number;
    /** at most `sessionsPerAccountPerHour` */
    readonly unknownDevicesPerAccountPerHour: number;
    readonly sessionsPerAddressPerHour: number;
    readonly sessionsPerClientPerHour: number;
    readonly sessionsPerDay: number;
    readonly otherWaysPerAccountPerHour: number;
    readonly otherWaysPerAddressPerHour: number;
  };
  readonly vendor: { readonly createsPerMinute: number; readonly decisionsPerMinute: number };
  /** scores are 0 to 100 */
  readonly verdict: {
    readonly refuseWarnings: readonly string[];
    readonly minFaceScore?: number;
    readonly minLivenessScore?: number;
  };
  readonly recovery: { readonly codeMinutes: number; readonly secondOperator: boolean };
  readonly reEnrolment: {
    readonly match: 'either' | 'document' | 'person' | 'both';
    readonly sameNationality: boolean;
    readonly waitHours: number;
  };
  readonly notices: readonly Notice[];
  /** a directory, absolute */
  readonly mailTemplates?: string;
  /** one currency throughout; soft is at most hard */
  readonly costs: {
    readonly pricePerVerification: number;
    readonly pricePerEnrolment: number;
    readonly dailySoft?: number;
    readonly dailyHard?: number;
  };
  /** by client_id, each whole; a client that is not in it has the general policy: ask `policyFor`; without a prototype */
  readonly clients: Readonly<Record<string, ClientPolicy>>;
}

/** What may differ from client to client. */
export interface ClientPolicy {
  readonly rules: readonly RuleSetting[];
  readonly otherWays: readonly OtherWay[];
  readonly crossDevice: Policy['crossDevice'];
  readonly verdict: Policy['verdict'];
}

/** What holds for a client: its own policy, or the general one. */
export function policyFor(policy: Policy, clientId: string): ClientPolicy {
  const own = Object.hasOwn(policy.clients, clientId) ? policy.clients[clientId] : undefined;
  const { risk, otherWays, crossDevice, verdict } = policy;
  return own ?? { rules: risk.rules, otherWays, crossDevice, verdict };
}

/** What was written and where, for what only environment and clients can tell. */
export interface WrittenPolicy {
  /** the file's name, as faults are to show it */
  readonly where: string;
  /** whether it could be read as YAML; otherwise nothing is known of what it might hold */
  readonly readable: boolean;
  /** the lines of keys and of what stands below them: `scopes.payments`, `risk.rules.new_device.asks` */
  readonly lines: ReadonlyMap<string, number>;
  readonly clients: WrittenClients;
}

/** Where there are faults, `policy` is what could be read, for further judgement only. */
export type PolicyReading = { readonly policy: Policy; readonly written: WrittenPolicy } & (
  | { readonly ok: true }
  | { readonly ok: false; readonly faults: Fault[] }
);

export interface PolicyOptions {
  readonly production: boolean;
  /** what the names of files are relative to; the process's own by default */
  readonly cwd?: string;
}

/**
 * Reads policy.yaml. Keys may be nested or written with dots (`attempt.tries: 3`); an empty text is the defaults.
 *
 * @param where the file's name, as faults are to show it
 */
export function readPolicy(text: string, where: string, options: PolicyOptions): PolicyReading {
  const yaml = readYaml(text, where);
  const faults: Fault[] = [...yaml.faults];
  const lines = new Map<string, number>();
  const report: Reporter = {
    refuse: (line, problem, fix) => void faults.push({ where: `${where}:${line}`, problem, fix }),
    note: (name, line) => void lines.set(name, line),
    isToldTwice: (line) => yaml.faults.some((fault) => fault.where === `${where}:${line}`),
    ofClient: (id) => ({
      ...report,
      refuse: (line, problem, fix) => void faults.push({ where: atClient(where, line, id), problem, fix }),
    }),
  };
  const read = readTree(yaml.root, { keys: POLICY_KEYS, blanks: true, explainUnknown }, report);
  const values = withDefaults(read as Partial<PolicyValues>, options);
  judgePairs(values, lines, report);

  const policy = toPolicy(values, options.cwd ?? process.cwd());
  const readable = yaml.root !== undefined || yaml.faults.length === 0;
  const written = { where, readable, lines, clients: values.clients };
  return faults.length > 0
    ? { ok: false, policy, written, faults: byLine(faults, where) }
    : { ok: true, policy, written };
}

/** What holds without a policy file. */
export function defaultPolicy({ production }: { production: boolean }): Policy {
  return toPolicy(withDefaults({}, { production }), process.cwd());
}

/** How faults name a line of one client's part. */
export function atClient(where: string, line: number, id: string): string {
  return `${where}:${line}, client ${quote(id)}`;
}

function explainUnknown(path: string): { problem: string; fix: string } {
  const meant = nearest(path, [...PATHS, ...groupsOf(PATHS)]) ?? PATHS.find((known) => known.endsWith(`.${path}`));
  return { problem: `${quote(path)} is not a policy key`, fix: meant ? `did you mean ${meant}?` : 'remove it' };
}
