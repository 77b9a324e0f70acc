/**
 * The session endpoints of the vendor's API: create, decision, delete, arm a scenario. Bodies and errors are those of
 * sections 2, 4, 10 and 12 of the contract.
 */
import { randomUUID } from 'node:crypto';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { readCreate } from './create-request.ts';
import { presentDecision, presentMetadata } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { isObject, refuse, slashed } from './http.ts';
import { findScenario, SCENARIOS } from './scenarios.ts';
import type { JsonObject, StoredSession } from './types.ts';

export function addSessionRoutes(router: Router, engine: Engine): void {
  const { sessions, settings } = engine;
  // The gate let only known sessions of the caller through.
  const sessionOf = (ctx: Context): StoredSession =>
    sessions.find(String((ctx as Context & { params: JsonObject }).params.id)) as StoredSession;

  router.post(slashed('/v3/session'), (ctx) => {
    const { json, application } = ctx.state as CallState;
    if (json === undefined) return refuse(ctx, { detail: 'JSON parse error' });
    const reading = readCreate(json, application, engine);
    if (reading.kind === 'refused') return refuse(ctx, reading.body);
    ctx.status = 201;
    ctx.body = created(sessions.create(reading.request, application), engine);
  });

  router.get(slashed('/v3/session/:id/decision'), (ctx) => {
    ctx.body = presentDecision(sessionOf(ctx), engine.context, ctx.query.include === 'events');
  });

  router.delete(slashed('/v3/session/:id/delete'), (ctx) => {
    const session = sessionOf(ctx);
    const { json } = ctx.state as CallState;
    const retain = !isObject(json) || json.retain_face_embeddings !== false;
    const { faces } = sessions.users(session.applicationId);
    const hasFace = session.vendorData !== null && faces.get(session.vendorData)?.sessionId === session.id;
    if (hasFace && !retain && session.vendorData !== null) faces.delete(session.vendorData);
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
