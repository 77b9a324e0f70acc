import { expect, test } from '@jest/globals';
import { heard } from './signals.ts';

test.each(['known', 'new'] as const)('speaks of a new device, whatever is new beside it: %s network', (network) => {
  expect(heard('new_device', { network, device: 'new' })).toBe('new-device');
  expect(heard('new_device', { network, device: 'known' })).toBeUndefined();
});
