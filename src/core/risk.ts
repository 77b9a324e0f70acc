// How much proof a login needs, from what is known of device, network and account. Rules are asked one after the other, in the order
// of the policy; each may speak, and whoever asks for most decides. Everything comes back as data, with reasons for the journal.

import { accountUnderReview } from './risk-rules/account-under-review.ts';
import { anonymisingNetwork } from './risk-rules/anonymising-network.ts';
import { anonymisingNewDevice } from './risk-rules/anonymising-new-device.ts';
import { impossibleTravel } from './risk-rules/impossible-travel.ts';
import { knownDeviceAndNetwork } from './risk-rules/known-device-and-network.ts';
import { newDevice } from './risk-rules/new-device.ts';
import { newNetwork } from './risk-rules/new-network.ts';
import { repeatedDeclines } from './risk-rules/repeated-declines.ts';
import { selfieAge } from './risk-rules/selfie-age.ts';
import { sensitiveScope } from './risk-rules/sensitive-scope.ts';

/** What a login is asked for, weakest first: nothing beyond the known device, a still picture, a challenge that moves. */
export type Demand = 'skip' | 'passive' | 'active';

/** Which kind of network hides where somebody is. */
export type Anonymising = 'tor' | 'vpn' | 'proxy' | 'hosting' | 'none';

/** Degrees, WGS 84. */
export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

export interface RiskSignals {
  /** epoch seconds */
  readonly now: number;
  /** `known`: this browser proved itself to be this account's by a selfie, and is still remembered */
  readonly device: 'known' | 'new';
  /** `known`: a selfie for this account was accepted on this device from this network, and that has not aged out */
  readonly network: 'known' | 'new';
  /** undefined: no table tells */
  readonly anonymising?: Anonymising;
  /** somebody has to look at this account: a late refusal, or the person said "this was not me" */
  readonly underReview: boolean;
  /** epoch seconds: the last selfie accepted for this account on this device */
  readonly lastSelfieAt?: number;
  /** epoch seconds of refused selfies of this account */
  readonly declines: readonly number[];
  /** scopes the client asks for */
  readonly scopes: readonly string[];
  readonly here?: Coordinates;
  /** where this account signed in last */
  readonly last?: { readonly at: number; readonly place: Coordinates };
}

export const RULE_NAMES = [
  'account_under_review',
  'repeated_declines',
  'anonymising_new_device',
  'anonymising_network',
  'impossible_travel',
  'sensitive_scope',
  'selfie_age',
  'new_device',
  'new_network',
  'known_device_and_network',
] as const;

export type RuleName = (typeof RULE_NAMES)[number];

/** One rule as the policy sets it. */
export interface RuleSetting {
  readonly rule: RuleName;
  /** what it asks for when it speaks */
  readonly asks: Demand;
  /** when it speaks, no later rule is asked */
  readonly final: boolean;
  /** numbers and lists it is tuned by; each rule reads its own */
  readonly options: RuleOptions;
}

export interface RuleOptions {
  /** `repeated_declines`: so many … */
  readonly count?: number;
  /** … within so many hours */
  readonly hours?: number;
  /** `selfie_age`: days that one selfie vouches for */
  readonly days?: number;
  /** `impossible_travel`: faster than this is not travel */
  readonly kmh?: number;
  /** `impossible_travel`: shorter ways say nothing, as tables are not exact */
  readonly km?: number;
  /** `sensitive_scope` */
  readonly scopes?: readonly string[];
}

export interface RiskAssessment {
  readonly demand: Demand;
  /** codes fit for the journal: what spoke, in the order it was asked */
  readonly reasons: readonly string[];
}

/** A question that is put to every login. Lives in a file of its own, and knows neither its place in the order nor what it asks for. */
export interface Rule {
  /**
   * Why this login is the rule's business, or undefined: silence. What nobody knows (no table, no earlier login) is for each rule to
   * judge, and it says so.
   *
   * @param options complete: what the policy leaves out is filled from `RULE_DEFAULTS`
   * @returns the rule's name in kebab-case, perhaps with a detail after a colon (`selfie-age:none`); never personal data, as the journal
   *   keeps it
   */
  speaks(signals: RiskSignals, options: Required<RuleOptions>): string | undefined;
}

