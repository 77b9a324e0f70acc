import { expect, test } from '@jest/globals';
import { heard } from './signals.ts';

test.each([
  ['known', 'known', 'known-device-and-network'],
  ['known', 'new', undefined],
  ['new', 'known', undefined],
  ['new', 'new', undefined],
] as const)('%s device, %s network → %p', (device, network, expected) => {
  expect(heard('known_device_and_network', { device, network })).toBe(expected);
});
