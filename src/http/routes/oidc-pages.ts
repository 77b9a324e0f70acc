// The pages that the library asks for: its errors, the logout question, the end of a logout.

import type { Context } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { DeviceStore } from '../../login/stores.ts';
import { viewOfClient } from '../client-view.ts';
import type { Cookies } from '../cookies.ts';
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

/**
 * "Also forget this browser", beside a logout: runs after the library, which has checked by then that the form is its own. Whoever else
 * used this browser is forgotten with it, as the cookie is one.
 */
export async function forgetBrowser(
  ctx: KoaContextWithOIDC,
  { cookies, devices }: { cookies: Pick<Cookies, 'device' | 'forgetDevice'>; devices: Pick<DeviceStore, 'forget'> },
): Promise<void> {
  const { oidc } = ctx;
  if (oidc?.route !== 'end_session_confirm' || ctx.status !== 303 || oidc.body?.forget_device === undefined) return;
  const device = cookies.device(ctx as unknown as Context);
  if (device === undefined) return;
  await devices.forget(device);
  cookies.forgetDevice(ctx as unknown as Context);
}
