// A form of ours, as far as the request itself can tell: sent by a page of ours, and readable (T23). The token in it is compared by
// whoever knows what it is bound to.

import type { Context } from 'koa';
import { readSite } from './middleware/csrf.ts';
import { readForm } from './middleware/form.ts';
import type { Reply } from './reply.ts';

export type Fields = Readonly<Record<string, string>>;

/** @returns the fields, or undefined when the request was answered with what is wrong with it */
export function createFormReader(parts: { readonly reply: Reply; readonly issuer: string }) {
  const { reply, issuer } = parts;
  return async (ctx: Context): Promise<Fields | undefined> => {
    const site = readSite(ctx.req.headers, issuer);
    if (site.kind === 'refused') {
      reply.refusal(ctx, site.status, site.reason, 'This form was not sent from our own page.');
      return undefined;
    }
    const form = await readForm(ctx);
    if (form.kind === 'fields') return form.fields;
    reply.refusal(ctx, form.status, form.reason, 'This form could not be read.');
    return undefined;
  };
}
