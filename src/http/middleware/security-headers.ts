// Headers that a browser enforces for us: no inline code (T27), no framing (T25), no referrer across sites (T18).
//
// `form-action` is left out on purpose: Chromium applies it to the redirect after a form, and our forms lead on to the
// vendor and to clients. `upgrade-insecure-requests` is left out as it would break a provider on plain loopback.

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

  return async function securityHeadersMiddleware(ctx, next) {
    await new Promise<void>((resolve, reject) => {
      protect(ctx.req, ctx.res, (fault?: unknown) => (fault === undefined ? resolve() : reject(fault)));
    });
    ctx.set('Permissions-Policy', PERMISSIONS_POLICY);
    if (PRIVATE.test(ctx.path)) ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
