import { describe, expect, test } from '@jest/globals';
import { heard } from './signals.ts';

describe('a network that hides where somebody is', () => {
  test.each(['tor', 'vpn', 'proxy', 'hosting'] as const)('%s, on any device', (anonymising) => {
    expect(heard('anonymising_network', { device: 'known', anonymising })).toBe(`anonymising-network:${anonymising}`);
    expect(heard('anonymising_network', { device: 'new', anonymising })).toBe(`anonymising-network:${anonymising}`);
  });

  test('a table that names nothing, and no table, say nothing', () => {
    expect(heard('anonymising_network', { anonymising: 'none' })).toBeUndefined();
    expect(heard('anonymising_network', {})).toBeUndefined();
  });
});
