import { expect, test } from '@jest/globals';
import { heard } from './signals.ts';

test.each(['known', 'new'] as const)('speaks of a new network, whatever is new beside it: %s device', (device) => {
  expect(heard('new_network', { device, network: 'new' })).toBe('new-network');
  expect(heard('new_network', { device, network: 'known' })).toBeUndefined();
});
