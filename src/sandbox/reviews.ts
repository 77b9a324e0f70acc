/** A verdict that a person at the vendor changes, section 11 of the contract; over the API, and by a test's hand. */
import type Router from '@koa/router';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { isObject, refuse, slashed } from './http.ts';
import { resubmitOf } from './scenarios.ts';
import type { Delivery, JsonObject, StoredSession, WebhookMode } from './types.ts';

/** Verdicts a reviewer may change. */
const CHANGEABLE: readonly string[] = ['Approved', 'Declined', 'In Review', 'Kyc Expired', 'Abandoned', 'Resubmitted'];

export type NewStatus = 'Approved' | 'Declined' | 'Resubmitted';

/** Moves the session and tells of it. The results stay what they were: only the verdict is another. */
export function review(
  session: StoredSession,
  status: NewStatus,
  engine: Engine,
  { body = {}, webhook = engine.settings.webhookMode }: { body?: JsonObject; webhook?: WebhookMode } = {},
): Promise<Delivery[]> {
  if (status === 'Resubmitted') reopen(session, body, engine);
  engine.sessions.move(session, status, 'reviewer');
  return engine.webhooks.announce(session, webhook);
}

export function addReviewRoutes(router: Router, engine: Engine): void {
  router.patch(slashed('/v3/session/:id/update-status'), (ctx) => {
    const { json } = ctx.state as CallState;
    // The gate let only known sessions of the caller through.
    const session = engine.sessions.find(ctx.params.id ?? '') as StoredSession;
    const next = isObject(json) ? json.new_status : undefined;
    if (next !== 'Approved' && next !== 'Declined' && next !== 'Resubmitted') {
      return refuse(ctx, { new_status: [`"${String(next)}" is not a valid choice.`] });
    }
    const body = json as JsonObject;
    if (body.send_email === true && !body.email_address) {
      return refuse(ctx, { email_address: ['This field is required.'] });
    }
    const fault = faultOfReview(session, next);
    if (fault !== undefined) return refuse(ctx, fault);
    void review(session, next, engine, { body });
    ctx.body = { session_id: session.id };
  });
}

/** Why this verdict may not be changed so; a bare list for the same status again. */
export function faultOfReview(session: StoredSession, next: NewStatus): JsonObject | readonly string[] | undefined {
  if (session.status === next) return [`Session is already ${next}.`];
  if (CHANGEABLE.includes(session.status)) return undefined;
  return { detail: `Status may be changed from ${CHANGEABLE.join(', ')}; it is ${session.status}.` };
}

/** Resubmitted opens the same address again and restarts its life. */
function reopen(session: StoredSession, body: JsonObject, { now, settings }: Engine): void {
  const reason = typeof body.comment === 'string' ? body.comment : 'Please repeat this step.';
  const info = resubmitOf('feature_liveness', 'LIVENESS', reason);
  if (Array.isArray(body.nodes_to_resubmit)) {
    const nodes = body.nodes_to_resubmit.filter(isObject);
    info.nodes_to_resubmit = nodes;
    info.reasons = Object.fromEntries(nodes.map((node) => [String(node.node_id), reason]));
  }
  session.resubmitInfo = info;
  session.expiresAt = now() + settings.sessionLifeSeconds;
}
