// `GET /logos/:client`: the picture of a client's entry, fetched by us and not by the person's browser. So a page of a login makes no
// request to anybody else, and nobody learns who is signing in from where (T18). The address is the operator's; the guard is T20's.

import type { Context } from 'koa';
import type { Reply } from '../reply.ts';

const KEEP_MS = 3_600_000;
/** A logo that cannot be had is asked for again after this. */
const RETRY_MS = 300_000;
const MAX_BYTES = 256 * 1024;
const TYPES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif', 'image/svg+xml']);

interface Logo {
  readonly picture: { readonly body: Buffer; readonly type: string } | undefined;
  readonly untilMs: number;
}

export function createLogoRoute(parts: {
  /** the address in a client's entry */
  logoUri(clientId: string): Promise<string | undefined>;
  fetch(url: string): Promise<Response>;
  reply: Reply;
  nowMs: () => number;
}) {
  const { reply, nowMs } = parts;
  const logos = new Map<string, Promise<Logo>>();

  async function load(uri: string): Promise<Logo> {
    try {
      const answer = await parts.fetch(uri);
      const type = answer.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
      const body = Buffer.from(await answer.arrayBuffer());
      const isFit = answer.status === 200 && TYPES.has(type) && body.length <= MAX_BYTES;
      return { picture: isFit ? { body, type } : undefined, untilMs: nowMs() + (isFit ? KEEP_MS : RETRY_MS) };
    } catch {
      return { picture: undefined, untilMs: nowMs() + RETRY_MS };
    }
  }

  return async function showLogo(ctx: Context, clientId: string): Promise<void> {
    const uri = await parts.logoUri(clientId);
    const kept = await logos.get(clientId);
    if (uri !== undefined && (kept === undefined || kept.untilMs <= nowMs())) logos.set(clientId, load(uri));
    const picture = uri === undefined ? undefined : (await logos.get(clientId))?.picture;
    if (!picture) return reply.refusal(ctx, 404, 'not_found', 'There is no such picture.');
    ctx.type = picture.type;
    ctx.set('Cache-Control', 'public, max-age=3600');
    // an SVG that is opened by itself runs nothing (T27)
    ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    ctx.body = picture.body;
  };
}
