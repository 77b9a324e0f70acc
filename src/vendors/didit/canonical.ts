// Reads a webhook's body once, strictly, and prints on the way the text that the vendor signed: Didit's V2 signature covers
// not the bytes but a canonical form made by Python, whose numbers JavaScript would print differently. `JSON.parse` has
// forgotten a number's source text and a repeated key by the time it returns, hence a parser of our own.

import { compareCodePoints, type Json } from './json.ts';
import { pythonNumber } from './python-number.ts';

export type JsonFault = 'syntax' | 'not-a-number' | 'number-range' | 'lone-surrogate' | 'too-deep';

export type JsonReading =
  /** with `duplicateKeys`, `value` and `canonical` are the last-wins reading: only good for telling who sent it */
  | { readonly ok: true; readonly value: Json; readonly canonical: string; readonly duplicateKeys: boolean }
  | { readonly ok: false; readonly fault: JsonFault };

/** Deeper than anything the vendor sends; a bomb of brackets stops here and not at the end of the stack. */
const MAX_DEPTH = 64;
/** By how much numbers may grow as they are printed: `1e308` has 309 digits then, and anybody may send a megabyte of them (T17). */
const MAX_GROWTH = 1_048_576;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** What Python's reader takes for numbers and the standard does not. */
const NOT_A_NUMBER = /NaN|-?Infinity/y;

class Fault {
  readonly fault: JsonFault;
  constructor(fault: JsonFault) {
    this.fault = fault;
  }
}

/**
 * Reads JSON text and prints its canonical form: keys sorted by code point at every depth, no whitespace, strings
 * unescaped but for `"`, `\` and controls, numbers as Python prints them.
 *
 * Refused besides bad syntax, since two parsers may read it in two ways: NaN and Infinity, numbers beyond a double, lone
 * surrogates, more than 64 levels. Refused as well: numbers that would make a megabyte more of it as they are printed. Repeated keys are read
 * and reported.
 */
export function readJson(text: string): JsonReading {
  try {
    return { ok: true, ...new Reader(text).read() };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, fault: error.fault };
    throw error;
  }
}

interface Node {
  readonly value: Json;
  readonly canonical: string;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #duplicateKeys = false;
  #growth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Node & { duplicateKeys: boolean } {
    if (!this.#text.isWellFormed()) throw new Fault('lone-surrogate');
    const node = this.#value(0);
    this.#blank();
    if (this.#at < this.#text.length) throw new Fault('syntax');
    return { ...node, duplicateKeys: this.#duplicateKeys };
  }

  #value(depth: number): Node {
    this.#blank();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Node {
    if (depth > MAX_DEPTH) throw new Fault('too-deep');
    const value: Record<string, Json> = Object.create(null);
    let members: { key: string; text: string }[] = [];
    let sorted = true;
    let repeated = false;
    this.#at++;
    if (!this.#next('}')) {
      do {
        this.#blank();
        if (this.#text[this.#at] !== '"') throw new Fault('syntax');
        const key = this.#string();
        if (!this.#next(':')) throw new Fault('syntax');
        const member = this.#value(depth);
        repeated ||= value[key.value] !== undefined;
        const last = members.at(-1);
        sorted &&= last === undefined || compareCodePoints(last.key, key.value) < 0;
        value[key.value] = member.value;
        members.push({ key: key.value, text: `${key.canonical}:${member.canonical}` });
      } while (this.#next(','));
      if (!this.#next('}')) throw new Fault('syntax');
    }
    if (repeated) {
      this.#duplicateKeys = true;
      members = [...new Map(members.map((member) => [member.key, member])).values()];
    }
    if (!sorted || repeated) members.sort((a, b) => compareCodePoints(a.key, b.key));
    return { value, canonical: `{${members.map((member) => member.text).join(',')}}` };
  }

  #array(depth: number): Node {
    if (depth > MAX_DEPTH) throw new Fault('too-deep');
    const value: Json[] = [];
    const printed: string[] = [];
    this.#at++;
    if (!this.#next(']')) {
      do {
        const item = this.#value(depth);
        value.push(item.value);
        printed.push(item.canonical);
      } while (this.#next(','));
      if (!this.#next(']')) throw new Fault('syntax');
    }
    return { value, canonical: `[${printed.join(',')}]` };
  }

  #string(): { value: string; canonical: string } {
    const from = this.#at++;
    let escaped = false;
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at++);
      if (unit === 0x22) break;
      // NaN, at the end of the text, fails the comparison
      if (!(unit >= 0x20)) throw new Fault('syntax');
      if (unit === 0x5c) {
        escaped = true;
        this.#at++;
      }
    }
    const source = this.#text.slice(from, this.#at);
    const value = escaped ? unescaped(source) : source.slice(1, -1);
    if (escaped && !value.isWellFormed()) throw new Fault('lone-surrogate');
    // JSON.stringify of a well-formed string escapes exactly what Python does with ensure_ascii off
    return { value, canonical: escaped ? JSON.stringify(value) : source };
  }

  #number(): Node {
    NUMBER.lastIndex = this.#at;
    const source = NUMBER.exec(this.#text)?.[0];
    if (source === undefined) {
      NOT_A_NUMBER.lastIndex = this.#at;
      throw new Fault(NOT_A_NUMBER.test(this.#text) ? 'not-a-number' : 'syntax');
    }
    this.#at += source.length;
    const canonical = pythonNumber(source);
    this.#growth += canonical === undefined ? 0 : canonical.length - source.length;
    if (canonical === undefined || this.#growth > MAX_GROWTH) throw new Fault('number-range');
    return { value: Number(source), canonical };
  }

  #word(word: string, value: Json): Node {
    if (!this.#text.startsWith(word, this.#at)) throw new Fault('syntax');
    this.#at += word.length;
    return { value, canonical: word };
  }

  #blank(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at++;
    }
  }

  #next(mark: string): boolean {
    this.#blank();
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }
}

function unescaped(source: string): string {
  try {
    return JSON.parse(source) as string;
  } catch {
    throw new Fault('syntax');
  }
}
