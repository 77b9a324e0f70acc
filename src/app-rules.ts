// The rules of the journey, from the configuration: the policy's words become the journey's.

import type { Config } from './config/config.ts';
import { policyFor } from './config/policy.ts';
import type { JourneyRules } from './login/rules.ts';

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
    risk: policy.risk,
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
