// Headers that a browser enforces for us: no inline code (T27), no framing (T25), no referrer across sites (T18).
//
// `form-action` is left out on purpose: Chromium applies it to the redirect after a form, and our forms lead on to the
// vendor and to clients. `upgrade-insecure-requests` is left out as it would break a provider on plain loopback.

import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';
import type { Middleware } from 'koa';

const CONTENT_SECURITY_POLICY = {
  'default-src': ["'none'"],
  'style-src': ["'self'"],
  'script-src': ["'self'"],
  // data: for small marks in the stylesheet
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Our pages film nobody: the camera belongs to the vendor's page. Passkeys stay allowed. */
const PERMISSIONS_POLICY = [
  'accelerometer=()',
  'browsing-topics=()',
  'camera=()',
  'display-capture=()',
  'geolocation=()',
  'gyroscope=()',
  'magnetometer=()',
  'microphone=()',
  'midi=()',
  'payment=()',
  'usb=()',
].join(', ');

/** Pages about one person or one attempt: kept by no cache and no history (T18). */
const PRIVATE = /^\/+(?:interaction|invite|account)(?:\/|$)/i;

export interface SecurityHeadersOptions {
  /** HSTS is sent only when this is https */
  readonly issuer: string;
  /**
   * `same-origin` cuts the tie to a window that opened the login, and with it clients that sign in by a popup and wait
   * for `window.opener`; `unsafe-none` keeps it.
   */
  readonly openerPolicy?: 'same-origin' | 'same-origin-allow-popups' | 'unsafe-none';
}

/** Sets the headers before anything answers, so that errors carry them too. */
export function securityHeaders(options: SecurityHeadersOptions): Middleware {
  const secure = new URL(options.issuer).protocol === 'https:';
  const protect = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    crossOriginOpenerPolicy: { policy: options.openerPolicy ?? 'same-origin' },
    // discovery, keys and user info are read by other origins with CORS, which this does not touch
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'same-origin' },
    // what else runs below the issuer's host is its operator's to decide
    strictTransportSecurity: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
  });

  // none of them depends on the request, so helmet says them once
  const headers = [...headersSetBy(protect), ['Permissions-Policy', PERMISSIONS_POLICY] as const];

  return function securityHeadersMiddleware(ctx, next) {
    for (const [name, value] of headers) ctx.res.setHeader(name, value);
    if (PRIVATE.test(ctx.path)) ctx.set('Cache-Control', 'no-store');
    return next();
  };
}

function headersSetBy(protect: ReturnType<typeof helmet>): readonly (readonly [string, string])[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  let fault: unknown;
  protect(response.req, response, (error?: unknown) => {
    fault = error;
  });
  if (fault !== undefined) throw fault;
  return response.getHeaderNames().map((name) => [name, String(response.getHeader(name))]);
}
