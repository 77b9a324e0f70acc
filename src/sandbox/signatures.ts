/**
 * The three signatures of a delivery, written from section 6 of the vendor's contract and from nothing else: code shared
 * with the receiver would repeat the receiver's mistakes.
 */
import { createHmac } from 'node:crypto';
import { canonicalJson } from './wire-json.ts';

/** The three documented header names, in their documented spelling. */
export type SignatureName = 'X-Signature' | 'X-Signature-V2' | 'X-Signature-Simple';

/** All three, as a normal delivery carries them. */
export const SIGNATURE_NAMES: readonly SignatureName[] = ['X-Signature', 'X-Signature-V2', 'X-Signature-Simple'];

/** HMAC-SHA256 in lowercase hex; the secret is used as UTF-8 text and never decoded. */
export function hmacHex(secret: string, text: string | Buffer): string {
  return createHmac('sha256', Buffer.from(secret, 'utf8')).update(text).digest('hex');
}

/** All three signatures of a body. A body that is no JSON has V2 over its raw bytes and Simple over empty fields. */
export function signBody(body: string | Buffer, secret: string): Record<SignatureName, string> {
  const text = body.toString('utf8');
  return {
    'X-Signature': hmacHex(secret, body),
    'X-Signature-V2': hmacHex(secret, canonicalOrRaw(text)),
    'X-Signature-Simple': hmacHex(secret, simpleText(text)),
  };
}

/** `{timestamp}:{session_id}:{status}:{webhook_type}` from the body, a missing one empty. */
export function simpleText(body: string): string {
  let fields: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) fields = parsed as Record<string, unknown>;
  } catch {
    // No JSON, no fields: the four stay empty.
  }
  return ['timestamp', 'session_id', 'status', 'webhook_type'].map((name) => String(fields[name] ?? '')).join(':');
}

function canonicalOrRaw(text: string): string {
  try {
    return canonicalJson(text);
  } catch {
    return text;
  }
}
