// The rules of the journey, from the configuration: the policy's words become the journey's.

import type { Config } from './config/config.ts';
import { type Policy, policyFor } from './config/policy.ts';
import type { JourneyRules } from './login/rules.ts';

/** As long as the cookie of a known device lives. */
const DEVICE_DAYS = 400;

export function rulesOf(config: Config): JourneyRules {
  const { policy } = config;
  return {
    issuer: config.issuer,
    environment: config.didit.environment,
    workflows: config.didit.workflows,
    attempt: policy.attempt,
    enrolment: policy.enrolment,
    emailCode: policy.emailCode === 'required',
    passkeys: policy.passkeys === 'on',
    scopes: policy.scopes,
    risk: { ...policy.risk, oldestSelfieDays: oldestSelfieDays(policy) },
    reEnrolment: policy.reEnrolment,
    notices: policy.notices,
    costs: {
      perVerification: policy.costs.pricePerVerification,
      perEnrolment: policy.costs.pricePerEnrolment,
      ...(policy.costs.dailySoft === undefined ? {} : { dailySoft: policy.costs.dailySoft }),
      ...(policy.costs.dailyHard === undefined ? {} : { dailyHard: policy.costs.dailyHard }),
    },
    forClient: (clientId) => policyFor(policy, clientId),
    portrait: policy.portrait,
    limits: policy.limits,
  };
}

/** Rules that do not ask how old a selfie is let it be as old as a device may be. */
function oldestSelfieDays({ risk, clients }: Policy): number {
  const lists = [risk.rules, ...Object.values(clients).map((client) => client.rules)];
  const days = lists.map((rules) => rules.find(({ rule }) => rule === 'selfie_age')?.options.days ?? DEVICE_DAYS);
  return Math.max(...days);
}
