// Turns a mail into what is sent: one template a kind (`views/mail/`) gives the subject, its first line, and the text; the
// HTML alternative is made from that same text, so the two never say different things and no template can forget to
// escape. An operator's own templates win by name, file by file.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ejs from 'ejs';
import type { Mail } from '../login/mail.ts';
import { type LetterPage, pageOf, plain } from './page.ts';

export interface Letter {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Letters {
  /** @throws Error a template that fails; its message may quote the mail and is not for a log */
  write(mail: Mail, expiresAtMs: number): Letter;
}

export interface LettersOptions {
  /** an operator's own templates */
  readonly directory?: string | undefined;
  /** how this provider calls itself */
  readonly serviceName?: string | undefined;
}

/** Something in the templates that has to be mended before a start. */
export interface TemplateFault {
  readonly file: string;
  readonly problem: string;
}

export const KINDS = Object.keys({
  'enrolment-code': true,
  'sign-in-code': true,
  'new-device': true,
  'hand-off': true,
  'weak-sign-in': true,
  'renewal-waiting': true,
  'face-replaced': true,
  'passkey-added': true,
  'account-deleted': true,
} satisfies Record<Mail['kind'], true>);

const OURS = fileURLToPath(new URL('../../views/mail', import.meta.url));
/** The frame of the HTML alternative. */
const FRAME = '_html.ejs';
const DEFAULT_NAME = 'Selfie sign-in';

/** Reads and compiles every template, once. What is wrong comes back as faults; a letter with a fault cannot be written. */
export function compileLetters(options: LettersOptions): Letters & { readonly faults: readonly TemplateFault[] } {
  const { directory, serviceName = DEFAULT_NAME } = options;
  const faults: TemplateFault[] = [];
  const texts = readTemplates(OURS);
  if (directory !== undefined) addOwn(texts, directory, faults);

  /** Files are read at the start only: what was changed later was not checked. */
  const includer = (path: string) => {
    const file = path.endsWith('.ejs') ? path : `${path}.ejs`;
    const template = texts.get(file);
    if (template === undefined) throw new Error(`includes ${file}, which is not there`);
    return { template };
  };
  const compile = (file: string, escape?: (value: unknown) => string) => {
    try {
      const how = { filename: file, strict: true, async: false, localsName: 'page', includer } as const;
      return ejs.compile(texts.get(file) ?? '', escape === undefined ? how : { ...how, escape });
    } catch (error) {
      faults.push({ file, problem: problemOf(error) });
      return undefined;
    }
  };
  const templates = new Map(KINDS.map((kind) => [kind, compile(`${kind}.ejs`, print)]));
  const frame = compile(FRAME);

  return {
    faults,
    write(mail, expiresAtMs) {
      const page = pageOf(mail, serviceName, expiresAtMs);
      const template = templates.get(mail.kind);
      if (template === undefined || frame === undefined) throw new Error('a mail template does not compile');
      const [first = '', ...rest] = tidied(template(page)).split('\n');
      const subject = plain(first);
      const text = rest.join('\n').trim();
      const html = frame({ subject, serviceName: page.serviceName, blocks: blocksOf(text, page) });
      return { subject, text: `${text}\n`, html };
    },
  };
}

/** What `<%= %>` prints into text, as `pageOf()` made it. A value that is not there is a misspelt field, not an empty one. */
function print(value: unknown): string {
  if (typeof value !== 'string') throw new Error('prints a field that this mail does not have');
  return value;
}

function tidied(text: string): string {
  return text
    .replace(/[^\S\n]*\r?\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** A paragraph of the text, as the frame prints it. */
type Block =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'link'; readonly href: string; readonly label: string };

/** Only our own code and links become more than text, and only on a line of their own: the line before is the link's name. */
function blocksOf(text: string, page: LetterPage): readonly Block[] {
  const links = [page.link, page.denyLink];
  return text.split(/\n{2,}/).map((paragraph): Block => {
    const lines = paragraph.split('\n');
    const href = links.find((link) => link !== undefined && link === lines.at(-1));
    if (href !== undefined) {
      return { kind: 'link', href, label: lines.slice(0, -1).join(' ').replace(/:$/, '') || href };
    }
    return paragraph === page.code ? { kind: 'code', text: paragraph } : { kind: 'text', lines };
  });
}

/** By name below the folder, with forward slashes. */
function readTemplates(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ejs'));
  return new Map(files.map((file) => [file.replaceAll('\\', '/'), readFileSync(join(directory, file), 'utf8')]));
}

function addOwn(texts: Map<string, string>, directory: string, faults: TemplateFault[]): void {
  try {
    for (const [file, text] of readTemplates(directory)) {
      // a misspelt name would leave our own template in use without a word
      if (!texts.has(file) && !file.startsWith('partials/')) faults.push({ file, problem: 'no mail has this name' });
      texts.set(file, text);
    }
  } catch {
    faults.push({ file: directory, problem: 'the folder cannot be read' });
  }
}

/** What went wrong in one line: EJS puts place and source around it, and advice below. */
export function problemOf(error: unknown): string {
  const lines = (error instanceof Error ? error.message : '').split('\n').filter((line) => line.trim() !== '');
  const place = /:(\d+)$/.exec(lines[0] ?? '');
  return place === null ? (lines[0] ?? 'unknown') : `line ${place[1]}: ${lines.at(-1)}`;
}
