// What the first middlewares learn about a request, for all that follow: kept on `ctx.state`, typed here once.

import type { Context } from 'koa';

export interface RequestState {
  /** who is asking, normalised; the socket's peer, or what a trusted proxy says about it */
  clientAddress: string;
  /** the socket's own peer is a proxy that TRUST_PROXY names */
  peerTrusted: boolean;
  /** whether the request came with forwarding headers, and from somebody who may set them */
  forwarding: 'none' | 'trusted' | 'untrusted';
  /** the Host header named the public name: whoever asks came in by the front door */
  viaPublicName: boolean;
  /** names this request in every log line, and on error pages */
  requestId: string;
}

/** The typed view of `ctx.state`. Fields appear in the order of the middlewares that set them. */
export function requestState(ctx: Pick<Context, 'state'>): RequestState {
  return ctx.state as RequestState;
}
