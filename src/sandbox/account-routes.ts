/**
 * The rest of the vendor's API that a provider may ask: workflows and webhook destinations (to check a configuration),
 * user entities, health.
 */
import type Router from '@koa/router';
import { iso } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { isObject } from './http.ts';
import { page, slashed } from './session-routes.ts';
import type { VendorUser } from './sessions.ts';
import type { JsonObject, WorkflowKind } from './types.ts';

const DESTINATION_UUID = '7d3f0000-0000-4000-8000-00000000d001';

export function addAccountRoutes(router: Router, engine: Engine): void {
  const { sessions, settings, webhooks } = engine;
  const workflows = (): JsonObject[] => (['enrol', 'passive', 'active'] as const).map((kind) => workflow(kind, engine));

  router.get(slashed('/v3/workflows'), (ctx) => {
    ctx.body = page(ctx, workflows(), engine.baseUrl());
  });
  router.get(slashed('/v3/workflows/:id'), (ctx) => {
    answer(
      ctx,
      workflows().find((one) => one.uuid === ctx.params.id),
    );
  });

  router.get(slashed('/v3/webhook/destinations'), (ctx) => {
    ctx.body = settings.webhookUrl === null ? [] : [destination(settings.webhookUrl, engine)];
  });
  router.get(slashed('/v3/webhook/destinations/:id'), (ctx) => {
    const known = ctx.params.id === DESTINATION_UUID && settings.webhookUrl !== null;
    const secret = { secret_shared_key: settings.webhookSecret };
    answer(ctx, known ? { ...destination(settings.webhookUrl ?? '', engine), ...secret } : undefined);
  });

  router.get(slashed('/v3/users'), (ctx) => {
    ctx.body = page(ctx, [...sessions.users.values()].map(presentUser), engine.baseUrl());
  });
  router.post(slashed('/v3/users/delete'), (ctx) => {
    const { json } = ctx.state as CallState;
    const list = isObject(json) && Array.isArray(json.vendor_data_list) ? json.vendor_data_list.map(String) : [];
    const gone = list.filter((vendorData) => sessions.users.delete(vendorData));
    for (const vendorData of gone) sessions.faces.delete(vendorData);
    ctx.body = { deleted: gone.length };
  });
  router.get(slashed('/v3/users/:vendorData'), (ctx) => {
    const user = sessions.users.get(ctx.params.vendorData ?? '');
    answer(ctx, user && presentUser(user));
  });
  router.patch(slashed('/v3/users/:vendorData/update-status'), (ctx) => {
    const { json } = ctx.state as CallState;
    const user = sessions.users.get(ctx.params.vendorData ?? '');
    if (user === undefined) return answer(ctx, undefined);
    const status = isObject(json) ? json.status : undefined;
    if (status !== 'ACTIVE' && status !== 'FLAGGED' && status !== 'BLOCKED') {
      ctx.status = 400;
      ctx.body = { status: [`"${String(status)}" is not a valid choice.`] };
      return;
    }
    const previous = user.status;
    user.status = status;
    if (previous !== status) void webhooks.sendUserStatus(user.vendorData, status, previous);
    ctx.body = presentUser(user);
  });

  router.get('/system/healthcheck', (ctx) => {
    ctx.body = { status: 'ok', timestamp: engine.now() };
  });
}

/** A workflow with its liveness method, as a configuration check wants to read it. */
function workflow(kind: WorkflowKind, { workflows, settings }: Engine): JsonObject {
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

function presentUser(user: VendorUser): JsonObject {
  return {
    vendor_data: user.vendorData,
    didit_internal_id: user.internalId,
    status: user.status,
    created_at: iso(user.createdAt),
  };
}

function answer(ctx: { status: number; body: unknown }, found: JsonObject | undefined): void {
  if (found === undefined) ctx.status = 404;
  ctx.body = found ?? { detail: 'Not found.' };
}
