// Whether every mail can be written, tried with invented data: a template that fails, or forgets the code it is for, stops
// the start (or shows in `check`) instead of leaving the first person without a mail.

import type { Circumstances, Mail } from '../login/mail.ts';
import {
  compileLetters,
  KINDS,
  type Letter,
  type Letters,
  type LettersOptions,
  problemOf,
  type TemplateFault,
} from './letters.ts';

const AT = 1_800_000_000;
const EXPIRES_AT_MS = (AT + 600) * 1000;
const CODE = '482913';
const LINK = 'https://login.example/sample-link';

const where: Circumstances = { client: 'Example', browser: 'Firefox on Windows', place: '192.0.2.7 (NL)', at: AT };
/** as when somebody looks after the account and signs in to nothing */
const nowhere: Circumstances = { browser: 'an unknown browser', place: '192.0.2.7', at: AT };

/** Every kind, every variant a template can branch on. */
export const SAMPLES: readonly Mail[] = [
  ...[where, nowhere].flatMap((where): Mail[] => [
    { kind: 'enrolment-code', code: CODE, minutes: 10, where },
    { kind: 'sign-in-code', code: CODE, link: LINK, minutes: 10, where },
    { kind: 'new-device', where, denyLink: LINK },
    { kind: 'hand-off', where, denyLink: LINK },
    { kind: 'weak-sign-in', way: 'email', where, denyLink: LINK },
    { kind: 'weak-sign-in', way: 'recovery_code', where, denyLink: LINK },
    { kind: 'renewal-waiting', dueAt: AT + 86_400, where, denyLink: LINK },
    { kind: 'face-replaced', by: 'document', where, denyLink: LINK },
    { kind: 'face-replaced', by: 'review', where, denyLink: LINK },
    { kind: 'passkey-added', name: 'Phone', where, denyLink: LINK },
  ]),
  { kind: 'account-deleted', at: AT },
];

/** @returns every fault of every template, none when all is well; never throws for what an operator wrote */
export function checkMailTemplates(options: LettersOptions): readonly TemplateFault[] {
  return tryLetters(options).faults;
}

/** Templates that cannot be used, all of them named. */
export class MailTemplateFault extends Error {
  override readonly name = 'MailTemplateFault';
  readonly code = 'mail_template_fault';
  readonly faults: readonly TemplateFault[];

  constructor(faults: readonly TemplateFault[]) {
    super(`mail templates cannot be used: ${faults.map(({ file, problem }) => `${file}: ${problem}`).join('; ')}`);
    this.faults = faults;
  }
}

/** @throws MailTemplateFault */
export function createLetters(options: LettersOptions): Letters {
  const { faults, letters } = tryLetters(options);
  if (faults.length > 0) throw new MailTemplateFault(faults);
  return letters;
}

function tryLetters(options: LettersOptions): { faults: readonly TemplateFault[]; letters: Letters } {
  const letters = compileLetters(options);
  const uncompiled = new Set(letters.faults.map(({ file }) => file));
  // without a frame no letter can be written, and each would only say so again
  const kinds = uncompiled.has('_html.ejs') ? [] : KINDS.filter((kind) => !uncompiled.has(`${kind}.ejs`));
  const rendered = kinds.flatMap((kind) => {
    const problems = SAMPLES.filter((mail) => mail.kind === kind).map((mail) => faultIn(mail, letters));
    const problem = problems.find((found) => found !== undefined);
    return problem === undefined ? [] : [{ file: `${kind}.ejs`, problem }];
  });
  return { faults: [...letters.faults, ...rendered], letters };
}

function faultIn(mail: Mail, letters: Letters): string | undefined {
  let letter: Letter;
  try {
    letter = letters.write(mail, EXPIRES_AT_MS);
  } catch (error) {
    return problemOf(error);
  }
  if (letter.subject === '' || letter.subject.length > 200) return 'the first line is no subject';
  const { text, html } = letter;
  const compact = text.replaceAll(' ', '');
  if ('code' in mail && !compact.split('\n').includes(CODE)) return 'page.code must stand on a line of its own';
  if (('link' in mail || 'denyLink' in mail) && !text.split('\n').includes(LINK)) {
    return `page.${'link' in mail ? 'link' : 'denyLink'} must stand on a line of its own`;
  }
  if (/<(?:img|script|iframe|link|object|video|form)\b|url\(/i.test(html)) return 'the HTML loads or sends something';
  return undefined;
}
