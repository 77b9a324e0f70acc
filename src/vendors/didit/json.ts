// JSON as this folder holds it: values without a prototype, and the order of keys that a canonical form needs.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** Without a prototype: a key named `__proto__` or `constructor` is a key and nothing else. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** UTF-16 order puts U+FF61 behind an emoji, code point order before it: surrogates are lifted above the rest. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return lifted(left) - lifted(right);
  }
  return a.length - b.length;
}

function lifted(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
