// The pages that the library asks for: its errors, the logout question, the end of a logout.

import type { KoaContextWithOIDC } from 'oidc-provider';
import { viewOfClient } from '../client-view.ts';
import { requestState } from '../middleware/request-state.ts';
import type { Reply } from '../reply.ts';

export function createOidcPages({ reply }: { reply: Reply }) {
  return {
    error(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string }, status: number): void {
      const isOurs = out.error === 'server_error';
      const { requestId } = requestState(ctx);
      // an exception's text stays in the log
      const message = isOurs
        ? 'Something went wrong on our side. Nothing was signed in.'
        : (out.error_description ?? out.error);
      if (ctx.accepts('html', 'json') === 'html') {
        reply.page(ctx, status, 'error', { status, code: out.error, message, requestId });
        return;
      }
      ctx.body = { ...out, ...(isOurs ? { error_description: `${message} (request ${requestId})` } : {}) };
    },

    logout(ctx: KoaContextWithOIDC, formHtml: string): void {
      const client = ctx.oidc.client;
      reply.page(ctx, 200, 'logout', {
        formHtml,
        formId: 'op.logoutForm',
        ...(client ? { clientName: viewOfClient(client).name } : {}),
      });
    },

    loggedOut(ctx: KoaContextWithOIDC): void {
      const client = ctx.oidc.client;
      reply.page(ctx, 200, 'logged-out', client ? { client: viewOfClient(client) } : {});
    },
  };
}
