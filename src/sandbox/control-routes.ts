/**
 * The controls over HTTP, for the demo page, scripts in other languages and people with curl. JSON in, JSON out; every
 * POST, PATCH and DELETE must say `Content-Type: application/json`, which a foreign web page cannot send unasked.
 *
 *     GET    /_control/sessions                     all sessions, newest last
 *     GET    /_control/sessions/:id                 one
 *     GET    /_control/sessions/:id/decision        its decision, no key needed
 *     POST   /_control/sessions/:id/open            { address?, userAgent?, device? }
 *     POST   /_control/sessions/:id/settle          { scenario, webhook?, mutate?, person?, capture?, scores?, picture? }
 *     POST   /_control/sessions/:id/webhook         the overrides of `sendWebhook`
 *     POST   /_control/sessions/:id/review          { status: Approved | Declined | Resubmitted, webhook? }
 *     POST   /_control/share                        the options of `share`; answers { shareToken, sessionId }
 *     GET    /_control/applications                 ours and the others, with their keys and workflows
 *     GET    /_control/users                        our user entities, and whether a face is kept
 *     POST   /_control/release                      { session_id? }: sends what mode `late` held
 *     GET    /_control/deliveries                   every delivery with the receiver's answer
 *     GET    /_control/calls, DELETE /_control/calls
 *     POST   /_control/faults                       { call, ...spec }   call: create, decision, delete, image,
 *                                                   updateStatus, list, share, import,
 *                                                   deleteUsers, other or all
 *     DELETE /_control/faults
 *     GET    /_control/settings, PATCH /_control/settings
 *     GET    /_control/scenarios                    slugs, titles, groups; capture presets; webhook modes
 *     POST   /_control/users/:vendor_data/status    { status: ACTIVE | FLAGGED | BLOCKED }
 *     DELETE /_control/users/:vendor_data/face      forgets the stored face
 *
 * `mutate` and `body` are `{ "dotted.path": value }`, with `"$remove"` to take a member away. Deliveries are answered as
 * `[{ status, body, headers, … }]` when the receiver has answered. An error is 400 with `{ "error": text }`.
 */
import type Router from '@koa/router';
import type { Context, Next } from 'koa';
import { controlOf } from './control.ts';
import { CAPTURE_PRESETS } from './devices.ts';
import type { Engine } from './engine.ts';
import type { CallName, FaultSpec } from './faults.ts';
import { isObject, readJson } from './http.ts';
import type { SettleOptions } from './outcomes.ts';
import { SCENARIOS } from './scenarios.ts';
import type { ShareOptions } from './sharing.ts';
import { type JsonObject, type Settings, WEBHOOK_MODES, type WebhookMode } from './types.ts';

export function addControlRoutes(router: Router, engine: Engine): void {
  const control = controlOf(engine);
  const base = '/_control';
  router.use(base, guard);

  router.get(`${base}/sessions`, (ctx) => reply(ctx, control.sessions()));
  router.get(`${base}/sessions/:id`, (ctx) => reply(ctx, control.session(param(ctx, 'id'))));
  router.get(`${base}/sessions/:id/decision`, (ctx) => reply(ctx, control.decision(param(ctx, 'id'))));
  router.post(`${base}/sessions/:id/open`, async (ctx) => reply(ctx, await control.open(param(ctx, 'id'), sent(ctx))));
  router.post(`${base}/sessions/:id/settle`, async (ctx) => {
    const { scenario, ...options } = sent(ctx);
    reply(ctx, await control.settle(param(ctx, 'id'), String(scenario), options as SettleOptions));
  });
  router.post(`${base}/sessions/:id/webhook`, async (ctx) => {
    reply(ctx, await control.sendWebhook(param(ctx, 'id'), sent(ctx)));
  });
  router.post(`${base}/sessions/:id/review`, async (ctx) => {
    const { status, webhook } = sent(ctx);
    if (status !== 'Approved' && status !== 'Declined' && status !== 'Resubmitted') throw new Error('unknown status');
    if (webhook !== undefined && !WEBHOOK_MODES.includes(webhook as WebhookMode)) throw new Error('unknown mode');
    reply(ctx, await control.review(param(ctx, 'id'), status, webhook as WebhookMode | undefined));
  });
  router.post(`${base}/share`, async (ctx) => reply(ctx, await control.share(sent(ctx) as ShareOptions)));
  router.get(`${base}/applications`, (ctx) => reply(ctx, control.applications()));
  router.get(`${base}/users`, (ctx) => reply(ctx, control.users()));
  router.post(`${base}/release`, async (ctx) => {
    const id = sent(ctx).session_id;
    reply(ctx, await control.release(typeof id === 'string' ? id : undefined));
  });
  router.get(`${base}/deliveries`, (ctx) => reply(ctx, control.deliveries()));
  router.get(`${base}/calls`, (ctx) => reply(ctx, control.calls()));
  router.delete(`${base}/calls`, (ctx) => reply(ctx, control.clearCalls()));
  router.post(`${base}/faults`, (ctx) => {
    const { call, ...spec } = sent(ctx);
    control.fault(call as CallName | 'all', spec as FaultSpec);
    reply(ctx, { armed: call });
  });
  router.delete(`${base}/faults`, (ctx) => reply(ctx, control.clearFaults()));
  router.get(`${base}/settings`, (ctx) => reply(ctx, shown(control.settings())));
  router.patch(`${base}/settings`, (ctx) => {
    const unknown = Object.keys(sent(ctx)).filter((name) => !(name in control.settings()));
    if (unknown.length > 0) throw new Error(`no setting is called ${unknown.join(', ')}`);
    control.configure(sent(ctx) as Partial<Settings>);
    reply(ctx, shown(control.settings()));
  });
  router.get(`${base}/scenarios`, (ctx) => {
    const scenarios = SCENARIOS.map(({ slug, title, group }) => ({ slug, title, group }));
    reply(ctx, { scenarios, captures: Object.keys(CAPTURE_PRESETS), webhook_modes: WEBHOOK_MODES });
  });
  router.post(`${base}/users/:vendorData/status`, async (ctx) => {
    const status = sent(ctx).status;
    if (status !== 'ACTIVE' && status !== 'FLAGGED' && status !== 'BLOCKED') throw new Error('unknown status');
    reply(ctx, await control.setUserStatus(param(ctx, 'vendorData'), status));
  });
  router.delete(`${base}/users/:vendorData/face`, (ctx) => reply(ctx, control.forgetFace(param(ctx, 'vendorData'))));
}

/** Reads the body, and turns whatever goes wrong into a 400 with its reason. */
async function guard(ctx: Context, next: Next): Promise<void> {
  try {
    if (ctx.method !== 'GET' && !ctx.is('json') && ctx.get('content-type') !== 'application/json') {
      throw new Error('Content-Type: application/json is needed');
    }
    const json = ctx.method === 'GET' ? {} : await readJson(ctx);
    if (!isObject(json)) throw new Error('a JSON object is needed');
    ctx.state.sent = json;
    await next();
  } catch (error) {
    ctx.status = 400;
    ctx.body = { error: error instanceof Error ? error.message : String(error) };
  }
}

function sent(ctx: { state: JsonObject }): JsonObject {
  return ctx.state.sent as JsonObject;
}

function param(ctx: { params: Record<string, string | undefined> }, name: string): string {
  return ctx.params[name] ?? '';
}

function reply(ctx: { body: unknown }, body: unknown): void {
  ctx.body = body ?? { done: true };
}

function shown(settings: Settings): JsonObject {
  return { ...settings, webhookSecret: '[secret]' };
}
