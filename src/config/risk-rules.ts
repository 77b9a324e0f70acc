// The rules that decide how much proof a login needs, as an operator may name and tune them: what each asks for by
// default, its options, when it speaks. The rules themselves live in the core; a test holds the two together.

import { number, type PolicyKey, texts } from './policy-values.ts';
import { SCOPE_TOKEN } from './scopes.ts';

/** Weakest first. */
export const DEMANDS = ['skip', 'passive', 'active'] as const;
export type Demand = (typeof DEMANDS)[number];

export interface RuleOptions {
  readonly count?: number;
  readonly hours?: number;
  readonly days?: number;
  readonly kmh?: number;
  readonly km?: number;
  readonly scopes?: readonly string[];
}

export interface RuleSetting {
  readonly rule: RuleName;
  /** what it asks for when it speaks */
  readonly asks: Demand;
  /** when it speaks, no later rule is asked */
  readonly final: boolean;
  /** complete: what was not written has its default */
  readonly options: RuleOptions;
}

export interface RiskRule {
  readonly asks: Demand;
  readonly options: Readonly<Record<string, PolicyKey<unknown>>>;
  /** when it speaks */
  readonly about: string;
}

const TABLE = {
  account_under_review: {
    asks: 'active',
    options: {},
    about: 'Somebody has to look at this account: a late refusal, or the person said "this was not me".',
  },
  repeated_declines: {
    asks: 'active',
    options: {
      count: number(1, 1000, 3, 'so many refused selfies of this account'),
      hours: number(1, 8760, 24, 'within so many hours'),
    },
    about: 'Selfies of this account were refused lately.',
  },
  anonymising_new_device: {
    asks: 'active',
    options: {},
    about: 'A new device on a network that hides where it is: Tor, VPN, proxy, data centre.',
  },
  anonymising_network: { asks: 'passive', options: {}, about: 'Such a network, on any device.' },
  impossible_travel: {
    asks: 'active',
    options: {
      kmh: number(1, 100_000, 1000, 'faster than so many km/h is not travel'),
      km: number(0, 20_000, 300, 'ways shorter than so many km say nothing'),
    },
    about: 'Nobody gets here that fast from where this account signed in last. Needs `networks.country_database`.',
  },
  sensitive_scope: {
    asks: 'active',
    options: {
      scopes: texts(SCOPE_TOKEN, 'the name of a scope', 'a list of scopes', 'asked for by the client'),
    },
    about: 'The client asks for one of these scopes.',
  },
  selfie_age: {
    asks: 'passive',
    options: { days: number(1, 3650, 30, 'days that one selfie vouches for') },
    about: 'The last selfie of this account on this device is too long ago.',
  },
  new_device: { asks: 'passive', options: {}, about: "This browser is not known to be this account's." },
  new_network: { asks: 'passive', options: {}, about: 'This account has shown no selfie from this network.' },
  known_device_and_network: {
    asks: 'skip',
    options: {},
    about: 'Both are known: no selfie, unless another rule or the client asks for one.',
  },
} as const satisfies Readonly<Record<string, RiskRule>>;

export type RuleName = keyof typeof TABLE;

/** Every rule, in the order in which they are asked by default. */
export const RISK_RULES: Readonly<Record<RuleName, RiskRule>> = TABLE;
export const RULE_NAMES = Object.keys(TABLE) as RuleName[];

/** The one rule that may ask for nothing: skipping is what it is for. */
export const SKIPPING_RULE: RuleName = 'known_device_and_network';

/** A rule as it is where only its name is written. */
export function ruleByDefault(rule: RuleName): RuleSetting {
  const { asks, options } = RISK_RULES[rule];
  const defaults = Object.entries(options).map(([name, option]) => [name, option.fallback]);
  return { rule, asks, final: false, options: Object.fromEntries(defaults) };
}

export const DEFAULT_RULES: readonly RuleSetting[] = RULE_NAMES.map(ruleByDefault);
