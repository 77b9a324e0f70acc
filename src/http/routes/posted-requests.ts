// Authorization and logout requests that come as a form (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2 ask for both methods).
// A form from another site brings no cookie of ours, as those are SameSite=Lax; so the request is turned into the GET it
// equals, which brings them. Nothing is decided or stored here.

import type { Context } from 'koa';
import type { Reply } from '../reply.ts';

const FORM_TYPE = 'application/x-www-form-urlencoded';
/** What servers and proxies commonly take as one line. Larger requests are what pushed ones are for (RFC 9126). */
const LIMIT_BYTES = 7_168;

export function createPostedRequests({ reply }: { reply: Reply }) {
  return async function toGet(ctx: Context): Promise<void> {
    if (ctx.is(FORM_TYPE) !== FORM_TYPE)
      return reply.refusal(
        ctx,
        400,
        'invalid_request',
        'The request is not a form (application/x-www-form-urlencoded).',
      );
    const text = await readText(ctx);
    const query = text === undefined ? undefined : new URLSearchParams(text).toString();
    if (query === undefined || query.length > LIMIT_BYTES)
      return reply.refusal(ctx, 413, 'invalid_request', 'The request is too large; it can be pushed instead.');
    reply.onTo(ctx, `${ctx.path}?${query}`);
  };
}

/** @returns undefined when there is more than a line may hold */
async function readText(ctx: Context): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of ctx.req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= LIMIT_BYTES) chunks.push(chunk);
  }
  return size > LIMIT_BYTES ? undefined : Buffer.concat(chunks).toString('utf8');
}
