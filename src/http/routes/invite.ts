// `GET /invite/:token`: keeps the invitation for the first page and names where to use it. Nothing is used up, and a wrong one looks
// like a right one (T26): whether it is any good is told when somebody enrols with it.

import type { Context } from 'koa';
import type { Cookies } from '../cookies.ts';
import type { ClientView } from '../pages.ts';
import type { Reply } from '../reply.ts';

const TOKEN = /^[\w-]{22}$/;

export function createInviteRoute(parts: {
  cookies: Cookies;
  reply: Reply;
  clients: () => Promise<readonly ClientView[]>;
}) {
  return async function showInvitation(ctx: Context, token: string): Promise<void> {
    if (TOKEN.test(token)) parts.cookies.setInvitation(ctx, token);
    parts.reply.page(ctx, 200, 'invite', { clients: await parts.clients(), token });
  };
}
