// What was read of the policy file → the policy: defaults, paths made absolute, a whole policy for each client.

import { resolve } from 'node:path';
import type { OverridableValues } from './overridable-keys.ts';
import type { ClientPolicy, Policy } from './policy.ts';
import { inheritedValues, type WrittenClients } from './policy-clients.ts';
import { POLICY_KEYS, type PolicyPath, type PolicyValues } from './policy-keys.ts';

export const PATHS = Object.keys(POLICY_KEYS) as PolicyPath[];

/** Settles the defaults that depend on others, too. */
export function withDefaults(values: Partial<PolicyValues>, { production }: { production: boolean }): PolicyValues {
  const complete = Object.fromEntries(
    PATHS.map((path) => [path, path in values ? values[path] : POLICY_KEYS[path].fallback]),
  ) as unknown as PolicyValues;
  if (!('enrolment' in values) && production) complete.enrolment = 'invite';
  // Where it was written beside that, it is a fault.
  if (complete.passkeys === 'off') complete.other_ways = complete.other_ways.filter((way) => way !== 'passkey');
  const share = 'limits.unknown_devices_per_account_per_hour';
  // seven of ten: whoever raises or lowers the whole means the part as well
  const whole = complete['limits.sessions_per_account_per_hour'];
  if (!(share in values))
    complete[share] = whole < complete[share] ? whole : Math.max(complete[share], Math.floor(whole * 0.7));
  return complete;
}

/** @param cwd what the names of files are relative to */
export function toPolicy(values: PolicyValues, cwd: string): Policy {
  const absolute = (path: string) => resolve(cwd, path);
  const { 'networks.country_database': country, 'networks.anonymous_database': anonymous } = values;
  const { 'costs.daily_soft': soft, 'costs.daily_hard': hard, mail_templates: templates } = values;
  const general = toClientPolicy(values);
  return {
    attempt: {
      ttlSeconds: values['attempt.ttl_seconds'],
      tries: values['attempt.tries'],
      reviewWaitSeconds: values['attempt.review_wait_seconds'],
      contestedAfterSeconds: values['attempt.contested_after_seconds'],
    },
    enrolment: values.enrolment,
    emailCode: values.email_code,
    risk: {
      rules: general.rules,
      knownDeviceDays: values['risk.known_device_days'],
      knownNetworkDays: values['risk.known_network_days'],
    },
    scopes: values.scopes,
    otherWays: general.otherWays,
    passkeys: values.passkeys,
    crossDevice: general.crossDevice,
    portrait: values.portrait,
    networks: {
      tor: values['networks.tor'].map(absolute),
      vpn: values['networks.vpn'].map(absolute),
      hosting: values['networks.hosting'].map(absolute),
      ...(country !== undefined && { countryDatabase: absolute(country) }),
      ...(anonymous !== undefined && { anonymousDatabase: absolute(anonymous) }),
    },
    limits: {
      sessionsPerAccountPerHour: values['limits.sessions_per_account_per_hour'],
      unknownDevicesPerAccountPerHour: values['limits.unknown_devices_per_account_per_hour'],
      sessionsPerAddressPerHour: values['limits.sessions_per_address_per_hour'],
      sessionsPerClientPerHour: values['limits.sessions_per_client_per_hour'],
      sessionsPerDay: values['limits.sessions_per_day'],
      otherWaysPerAccountPerHour: values['limits.other_ways_per_account_per_hour'],
      otherWaysPerAddressPerHour: values['limits.other_ways_per_address_per_hour'],
    },
    vendor: {
      createsPerMinute: values['vendor.creates_per_minute'],
      decisionsPerMinute: values['vendor.decisions_per_minute'],
    },
    verdict: general.verdict,
    recovery: {
      codeMinutes: values['recovery.code_minutes'],
      secondOperator: values['recovery.second_operator'],
    },
    reEnrolment: {
      match: values['re_enrolment.match'],
      sameNationality: values['re_enrolment.same_nationality'],
      waitHours: values['re_enrolment.wait_hours'],
    },
    notices: values.notices,
    ...(templates !== undefined && { mailTemplates: absolute(templates) }),
    costs: {
      pricePerVerification: values['costs.price_per_verification'],
      pricePerEnrolment: values['costs.price_per_enrolment'] ?? values['costs.price_per_verification'],
      ...(soft !== undefined && { dailySoft: soft }),
      ...(hard !== undefined && { dailyHard: hard }),
    },
    clients: toClientPolicies(values.clients, values),
  };
}

/** Without a prototype, as the names in it are an operator's. */
function toClientPolicies(clients: WrittenClients, general: OverridableValues): Policy['clients'] {
  const policies: Record<string, ClientPolicy> = Object.create(null);
  for (const id of clients.keys()) policies[id] = toClientPolicy({ ...general, ...inheritedValues(id, clients) });
  return policies;
}

function toClientPolicy(values: OverridableValues): ClientPolicy {
  const face = values['verdict.min_face_score'];
  const liveness = values['verdict.min_liveness_score'];
  return {
    rules: values['risk.rules'],
    otherWays: values.other_ways,
    crossDevice: values.cross_device,
    verdict: {
      refuseWarnings: values['verdict.refuse_warnings'],
      ...(face !== undefined && { minFaceScore: face }),
      ...(liveness !== undefined && { minLivenessScore: liveness }),
    },
  };
}
