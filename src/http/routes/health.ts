// What machines ask: is the process alive (`/livez`), may it be sent work (`/readyz`), how is it doing (`/metrics`).
// Answers name a dependency that fails and nothing else about it: the reason is in the log.
//
// Who may read `/metrics`: whoever has METRICS_TOKEN, where that is set. Without it, only a loopback or private client.
// Behind a proxy on the same machine every request comes from loopback, so a private address is not enough: the request
// must carry no forwarding header from a proxy TRUST_PROXY does not name, and must not have asked for the public name.
// A proxy that hides both (no X-Forwarded-For, and its own Host) cannot be told from a local reader: set METRICS_TOKEN.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { isPrivateAddress } from '../../core/address.ts';
import type { Logger } from '../../login/ports.ts';
import { requestState } from '../middleware/request-state.ts';

export interface HealthOptions {
  readonly issuer: string;
  /** resolves when the dependency answers; the name is shown to whoever asks */
  readonly dependencies: Readonly<Record<string, () => Promise<unknown>>>;
  readonly exposition: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly logger: Logger;
  readonly metricsToken?: string | undefined;
  /** true from SIGTERM on: balancers stop sending work before it stops being done */
  readonly draining?: () => boolean;
  readonly deadlineMs?: number;
}

/** Answers `/livez`, `/readyz` and `/metrics` to GET and HEAD, 405 to other methods; leaves all other paths alone. */
export function healthRoutes(options: HealthOptions): Middleware {
  const answers = new Map<string, (ctx: Context) => void | Promise<void>>([
    ['/livez', (ctx) => void (ctx.body = { status: 'alive' })],
    ['/readyz', (ctx) => answerReady(ctx, options)],
    ['/metrics', (ctx) => answerMetrics(ctx, options)],
  ]);

  return function healthMiddleware(ctx, next) {
    const answer = answers.get(ctx.path);
    if (answer === undefined) return next();
    ctx.set('Cache-Control', 'no-store');
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.status = 405;
      ctx.set('Allow', 'GET, HEAD');
      ctx.body = { error: 'method_not_allowed' };
      return;
    }
    return answer(ctx);
  };
}

async function answerReady(ctx: Context, options: HealthOptions): Promise<void> {
  if (options.draining?.() === true) {
    ctx.status = 503;
    ctx.set('Retry-After', '2');
    ctx.body = { status: 'draining' };
    return;
  }
  const asked = await Promise.all(
    Object.entries(options.dependencies).map(async ([name, ask]) => {
      const fault = await faultOf(ask, options.deadlineMs ?? 1000);
      if (fault !== undefined) options.logger.warn({ dependency: name, err: fault }, 'dependency does not answer');
      return { name, fault };
    }),
  );
  const failing = asked.filter(({ fault }) => fault !== undefined).map(({ name }) => name);
  ctx.status = failing.length === 0 ? 200 : 503;
  if (failing.length > 0) ctx.set('Retry-After', '2');
  ctx.body = failing.length === 0 ? { status: 'ready' } : { status: 'unready', failing };
}

async function faultOf(ask: () => Promise<unknown>, deadlineMs: number): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  const answered = (async () => {
    try {
      await ask();
      return undefined;
    } catch (fault) {
      return fault instanceof Error ? fault : new Error('failed');
    }
  })();
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answerMetrics(ctx: Context, options: HealthOptions): Promise<void> {
  if (options.metricsToken !== undefined) {
    if (!bearerFits(ctx.get('Authorization'), options.metricsToken)) {
      ctx.status = 401;
      ctx.set('WWW-Authenticate', 'Bearer realm="metrics"');
      ctx.body = { error: 'unauthorized' };
      return;
    }
  } else if (!comesFromInside(ctx, options.issuer)) {
    ctx.status = 403;
    ctx.body = { error: 'forbidden' };
    return;
  }
  try {
    const { contentType, text } = await options.exposition();
    ctx.set('Content-Type', contentType);
    ctx.body = text;
  } catch (error) {
    // no numbers are better than those of a part: a total that falls is taken for a restart
    options.logger.warn({ err: error }, 'metrics could not be gathered');
    ctx.status = 503;
    ctx.set('Retry-After', '2');
    ctx.body = { error: 'unavailable' };
  }
}

/** Hashed first: equal lengths, so that the time tells nothing about the token. */
function bearerFits(authorization: string, token: string): boolean {
  const given = /^bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function comesFromInside(ctx: Context, issuer: string): boolean {
  const { clientAddress, forwarding, viaPublicName } = requestState(ctx);
  if (!isPrivateAddress(clientAddress) || forwarding === 'untrusted') return false;
  return !viaPublicName || isLocalName(new URL(issuer).hostname);
}

/** A provider whose own name is local (the demo, a test) is asked by that name from inside too. */
function isLocalName(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname.endsWith('.localhost') || isPrivateAddress(hostname.replace(/^\[|\]$/g, ''))
  );
}