export const RULES: Readonly<Record<RuleName, Rule>> = {
  account_under_review: accountUnderReview,
  repeated_declines: repeatedDeclines,
  anonymising_new_device: anonymisingNewDevice,
  anonymising_network: anonymisingNetwork,
  impossible_travel: impossibleTravel,
  sensitive_scope: sensitiveScope,
  selfie_age: selfieAge,
  new_device: newDevice,
  new_network: newNetwork,
  known_device_and_network: knownDeviceAndNetwork,
};

/** What a rule asks for, and what it is tuned by, where the policy does not say. `scopes` is empty: only an operator knows which matter. */
export const RULE_DEFAULTS = {
  account_under_review: { asks: 'active', options: {} },
  repeated_declines: { asks: 'active', options: { count: 3, hours: 24 } },
  anonymising_new_device: { asks: 'active', options: {} },
  anonymising_network: { asks: 'passive', options: {} },
  impossible_travel: { asks: 'active', options: { kmh: 1000, km: 300 } },
  sensitive_scope: { asks: 'active', options: { scopes: [] } },
  selfie_age: { asks: 'passive', options: { days: 30 } },
  new_device: { asks: 'passive', options: {} },
  new_network: { asks: 'passive', options: {} },
  known_device_and_network: { asks: 'skip', options: {} },
} satisfies Readonly<Record<RuleName, { readonly asks: Demand; readonly options: RuleOptions }>>;

/** The policy of an operator who sets none. */
export const DEFAULT_RULES: readonly RuleSetting[] = RULE_NAMES.map((rule) => ({
  rule,
  ...RULE_DEFAULTS[rule],
  final: false,
}));

/** Side by side, as every option belongs to one rule: one without a default does not compile. */
const DEFAULT_OPTIONS: Required<RuleOptions> = {
  ...RULE_DEFAULTS.repeated_declines.options,
  ...RULE_DEFAULTS.impossible_travel.options,
  ...RULE_DEFAULTS.sensitive_scope.options,
  ...RULE_DEFAULTS.selfie_age.options,
};

/**
 * How much proof this login needs, and why.
 *
 * Every rule is asked in the order given, and the strongest demand wins: a `skip` never outdoes another rule's `passive` or `active`,
 * wherever it stands. Without `final` the order decides nothing but the order of the reasons. A `final` rule that speaks ends the
 * asking: what stands after it is not heard, however strong, and that is the operator's choice.
 *
 * Where no rule speaks (also: there are none) a selfie is asked for, as a policy with a hole in it must not let anybody in.
 */
export function assess(signals: RiskSignals, rules: readonly RuleSetting[]): RiskAssessment {
  const reasons: string[] = [];
  let demand: Demand | undefined;
  for (const { rule, asks, final, options } of rules) {
    const reason = RULES[rule].speaks(signals, { ...DEFAULT_OPTIONS, ...options });
    if (reason === undefined) continue;
    reasons.push(reason);
    demand = demand === undefined ? asks : stronger(demand, asks);
    if (final) break;
  }
  return demand === undefined ? { demand: 'passive', reasons: ['no-rule-spoke'] } : { demand, reasons };
}

const WEAKEST_FIRST: readonly Demand[] = ['skip', 'passive', 'active'];

function stronger(a: Demand, b: Demand): Demand {
  return WEAKEST_FIRST.indexOf(a) > WEAKEST_FIRST.indexOf(b) ? a : b;
}

/**
 * The signals, with what the vendor saw of the network that the capture came from, for assessing once more: our own tables know only the
 * browser that began, and not every exit of every VPN.
 *
 * - Any capture through VPN or Tor makes `anonymising` a `vpn` (the vendor has one flag for both), unless a table was as clear already.
 * - Any capture out of a data centre makes it `hosting`, where nothing was known against the network.
 * - Never weakens: the vendor seeing nothing clears nobody, as the capture may come from another device and network (T2).
 */
export function foldIn(
  signals: RiskSignals,
  analyses: readonly { readonly anonymising?: boolean; readonly dataCentre?: boolean }[],
): RiskSignals {
  const { anonymising = 'none' } = signals;
  const weak = anonymising === 'none' || anonymising === 'hosting';
  if (weak && analyses.some((capture) => capture.anonymising)) return { ...signals, anonymising: 'vpn' };
  if (anonymising === 'none' && analyses.some((capture) => capture.dataCentre))
    return { ...signals, anonymising: 'hosting' };
  return signals;
}
