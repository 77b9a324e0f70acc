// One line for each request: what was asked, how it ended, how long it took. No query, no address, no header: a log is
// read by more people than may know who signed in from where (T18).

import type { Middleware } from 'koa';
import type { Logger } from '../../login/ports.ts';
import { requestState } from './request-state.ts';

export interface AccessLogOptions {
  readonly logger: Logger;
  /** drops the query and hides tokens in a path (telemetry's `redactPath`) */
  readonly redactPath: (path: string) => string;
  /** milliseconds, monotonic */
  readonly elapsedMs?: () => number;
  /** paths asked by machines every few seconds; logged at `debug` */
  readonly quiet?: readonly string[];
}

/** Logs each request when its answer is complete or its connection gone. Stands outside the error middleware. */
export function accessLog(options: AccessLogOptions): Middleware {
  const elapsedMs = options.elapsedMs ?? (() => performance.now());
  const quiet = new Set(options.quiet ?? ['/livez', '/readyz', '/metrics']);

  return function accessLogMiddleware(ctx, next) {
    const startedMs = elapsedMs();
    const { method } = ctx;
    const path = options.redactPath(ctx.req.url ?? '');
    const { requestId } = requestState(ctx);
    // 'close' comes once, after an answer as after a connection that went away; an event stream may last for minutes
    ctx.res.once('close', () => {
      const line = {
        request_id: requestId,
        method,
        path,
        status: ctx.res.statusCode,
        ms: Math.round((elapsedMs() - startedMs) * 10) / 10,
        ...(ctx.res.writableFinished ? {} : { cut_off: true }),
      };
      if (quiet.has(path)) options.logger.debug(line, 'request');
      else options.logger.info(line, 'request');
    });
    return next();
  };
}
