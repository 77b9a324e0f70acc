// Speaks when selfies for this account were refused again and again: somebody holds up pictures until one gets through.

import type { Rule } from '../risk.ts';

const HOUR_SECONDS = 3600;

/**
 * `count` declines that are `hours` old or younger; one of exactly that age counts. One dated in the future counts too, however far:
 * it did happen, and a clock that was set back must not hand out a fresh row of tries.
 */
export const repeatedDeclines: Rule = {
  speaks({ now, declines }, { count, hours }) {
    const since = now - hours * HOUR_SECONDS;
    return declines.filter((at) => at >= since).length < count ? undefined : 'repeated-declines';
  },
};
