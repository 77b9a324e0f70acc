// Every check, in the order of the table. A new one is a file of its own and a line here.

import type { Check } from './check.ts';
import { CLOCK } from './clock/check.ts';
import { KILL } from './kill/check.ts';
import { LOGOUT_HANGS } from './logout/check.ts';
import { RACES } from './races/checks.ts';
import { RESTART } from './restart/check.ts';
import { SOAK } from './soak/check.ts';
import { STORE } from './store/check.ts';
import { AILING_VENDOR } from './vendor-faults/ailing.ts';
import { DELIVERIES } from './vendor-faults/deliveries.ts';

export const CHECKS: readonly Check[] = [
  ...RACES,
  KILL,
  STORE,
  AILING_VENDOR,
  DELIVERIES,
  CLOCK,
  RESTART,
  LOGOUT_HANGS,
  SOAK,
];
