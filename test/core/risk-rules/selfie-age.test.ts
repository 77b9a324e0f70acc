import { describe, expect, test } from '@jest/globals';
import { assess } from '../../../src/core/risk.ts';
import { DAY, HOUR, heard, NOW, quiet } from './signals.ts';

describe('how long one selfie vouches', () => {
  test.each([
    ['just now', NOW, undefined],
    ['yesterday', NOW - DAY, undefined],
    ['exactly 30 days ago', NOW - 30 * DAY, undefined],
    ['a second longer', NOW - 30 * DAY - 1, 'selfie-age:old'],
    ['at the beginning of time', 0, 'selfie-age:old'],
    ['a minute ahead', NOW + 60, undefined],
    ['a second further ahead', NOW + 61, 'selfie-age:future'],
    ['in milliseconds by mistake', NOW * 1000, 'selfie-age:future'],
    ['no number', Number.NaN, 'selfie-age:old'],
  ])('%s', (_name, lastSelfieAt, expected) => {
    expect(heard('selfie_age', { lastSelfieAt })).toBe(expected);
  });

  test('none at all does not', () => {
    const { lastSelfieAt: _, ...never } = quiet;
    expect(assess(never, [{ rule: 'selfie_age', asks: 'passive', final: false, options: {} }])).toEqual({
      demand: 'passive',
      reasons: ['selfie-age:none'],
    });
  });

  test.each([
    [1, NOW - DAY, undefined],
    [1, NOW - DAY - 1, 'selfie-age:old'],
    [0.5, NOW - 12 * HOUR, undefined],
    [0.5, NOW - 12 * HOUR - 1, 'selfie-age:old'],
    [0, NOW, undefined],
    [0, NOW - 1, 'selfie-age:old'],
    [365, NOW - 31 * DAY, undefined],
  ])('%p days, shown at %p → %p', (days, lastSelfieAt, expected) => {
    expect(heard('selfie_age', { lastSelfieAt }, { days })).toBe(expected);
  });
});
