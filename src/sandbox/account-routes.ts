/** What a configuration check asks of the vendor's API: workflows, webhook destinations, health. */
import type Router from '@koa/router';
import type { Application } from './applications.ts';
import { iso } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { answer, slashed } from './http.ts';
import { page } from './paging.ts';
import type { JsonObject, WorkflowKind } from './types.ts';

const DESTINATION_UUID = '7d3f0000-0000-4000-8000-00000000d001';

export function addAccountRoutes(router: Router, engine: Engine): void {
  const { applications, settings } = engine;
  const callerOf = (ctx: { state: object }): Application => (ctx.state as CallState).application;
  const workflowsOf = (caller: Application): JsonObject[] =>
    (['enrol', 'passive', 'active'] as const).map((kind) => workflow(kind, caller, engine));
  const destinationFor = (caller: Application): string | null =>
    caller.id === applications.own.id ? settings.webhookUrl : null;

  router.get(slashed('/v3/workflows'), (ctx) => {
    ctx.body = page(ctx, workflowsOf(callerOf(ctx)), engine.baseUrl());
  });
  router.get(slashed('/v3/workflows/:id'), (ctx) => {
    answer(
      ctx,
      workflowsOf(callerOf(ctx)).find((one) => one.uuid === ctx.params.id),
    );
  });

  router.get(slashed('/v3/webhook/destinations'), (ctx) => {
    const url = destinationFor(callerOf(ctx));
    ctx.body = url === null ? [] : [destination(url, engine)];
  });
  router.get(slashed('/v3/webhook/destinations/:id'), (ctx) => {
    const url = destinationFor(callerOf(ctx));
    const known = ctx.params.id === DESTINATION_UUID && url !== null;
    const secret = { secret_shared_key: settings.webhookSecret };
    answer(ctx, known ? { ...destination(url, engine), ...secret } : undefined);
  });

  router.get('/system/healthcheck', (ctx) => {
    ctx.body = { status: 'ok', timestamp: engine.now() };
  });
}

/** A workflow with its liveness method, as a configuration check wants to read it. */
function workflow(kind: WorkflowKind, { workflows }: Application, { settings }: Engine): JsonObject {
  const method = kind === 'active' ? 'active_3d' : 'passive';
  const liveness = { feature: 'LIVENESS', config: { face_liveness_method: method } };
  const match = { feature: 'FACE_MATCH', config: {} };
  return {
    uuid: workflows[kind],
    workflow_id: workflows[kind],
    workflow_label: `Stand-in: ${kind}`,
    workflow_type: kind === 'enrol' ? 'kyc' : 'biometric_authentication',
    is_default: kind === 'enrol',
    is_liveness_enabled: true,
    face_liveness_method: method,
    is_face_match_enabled: true,
    is_ip_analysis_enabled: true,
    session_expiration_time: settings.sessionLifeSeconds,
    callback_url: null,
    features: kind === 'enrol' ? [{ feature: 'OCR', config: {} }, liveness, match] : [liveness, match],
  };
}

/** The one webhook destination; a list of them never holds the secret. */
function destination(url: string, engine: Engine): JsonObject {
  return {
    uuid: DESTINATION_UUID,
    label: 'Stand-in',
    url,
    enabled: true,
    webhook_version: 'v3',
    subscribed_events: ['status.updated', 'data.updated', 'user.status.updated'],
    created_at: iso(engine.now()),
    updated_at: iso(engine.now()),
  };
}
