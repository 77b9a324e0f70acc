/**
 * Deliveries to the receiver: the envelope of section 6 of the contract, signed in all three ways, and every way in which
 * one can go wrong. One session's deliveries leave one after another, unless a test asks for copies at once.
 */
import { randomUUID } from 'node:crypto';
import { type DecisionContext, presentDecision, presentMetadata, spokenFields } from './decisions.ts';
import { deliveryHeaders, type WebhookOverrides } from './delivery.ts';
import { asFunction } from './mutations.ts';
import { post } from './post.ts';
import type { Delivery, JsonObject, StoredSession, WebhookMode } from './types.ts';
import { writeJson } from './wire-json.ts';

/** Statuses whose delivery carries the decision. */
const WITH_DECISION: readonly string[] = ['Approved', 'Declined', 'In Review', 'Abandoned', 'Kyc Expired'];

export type Webhooks = ReturnType<typeof createWebhooks>;

export function createWebhooks(parts: DecisionContext & { now: () => number; receiverId: string }) {
  const { settings, now, receiverId, environment } = parts;
  const log: Delivery[] = [];
  const held: { sessionId: string; send: () => Promise<Delivery[]> }[] = [];
  const queues = new Map<string, Promise<unknown>>();
  const stopped = new AbortController();

  /** Sends one delivery, or `copies` of it, and answers with what the receiver said. */
  async function send(session: StoredSession, overrides: WebhookOverrides = {}): Promise<Delivery[]> {
    // the other applications have no destination, and the receiver is not to hear of their sessions
    if (session.applicationId !== receiverId && overrides.url === undefined) return [];
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
      application_id: session.applicationId,
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
    const headers = deliveryHeaders(signedText, overrides, timestamp, settings.webhookSecret);
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
