// Documents that stay the same as long as clients and keys do, discovery and the key set, are made by the library once and answered from
// memory: clients and caches ask for them more often than anybody signs in.

import type { Middleware } from 'koa';

interface Prepared {
  readonly headers: Readonly<Record<string, string>>;
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

  return async function preparedDocumentsMiddleware(ctx, next) {
    const { url } = ctx.req;
    if (url === undefined || !known.has(url) || ctx.method !== 'GET' || ctx.req.headers.origin !== undefined)
      return next();
    const document = prepared.get(url);
    if (document === undefined) {
      await next();
      if (ctx.status === 200 && isPlainObject(ctx.body)) {
        const said = HEADERS.filter((name) => ctx.res.hasHeader(name)).map((name) => [name, ctx.response.get(name)]);
        prepared.set(url, { headers: Object.fromEntries(said), body: JSON.stringify(ctx.body) });
      }
      return;
    }
    ctx.set(document.headers);
    ctx.body = document.body;
  };
}

function isPlainObject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.getPrototypeOf(body) === Object.prototype;
}
