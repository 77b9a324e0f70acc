import { describe, expect, test } from '@jest/globals';
import { heard } from './signals.ts';

describe('a new device that hides where it is', () => {
  test.each(['tor', 'vpn', 'proxy', 'hosting'] as const)('%s', (anonymising) => {
    expect(heard('anonymising_new_device', { device: 'new', anonymising })).toBe(
      `anonymising-new-device:${anonymising}`,
    );
    expect(heard('anonymising_new_device', { device: 'new', network: 'new', anonymising })).toBeDefined();
    expect(heard('anonymising_new_device', { device: 'known', anonymising })).toBeUndefined();
    expect(heard('anonymising_new_device', { device: 'known', network: 'new', anonymising })).toBeUndefined();
  });

  test('a table that names nothing, and no table, say nothing', () => {
    expect(heard('anonymising_new_device', { device: 'new', anonymising: 'none' })).toBeUndefined();
    expect(heard('anonymising_new_device', { device: 'new' })).toBeUndefined();
  });
});
