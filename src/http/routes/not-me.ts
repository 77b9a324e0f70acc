// `/not-me/:token`: the link of a notice, by which a person ends what somebody else did in their name. Looking changes nothing, as mail
// is scanned by machines; the button does, once.

import type { Context } from 'koa';
import type { Denials } from '../../login/denials.ts';
import { readSite } from '../middleware/csrf.ts';
import type { ClientView } from '../pages.ts';
import type { Reply } from '../reply.ts';

const POSSIBLE_TOKEN = /^[\w-]{22}$/;

export function createNotMeRoutes(parts: {
  denials: Denials;
  reply: Reply;
  issuer: string;
  clientView(clientId: string): Promise<ClientView | undefined>;
}) {
  const { denials, reply, issuer } = parts;

  async function show(ctx: Context, token: string, done: boolean): Promise<void> {
    const denial = POSSIBLE_TOKEN.test(token) ? await (done ? denials.deny(token) : denials.find(token)) : undefined;
    if (!denial) return reply.page(ctx, 410, 'ended', { reason: 'gone' });
    reply.page(ctx, 200, 'not-me', {
      action: `/not-me/${token}`,
      client: (await parts.clientView(denial.clientId)) ?? { name: denial.clientId },
      at: new Date(denial.at * 1000),
      face: denial.face === true,
      done,
    });
  }

  return {
    look: (ctx: Context, token: string) => show(ctx, token, false),

    async deny(ctx: Context, token: string): Promise<void> {
      const site = readSite(ctx.req.headers, issuer);
      if (site.kind === 'refused')
        return reply.refusal(ctx, site.status, site.reason, 'This form was not sent from our own page.');
      await show(ctx, token, true);
    },
  };
}
