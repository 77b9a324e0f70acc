import { afterEach, expect, jest, test } from '@jest/globals';
import { letGoOfStart } from '../src/startup.ts';

const usual = globalThis.gc;
afterEach(() => {
  globalThis.gc = usual;
});

test('what the start alone needed is given back all at once, where the collector is at hand', () => {
  const collect = jest.fn();
  globalThis.gc = collect as unknown as NodeJS.GCFunction;
  letGoOfStart();
  expect(collect.mock.calls).toEqual([[{ type: 'major', flavor: 'last-resort' }]]);
});

test('a process without the flag starts all the same', () => {
  globalThis.gc = undefined;
  expect(letGoOfStart).not.toThrow();
});
