// The login policy from policy.yaml: what may be enrolled, how long a login lives, how many verifications may be paid
// for, which verdicts are not good enough. Read with all faults at once, each with its line.

import { type Fault, quote } from './faults.ts';
import { nearest } from './nearest.ts';
import { POLICY_KEYS, type PolicyKey, type PolicyPath, type PolicyValues } from './policy-keys.ts';
import { byLine, type Located, readYaml, toValue } from './yaml-file.ts';

export interface Policy {
  readonly attempt: {
    readonly ttlSeconds: number;
    readonly tries: number;
    readonly reviewWaitSeconds: number;
    readonly contestedAfterSeconds: number;
  };
  readonly enrolment: 'open' | 'invite' | 'closed';
  readonly crossDevice: 'confirm' | 'off';
  readonly portrait: 'local' | 'vendor';
  readonly limits: {
    readonly sessionsPerAccountPerHour: number;
    /** at most `sessionsPerAccountPerHour` */
    readonly unknownDevicesPerAccountPerHour: number;
    readonly sessionsPerAddressPerHour: number;
    readonly sessionsPerClientPerHour: number;
    readonly sessionsPerDay: number;
  };
  readonly vendor: { readonly createsPerMinute: number; readonly decisionsPerMinute: number };
  /** scores are 0 to 100 */
  readonly verdict: {
    readonly refuseWarnings: readonly string[];
    readonly minFaceScore?: number;
    readonly minLivenessScore?: number;
  };
  readonly costs: { readonly pricePerVerification: number };
}

export type PolicyReading =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly faults: Fault[] };

const PATHS = Object.keys(POLICY_KEYS) as PolicyPath[];
const GROUPS = new Set(PATHS.flatMap((path) => (path.includes('.') ? [path.slice(0, path.indexOf('.'))] : [])));

/**
 * Reads policy.yaml. Keys may be nested or written with dots (`attempt.tries: 3`); an empty text is the defaults.
 *
 * @param where the file's name, as faults are to show it
 */
export function readPolicy(text: string, where: string, { production }: { production: boolean }): PolicyReading {
  const yaml = readYaml(text, where);
  const faults: Fault[] = [...yaml.faults];
  const found = new Map<string, number>();
  const values: Partial<Record<PolicyPath, unknown>> = {};
  for (const { path, line, value: located } of flatten(yaml.root, '', where, faults)) {
    const at = `${where}:${line}`;
    const value = toValue(located);
    const earlier = found.get(path);
    found.set(path, line);
    if (!isPath(path)) faults.push({ where: at, ...explainUnknown(path) });
    else if (earlier !== undefined && !yaml.faults.some((fault) => fault.where === at)) {
      faults.push({ where: at, problem: `${path} stood in line ${earlier} before`, fix: 'write it once' });
    } else {
      const key: PolicyKey<unknown> = POLICY_KEYS[path];
      if (value === null && key.fallback === undefined) continue;
      if (key.type.safeParse(value).success) values[path] = value;
      else faults.push({ where: at, problem: `${path} is not ${key.accepts}`, fix: `write ${key.accepts}` });
    }
  }
  const complete = withDefaults(values, production);
  const share = 'limits.unknown_devices_per_account_per_hour';
  if (complete[share] > complete['limits.sessions_per_account_per_hour']) {
    faults.push({
      where: `${where}:${found.get(share) ?? 1}`,
      problem: `${share} is more than limits.sessions_per_account_per_hour, of which it is a share`,
      fix: `write ${complete['limits.sessions_per_account_per_hour']} or less`,
    });
  }
  return faults.length > 0 ? { ok: false, faults: byLine(faults, where) } : { ok: true, policy: toPolicy(complete) };
}

/** What holds without a policy file. */
export function defaultPolicy({ production }: { production: boolean }): Policy {
  return toPolicy(withDefaults({}, production));
}

function explainUnknown(path: string): { problem: string; fix: string } {
  const meant = nearest(path, [...PATHS, ...GROUPS]) ?? PATHS.find((known) => known.endsWith(`.${path}`));
  return { problem: `${quote(path)} is not a policy key`, fix: meant ? `did you mean ${meant}?` : 'remove it' };
}

function isPath(path: string): path is PolicyPath {
  return Object.hasOwn(POLICY_KEYS, path);
}

interface Leaf {
  readonly path: string;
  readonly line: number;
  readonly value: Located;
}

function flatten(root: Located | undefined, prefix: string, where: string, faults: Fault[]): Leaf[] {
  if (root === undefined) return [];
  if (root.kind !== 'map') {
    faults.push({
      where: `${where}:${root.line}`,
      problem: 'is not a map of policy keys',
      fix: 'begin like this: enrolment: invite',
    });
    return [];
  }
  return root.entries.flatMap(({ key, line, value }) => {
    const path = `${prefix}${key}`;
    if (!GROUPS.has(path)) return [{ path, line, value }];
    // A group that holds nothing but comments.
    if (value.kind === 'scalar' && value.value === null) return [];
    if (value.kind === 'map') return flatten(value, `${path}.`, where, faults);
    faults.push({
      where: `${where}:${line}`,
      problem: `${path} is a group of keys and has a value`,
      fix: `write the keys below it, indented`,
    });
    return [];
  });
}

function withDefaults(values: Partial<Record<PolicyPath, unknown>>, production: boolean): PolicyValues {
  const complete: Record<string, unknown> = {};
  for (const path of PATHS) complete[path] = path in values ? values[path] : POLICY_KEYS[path].fallback;
  if (!('enrolment' in values) && production) complete.enrolment = 'invite';
  const share = 'limits.unknown_devices_per_account_per_hour';
  if (!(share in values))
    complete[share] = Math.min(Number(complete[share]), Number(complete['limits.sessions_per_account_per_hour']));
  return complete as PolicyValues;
}

function toPolicy(values: PolicyValues): Policy {
  const face = values['verdict.min_face_score'];
  const liveness = values['verdict.min_liveness_score'];
  return {
    attempt: {
      ttlSeconds: values['attempt.ttl_seconds'],
      tries: values['attempt.tries'],
      reviewWaitSeconds: values['attempt.review_wait_seconds'],
      contestedAfterSeconds: values['attempt.contested_after_seconds'],
    },
    enrolment: values.enrolment,
    crossDevice: values.cross_device,
    portrait: values.portrait,
    limits: {
      sessionsPerAccountPerHour: values['limits.sessions_per_account_per_hour'],
      unknownDevicesPerAccountPerHour: values['limits.unknown_devices_per_account_per_hour'],
      sessionsPerAddressPerHour: values['limits.sessions_per_address_per_hour'],
      sessionsPerClientPerHour: values['limits.sessions_per_client_per_hour'],
      sessionsPerDay: values['limits.sessions_per_day'],
    },
    vendor: {
      createsPerMinute: values['vendor.creates_per_minute'],
      decisionsPerMinute: values['vendor.decisions_per_minute'],
    },
    verdict: {
      refuseWarnings: values['verdict.refuse_warnings'],
      ...(face !== undefined && { minFaceScore: face }),
      ...(liveness !== undefined && { minLivenessScore: liveness }),
    },
    costs: { pricePerVerification: values['costs.price_per_verification'] },
  };
}
