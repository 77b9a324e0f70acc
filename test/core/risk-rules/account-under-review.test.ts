import { expect, test } from '@jest/globals';
import { heard } from './signals.ts';

test.each([
  [true, 'account-under-review'],
  [false, undefined],
])('under review %p → %p', (underReview, expected) => {
  expect(heard('account_under_review', { underReview })).toBe(expected);
});
