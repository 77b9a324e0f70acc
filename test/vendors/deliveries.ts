// Signed deliveries for tests. Signs with code of its own: the receiver's own would repeat its mistakes.

import { createHmac } from 'node:crypto';
import type { RawDelivery } from '../../src/login/ports.ts';

export const SECRET = 'example-webhook-secret-not-a-real-one-00001';
export const OTHER_SECRET = 'zweites-Geheimnis-nur-fuer-Testvektoren-002';
export const NOW = 1_767_225_600;
export const SESSION = '11111111-2222-4333-8444-555555555555';

export function hmac(secret: string, content: string | Uint8Array): string {
  return createHmac('sha256', secret).update(content).digest('hex');
}

/** A delivery as it came, with these headers beside the usual ones; `undefined` leaves one out. */
export function delivery(content: string | Uint8Array, headers: RawDelivery['headers'] = {}): RawDelivery {
  const body = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return { headers: { 'content-type': 'application/json', 'x-timestamp': String(NOW), ...headers }, body };
}

/** Signed over its raw bytes, which is also its canonical form as long as the text is sorted and compact. */
export function signed(
  content: string | Uint8Array,
  headers: RawDelivery['headers'] = {},
  secret = SECRET,
): RawDelivery {
  return delivery(content, { 'x-signature-v2': hmac(secret, content), ...headers });
}

/** A session event with an approved decision; `undefined` removes a key. */
export function event(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    event_id: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
    webhook_type: 'status.updated',
    timestamp: NOW,
    created_at: NOW - 2460,
    session_id: SESSION,
    status: 'Approved',
    workflow_id: 'wf-passive',
    environment: 'live',
    vendor_data: 'user-42',
    metadata: { purpose: 'login' },
    decision: decision(),
    ...changes,
  };
}

export function decision(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    session_id: SESSION,
    status: 'Approved',
    workflow_id: 'wf-passive',
    environment: 'live',
    vendor_data: 'user-42',
    liveness_checks: [
      { node_id: 'l1', status: 'Approved', method: 'PASSIVE', score: 96.5, reference_image: 'https://m.example/l.jpg' },
    ],
    face_matches: [{ node_id: 'f1', status: 'Approved', score: 95.26 }],
    id_verifications: null,
    ip_analyses: null,
    ...changes,
  };
}

export function signedEvent(
  changes?: Readonly<Record<string, unknown>>,
  headers?: RawDelivery['headers'],
): RawDelivery {
  return signed(JSON.stringify(event(changes)), headers);
}
