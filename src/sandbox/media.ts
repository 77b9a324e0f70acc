/**
 * Pictures behind addresses that look presigned: they carry their own signature, run out, and die with their session.
 * Whoever sends the API key along is refused, so that a leaking key is noticed.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Context, Next } from 'koa';
import type { Sessions } from './sessions.ts';
import type { Settings, StoredSession } from './types.ts';

export type Media = ReturnType<typeof createMedia>;

export function createMedia(parts: {
  settings: Settings;
  sessions: Sessions;
  now: () => number;
  baseUrl: () => string;
}) {
  const { settings, sessions, now, baseUrl } = parts;
  const key = randomBytes(32);
  const sign = (path: string, date: string, seconds: string): string =>
    createHmac('sha256', key).update(`${path}|${date}|${seconds}`).digest('hex');

  /** A fresh address for a picture; it exists even when the picture does not. */
  function addressOf(session: StoredSession, name: string): string {
    const path = `/media/${session.id}/${name}.${name === 'video' ? 'mp4' : 'jpg'}`;
    const date = new Date(now() * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
    const seconds = String(settings.mediaLifeSeconds);
    const url = new URL(path, baseUrl());
    url.searchParams.set('X-Amz-Algorithm', 'AWS4-HMAC-SHA256');
    url.searchParams.set('X-Amz-Date', date);
    url.searchParams.set('X-Amz-Expires', seconds);
    url.searchParams.set('X-Amz-Signature', sign(path, date, seconds));
    return url.href;
  }

  /** Serves below `/media/`. */
  async function serve(ctx: Context, next: Next): Promise<void> {
    const found = ctx.path.match(/^\/media\/([^/]+)\/([a-z]+)\.(jpg|mp4)$/);
    if (ctx.method !== 'GET' || found === null) return next();
    if (ctx.get('x-api-key') !== '') return answer(ctx, 400, 'Only one auth mechanism allowed');
    const date = String(ctx.query['X-Amz-Date'] ?? '');
    const seconds = String(ctx.query['X-Amz-Expires'] ?? '');
    if (ctx.query['X-Amz-Signature'] !== sign(ctx.path, date, seconds)) {
      return answer(ctx, 403, 'SignatureDoesNotMatch');
    }
    const madeAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
    if (now() >= madeAt + Number(seconds)) return answer(ctx, 403, 'Request has expired');
    const picture = sessions.find(found[1] ?? '')?.pictures.get(found[2] ?? '');
    if (picture === undefined || picture === null) return answer(ctx, 404, 'NoSuchKey');
    ctx.type = picture.type;
    ctx.body = picture.bytes;
  }

  return { addressOf, serve };
}

function answer(ctx: Context, status: number, code: string): void {
  ctx.status = status;
  ctx.type = 'application/xml';
  ctx.body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`;
}
