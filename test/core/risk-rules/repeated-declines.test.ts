import { describe, expect, test } from '@jest/globals';
import type { RuleOptions } from '../../../src/core/risk.ts';
import { DAY, HOUR, heard, NOW } from './signals.ts';

describe('refused again and again', () => {
  const edge = NOW - DAY;
  const cases: [string, number[], boolean][] = [
    ['none', [], false],
    ['one less than the count', [NOW, NOW - 1], false],
    ['the count', [NOW, NOW - 1, NOW - 2], true],
    ['more than the count', [NOW, NOW - 1, NOW - 2, NOW - 3], true],
    ['all in the same second', [NOW, NOW, NOW], true],
    ['the oldest of exactly 24 hours', [NOW, NOW, edge], true],
    ['the oldest a second older', [NOW, NOW, edge - 1], false],
    ['many, all too old', [edge - 1, edge - 2, edge - 3, edge - 4], false],
    ['in any order', [edge - 1, NOW, edge, NOW - HOUR], true],
    ['a minute ahead', [NOW + 60, NOW, NOW], true],
    ['a day ahead, as the clock was set back', [NOW + DAY, NOW + DAY, NOW + DAY], true],
  ];
  test.each(cases)('%s', (_name, declines, speaks) => {
    expect(heard('repeated_declines', { declines })).toBe(speaks ? 'repeated-declines' : undefined);
  });

  const tuned: [string, RuleOptions, number[], boolean][] = [
    ['count 1: none', { count: 1 }, [], false],
    ['count 1: one', { count: 1 }, [NOW], true],
    ['count 4: three', { count: 4 }, [NOW, NOW, NOW], false],
    ['hours 1: within', { hours: 1 }, [NOW, NOW, NOW - HOUR], true],
    ['hours 1: older', { hours: 1 }, [NOW, NOW, NOW - HOUR - 1], false],
    ['half an hour: within', { hours: 0.5 }, [NOW, NOW, NOW - 1800], true],
    ['half an hour: older', { hours: 0.5 }, [NOW, NOW, NOW - 1801], false],
    ['both', { count: 2, hours: 48 }, [NOW - 2 * DAY, NOW], true],
  ];
  test.each(tuned)('%s', (_name, options, declines, speaks) => {
    expect(heard('repeated_declines', { declines }, options)).toBe(speaks ? 'repeated-declines' : undefined);
  });
});
