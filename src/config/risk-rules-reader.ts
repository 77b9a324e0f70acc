// The list below `risk.rules`: a rule's name, or a map of that one name to what it asks for and its options.

import { quote } from './faults.ts';
import { nearest } from './nearest.ts';
import type { PolicyReader, Reporter } from './policy-values.ts';
import {
  DEMANDS,
  type Demand,
  RISK_RULES,
  RULE_NAMES,
  type RuleName,
  type RuleSetting,
  ruleByDefault,
  SKIPPING_RULE,
} from './risk-rules.ts';
import { type Located, type LocatedEntry, toValue } from './yaml-file.ts';

/** Notes the line of each rule (`risk.rules.new_device`) and of what was said about how much it asks for (`… .asks`). */
export const readRules: PolicyReader<readonly RuleSetting[]> = (value, { name, line }, report) => {
  if (value.kind !== 'list') {
    report.refuse(line, `${name} is not a list of rules`, 'write each rule with a dash: - new_device');
    return undefined;
  }
  if (value.items.length === 0)
    report.refuse(line, `${name} is empty`, 'name rules, or leave it out for those that hold by default');
  const lines = new Map<RuleName, number>();
  const settings = value.items.flatMap((item, index) => {
    const entry = readEntry(item, `${name}[${index}]`, report);
    if (entry === undefined) return [];
    const earlier = lines.get(entry.rule);
    if (earlier !== undefined) {
      report.refuse(
        item.line,
        `${name}[${index}] ${entry.rule} stood in line ${earlier} before`,
        'write each rule once',
      );
      return [];
    }
    lines.set(entry.rule, item.line);
    report.note(`${name}.${entry.rule}`, item.line);
    return [readSetting(entry.rule, entry.body, { name, item: `${name}[${index}]` }, report)];
  });
  return { value: settings };
};

interface Entry {
  readonly rule: RuleName;
  readonly body: readonly LocatedEntry[];
}

function readEntry(item: Located, name: string, { refuse }: Reporter): Entry | undefined {
  const only = item.kind === 'map' && item.entries.length === 1 ? item.entries[0] : undefined;
  const rule = only?.key ?? (item.kind === 'scalar' ? item.value : undefined);
  if (typeof rule !== 'string') {
    const problem = item.kind === 'map' ? 'holds more than one name' : 'is neither a rule nor a map of one';
    refuse(item.line, `${name} ${problem}`, 'write - new_device, or - selfie_age: { days: 30 }');
    return undefined;
  }
  if (!isRule(rule)) {
    const meant = nearest(rule, RULE_NAMES);
    const fix = meant ? `did you mean ${meant}?` : `write one of ${RULE_NAMES.join(', ')}`;
    refuse(item.line, `${name} ${quote(rule)} is not a rule`, fix);
    return undefined;
  }
  if (only === undefined || (only.value.kind === 'scalar' && only.value.value === null)) return { rule, body: [] };
  if (only.value.kind === 'map') return { rule, body: only.value.entries };
  refuse(only.line, `${name} ${rule} has a value that is not a map of options`, `write - ${rule}: { asks: active }`);
  return undefined;
}

function readSetting(
  rule: RuleName,
  body: readonly LocatedEntry[],
  { name, item }: { name: string; item: string },
  report: Reporter,
): RuleSetting {
  const defaults = ruleByDefault(rule);
  let { asks, final } = defaults;
  const options: Record<string, unknown> = { ...defaults.options };
  for (const { key, line, value } of body) {
    const known = RISK_RULES[rule].options;
    if (key === 'asks') {
      report.note(`${name}.${rule}.asks`, line);
      asks = readAsks(rule, toValue(value), { item, line }, report) ?? asks;
    } else if (key === 'final') {
      const written = toValue(value);
      if (typeof written === 'boolean') final = written;
      else report.refuse(line, `${item} final is neither true nor false`, 'write true or false, without quotes');
    } else if (Object.hasOwn(known, key)) {
      const reading = known[key]?.read(value, { name: `${item} ${key}`, line }, report);
      if (reading !== undefined) options[key] = reading.value;
    } else {
      const names = ['asks', 'final', ...Object.keys(known)];
      const meant = nearest(key, names);
      const fix = meant ? `did you mean ${meant}?` : `it has ${names.join(', ')}`;
      report.refuse(line, `${item} ${quote(key)} is not an option of ${rule}`, fix);
    }
  }
  return { rule, asks, final, options };
}

function readAsks(
  rule: RuleName,
  value: unknown,
  { item, line }: { item: string; line: number },
  { refuse }: Reporter,
): Demand | undefined {
  const asks = DEMANDS.find((demand) => demand === value);
  const allowed: readonly Demand[] = rule === SKIPPING_RULE ? DEMANDS : DEMANDS.filter((demand) => demand !== 'skip');
  if (asks === undefined) refuse(line, `${item} asks is not one of ${allowed.join(', ')}`, `write ${or(allowed)}`);
  else if (!allowed.includes(asks)) {
    const problem = `${item} ${rule} asks for nothing (skip), which would open the door it guards`;
    refuse(line, problem, `write ${or(allowed)}, or remove the rule`);
    return undefined;
  }
  return asks;
}

function or(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function isRule(name: string): name is RuleName {
  return Object.hasOwn(RISK_RULES, name);
}
