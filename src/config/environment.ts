// Environment → values of all settings, and every fault of a single setting. What several settings say together is
// judged in rules.ts.

import type { Fault } from './faults.ts';
import { fileVariable, SETTING_NAMES, SETTINGS, type Setting, type SettingName, type SettingValues } from './schema.ts';
import { readTextFile } from './text-file.ts';
import { findUnknownVariables } from './unknown-variables.ts';

export interface Environment {
  /** a setting that is absent or faulty has its default here */
  readonly values: SettingValues;
  /** settings that were set, rightly or wrongly */
  readonly given: ReadonlySet<SettingName>;
  readonly production: boolean;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** Reads every setting once. Empty variables count as absent, as `${NAME:-}` in a compose file makes them. */
export async function readEnvironment(env: NodeJS.ProcessEnv, cwd: string): Promise<Environment> {
  const faults: Fault[] = findUnknownVariables(env);
  const warnings: string[] = [];
  const given = new Set<SettingName>();
  const values: Partial<Record<SettingName, unknown>> = {};
  // A misspelt "production" is a fault; until it is mended, the strict rules hold, so that the list is whole.
  const production = /^["']?prod/i.test(env.NODE_ENV?.trim() ?? '');

  for (const name of SETTING_NAMES) {
    const setting: Setting<unknown> = SETTINGS[name];
    values[name] = setting.fallback;
    const source = await findText(name, env, cwd, faults);
    if (source === undefined) continue;
    given.add(name);
    if (source.text === undefined) continue;
    if (isQuoted(source.text)) {
      faults.push({ where: source.where, ...QUOTED });
      continue;
    }
    const reading = setting.read(source.text, { production });
    if (!reading.ok) faults.push({ where: source.where, problem: reading.problem, fix: reading.fix });
    else values[name] = reading.value;
    if (reading.ok && reading.warning !== undefined) warnings.push(`${source.where}: ${reading.warning}`);
    if (production && source.warning !== undefined) warnings.push(`${source.where}: the file ${source.warning}`);
  }
  return { values: values as SettingValues, given, production, faults, warnings };
}

/** A shell takes quotes away; `docker run --env-file` and others make them a part of the value. */
const QUOTED = { problem: 'is between quotes, which are a part of the value', fix: 'leave the quotes out' };

const isQuoted = (text: string) => /^(["']).*\1$/s.test(text) && text.length > 1;

/** The setting's text and the variable it came from; no text when it was set but cannot be had, which is a fault by then. */
async function findText(
  name: SettingName,
  env: NodeJS.ProcessEnv,
  cwd: string,
  faults: Fault[],
): Promise<{ where: string; text: string | undefined; warning?: string | undefined } | undefined> {
  const direct = env[name]?.trim() ?? '';
  const variable = fileVariable(name);
  const path = variable === undefined ? '' : (env[variable]?.trim() ?? '');
  if (variable === undefined || path === '') return direct === '' ? undefined : { where: name, text: direct };
  if (direct !== '') {
    faults.push({ where: variable, problem: `is set, and so is ${name}`, fix: 'keep one of the two' });
    return { where: name, text: direct };
  }
  const file = await readTextFile(path, cwd);
  if (!file.ok && isQuoted(path)) {
    faults.push({ where: variable, ...QUOTED });
    return { where: variable, text: undefined };
  }
  if (!file.ok) {
    faults.push({ where: variable, problem: `the file it names ${file.problem}`, fix: file.fix });
    return { where: variable, text: undefined };
  }
  const text = file.value.trim();
  if (text === '') {
    faults.push({ where: variable, problem: 'the file it names is empty', fix: `write the value of ${name} into it` });
    return { where: variable, text: undefined };
  }
  return { where: variable, text, warning: file.warning };
}
