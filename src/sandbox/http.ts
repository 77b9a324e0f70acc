/** Reading requests, bodies as JSON or forms, whatever the method; and the plainest answers. */
import type { Context } from 'koa';
import type { JsonObject } from './types.ts';

const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** The raw body. @throws RangeError above 8 MiB */
export async function readRaw(ctx: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of ctx.req) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new RangeError('body too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** A JSON body; an empty one is `{}`. @throws SyntaxError */
export async function readJson(ctx: Context): Promise<unknown> {
  const raw = await readRaw(ctx);
  return raw.length === 0 ? {} : JSON.parse(raw.toString('utf8'));
}

/** A form as sent by a browser without JavaScript. */
export async function readForm(ctx: Context): Promise<URLSearchParams> {
  return new URLSearchParams((await readRaw(ctx)).toString('utf8'));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Both spellings are served; the documented one ends with a slash. */
export function slashed(path: string): string[] {
  return [`${path}/`, path];
}

/** 400 with one of the documented kinds of body. */
export function refuse(ctx: { status: number; body: unknown }, body: JsonObject | readonly string[]): void {
  ctx.status = 400;
  ctx.body = body;
}

/** What was found, or the vendor's 404. */
export function answer(ctx: { status: number; body: unknown }, found: JsonObject | undefined): void {
  if (found === undefined) ctx.status = 404;
  ctx.body = found ?? { detail: 'Not found.' };
}

/** The caller's address; behind a test's proxy header, the first one named there. Believed, as only loopback can ask. */
export function addressOf(ctx: Context): string {
  const forwarded = ctx.get('x-forwarded-for').split(',')[0]?.trim() ?? '';
  return forwarded === '' ? (ctx.req.socket.remoteAddress ?? '') : forwarded;
}
