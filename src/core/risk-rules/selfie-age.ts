// Speaks when no selfie vouches for this device any more: a remembered device is worth as much as the face last shown on it.

import type { Rule } from '../risk.ts';

const DAY_SECONDS = 86_400;
/** Replicas may differ by this much. Further ahead is no clock that anybody set, and such a date would vouch for ever. */
const AHEAD_SECONDS = 60;

/** A selfie of exactly `days` still vouches, a second later it does not. None at all never does. */
export const selfieAge: Rule = {
  speaks({ now, lastSelfieAt }, { days }) {
    if (lastSelfieAt === undefined) return 'selfie-age:none';
    if (lastSelfieAt > now + AHEAD_SECONDS) return 'selfie-age:future';
    return now - lastSelfieAt <= days * DAY_SECONDS ? undefined : 'selfie-age:old';
  },
};
