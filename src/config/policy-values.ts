// What a policy key is, and the kinds of value it may have: numbers, words, lists of words, files. A reader tells each
// fault with its line and gives what could be read, so that what keys say together can be judged beside it.

import { z } from 'zod';
import { type ListReader, list, text, word } from './client-values.ts';
import { type Located, toValue } from './yaml-file.ts';

/** Who is told what is wrong, and where things stand that are judged later. */
export interface Reporter {
  readonly refuse: (line: number, problem: string, fix: string) => void;
  readonly note: (name: string, line: number) => void;
  /** was it told of this line already that its name stood before? */
  readonly isToldTwice: (line: number) => boolean;
  /** who is told what is wrong with one client's part */
  readonly ofClient: (id: string) => Reporter;
}

/** How faults name a value, and the line of its name. */
export interface Place {
  readonly name: string;
  readonly line: number;
}

/** The value, or what could be read of it beside the faults that were told; undefined when that is nothing. */
export type PolicyReader<T> = (value: Located, place: Place, report: Reporter) => { readonly value: T } | undefined;

export interface PolicyKey<T> {
  readonly read: PolicyReader<T>;
  /** what the reader accepts, for a fault's fix and for the documents */
  readonly accepts: string;
  readonly fallback: T;
  readonly fallbackText?: string;
  /** may stand without a value, as one does whose lines are commented out */
  readonly optional?: true;
  readonly about: string;
}

/** A value that is right or wrong as a whole. */
export function whole<T>(type: z.ZodType<T>, accepts: string): Pick<PolicyKey<T>, 'read' | 'accepts'> {
  return {
    accepts,
    read: (located, { name, line }, { refuse }) => {
      const reading = type.safeParse(toValue(located));
      if (reading.success) return { value: reading.data };
      refuse(line, `${name} is not ${accepts}`, `write ${accepts}`);
      return undefined;
    },
  };
}

/** A reader of plain values (those of the clients file), told where the value and its members stand. */
function placed<T>(read: ListReader): PolicyReader<T> {
  return (located, { name, line }, { refuse, note }) => {
    const value = toValue(located);
    const reading = read(value);
    const lineOf = (index: number) => (located.kind === 'list' ? located.items[index]?.line : undefined) ?? line;
    if (Array.isArray(value)) for (const [index, member] of value.entries()) note(`${name}.${member}`, lineOf(index));
    if (reading.ok) return { value: reading.value as T };
    if (!('items' in reading)) {
      refuse(line, `${name} ${reading.problem}`, reading.fix);
      return undefined;
    }
    for (const { index, problem, fix } of reading.items) refuse(lineOf(index), `${name}[${index}] ${problem}`, fix);
    const wrong = new Set(reading.items.map(({ index }) => index));
    return { value: (value as unknown[]).filter((_member, index) => !wrong.has(index)) as T };
  };
}

export function number(least: number, most: number, fallback: number, about: string): PolicyKey<number> {
  return {
    ...whole(z.number().int().min(least).max(most), `a whole number from ${least} to ${most}`),
    fallback,
    about,
  };
}

/** A number that need not be whole. */
export function amount(most: number, fallback: number, about: string): PolicyKey<number> {
  return { ...whole(z.number().min(0).max(most), `a number from 0 to ${most}`), fallback, about };
}

export function optionalAmount(
  most: number,
  about: string,
  fallbackText: string = 'none',
): PolicyKey<number | undefined> {
  return { ...amount(most, 0, about), fallback: undefined, fallbackText, optional: true };
}

export function choice<const T extends string>(words: readonly T[], fallback: T, about: string): PolicyKey<T> {
  const type = z.enum(words) as unknown as z.ZodType<T>;
  return { ...whole(type, `one of ${words.join(', ')}`), fallback, about };
}

export function flag(fallback: boolean, about: string): PolicyKey<boolean> {
  return { ...whole(z.boolean(), 'true or false'), fallback, about };
}

/** Some of these words, each once; none is a choice too. */
export function someOf<const T extends string>(
  words: readonly T[],
  fallback: readonly T[],
  about: string,
): PolicyKey<readonly T[]> {
  return { read: placed(list(word(words))), accepts: `a list, some of ${words.join(', ')}`, fallback, about };
}

/** Texts of one form, each once; none by default. */
export function texts(form: RegExp, one: string, accepts: string, about: string): PolicyKey<readonly string[]> {
  return { read: placed(list(text(form, one))), accepts, fallback: [], fallbackText: 'none', optional: true, about };
}

const PATH = /^[^\p{Cc}]{1,1000}$/u;

export function files(about: string): PolicyKey<readonly string[]> {
  return texts(PATH, 'the name of a file', 'a list of files', about);
}

export function file(kind: 'file' | 'directory', about: string): PolicyKey<string | undefined> {
  const read = placed<string>(text(PATH, `the name of a ${kind}`));
  return { read, accepts: `a ${kind}`, fallback: undefined, fallbackText: 'none', optional: true, about };
}
