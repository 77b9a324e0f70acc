// Signed deliveries sent by the bench itself, so that it knows to the fraction of a millisecond when a decision became known. The
// stand-in decides and signs; only the sending is done here.

import { randomUUID } from 'node:crypto';
import { deliveryHeaders } from '../src/sandbox/delivery.ts';
import { writeJson } from '../src/sandbox/wire-json.ts';
import type { Begun, Person } from './login-flow.ts';
import { passVendorQuietly } from './login-flow.ts';
import { WEBHOOK_SECRET } from './processes.ts';
import { send } from './web-client.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Captured {
  readonly returnUrl: string;
  /** what the vendor found, not yet told to anybody */
  readonly decision: Json;
}

export interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The selfie is taken and decided at the vendor; nothing is delivered. */
export async function capture(person: Person, begun: Begun, standIn: string): Promise<Captured> {
  const returnUrl = await passVendorQuietly(person, begun);
  const id = new URL(returnUrl).searchParams.get('verificationSessionId') ?? '';
  const { status, text } = await send(`${standIn}/_control/sessions/${id}/decision`);
  if (status !== 200) throw new Error(`the stand-in has no decision: ${text}`);
  return { returnUrl, decision: JSON.parse(text) as Json };
}

/** A delivery as the vendor makes it, signed now. */
export function deliveryOf(decision: Json, status: 'In Progress' | 'Approved'): Delivery {
  const timestamp = Math.floor(Date.now() / 1000);
  const { session_id, metadata, environment, workflow_id, vendor_data } = decision;
  const envelope = {
    event_id: randomUUID(),
    webhook_type: 'status.updated',
    timestamp,
    created_at: timestamp,
    session_id,
    status,
    workflow_version: 1,
    application_id: 'be9c0000-0000-4000-8000-00000000000a',
    metadata,
    environment,
    workflow_id,
    vendor_data,
    ...(status === 'Approved' ? { decision } : {}),
  };
  const body = writeJson(envelope);
  return { headers: deliveryHeaders(body, {}, timestamp, WEBHOOK_SECRET), body };
}

/** Sends it, to the instance at `port` if that is given. @returns milliseconds until it was acknowledged. @throws Error when it was not believed */
export async function deliver(issuer: string, { headers, body }: Delivery, port?: number): Promise<number> {
  const startedMs = performance.now();
  const { status, text } = await send(`${issuer}/webhooks/didit`, { headers, body, port });
  if (status !== 202) throw new Error(`a delivery was answered with ${status}: ${text}`);
  return performance.now() - startedMs;
}
