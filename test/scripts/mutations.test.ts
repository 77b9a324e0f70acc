import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { MUTATIONS } from '../../scripts/mutation-list.ts';

test.each(MUTATIONS)('the mutation still has something to break: $name', ({ file, find, replace, tests }) => {
  expect(readFileSync(file, 'utf8').split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
  expect(tests.every(existsSync)).toBe(true);
});
