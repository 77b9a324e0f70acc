// The browser behind a request, as it is compared with a capture (T2) and told to people: address, place where an operator's table says
// it, browser and device.

import type { Context } from 'koa';
import type { LoginOrigin } from '../core/binding.ts';
import type { Clock, Networks } from '../login/ports.ts';
import { readBrowser } from './browser.ts';
import { requestState } from './middleware/request-state.ts';

export function readOrigin(ctx: Context, { networks, clock }: { networks: Networks; clock: Clock }): LoginOrigin {
  const browser = readBrowser(ctx.get('User-Agent'));
  const address = requestState(ctx).clientAddress;
  const { country, anonymising } = networks.look(address);
  return {
    address,
    ...(country ? { country } : {}),
    ...(anonymising ? { anonymising } : {}),
    browserFamily: browser.family,
    platform: browser.platform,
    label: browser.label,
    startedAt: clock.now(),
  };
}
