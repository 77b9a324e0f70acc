// Readers of single values in a client's entry: words, lists, addresses, public keys. They repeat a value only where it
// is a word from a list that everybody knows.

import type { JWK } from 'jose';
import { bad, good, quote, type Reading } from './faults.ts';
import { nearest } from './nearest.ts';

/** A list names each of its wrong members, so that each can be told with its line. */
export interface WrongItems {
  readonly ok: false;
  readonly items: readonly { readonly index: number; readonly problem: string; readonly fix: string }[];
}

export type ValueReader = (value: unknown) => Reading<unknown>;
export type ListReader = (value: unknown) => Reading<unknown> | WrongItems;

export function text(test: RegExp, accepts: string): ValueReader {
  return (value) => {
    if (typeof value === 'string' && test.test(value)) return good(value);
    if (typeof value === 'number' || typeof value === 'boolean') return bad('is not text', 'put it between quotes');
    return bad(`is not ${accepts}`, `write ${accepts}`);
  };
}

export function word(words: readonly string[], notes: Record<string, string> = {}): ValueReader {
  const fix = `write ${words.length === 1 ? words[0] : `one of ${words.join(', ')}`}`;
  return (value) => {
    if (typeof value !== 'string') return bad('is not text', fix);
    if (words.includes(value)) return good(value);
    const note = Object.hasOwn(notes, value) ? notes[value] : undefined;
    const meant = nearest(value, words);
    if (note !== undefined) return bad(`${quote(value)} ${note}`, fix);
    return bad(`${quote(value)} is not one of ${words.join(', ')}`, meant ? `did you mean ${meant}?` : fix);
  };
}

export function list(item: ValueReader): ListReader {
  return (value) => {
    if (!Array.isArray(value)) return bad('is not a list', 'write it as a list: [ … ]');
    const items = value.flatMap((member, index) => {
      const reading = item(member);
      if (!reading.ok) return [{ index, problem: reading.problem, fix: reading.fix }];
      if (value.indexOf(member) === index) return [];
      return [{ index, problem: 'stood in the list before', fix: 'write each one once' }];
    });
    return items.length > 0 ? { ok: false, items } : good(value);
  };
}

export const yesOrNo: ValueReader = (value) =>
  typeof value === 'boolean' ? good(value) : bad('is neither true nor false', 'write true or false, without quotes');
export const count: ValueReader = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0
    ? good(value)
    : bad('is not a whole number of seconds', 'write a whole number, 0 or more');
/** Addresses are judged with their client, as what is right depends on the rest of it. */
export const address = text(/^[\x21-\x7e]{1,2000}$/, 'an absolute address without spaces');
export const httpsAddress: ValueReader = (value) => {
  const reading = address(value);
  if (!reading.ok) return reading;
  const url = URL.parse(String(value));
  return url?.protocol === 'https:' && url.username === '' && url.password === ''
    ? reading
    : bad('is not an https address', 'write an https address');
};

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
export const publicKeys: ValueReader = (value) => {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!Array.isArray(keys) || keys.length === 0)
    return bad('is not a JWK set with keys in it', 'write a JWK set: { keys: [ … ] }');
  const isKey = (key: unknown): key is JWK =>
    typeof key === 'object' && key !== null && 'kty' in key && typeof key.kty === 'string';
  if (!keys.every(isKey)) return bad('has an entry that is not a JWK', 'write public keys, each with kty');
  if (keys.some((key) => key.kty === 'oct' || PRIVATE_MEMBERS.some((member) => member in key))) {
    return bad(
      'holds a private key, which belongs to the client alone',
      'write the public members only, and let the client make a new key',
    );
  }
  return good(value);
};
