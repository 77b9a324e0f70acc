// Speaks on a device that never proved itself to be this account's: nothing vouches for whoever holds it.

import type { Rule } from '../risk.ts';

export const newDevice: Rule = {
  speaks: ({ device }) => (device === 'new' ? 'new-device' : undefined),
};
