import { expect, test } from '@jest/globals';
import { canonicalJson } from '../../src/telemetry/canonical-json.ts';

test.each([
  [{ b: 1, a: { d: [2, { z: 1, y: 2 }], c: 'é"' } }, '{"a":{"c":"é\\"","d":[2,{"y":2,"z":1}]},"b":1}'],
  [{ a: undefined, b: null }, '{"b":null}'],
  [[undefined, 1], '[null,1]'],
  ['x', '"x"'],
  [undefined, 'null'],
])('%j', (value, text) => {
  expect(canonicalJson(value)).toBe(text);
});
