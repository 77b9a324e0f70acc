// What the tests of risk rules start from: a login with nothing against it, and how one rule alone hears it.

import { assess, type RiskSignals, type RuleName, type RuleOptions } from '../../../src/core/risk.ts';

export const NOW = 1_800_000_000;
export const HOUR = 3600;
export const DAY = 86_400;

/** The known device on the known network, a selfie an hour ago, and everything that may be unknown unknown. */
export const quiet: RiskSignals = {
  now: NOW,
  device: 'known',
  network: 'known',
  underReview: false,
  lastSelfieAt: NOW - HOUR,
  declines: [],
  scopes: ['openid'],
};

/** What one rule says when it is asked alone, with defaults for the options left out. */
export function heard(rule: RuleName, signals: Partial<RiskSignals>, options: RuleOptions = {}): string | undefined {
  const setting = { rule, asks: 'active', final: false, options } as const;
  const { demand, reasons } = assess({ ...quiet, ...signals }, [setting]);
  return demand === 'active' ? reasons.join() : undefined;
}
