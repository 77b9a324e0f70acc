/**
 * Faults on demand for the API's callers: documented error answers, and the network's own ways to fail. A fault is armed
 * for a call by name and wears off after so many uses.
 */
import type { JsonObject } from './types.ts';

export type CallName =
  | 'create'
  | 'decision'
  | 'delete'
  | 'image'
  | 'updateStatus'
  | 'list'
  | 'share'
  | 'import'
  | 'deleteUsers'
  | 'other';

/** Which documented 400 body to answer. */
export type BadRequestVariant =
  | 'portrait_image'
  | 'portrait_required'
  | 'portrait_size'
  | 'vendor_data'
  | 'workflow_id'
  | 'workflow_type'
  | 'credits'
  | 'array';

export interface FaultSpec {
  /** An error status with its documented body. */
  readonly status?: number;
  /** For 400: which one; `html` for a 404 page; `quota` for the 429 without rate headers. */
  readonly variant?: BadRequestVariant | 'html' | 'quota';
  /** Instead of the documented body: an object is JSON, a string is sent as text. */
  readonly body?: JsonObject | readonly unknown[] | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
  /** Never answers. */
  readonly hang?: boolean;
  /** 200 or 201 with broken JSON. */
  readonly malformed?: boolean;
  /** Does the work, then drops the connection without an answer. */
  readonly lost?: boolean;
  /** Drops the connection before any work. */
  readonly reset?: boolean;
  /** Waits, then goes on as usual (or with the rest of the fault). */
  readonly slowMs?: number;
  /** 302 to there. */
  readonly redirectTo?: string;
  /** How many calls it hits; null until cleared. Default 1. */
  readonly times?: number | null;
}

export type Faults = ReturnType<typeof createFaults>;

export function createFaults() {
  const armed: { call: CallName | 'all'; spec: FaultSpec; left: number }[] = [];
  return {
    /** Arms a fault; the answer disarms it. Faults of one call are used oldest first. */
    arm(call: CallName | 'all', spec: FaultSpec): () => void {
      const entry = { call, spec, left: spec.times === null ? Number.POSITIVE_INFINITY : (spec.times ?? 1) };
      armed.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    /** The fault this call meets, if any; uses it once. */
    take(call: CallName): FaultSpec | undefined {
      const entry = armed.find((one) => one.left > 0 && (one.call === call || one.call === 'all'));
      if (entry === undefined) return undefined;
      entry.left -= 1;
      return entry.spec;
    },
    clear(): void {
      armed.length = 0;
    },
  };
}

export interface FaultAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject | readonly unknown[] | string;
}

/** The documented answer for a fault's status, section 2 of the contract, "Errors". */
export function faultAnswer(spec: FaultSpec, nowAt: number): FaultAnswer {
  const status = spec.status ?? 500;
  const headers = { ...(status === 429 ? rateHeaders(spec, nowAt) : {}), ...spec.headers };
  return { status, headers, body: spec.body ?? documentedBody(status, spec.variant) };
}

/** The headers of a 429; the daily quota's has none. */
function rateHeaders(spec: FaultSpec, nowAt: number): Record<string, string> {
  if (spec.variant === 'quota') return {};
  const wait = spec.retryAfterSeconds ?? 5;
  return {
    'Retry-After': String(wait),
    'X-RateLimit-Limit': '600',
    'X-RateLimit-Remaining': '0',
    'X-RateLimit-Reset': String(nowAt + wait),
  };
}

function documentedBody(status: number, variant: FaultSpec['variant']): FaultAnswer['body'] {
  switch (status) {
    case 400:
      return BAD_REQUESTS[(variant ?? 'array') as BadRequestVariant] ?? BAD_REQUESTS.array;
    case 401:
      return { detail: 'Invalid API key.' };
    case 402:
      return { detail: 'Insufficient balance.' };
    case 403:
      return { detail: FORBIDDEN };
    case 404:
      return variant === 'html' ? HTML_404 : { detail: 'Not found.' };
    case 429:
      return { detail: variant === 'quota' ? QUOTA_EXCEEDED : RATE_EXCEEDED };
    default:
      return `<html><body><h1>${status}</h1></body></html>`;
  }
}

export const FORBIDDEN = 'You do not have permission to perform this action.';
export const RATE_EXCEEDED = 'Session creation rate limit exceeded. The limit is 600 requests per minute.';
export const QUOTA_EXCEEDED = 'Sandbox quota of 500 sessions per 24h exceeded. Try again in 3600 seconds.';
export const HTML_404 =
  '<!doctype html><html lang="en"><head><title>Not Found</title></head>' +
  '<body><h1>Not Found</h1><p>The requested resource was not found on this server.</p></body></html>';

const BAD_REQUESTS: Readonly<Record<BadRequestVariant, JsonObject | readonly unknown[]>> = {
  portrait_image: { portrait_image: 'No stored face image was found for this vendor_data.' },
  portrait_required: { portrait_image: 'A portrait image is required for this workflow.' },
  portrait_size: { portrait_image: ['Image size exceeds 2MB.'] },
  vendor_data: { vendor_data: 'This user is blocked.' },
  workflow_id: { workflow_id: 'Invalid workflow_id.' },
  workflow_type: { workflow_type: ['Unknown field.'] },
  credits: { detail: 'You do not have enough credits to create a session.' },
  array: ['The request could not be processed.'],
};
