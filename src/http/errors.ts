// The one table from an error's `code` to HTTP status, OAuth error and words. An error without a row does not compile; anything
// that is not in it is `server_error` with a request id, and its text goes to the log only.

import type { AppErrorCode } from '../core/errors.ts';

export interface ErrorRow {
  readonly status: number;
  readonly error: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export const ERROR_TABLE = {
  storage_unavailable: {
    status: 503,
    error: 'temporarily_unavailable',
    message: 'The service cannot reach its storage. Nothing was lost; try again in a moment.',
    retryAfterSeconds: 2,
  },
  vendor_unavailable: {
    status: 503,
    error: 'temporarily_unavailable',
    message: 'The selfie service does not answer. Try again in a moment.',
    retryAfterSeconds: 30,
  },
  vendor_refused: {
    status: 503,
    error: 'temporarily_unavailable',
    message: 'The selfie service cannot be used at this time.',
    retryAfterSeconds: 300,
  },
  vendor_portrait_missing: { status: 409, error: 'interaction_required', message: 'The face must be enrolled again.' },
  vendor_subject_blocked: { status: 403, error: 'access_denied', message: 'This sign-in was refused.' },
  shared_verification_refused: {
    status: 409,
    error: 'access_denied',
    message: 'The shared verification was not handed over.',
  },
  sealed_unreadable: { status: 500, error: 'server_error', message: 'Something stored cannot be read.' },
} as const satisfies Record<AppErrorCode, ErrorRow>;

const UNKNOWN: ErrorRow = {
  status: 500,
  error: 'server_error',
  message: 'Something went wrong on our side. Nothing was signed in.',
};

export function rowFor(error: unknown): ErrorRow {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as AppErrorCode] : UNKNOWN;
}

/** Of the connection to whoever asks: they went away, or do not speak HTTP to its end. Nothing that an operator could mend. */
export function isOfPeer(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && (/^HPE_/.test(code) || ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(code));
}
