// What keys of the policy file say together, and nothing but the file is needed to tell.

import { needsPasskey } from './acrs.ts';
import { quote } from './faults.ts';
import { nearest } from './nearest.ts';
import type { PolicyValues } from './policy-keys.ts';
import type { Reporter } from './policy-values.ts';
import type { RuleSetting } from './risk-rules.ts';
import { STANDARD_SCOPES } from './scopes.ts';

type Lines = ReadonlyMap<string, number>;

export function judgePairs(values: PolicyValues, lines: Lines, report: Reporter): void {
  judgeShare(values, lines, report);
  judgeBudget(values, lines, report);
  if (values.passkeys === 'off') judgeWithoutPasskeys(values, lines, report);
  judgeSensitiveScopes(values, lines, report);
}

function judgeShare(values: PolicyValues, lines: Lines, { refuse }: Reporter): void {
  const share = 'limits.unknown_devices_per_account_per_hour';
  const all = 'limits.sessions_per_account_per_hour';
  if (values[share] > values[all]) {
    const problem = `${share} is more than ${all}, of which it is a share`;
    refuse(lines.get(share) ?? 1, problem, `write ${values[all]} or less`);
  }
}

function judgeBudget(values: PolicyValues, lines: Lines, { refuse }: Reporter): void {
  const { 'costs.daily_soft': soft, 'costs.daily_hard': hard } = values;
  if (soft === undefined || hard === undefined || soft <= hard) return;
  const problem = 'costs.daily_soft is more than costs.daily_hard, and would never be told';
  refuse(lines.get('costs.daily_soft') ?? 1, problem, `write ${hard} or less`);
}

function judgeWithoutPasskeys(values: PolicyValues, lines: Lines, report: Reporter): void {
  const ways = 'other_ways.passkey';
  const problem = 'other_ways has passkey, and passkeys are off';
  const fix = 'remove it, or write passkeys: on';
  const line = lines.get(ways);
  if (line !== undefined) report.refuse(line, problem, fix);
  for (const [id, client] of values.clients) {
    const line = client.lines.get(ways);
    if (line !== undefined) report.ofClient(id).refuse(line, problem, fix);
  }
  for (const [scope, acr] of Object.entries(values.scopes)) {
    if (!needsPasskey(acr)) continue;
    const problem = `scopes: ${scope} requires ${acr}, which needs a passkey, and passkeys are off`;
    report.refuse(lines.get(`scopes.${scope}`) ?? 1, problem, 'write another acr, or passkeys: on');
  }
}

/** A rule that waits for a scope nobody can ask for guards nothing. */
function judgeSensitiveScopes(values: PolicyValues, lines: Lines, report: Reporter): void {
  const known = [...STANDARD_SCOPES, ...scopesWritten(lines)];
  const judge = (rules: readonly RuleSetting[], lines: Lines, { refuse }: Reporter) => {
    const { options } = rules.find(({ rule }) => rule === 'sensitive_scope') ?? {};
    for (const scope of options?.scopes?.filter((scope) => !known.includes(scope)) ?? []) {
      const meant = nearest(scope, known);
      const problem = `risk.rules: sensitive_scope names ${quote(scope)}, which is no scope here`;
      const fix = meant ? `did you mean ${meant}?` : 'add it to scopes, with the acr it requires at least';
      refuse(lines.get('risk.rules.sensitive_scope') ?? 1, problem, fix);
    }
  };
  judge(values['risk.rules'], lines, report);
  for (const [id, { values: own, lines }] of values.clients)
    if (own['risk.rules'] !== undefined) judge(own['risk.rules'], lines, report.ofClient(id));
}

/** Names below `scopes`, also of those whose strength is wrong. */
export function scopesWritten(lines: Lines): string[] {
  return [...lines.keys()].flatMap((name) => (name.startsWith('scopes.') ? [name.slice('scopes.'.length)] : []));
}
