/**
 * JSON as the vendor writes and canonicalises it: Python's number text, keys in code point order. A delivery is written
 * by `writeJson` in one of its wire forms; `canonicalJson` gives the text that `X-Signature-V2` covers.
 */

/** How a body goes over the wire. `escaped` is the vendor's own: sorted, compact, `\uXXXX` for all but ASCII. */
export type WireForm = 'escaped' | 'unescaped' | 'unsorted';

/** A number kept as its source text, since `100.00`, `1e22` and 2^53+1 do not survive being a double. */
class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Canonical text of a JSON document: section 6 of the contract, rules (a) to (f). Throws SyntaxError on bad JSON. */
export function canonicalJson(document: string): string {
  const keepNumbers = (_key: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === 'number' ? new NumberText(context.source ?? String(value)) : value;
  const parsed: unknown = (JSON.parse as (text: string, reviver: typeof keepNumbers) => unknown)(document, keepNumbers);
  return write(parsed, { sorted: true, ascii: false, spaced: false, padScores: false });
}

/** A value as a delivery's body. `unsorted` also spaces it and writes scores as `96.50`, as T3 shows. */
export function writeJson(value: unknown, form: WireForm = 'escaped'): string {
  const loose = form === 'unsorted';
  const plain: unknown = JSON.parse(JSON.stringify(value) ?? 'null');
  return write(plain, { sorted: !loose, ascii: form === 'escaped', spaced: loose, padScores: loose });
}

/** A number's canonical text, from its JSON source: whole floats as integers, others as Python's repr. */
export function canonicalNumber(source: string): string {
  if (!/[.eE]/.test(source)) return source === '-0' ? '0' : source;
  const value = Number(source);
  if (!Number.isFinite(value)) throw new SyntaxError(`number out of range: ${source}`);
  if (Number.isInteger(value)) return BigInt(value).toString();
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4) return `${mantissa}e-${String(-exponent).padStart(2, '0')}`;
  return exponent < 0 ? value.toFixed(mantissa.replace(/[-.]/g, '').length - 1 - exponent) : String(value);
}

interface Layout {
  readonly sorted: boolean;
  readonly ascii: boolean;
  readonly spaced: boolean;
  readonly padScores: boolean;
}

function write(value: unknown, layout: Layout, key = ''): string {
  const comma = layout.spaced ? ', ' : ',';
  const colon = layout.spaced ? ': ' : ':';
  if (value instanceof NumberText) return canonicalNumber(value.text);
  if (typeof value === 'number') {
    if (layout.padScores && /score/.test(key)) return value.toFixed(2);
    return canonicalNumber(String(value));
  }
  if (typeof value === 'string') return quote(value, layout.ascii);
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, layout, key)).join(comma)}]`;
  const names = Object.keys(value);
  if (layout.sorted) names.sort(byCodePoint);
  const members = names.map((name) => {
    const member: unknown = (value as Record<string, unknown>)[name];
    return `${quote(name, layout.ascii)}${colon}${write(member, layout, name)}`;
  });
  return `{${members.join(comma)}}`;
}

/** JSON.stringify escapes exactly what rule (e) names; with `ascii`, all from U+007F on as well. */
function quote(text: string, ascii: boolean): string {
  const quoted = JSON.stringify(text);
  if (!ascii) return quoted;
  return quoted.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Order by code point, where JavaScript's own order by UTF-16 unit puts astral characters before U+E000. */
export function byCodePoint(left: string, right: string): number {
  const a = Array.from(left, (char) => char.codePointAt(0) ?? 0);
  const b = Array.from(right, (char) => char.codePointAt(0) ?? 0);
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
