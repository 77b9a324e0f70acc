// The door for deliveries: proves that the vendor sent a body, whole and now, before a word of it is believed. Anyone can
// post here, so the order matters: size and type, then the signature, and only then what the body says. Pure but for the
// clock's value that is passed in; storing, answering and de-duplicating are the caller's.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { DeliveryReading, RawDelivery, VendorEvent } from '../../login/ports.ts';
import { type JsonFault, readJson } from './canonical.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { isSessionId, readMetadata, verdictOfDelivery } from './wire.ts';

const MAX_BYTES = 1_048_576;
const MAX_AGE_SECONDS = 300;
const SESSION_EVENTS: readonly string[] = ['status.updated', 'data.updated'];

export interface DeliveryRules {
  /** any of them may have signed: old and new are both valid while they rotate */
  readonly secrets: readonly string[];
  /** epoch seconds */
  readonly now: number;
  /** told which of the two documented forms the signature covered, for the log */
  readonly onSigned?: (form: 'canonical' | 'raw') => void;
}

type Refusal = Extract<DeliveryReading, { kind: 'refused' }>;

/**
 * Proves a delivery's origin and reads it. Never throws.
 *
 * Only `X-Signature-V2` counts, over the canonical form or the raw bytes. `X-Signature-Simple` leaves the decision
 * unsigned, and a receiver that falls back to a weaker header lets the sender choose it (T6).
 */
export function readDelivery(delivery: RawDelivery, rules: DeliveryRules): DeliveryReading {
  const form = refuseForm(delivery);
  if (form !== undefined) return form;
  const header = delivery.headers['x-signature-v2'] ?? '';
  if (!/^[0-9a-f]{64}$/.test(header)) return refused(401, 'unsigned');

  const body = readBody(delivery.body);
  const signed = findSignature(Buffer.from(header, 'hex'), rules.secrets, delivery.body, body.canonical);
  if (signed === undefined) return refused(401, 'bad-signature');
  rules.onSigned?.(signed);
  if (body.fault !== undefined) return refused(400, body.fault);
  if (!isObject(body.value)) return refused(400, 'not-an-object');
  return readSigned(body.value, delivery.headers, rules.now);
}

/** A compressed body or another type could be read by one party in a way the other did not sign. */
function refuseForm({ headers, body }: RawDelivery): Refusal | undefined {
  const type = (headers['content-type'] ?? '').toLowerCase();
  if (!/^\s*application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/.test(type))
    return refused(415, 'content-type');
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) return refused(415, 'content-encoding');
  return body.byteLength > MAX_BYTES ? refused(413, 'too-large') : undefined;
}

interface Body {
  readonly value?: Json;
  /** there is none for what cannot be read, then only the raw bytes can prove a sender */
  readonly canonical?: string;
  readonly fault?: JsonFault | 'not-utf8' | 'duplicate-keys';
}

function readBody(bytes: Uint8Array): Body {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { fault: 'not-utf8' };
  }
  const reading = readJson(text);
  if (!reading.ok) return { fault: reading.fault };
  // two readers of one body may each take another of the two values: believed by none
  if (reading.duplicateKeys) return { canonical: reading.canonical, fault: 'duplicate-keys' };
  return { value: reading.value, canonical: reading.canonical };
}

/** Every candidate is computed and compared in constant time: how long it takes tells nothing about a near miss. */
function findSignature(
  given: Buffer,
  secrets: readonly string[],
  raw: Uint8Array,
  canonical: string | undefined,
): 'canonical' | 'raw' | undefined {
  let overRaw = false;
  let overCanonical = false;
  for (const secret of secrets) {
    const rawEqual = timingSafeEqual(createHmac('sha256', secret).update(raw).digest(), given);
    const canonicalText = canonical ?? '';
    const canonicalEqual = timingSafeEqual(createHmac('sha256', secret).update(canonicalText).digest(), given);
    overRaw = rawEqual || overRaw;
    overCanonical = (canonicalEqual && canonical !== undefined) || overCanonical;
  }
  if (overCanonical) return 'canonical';
  return overRaw ? 'raw' : undefined;
}

function readSigned(body: JsonObject, headers: RawDelivery['headers'], now: number): DeliveryReading {
  const { webhook_type: type, session_id: sessionId, timestamp: sentAt } = body;
  const testSend = isTestSend(body, headers);
  const businessSession = body.session_kind === 'business';
  const ofSession = typeof type === 'string' ? SESSION_EVENTS.includes(type) && !businessSession : true;

  // the header's time is not signed by V2: an old body under a fresh header is a replay (T7)
  if (!isFresh(sentAt, headers['x-timestamp'], now)) {
    const lookAt = ofSession && !testSend && isSessionId(sessionId) ? { lookAt: sessionId } : {};
    return { ...refused(401, 'stale'), ...lookAt };
  }
  if (testSend) return believed(`test|${eventKey(body)}`, { kind: 'other', type: 'test' });
  if (!ofSession)
    return believed(eventKey(body), { kind: 'other', type: businessSession ? 'business' : eventType(type) });
  if (!isSessionId(sessionId)) return refused(400, 'no-session');
  if (type === 'data.updated' && !isObject(body.decision)) {
    return believed(eventKey(body), { kind: 'other', type: 'data.updated' });
  }
  return believed(eventKey(body), { kind: 'verification', verdict: verdictOfDelivery(body, sessionId, sentAt) });
}

function isFresh(sentAt: Json | undefined, header: string | undefined, now: number): sentAt is number {
  if (typeof sentAt !== 'number' || !Number.isSafeInteger(sentAt) || header !== String(sentAt)) return false;
  return Math.abs(now - sentAt) <= MAX_AGE_SECONDS;
}

/** The operator's "Try Webhook" in the vendor's console: must never touch a login. */
function isTestSend(body: JsonObject, headers: RawDelivery['headers']): boolean {
  return headers['x-didit-test-webhook']?.toLowerCase() === 'true' || readMetadata(body.metadata).test_webhook === true;
}

/**
 * One value for every copy of an event. A resend has the same `event_id` and a new timestamp, so the time is left out
 * unless there is no id; session, type and status are in it in case an id is ever used twice. The test header is not signed:
 * its deliveries are keyed apart, or somebody between could add it to use up the key of the true one.
 */
function eventKey(body: JsonObject): string {
  const { event_id: id, session_id, webhook_type, status, timestamp, vendor_data } = body;
  const named = typeof id === 'string' && id !== '';
  const parts = [named ? id : '', session_id, webhook_type, status, ...(named ? [] : [timestamp, vendor_data])];
  const text = parts
    .map((part) => (typeof part === 'string' || typeof part === 'number' ? String(part) : ''))
    .join('|');
  return createHash('sha256').update(text).digest('hex');
}

function eventType(type: Json | undefined): string {
  return typeof type === 'string' && /^[a-z_.]{1,60}$/.test(type) ? type : 'unknown';
}

function believed(key: string, event: VendorEvent): DeliveryReading {
  return { kind: 'believed', eventKey: key, event };
}

function refused(status: Refusal['status'], reason: string): Refusal {
  return { kind: 'refused', status, reason };
}
