// The check as koa middleware.

import type { Middleware } from 'koa';
import type { TokenCheck } from './check.ts';
import { type AccessToken, assertNeed, type Need } from './need.ts';
import { credentialsOf, refusalHeaders } from './node.ts';

/**
 * What comes after it finds the token in `ctx.state.token`; without a good one it is not reached.
 *
 * @throws TypeError at once for a need that no token could meet
 */
export function requireToken(check: TokenCheck, need: Need): Middleware<{ token: AccessToken }> {
  assertNeed(need);
  return async (ctx, next) => {
    const outcome = await check(credentialsOf(ctx.req), need);
    if (outcome.ok) {
      ctx.state.token = outcome.token;
      return next();
    }
    ctx.status = outcome.status;
    ctx.set(refusalHeaders(outcome));
    ctx.body = outcome.body;
  };
}
