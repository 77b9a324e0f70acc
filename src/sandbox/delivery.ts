/** One delivery's headers and signatures, and everything a test may turn on them. */
import type { Mutation } from './mutations.ts';
import { hmacHex, SIGNATURE_NAMES, type SignatureName, signBody } from './signatures.ts';
import { canonicalJson, type WireForm, writeJson } from './wire-json.ts';

/** Everything a test may turn on one delivery; what is left out is as the vendor does it. */
export interface WebhookOverrides {
  /** Default `status.updated`. */
  readonly type?: string;
  readonly status?: string;
  /** Epoch seconds, in the body and in `X-Timestamp`. */
  readonly timestamp?: number;
  /** How many seconds ago the delivery was made; shorthand for `timestamp`. */
  readonly ageSeconds?: number;
  /** null leaves it out. */
  readonly eventId?: string | null;
  readonly decision?: boolean;
  /** Changes the body before it is signed. */
  readonly body?: Mutation;
  /** Changes the body after it was signed. */
  readonly bodyAfterSigning?: Mutation;
  /** The body's text itself, signed as it stands. */
  readonly raw?: string | Buffer;
  /** Added or replaced; null takes one away. Names ignore case. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly contentType?: string | null;
  /** Which signatures are sent; default all three. */
  readonly sign?: readonly SignatureName[];
  readonly secret?: string;
  /** Spoils every signature that is sent. */
  readonly signature?: 'bad' | 'empty' | 'truncated' | 'other_body' | 'none' | 'uppercase' | 'prefixed';
  /** What V2 covers: canonical text (default), raw bytes, or one of the two rejected readings. */
  readonly v2?: 'canonical' | 'raw' | 'timestamp_prefixed' | 'ascii';
  readonly form?: WireForm;
  /** Sent at once. */
  readonly copies?: number;
  /** `X-Didit-Test-Webhook: true`, as the console's test sends have it. */
  readonly test?: boolean;
  readonly url?: string;
}

/** The headers of one delivery, names in lower case. `text` is what was signed, which may differ from what is sent. */
export function deliveryHeaders(
  text: string | Buffer,
  overrides: WebhookOverrides,
  timestamp: number,
  defaultSecret: string,
): Record<string, string> {
  const headers = new Map<string, string>([
    ['user-agent', 'DiditWebhook/2.0 +https://didit.me'],
    ['x-timestamp', String(timestamp)],
  ]);
  const contentType = overrides.contentType === undefined ? 'application/json' : overrides.contentType;
  if (contentType !== null) headers.set('content-type', contentType);
  for (const [name, value] of Object.entries(signaturesFor(text, overrides, timestamp, defaultSecret))) {
    headers.set(name.toLowerCase(), value);
  }
  if (overrides.test === true) headers.set('x-didit-test-webhook', 'true');
  for (const [name, value] of Object.entries(overrides.headers ?? {})) {
    if (value === null) headers.delete(name.toLowerCase());
    else headers.set(name.toLowerCase(), value);
  }
  return Object.fromEntries(headers);
}

function signaturesFor(
  text: string | Buffer,
  overrides: WebhookOverrides,
  timestamp: number,
  defaultSecret: string,
): Record<string, string> {
  if (overrides.signature === 'none') return {};
  const secret = overrides.secret ?? defaultSecret;
  const covered = overrides.signature === 'other_body' ? '{"other":"body"}' : text;
  const all = signBody(covered, secret);
  if (overrides.v2 === 'raw') all['X-Signature-V2'] = hmacHex(secret, covered);
  if (overrides.v2 === 'timestamp_prefixed') {
    all['X-Signature-V2'] = hmacHex(secret, `${timestamp}:${canonicalJson(covered.toString())}`);
  }
  if (overrides.v2 === 'ascii') {
    all['X-Signature-V2'] = hmacHex(secret, writeJson(JSON.parse(covered.toString()), 'escaped'));
  }
  const wanted = overrides.sign ?? SIGNATURE_NAMES;
  return Object.fromEntries(wanted.map((name) => [name, spoilSignature(all[name], overrides.signature)]));
}

function spoilSignature(signature: string, how: WebhookOverrides['signature']): string {
  switch (how) {
    case 'bad':
      return signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    case 'empty':
      return '';
    case 'truncated':
      return signature.slice(0, 32);
    case 'uppercase':
      return signature.toUpperCase();
    case 'prefixed':
      return `sha256=${signature}`;
    default:
      return signature;
  }
}
