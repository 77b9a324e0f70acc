// Speaks on a network that this account was not seen on with this device: a stolen device or copied cookie is used elsewhere.

import type { Rule } from '../risk.ts';

export const newNetwork: Rule = {
  speaks: ({ network }) => (network === 'new' ? 'new-network' : undefined),
};
