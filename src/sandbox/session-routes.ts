/**
 * The session endpoints of the vendor's API: create, decision, list, change a verdict, delete, arm a scenario. Bodies and
 * errors are those of sections 2, 4, 10, 11 and 12 of the contract.
 */
import { randomUUID } from 'node:crypto';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { readCreate } from './create-request.ts';
import { iso, presentDecision, presentMetadata } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { isObject } from './http.ts';
import { findScenario, resubmitOf, SCENARIOS } from './scenarios.ts';
import type { JsonObject, StoredSession } from './types.ts';

export function addSessionRoutes(router: Router, engine: Engine): void {
  const { sessions, settings, webhooks } = engine;
  // The gate let only known sessions through.
  const sessionOf = (ctx: Context): StoredSession =>
    sessions.find(String((ctx as Context & { params: JsonObject }).params.id)) as StoredSession;

  router.post(slashed('/v3/session'), (ctx) => {
    const { json } = ctx.state as CallState;
    if (json === undefined) return refuse(ctx, { detail: 'JSON parse error' });
    const reading = readCreate(json, engine);
    if (reading.kind === 'refused') return refuse(ctx, reading.body);
    ctx.status = 201;
    ctx.body = created(sessions.create(reading.request), engine);
  });

  router.get(slashed('/v3/session/:id/decision'), (ctx) => {
    ctx.body = presentDecision(sessionOf(ctx), engine.context, ctx.query.include === 'events');
  });

  router.get(slashed('/v3/sessions'), (ctx) => {
    const wanted = (name: string): string | undefined => ctx.query[name] as string | undefined;
    const matching = sessions
      .all()
      .flatMap(({ id }) => sessions.find(id) ?? [])
      .filter((one) => [undefined, one.vendorData].includes(wanted('vendor_data')))
      .filter((one) => [undefined, one.status].includes(wanted('status')))
      .filter((one) => [undefined, one.workflowId].includes(wanted('workflow_id')))
      .reverse();
    ctx.body = page(ctx, matching.map(listed), engine.baseUrl());
  });

  router.patch(slashed('/v3/session/:id/update-status'), (ctx) => {
    const { json } = ctx.state as CallState;
    const session = sessionOf(ctx);
    const next = isObject(json) ? json.new_status : undefined;
    if (next !== 'Approved' && next !== 'Declined' && next !== 'Resubmitted') {
      return refuse(ctx, { new_status: [`"${String(next)}" is not a valid choice.`] });
    }
    const body = json as JsonObject;
    if (body.send_email === true && !body.email_address) {
      return refuse(ctx, { email_address: ['This field is required.'] });
    }
    if (session.status === next) return refuse(ctx, [`Session is already ${next}.`]);
    if (!CHANGEABLE.includes(session.status)) {
      return refuse(ctx, { detail: `Status may be changed from ${CHANGEABLE.join(', ')}; it is ${session.status}.` });
    }
    if (next === 'Resubmitted') reopen(session, body, engine);
    sessions.move(session, next, 'reviewer');
    void webhooks.announce(session, settings.webhookMode);
    ctx.body = { session_id: session.id };
  });

  router.delete(slashed('/v3/session/:id/delete'), (ctx) => {
    const session = sessionOf(ctx);
    const { json } = ctx.state as CallState;
    const retain = !isObject(json) || json.retain_face_embeddings !== false;
    const hasFace = session.vendorData !== null && sessions.faces.get(session.vendorData)?.sessionId === session.id;
    if (hasFace && !retain && session.vendorData !== null) sessions.faces.delete(session.vendorData);
    sessions.remove(session);
    if (settings.deleteStatus === 204) {
      ctx.status = 204;
      return;
    }
    ctx.body = {
      session_id: session.id,
      session_number: session.number,
      face_retention_outcome: hasFace ? (retain ? 'retained_with_user' : 'deleted') : 'none',
      biometric_template_uuid: hasFace && retain ? randomUUID() : null,
    };
  });

  router.post(slashed('/v3/session/:id/sandbox/arm'), (ctx) => {
    const { json } = ctx.state as CallState;
    const session = sessionOf(ctx);
    if (engine.environment === 'live') {
      ctx.status = 404;
      ctx.body = { detail: 'Not found.' };
      return;
    }
    const slug = isObject(json) ? String(json.scenario) : '';
    if (findScenario(slug) === undefined) return refuse(ctx, { scenario: [`"${slug}" is not a known scenario.`] });
    if (session.status !== 'Not Started') return refuse(ctx, ['The session has already started.']);
    session.scenario = slug;
    ctx.body = { session_id: session.id, scenario: slug, status: session.status };
  });

  router.get(slashed('/v1/sandbox/scenarios'), (ctx) => {
    ctx.body = SCENARIOS.map(({ slug, title, group }) => ({ slug, title, group }));
  });
}

/** Verdicts a reviewer may change. */
const CHANGEABLE: readonly string[] = ['Approved', 'Declined', 'In Review', 'Kyc Expired', 'Abandoned', 'Resubmitted'];

/** Both spellings are served; the documented one ends with a slash. */
export function slashed(path: string): string[] {
  return [`${path}/`, path];
}

/** The ten keys of a 201. */
function created(session: StoredSession, { settings }: Engine): JsonObject {
  const address =
    settings.createShape === 'seed'
      ? { session_url: session.url }
      : { url: settings.createShape === 'null' ? null : session.url };
  return {
    session_id: session.id,
    session_number: session.number,
    session_token: settings.createShape === 'null' ? null : session.token,
    ...address,
    vendor_data: session.vendorData,
    metadata: presentMetadata(session, settings),
    status: session.status,
    workflow_id: session.workflowId,
    workflow_version: session.workflowVersion,
    callback: session.callback,
  };
}

function listed(session: StoredSession): JsonObject {
  return {
    session_id: session.id,
    session_number: session.number,
    status: session.status,
    vendor_data: session.vendorData,
    workflow_id: session.workflowId,
    created_at: iso(session.createdAt),
  };
}

/** `count`, `next`, `previous`, `results`, by `offset` and `limit`. */
export function page(ctx: Context, items: readonly JsonObject[], baseUrl: string): JsonObject {
  const number = (name: string, otherwise: number): number => {
    const value = Number(ctx.query[name] ?? otherwise);
    return Number.isInteger(value) && value >= 0 ? value : otherwise;
  };
  const offset = number('offset', 0);
  const limit = number('limit', 20) || 20;
  const at = (start: number): string => {
    const url = new URL(ctx.url, baseUrl);
    url.searchParams.set('offset', String(start));
    url.searchParams.set('limit', String(limit));
    return url.href;
  };
  return {
    count: items.length,
    next: offset + limit < items.length ? at(offset + limit) : null,
    previous: offset > 0 ? at(Math.max(0, offset - limit)) : null,
    results: items.slice(offset, offset + limit),
  };
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

function refuse(ctx: Context, body: JsonObject | readonly string[]): void {
  ctx.status = 400;
  ctx.body = body;
}
