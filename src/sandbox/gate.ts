/**
 * What every API call passes before its work: it is written down, meets an armed fault, a rate limit and the key check,
 * in the vendor's order (an unknown session is 404 even without a key).
 */
import type { Context, Next } from 'koa';
import type { Application } from './applications.ts';
import { withoutPortrait } from './call-log.ts';
import type { Engine } from './engine.ts';
import {
  type CallName,
  type FaultSpec,
  FORBIDDEN,
  faultAnswer,
  HTML_404,
  QUOTA_EXCEEDED,
  RATE_EXCEEDED,
} from './faults.ts';
import { readRaw } from './http.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What the gate knows of a call for those behind it. */
export interface CallState {
  /** The JSON that came with it, read once; `undefined` is "not JSON". */
  json: unknown;
  /** Whose key it came with; behind the gate there always is one, but for a session token's own endpoint. */
  application: Application;
}

export function createGate(engine: Engine) {
  const { now, settings, faults, calls, limiter, sessions, applications } = engine;

  return async function gate(ctx: Context, next: Next): Promise<void> {
    if (!/^\/(v\d|media|system)\//.test(ctx.path)) return next();
    const call = callName(ctx.method, ctx.path);
    const json = parse(await readRaw(ctx));
    const sent = ctx.get('x-api-key');
    const application = applications.byKey(sent);
    Object.assign(ctx.state, { json, application });
    const entry = calls.add({
      at: now(),
      call,
      method: ctx.method,
      path: ctx.path,
      query: Object.fromEntries(new URLSearchParams(ctx.querystring)),
      body: withoutPortrait(json),
      apiKey: sent === '' ? 'none' : application === undefined ? 'wrong' : 'right',
      userAgent: ctx.get('user-agent'),
      status: 0,
    });
    const work = async (): Promise<void> => {
      if (call === 'image' || ctx.path.startsWith('/system/')) return next();
      if (!limited(ctx, call, application) && passes(ctx, application)) await next();
    };
    const fault = faults.take(call);
    if (fault?.slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.slowMs));
    if (fault === undefined || !(await strike(ctx, fault, work))) await work();
    entry.status = ctx.respond === false ? 0 : ctx.status;
  };

  /** Does what the fault says; false when it was only slowness. */
  async function strike(ctx: Context, fault: FaultSpec, work: () => Promise<void>): Promise<boolean> {
    if (fault.hang) {
      ctx.respond = false;
    } else if (fault.reset || fault.lost) {
      if (fault.lost) await work();
      ctx.respond = false;
      ctx.req.socket.destroy();
    } else if (fault.malformed) {
      ctx.status = ctx.method === 'POST' ? 201 : 200;
      ctx.type = 'json';
      ctx.body = '{"session_id": "11111111-2222-4333-';
    } else if (fault.redirectTo !== undefined) {
      ctx.redirect(fault.redirectTo);
    } else if (fault.status !== undefined || fault.body !== undefined) {
      const answer = faultAnswer(fault.status === undefined ? { ...fault, status: 200 } : fault, now());
      ctx.status = answer.status;
      ctx.set(answer.headers);
      ctx.type = typeof answer.body === 'string' ? 'html' : 'json';
      ctx.body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    } else {
      return false;
    }
    return true;
  }

  function limited(ctx: Context, call: CallName, application: Application | undefined): boolean {
    const state = limiter.count(application?.id ?? 'nobody', call, ctx.method, settings.rateLimits);
    if (state === undefined) return false;
    const over = state.retryAfterSeconds > 0;
    if (state.kind === 'minute' && (over || settings.rateHeadersAlways)) {
      ctx.set('X-RateLimit-Limit', String(state.limit));
      ctx.set('X-RateLimit-Remaining', String(state.remaining));
      ctx.set('X-RateLimit-Reset', String(now() + Math.max(state.retryAfterSeconds, 1)));
    }
    if (!over) return false;
    if (state.kind === 'minute') ctx.set('Retry-After', String(state.retryAfterSeconds));
    ctx.status = 429;
    ctx.body = { detail: state.kind === 'day' ? QUOTA_EXCEEDED : RATE_EXCEEDED };
    return true;
  }

  /** Session first, key second; another's session is not there. A session token opens its own arm endpoint, nothing else. */
  function passes(ctx: Context, application: Application | undefined): boolean {
    const id = ctx.path.match(/^\/v3\/session\/([^/]+)\//)?.[1];
    if (id !== undefined && id !== 'import-shared') {
      if (!UUID.test(id)) {
        ctx.status = 404;
        ctx.type = 'html';
        ctx.body = HTML_404;
        return false;
      }
      const session = sessions.find(id);
      const foreign = application !== undefined && session?.applicationId !== application.id;
      if (session === undefined || foreign) return refuse(ctx, 404, 'Session not found.');
      if (/\/sandbox\/arm\/?$/.test(ctx.path) && ctx.get('session-token') === session.token) return true;
    }
    if (application !== undefined) return true;
    if (ctx.path.startsWith('/v3/users/')) return refuse(ctx, 401, 'Authentication credentials were not provided.');
    const status = ctx.get('x-api-key') === '' ? 403 : settings.wrongKeyStatus;
    return refuse(ctx, status, status === 401 ? 'Invalid API key.' : FORBIDDEN);
  }
}

function refuse(ctx: Context, status: number, detail: string): false {
  ctx.status = status;
  ctx.body = { detail };
  return false;
}

function callName(method: string, path: string): CallName {
  if (path.startsWith('/media/')) return 'image';
  if (method === 'POST' && /^\/v3\/session\/?$/.test(path)) return 'create';
  if (/\/decision\/?$/.test(path)) return 'decision';
  if (method === 'DELETE' && /\/delete\/?$/.test(path)) return 'delete';
  if (/^\/v3\/session\/.*\/update-status\/?$/.test(path)) return 'updateStatus';
  if (method === 'POST' && /^\/v3\/session\/import-shared\/?$/.test(path)) return 'import';
  if (/^\/v3\/session\/.*\/share\/?$/.test(path)) return 'share';
  if (/^\/v3\/users\/delete\/?$/.test(path)) return 'deleteUsers';
  return /^\/v3\/sessions\/?$/.test(path) ? 'list' : 'other';
}

function parse(raw: Buffer): unknown {
  if (raw.length === 0) return {};
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch {
    return undefined;
  }
}
