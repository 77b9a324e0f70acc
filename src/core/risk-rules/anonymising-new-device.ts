// Speaks when a device that never proved itself hides where it is: what a stolen user name is tried with.

import type { Rule } from '../risk.ts';

/** No table, no word: `new_device` asks all the same. */
export const anonymisingNewDevice: Rule = {
  speaks: ({ device, anonymising = 'none' }) =>
    device === 'new' && anonymising !== 'none' ? `anonymising-new-device:${anonymising}` : undefined,
};
