// One command: its name, its options, what it does. Arguments are read by node:util; a wrong one is told with what was probably
// meant.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';
import type { Output } from './output.ts';

export const SUCCESS = 0;
export const FAILED = 1;
/** Wrong arguments, or a configuration with faults. */
export const MISUSED = 2;

export interface Call extends Output {
  readonly env: NodeJS.ProcessEnv;
  readonly json: boolean;
  /** by name; the command knows which are words and which are switches */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly words: readonly string[];
}

export interface Command {
  readonly name: string;
  /** a line in the list of commands */
  readonly summary: string;
  /** what may stand behind the name, one form a line */
  readonly forms: readonly string[];
  /** options of its own, with a line for each; `--json` and `--help` are everybody's */
  readonly options?: Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly about: string }>>;
  /** what else is worth knowing */
  readonly notes?: readonly string[];
  /** @returns the exit code */
  run(call: Call): Promise<number>;
}

/** The arguments were wrong: exit code 2, with the usage. */
export class Misuse extends Error {}

/** What was asked could not be done: exit code 1. */
export class Failure extends Error {}

const COMMON = {
  json: { type: 'boolean', about: 'one JSON object a line' },
  help: { type: 'boolean', about: 'this text' },
} as const;

/** @throws Misuse */
export function readArguments(command: Command, args: readonly string[]): Pick<Call, 'values' | 'words'> {
  const known: NonNullable<Command['options']> = { ...command.options, ...COMMON };
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(known).map(([name, { type }]) => [name, { type, ...(name === 'help' ? { short: 'h' } : {}) }]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: values as Call['values'], words: positionals };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const name = /'(--?[^' ]+)/.exec(message)?.[1] ?? '';
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new Misuse(unknownOption(name, Object.keys(known)));
    const isSwitch = known[name.replace(/^-+/, '')]?.type !== 'string';
    throw new Misuse(isSwitch ? `${name} takes no value` : `${name} needs a value: ${name}=VALUE`);
  }
}

function unknownOption(name: string, known: readonly string[]): string {
  const meant = nearest(name.replace(/^-+/, ''), known);
  return `unknown option ${name}${meant ? `; did you mean --${meant}?` : ''}`;
}

/** The word that says what to do, when a command does several things. @throws Misuse */
export function readAction<const T extends string>(words: readonly string[], actions: readonly T[], fallback?: T): T {
  const word = words[0] ?? fallback;
  const action = actions.find((each) => each === word);
  if (action !== undefined) return action;
  if (word === undefined) throw new Misuse(`say which: ${actions.join(', ')}`);
  const meant = nearest(word, actions);
  throw new Misuse(
    `${JSON.stringify(word)} is none of ${actions.join(', ')}${meant ? `; did you mean ${meant}?` : ''}`,
  );
}

/** @throws Misuse when there are more words than were asked for */
export function expectWords(words: readonly string[], most: number): void {
  if (words.length > most) throw new Misuse(`${JSON.stringify(words[most])} is one word too many`);
}

export function usageOf(command: Command): string[] {
  const options = { ...command.options, ...COMMON };
  const width = Math.max(...Object.keys(options).map((name) => name.length)) + 4;
  return [
    ...command.forms.map((form, index) => `${index === 0 ? 'usage: ' : '       '}selfie-oidc ${form}`.trimEnd()),
    '',
    `${command.summary}.`,
    '',
    ...Object.entries(options).map(([name, { about }]) => `  ${`--${name}`.padEnd(width)}${about}`),
    ...(command.notes ? ['', ...command.notes] : []),
  ];
}
