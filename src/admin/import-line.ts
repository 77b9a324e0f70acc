// One line of an import file: what it says of a person, or everything that is wrong with it. Its values are personal, so that no fault
// repeats one.

import { z } from 'zod';
import { isEmailAddress, readIdentifier } from '../core/identifier.ts';
import type { Identity } from '../core/verdict-types.ts';

export interface ImportLine {
  /** from 1, as editors count */
  readonly line: number;
  /** normalised */
  readonly identifier: string;
  /** the person's name at the vendor */
  readonly subject: string;
  /** as written in the file */
  readonly portrait?: string;
  readonly identity: Identity;
  readonly emailVerified: boolean;
}

export interface LineFault {
  readonly line: number;
  readonly problem: string;
  readonly fix: string;
}

/** What of a line, even of a faulty one, can be held against other lines, accounts and files. */
export interface ImportNames {
  readonly line: number;
  readonly identifier?: string;
  readonly subject?: string;
  readonly portrait?: string;
}

/** Visible, on one line, and no longer than anybody's name. */
const words = z.string().regex(/^(?!\s)[^\p{C}\p{Zl}\p{Zp}]{1,200}(?<!\s)$/u);

const LINE = z.strictObject({
  identifier: z.string(),
  vendor_data: z.string().regex(/^(?!\s)[^\p{C}\p{Zl}\p{Zp}]{1,255}(?<!\s)$/u),
  portrait: z.string().min(1).max(4096).optional(),
  claims: z
    .strictObject({
      name: words.optional(),
      given_name: words.optional(),
      family_name: words.optional(),
      birthdate: z.iso.date().optional(),
      gender: words.optional(),
    })
    .optional(),
  email_verified: z.boolean().optional(),
});

const NAME = 'write it as text of one line and at most 200 characters, or leave it out';
const FIXES: Readonly<Record<string, string>> = {
  identifier: 'write as text what the person types to sign in',
  vendor_data: "copy the person's vendor_data from the vendor: text of 1 to 255 characters",
  portrait: 'write the path of a JPEG as seen from the folder of the import file, or leave it out',
  claims: 'write an object of name, given_name, family_name, birthdate and gender, each optional, or leave it out',
  'claims.name': NAME,
  'claims.given_name': NAME,
  'claims.family_name': NAME,
  'claims.birthdate': 'write it like this: 1990-12-31; or leave it out',
  'claims.gender': NAME,
  email_verified: 'write true or false, without quotes, or leave it out',
};
const KNOWN = {
  '': 'identifier, vendor_data, portrait, claims and email_verified',
  claims: 'name, given_name, family_name, birthdate and gender',
};

export interface LineReading {
  readonly names: ImportNames;
  readonly faults: readonly LineFault[];
  readonly person?: ImportLine;
}

const EXAMPLE = 'write one object a line: {"identifier":"…","vendor_data":"…"}';

export function readLine(text: string, line: number): LineReading {
  const refuse = (problem: string, fix: string) => ({ names: { line }, faults: [{ line, problem, fix }] });
  if (text.includes('\ufffd')) return refuse('is not UTF-8', 'save the file as UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('is not JSON', EXAMPLE);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('is no object', EXAMPLE);
  return readPerson(value, line);
}

function readPerson(value: object, line: number): LineReading {
  const parsed = LINE.safeParse(value);
  const faults = parsed.success ? [] : parsed.error.issues.flatMap((issue) => explain(issue, value, line));
  const { identifier: typed, vendor_data: subject, portrait, email_verified } = value as Record<string, unknown>;
  const reading = typeof typed === 'string' ? readIdentifier(typed) : undefined;
  if (reading?.kind === 'refused')
    faults.push({ line, problem: 'identifier is none that can be signed in with', fix: reading.message });
  if (reading?.kind === 'ok' && email_verified === true && !isEmailAddress(reading.identifier)) {
    const fix = 'write the address as identifier, or leave email_verified out';
    faults.push({ line, problem: 'email_verified is true, and the identifier is no e-mail address', fix });
  }
  const names = {
    line,
    ...(reading?.kind === 'ok' ? { identifier: reading.identifier } : {}),
    ...(typeof subject === 'string' ? { subject } : {}),
    ...(typeof portrait === 'string' ? { portrait } : {}),
  };
  if (!parsed.success || reading?.kind !== 'ok' || faults.length > 0) return { names, faults };
  const person = {
    ...names,
    identifier: reading.identifier,
    subject: parsed.data.vendor_data,
    identity: identityOf(parsed.data.claims ?? {}),
    emailVerified: email_verified === true,
  };
  return { names, faults, person };
}

/** Without what is not there, as types want it. */
function identityOf(claims: NonNullable<z.infer<typeof LINE>['claims']>): Identity {
  const { name, given_name, family_name, birthdate, gender } = claims;
  return {
    ...(name === undefined ? {} : { fullName: name }),
    ...(given_name === undefined ? {} : { givenName: given_name }),
    ...(family_name === undefined ? {} : { familyName: family_name }),
    ...(birthdate === undefined ? {} : { birthDate: birthdate }),
    ...(gender === undefined ? {} : { gender }),
  };
}

function explain(issue: z.core.$ZodIssue, value: object, line: number): LineFault[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const fix = `remove it; the names${path === '' ? '' : ` in ${path}`} are ${KNOWN[path === 'claims' ? 'claims' : '']}`;
    return issue.keys.map((key) => ({ line, problem: `${JSON.stringify(key.slice(0, 40))} is an unknown name`, fix }));
  }
  const isMissing = issue.path.length === 1 && !Object.hasOwn(value, path);
  return [{ line, problem: `${path} is ${isMissing ? 'missing' : 'not as it should be'}`, fix: FIXES[path] ?? '' }];
}
