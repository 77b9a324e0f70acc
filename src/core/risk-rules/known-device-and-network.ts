// Speaks when all is as it was: this device, on this network, showed the face of this account before. The one rule that is there to spare
// somebody a selfie, so it needs both.

import type { Rule } from '../risk.ts';

export const knownDeviceAndNetwork: Rule = {
  speaks: ({ device, network }) => (device === 'known' && network === 'known' ? 'known-device-and-network' : undefined),
};
