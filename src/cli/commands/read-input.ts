// What comes from elsewhere than the arguments, or is more than a word of them: options that belong to one action, an operator's own
// words, files and standard input. Secrets come this way, as arguments show in the list of processes.

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Call, Misuse } from '../command.ts';

const LONGEST_TEXT = 500;
const LONGEST_SECRET = 8192;

/** An option of another action would be passed over in silence. @throws Misuse */
export function refuseForeign(
  command: string,
  action: string,
  values: Call['values'],
  options: Readonly<Record<string, readonly string[]>>,
): void {
  const own = options[action] ?? [];
  for (const [owner, names] of Object.entries(options)) {
    const foreign = names.find((name) => values[name] !== undefined && !own.includes(name));
    if (foreign !== undefined) throw new Misuse(`--${foreign} belongs to ${command} ${owner}`);
  }
}

/** A sentence that will be shown to operators again. @throws Misuse */
export function readWords(call: Call, option: string, what: string): string {
  const value = call.values[option];
  const words = typeof value === 'string' ? value.trim() : '';
  if (words === '') throw new Misuse(`--${option} is needed: ${what}`);
  if (/\p{C}/u.test(words)) throw new Misuse(`--${option} is one line of text`);
  if (words.length > LONGEST_TEXT) throw new Misuse(`--${option} has at most ${LONGEST_TEXT} characters`);
  return words;
}

/** @param file `-` is standard input @throws Misuse */
export async function readInput(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new Misuse(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

/** One line that nobody is to see, from a file or standard input; of what is wrong with it nothing is repeated. @throws Misuse */
export async function readSecret(what: string, file: string): Promise<string> {
  const secret = (await readInput(file)).trim();
  const where = file === '-' ? 'standard input' : file;
  if (secret === '') throw new Misuse(`${where} is empty: it has to hold the ${what}`);
  if (/[^\x21-\x7e]/.test(secret) || secret.length > LONGEST_SECRET) {
    throw new Misuse(`${where} holds more than the ${what}: it is one word`);
  }
  return secret;
}
