// Speaks when somebody has to look at this account: a selfie of it was refused late, or the person said "this was not me". Until that
// is settled a remembered device may be the intruder's.

import type { Rule } from '../risk.ts';

export const accountUnderReview: Rule = {
  speaks: ({ underReview }) => (underReview ? 'account-under-review' : undefined),
};
