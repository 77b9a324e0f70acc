// Reads the forms of our own pages, and only those: above the provider or the webhook a body parser would eat bodies
// that others need. Every field is one text; a doubled one is refused, as two readers would each believe another (T21).

import type { Context } from 'koa';
import { koaBody } from 'koa-body';

const FORM_TYPE = 'application/x-www-form-urlencoded';
const LIMIT_BYTES = 16_384;
const MAX_FIELDS = 64;

export type FormReading =
  | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, string>> }
  | {
      readonly kind: 'refused';
      readonly status: 400 | 413 | 415;
      readonly reason: 'content-type' | 'encoding' | 'too-large' | 'doubled-field' | 'too-many-fields' | 'unreadable';
    };

// the body is taken as text and read here: the usual parsers turn a[b]=c and doubled fields into objects and lists
const takeText = koaBody({
  text: true,
  textTypes: [FORM_TYPE],
  textLimit: LIMIT_BYTES,
  urlencoded: false,
  json: false,
  multipart: false,
});

/** Reads a posted form, at most 16 kB. A POST without a body is a form without fields. Call it once a request. */
export async function readForm(ctx: Context): Promise<FormReading> {
  // false: a body of another type; null: no body at all
  if (ctx.is(FORM_TYPE) === false && ctx.request.length !== 0)
    return { kind: 'refused', status: 415, reason: 'content-type' };
  // a compressed form is nothing a browser sends
  if (!['', 'identity'].includes(ctx.get('Content-Encoding').toLowerCase())) {
    return { kind: 'refused', status: 415, reason: 'encoding' };
  }
  try {
    await takeText(ctx as Parameters<typeof takeText>[0], async () => {});
  } catch (fault) {
    const tooLarge = (fault as { status?: unknown }).status === 413;
    return tooLarge
      ? { kind: 'refused', status: 413, reason: 'too-large' }
      : { kind: 'refused', status: 400, reason: 'unreadable' };
  }
  const body: unknown = (ctx.request as { body?: unknown }).body;
  return readFields(typeof body === 'string' ? body : '');
}

/** Reads urlencoded text: each name once, each value one text. The result has no prototype. */
export function readFields(text: string): FormReading {
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > MAX_FIELDS) return { kind: 'refused', status: 400, reason: 'too-many-fields' };
    if (name in fields) return { kind: 'refused', status: 400, reason: 'doubled-field' };
    fields[name] = value;
  }
  return { kind: 'fields', fields };
}
