// The canonical form that Didit's V2 signature covers, against the documented vectors and against Python itself.

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readJson } from '../../src/vendors/didit/canonical.ts';
import { vectors } from './vectors.ts';

function canonicalOf(text: string): string {
  const reading = readJson(text);
  if (!reading.ok) throw new Error(`expected JSON, got ${reading.fault}`);
  return reading.canonical;
}

describe.each(vectors)('vector $name', (vector) => {
  const hmac = (text: string) => createHmac('sha256', vector.secret).update(text).digest('hex');

  test('its canonical form gives the documented V2 signature', () => {
    expect(hmac(canonicalOf(vector.wire))).toBe(vector.v2);
    expect(hmac(vector.wire)).toBe(vector.signature);
  });

  test('its canonical form has the documented bytes', () => {
    const canonical = canonicalOf(vector.wire);
    if (vector.canonical !== undefined) expect(canonical).toBe(vector.canonical);
    if (vector.canonicalBytes !== undefined) expect(Buffer.byteLength(canonical)).toBe(vector.canonicalBytes);
    if (vector.canonicalSha256 !== undefined) {
      expect(createHash('sha256').update(canonical).digest('hex')).toBe(vector.canonicalSha256);
    }
  });

  test('canonical text is canonical already', () => {
    const canonical = canonicalOf(vector.wire);
    expect(canonicalOf(canonical)).toBe(canonical);
  });
});

describe('numbers', () => {
  const fixture = new URL('../vectors/python-numbers.json', import.meta.url);
  const table = JSON.parse(readFileSync(fixture, 'utf8')) as [string, string][];

  test('every number is printed as Python prints it', () => {
    expect(table.length).toBeGreaterThan(500);
    const wrong = table.filter(([source, printed]) => canonicalOf(`[${source}]`) !== `[${printed}]`);
    expect(wrong).toEqual([]);
  });

  test.each(['1e999', '-1e309', '9'.repeat(5000)])('a number that Python cannot hold is refused: %#', (source) => {
    expect(readJson(source)).toEqual({ ok: false, fault: 'number-range' });
  });

  test('T17: numbers that are printed much longer than they are written are refused, before they fill the memory', () => {
    expect(readJson(`[${'1e308,'.repeat(3000)}1]`)).toMatchObject({ ok: true });
    expect(readJson(`[${'1e308,'.repeat(4000)}1]`)).toEqual({ ok: false, fault: 'number-range' });
    expect(readJson(`[${'1234567,'.repeat(100_000)}1]`)).toMatchObject({ ok: true });
  });
});

describe('what two parsers could read in two ways', () => {
  test.each([
    ['not-a-number', '{"a":NaN}'],
    ['not-a-number', '[Infinity]'],
    ['not-a-number', '[-Infinity]'],
    ['lone-surrogate', '["\\ud83d"]'],
    ['lone-surrogate', '["\\ude42\\ud83d"]'],
    ['lone-surrogate', '{"\\udc00":1}'],
    ['lone-surrogate', '["\ud83d"]'],
    ['too-deep', '['.repeat(65) + ']'.repeat(65)],
    ['too-deep', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
    ['too-deep', '['.repeat(500_000)],
  ])('%s: %#', (fault, text) => {
    expect(readJson(text)).toEqual({ ok: false, fault });
  });

  test('64 levels are read', () => {
    expect(readJson('['.repeat(64) + ']'.repeat(64)).ok).toBe(true);
  });

  test.each(['{"a":1,"a":2}', '{"x":[{"b":{"a":1,"\\u0061":2}}]}', '{"__proto__":1,"__proto__":2}'])(
    'a repeated key is told: %s',
    (text) => {
      expect(readJson(text)).toMatchObject({ ok: true, duplicateKeys: true });
    },
  );

  test('of a repeated key the last value is in the canonical form', () => {
    expect(canonicalOf('{"b":1,"a":1,"b":{"c":2}}')).toBe('{"a":1,"b":{"c":2}}');
  });

  test('the same key in two objects is no repetition', () => {
    expect(readJson('[{"a":1},{"a":{"a":1}}]')).toMatchObject({ ok: true, duplicateKeys: false });
  });

  test('keys that mean something to JavaScript are keys', () => {
    const reading = readJson('{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":2}');
    if (!reading.ok) throw new Error(reading.fault);
    expect((reading.value as { admin?: boolean }).admin).toBeUndefined();
    expect(reading.canonical).toBe('{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":2}');
  });
});

describe('syntax', () => {
  test.each([
    '',
    ' ',
    '{',
    '[1',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '[01]',
    '[+1]',
    '[.5]',
    '[1.]',
    '[1e]',
    '[0x10]',
    '[1 2]',
    '1 2',
    '{} {}',
    '"a',
    '"\\x41"',
    '"\\u12"',
    '"\\',
    '"a\nb"',
    '"a\tb"',
    '"\u0000"',
    'tru',
    'nul',
    'True',
    'None',
    'undefined',
    '\ufeff{}',
    '{}\u00a0',
    '// x\n1',
    '-',
  ])('is refused: %j', (text) => {
    expect(readJson(text)).toEqual({ ok: false, fault: 'syntax' });
  });

  test('reads what JSON.parse reads, to the same value', () => {
    const text = ' { "a" : [ 1 , -2.5e3, true , false , null , "\\u00e9\\/\\n" , {} , [] ] , "é\u2028" : "🙂" } \r\n\t';
    const reading = readJson(text);
    if (!reading.ok) throw new Error(reading.fault);
    expect(JSON.parse(reading.canonical)).toEqual(JSON.parse(text));
    expect(JSON.parse(JSON.stringify(reading.value))).toEqual(JSON.parse(text));
    expect(reading.canonical).toBe('{"a":[1,-2500,true,false,null,"é/\\n",{},[]],"é\u2028":"🙂"}');
  });

  test('keys are sorted by code point, not by UTF-16 unit', () => {
    expect(canonicalOf('{"\uff61":1,"🙂":2,"a":3,"ab":4,"":5,"\ue000":6}')).toBe(
      '{"":5,"a":3,"ab":4,"\ue000":6,"\uff61":1,"🙂":2}',
    );
  });

  test('a body made to be slow is not', () => {
    // quadratic work on either of these would take minutes
    const distinct = Array.from({ length: 60_000 }, (_, i) => `"k${i}":1`);
    const repeated = Array.from({ length: 60_000 }, () => '"k59999":2');
    expect(readJson(`{${[...distinct, ...repeated].join(',')}}`)).toMatchObject({ duplicateKeys: true });
    expect(readJson(`{${distinct.toReversed().join(',')}}`)).toMatchObject({ duplicateKeys: false });
    expect(readJson(`"${'\\u0041'.repeat(170_000)}"`)).toMatchObject({ ok: true });
  });
});
