// How a route answers with a page or an error: one place for status, type and caching, so that no page is kept by a browser or
// a proxy, and none tells more than its view.

import type { Context } from 'koa';
import { rowFor } from './errors.ts';
import { requestState } from './middleware/request-state.ts';
import type { PageName, Pages } from './pages.ts';
import type { Views } from './views.ts';

export interface Reply {
  page<N extends PageName>(ctx: Context, status: number, name: N, data: Pages[N]): void;
  /** 303: a GET follows, whatever this was */
  onTo(ctx: Context, path: string): void;
  /** An error page, or JSON for those who ask for it; its own row of the table decides the status. */
  failure(ctx: Context, error: unknown, options?: Readers): void;
  refusal(ctx: Context, status: number, code: string, message: string, options?: Readers): void;
}

/** A request that takes anything gets a page, unless the endpoint is for programs. */
export interface Readers {
  readonly isForMachines?: boolean;
}

export function createReply(views: Views): Reply {
  const reply: Reply = {
    page(ctx, status, name, data) {
      ctx.status = status;
      ctx.type = 'html';
      ctx.set('Cache-Control', 'no-store');
      ctx.body = views.render(name, data, { requestId: requestState(ctx).requestId });
    },
    onTo(ctx, path) {
      ctx.set('Cache-Control', 'no-store');
      ctx.redirect(path);
      ctx.status = 303;
    },
    failure(ctx, error, options) {
      const row = rowFor(error);
      if (row.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(row.retryAfterSeconds));
      reply.refusal(ctx, row.status, row.error, row.message, options);
    },
    refusal(ctx, status, code, message, options = {}) {
      const kind = options.isForMachines ? ctx.accepts('json', 'html') : ctx.accepts('html', 'json');
      if (kind === 'html') {
        reply.page(ctx, status, 'error', { status, code, message, requestId: requestState(ctx).requestId });
        return;
      }
      ctx.status = status;
      ctx.set('Cache-Control', 'no-store');
      ctx.body = { error: code, error_description: `${message} (request ${requestState(ctx).requestId})` };
    },
  };
  return reply;
}
