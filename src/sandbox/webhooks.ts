/**
 * Deliveries to the receiver: the envelope of section 6 of the contract, signed in all three ways, and every way in which
 * one can go wrong. One session's deliveries leave one after another, unless a test asks for copies at once.
 */
import { randomUUID } from 'node:crypto';
import { type DecisionContext, presentDecision, presentMetadata, spokenFields } from './decisions.ts';
import { asFunction, type Mutation } from './mutations.ts';
import { post } from './post.ts';
import { hmacHex, SIGNATURE_NAMES, type SignatureName, signBody } from './signatures.ts';
import type { Delivery, JsonObject, StoredSession, WebhookMode } from './types.ts';
import { canonicalJson, type WireForm, writeJson } from './wire-json.ts';

/** Statuses whose delivery carries the decision. */
const WITH_DECISION: readonly string[] = ['Approved', 'Declined', 'In Review', 'Abandoned', 'Kyc Expired'];

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

export type Webhooks = ReturnType<typeof createWebhooks>;

export function createWebhooks(parts: DecisionContext & { now: () => number; applicationId: string }) {
  const { settings, now, applicationId, environment } = parts;
  const log: Delivery[] = [];
  const held: { sessionId: string; send: () => Promise<Delivery[]> }[] = [];
  const queues = new Map<string, Promise<unknown>>();
  const stopped = new AbortController();

  /** Sends one delivery, or `copies` of it, and answers with what the receiver said. */
  async function send(session: StoredSession, overrides: WebhookOverrides = {}): Promise<Delivery[]> {
    const timestamp = overrides.timestamp ?? now() - (overrides.ageSeconds ?? 0);
    const body = envelope(session, overrides, timestamp);
    return inTurn(session.id, () => dispatch(body, overrides, timestamp));
  }

  function envelope(session: StoredSession, overrides: WebhookOverrides, timestamp: number): JsonObject {
    const status = overrides.status ?? session.status;
    const body: JsonObject = {
      event_id: overrides.eventId === undefined ? randomUUID() : overrides.eventId,
      webhook_type: overrides.type ?? 'status.updated',
      timestamp,
      created_at: session.createdAt,
      session_id: session.id,
      status,
      workflow_version: session.workflowVersion,
      application_id: applicationId,
      metadata: presentMetadata(session, settings),
      ...spokenFields(session, environment),
    };
    // The decision alone may name another session; the envelope says which one fell.
    body.session_id = session.id;
    for (const name of session.removed) delete body[name];
    if (overrides.eventId === null) delete body.event_id;
    if (overrides.decision ?? WITH_DECISION.includes(status)) {
      const decision = presentDecision(session, parts);
      body.decision = overrides.status === undefined ? decision : { ...decision, status };
    }
    if (status === 'Resubmitted' && session.resubmitInfo !== null) body.resubmit_info = session.resubmitInfo;
    return body;
  }

  /** Signs and sends any body; events without a session come here directly. */
  async function dispatch(plain: JsonObject, overrides: WebhookOverrides, timestamp: number): Promise<Delivery[]> {
    const url = overrides.url ?? settings.webhookUrl;
    if (url === null) return [];
    const form = overrides.form ?? 'escaped';
    const body = overrides.body === undefined ? plain : asFunction(overrides.body)(plain);
    const signedText = overrides.raw ?? writeJson(body, form);
    const after = overrides.bodyAfterSigning;
    const sentText = after === undefined ? signedText : writeJson(asFunction(after)(body), form);
    const headers = headersFor(signedText, overrides, timestamp);
    const facts = {
      sessionId: textOrNull(body.session_id),
      eventId: textOrNull(body.event_id),
      webhookType: String(body.webhook_type ?? ''),
      sessionStatus: String(body.status ?? ''),
    };
    const copies = Array.from({ length: overrides.copies ?? 1 }, async () => {
      const attempt = async (): Promise<Delivery> => {
        const answer = await post(url, headers, Buffer.from(sentText), stopped.signal);
        const delivery = { at: now(), ...facts, ...answer };
        log.push(delivery);
        return delivery;
      };
      const first = await attempt();
      void retry(first, attempt);
      return first;
    });
    return Promise.all(copies);
  }

  function headersFor(text: string | Buffer, overrides: WebhookOverrides, timestamp: number): Record<string, string> {
    const headers = new Map<string, string>([
      ['user-agent', 'DiditWebhook/2.0 +https://didit.me'],
      ['x-timestamp', String(timestamp)],
    ]);
    const contentType = overrides.contentType === undefined ? 'application/json' : overrides.contentType;
    if (contentType !== null) headers.set('content-type', contentType);
    for (const [name, value] of Object.entries(signaturesFor(text, overrides, timestamp))) {
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
  ): Record<string, string> {
    if (overrides.signature === 'none') return {};
    const secret = overrides.secret ?? settings.webhookSecret;
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

  /** In the background: an answer that asks for it is followed by the same bytes after each configured wait. */
  async function retry(first: Delivery, attempt: () => Promise<Delivery>): Promise<void> {
    let last = first;
    for (const delayMs of settings.retryDelaysMs) {
      if (last.status !== 0 && last.status !== 404 && last.status < 500) return;
      await pause(delayMs, stopped.signal);
      if (stopped.signal.aborted) return;
      last = await attempt();
    }
  }

  /** One after another per session, so that a slow In Progress is not overtaken by chance. */
  function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (queues.get(key) ?? Promise.resolve()).then(work);
    const done: Promise<void> = result.then(
      () => undefined,
      () => undefined,
    );
    queues.set(key, done);
    void done.then(() => {
      if (queues.get(key) === done) queues.delete(key);
    });
    return result;
  }

  /** The delivery of a new status in one of the modes. A held one answers with nothing until `release`. */
  async function announce(
    session: StoredSession,
    mode: WebhookMode,
    extra: WebhookOverrides = {},
  ): Promise<Delivery[]> {
    switch (mode) {
      case 'lost':
        return [];
      case 'late': {
        const status = session.status;
        held.push({ sessionId: session.id, send: () => send(session, { status, ...extra }) });
        return [];
      }
      case 'duplicate': {
        const eventId = randomUUID();
        const first = await send(session, { eventId, ...extra });
        return [...first, ...(await send(session, { eventId, ...extra }))];
      }
      case 'reversed': {
        const final = await send(session, extra);
        return [...final, ...(await send(session, { status: 'In Progress', ageSeconds: 1 }))];
      }
      case 'stale':
        return send(session, { ageSeconds: 600, ...extra });
      case 'badly_signed':
        return send(session, { signature: 'bad', ...extra });
      case 'without_decision':
        return send(session, { decision: false, ...extra });
      default:
        return send(session, extra);
    }
  }

  return {
    send,
    announce,
    /** An event of a user entity; it has no session. */
    sendUserStatus(vendorData: string, status: string, previous: string, overrides: WebhookOverrides = {}) {
      const timestamp = overrides.timestamp ?? now();
      const body = {
        event_id: randomUUID(),
        webhook_type: 'user.status.updated',
        timestamp,
        vendor_data: vendorData,
        status,
        previous_status: previous,
        environment,
      };
      return dispatch(body, overrides, timestamp);
    },
    /** Sends what mode `late` held, of one session or of all, oldest first. */
    async release(sessionId?: string): Promise<Delivery[]> {
      const due = held.filter((one) => sessionId === undefined || one.sessionId === sessionId);
      for (const one of due) held.splice(held.indexOf(one), 1);
      const sent: Delivery[] = [];
      for (const one of due) sent.push(...(await one.send()));
      return sent;
    },
    deliveries: (): readonly Delivery[] => log,
    /** Resolves when nothing is on its way any more. */
    async idle(): Promise<void> {
      while (queues.size > 0) await Promise.all(queues.values());
    },
    stop: (): void => stopped.abort(),
  };
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

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
