// Documents that stay the same as long as clients and keys do, discovery and the key set, are made by the library once and answered from
// memory: clients and caches ask for them more often than anybody signs in.

import type { Context, Middleware, Next } from 'koa';

interface Prepared {
  readonly headers: readonly (readonly [string, string])[];
  /** text: Node sends it in one piece with the headers */
  readonly body: string;
}

/** What the library says beside the document; everything else is said by whoever stands before this. */
const HEADERS = ['Access-Control-Allow-Origin', 'Cache-Control', 'Content-Type', 'Vary'];

/**
 * Asks what is behind it once for each path, and remembers a complete answer. A request with an `Origin` is left to the library, whose
 * CORS answer depends on it.
 */
export function preparedDocuments(paths: readonly string[]): Middleware {
  const prepared = new Map<string, Prepared>();
  const known = new Set(paths);

  async function prepare(url: string, ctx: Context, next: Next): Promise<void> {
    await next();
    if (ctx.status !== 200 || !isPlainObject(ctx.body)) return;
    const headers = HEADERS.filter((name) => ctx.res.hasHeader(name)).map(
      (name) => [name, ctx.response.get(name)] as const,
    );
    prepared.set(url, { headers, body: JSON.stringify(ctx.body) });
  }

  return function preparedDocumentsMiddleware(ctx, next) {
    const { url, method, headers } = ctx.req;
    if (url === undefined || !known.has(url) || method !== 'GET' || headers.origin !== undefined) return next();
    const document = prepared.get(url);
    if (document === undefined) return prepare(url, ctx, next);
    for (const [name, value] of document.headers) ctx.res.setHeader(name, value);
    ctx.body = document.body;
  };
}

function isPlainObject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.getPrototypeOf(body) === Object.prototype;
}
