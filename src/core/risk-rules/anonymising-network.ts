// Speaks when the network hides where somebody is, on any device: many people share such an exit, so that it was seen before says
// little of who is behind it now.

import type { Rule } from '../risk.ts';

/** No table, no word. */
export const anonymisingNetwork: Rule = {
  speaks: ({ anonymising = 'none' }) => (anonymising === 'none' ? undefined : `anonymising-network:${anonymising}`),
};
