// Names each request, so that the id a person reads from an error page leads to its log lines. An id from outside is
// taken from a trusted proxy only: anybody else could make two requests look like one in the log.

import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import { requestState } from './request-state.ts';

const SANE = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

/**
 * Sets `ctx.state.requestId` and answers with it in `X-Request-Id`. Stands behind `trustedProxy`.
 *
 * @param options.inRequest runs the rest of the request so that log lines carry the id (`createLogger`'s own)
 */
export function requestId(options: {
  readonly inRequest?: (requestId: string, work: () => Promise<void>) => Promise<void>;
}): Middleware {
  return function requestIdMiddleware(ctx, next) {
    const state = requestState(ctx);
    const given = ctx.req.headers['x-request-id'];
    const believed = state.peerTrusted && typeof given === 'string' && SANE.test(given);
    state.requestId = believed ? given : newId();
    ctx.req.headers['x-request-id'] = state.requestId;
    ctx.res.setHeader('X-Request-Id', state.requestId);
    return options.inRequest === undefined ? next() : options.inRequest(state.requestId, next);
  };
}

/** The last 16 digits of a UUID, 62 bits of chance: Node has the bytes for these at hand, and a person can read them to support. */
function newId(): string {
  return randomUUID().slice(-17).replace('-', '');
}
