/** Pages of a list by `offset` and `limit`. */
import type { Context } from 'koa';
import type { JsonObject } from './types.ts';

const USUAL_LIMIT = 20;

/** `count`, `next`, `previous`, `results`. */
export function page(
  ctx: Context,
  items: readonly JsonObject[],
  baseUrl: string,
): JsonObject & { results: JsonObject[] } {
  const number = (name: string, otherwise: number): number => {
    const value = Number(ctx.query[name] ?? otherwise);
    return Number.isInteger(value) && value >= 0 ? value : otherwise;
  };
  const offset = number('offset', 0);
  const limit = number('limit', USUAL_LIMIT) || USUAL_LIMIT;
  const at = (start: number): string => {
    const url = new URL(ctx.url, baseUrl);
    url.searchParams.set('offset', String(start));
    url.searchParams.set('limit', String(limit));
    return url.href;
  };
  return {
    count: items.length,
    next: offset + limit < items.length ? at(offset + limit) : null,
    previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
    results: items.slice(offset, offset + limit),
  };
}
