/** Sharing over the API: `POST /v3/session/{id}/share/` by whoever has a session, and the import by whoever is to get it. */
import type Router from '@koa/router';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { isObject, refuse, slashed } from './http.ts';
import { type ImportResult, SHARE_TTL, SHAREABLE } from './shares.ts';
import type { JsonObject, StoredSession } from './types.ts';

export function addShareRoutes(router: Router, engine: Engine): void {
  const { applications, sessions, shares } = engine;

  router.post(slashed('/v3/session/:id/share'), (ctx) => {
    const { json, application } = ctx.state as CallState;
    // The gate let only known sessions of the caller through.
    const session = sessions.find(ctx.params.id ?? '') as StoredSession;
    const body = isObject(json) ? json : {};
    const faults = faultsOfShare(body);
    if (Object.keys(faults).length > 0) return refuse(ctx, faults);
    const receiver = applications.byId(String(body.for_application_id));
    if (receiver === undefined) return refuse(ctx, { for_application_id: ['The application does not exist.'] });
    if (receiver.id === application.id) {
      return refuse(ctx, { for_application_id: ['A session cannot be shared with its own application.'] });
    }
    if (!SHAREABLE.includes(session.status)) {
      return refuse(ctx, { detail: `Only finished sessions (${SHAREABLE.join(', ')}) can be shared.` });
    }
    const ttl = body.ttl_in_seconds ?? SHARE_TTL.usual;
    ctx.body = { share_token: shares.issue(session, receiver, Number(ttl)) };
  });

  router.post(slashed('/v3/session/import-shared'), (ctx) => {
    const { json, application } = ctx.state as CallState;
    const body = isObject(json) ? json : {};
    const faults = faultsOfImport(body);
    if (Object.keys(faults).length > 0) return refuse(ctx, faults);
    const result = shares.redeem(application, {
      token: String(body.share_token),
      trustReview: body.trust_review === true,
      workflowId: String(body.workflow_id),
      vendorData: typeof body.vendor_data === 'string' ? body.vendor_data : null,
    });
    const answer = answerTo(result);
    ctx.status = answer.status;
    ctx.body = answer.body;
  });
}

function faultsOfShare(body: JsonObject): Record<string, string[]> {
  const faults: Record<string, string[]> = {};
  const { for_application_id: receiver, ttl_in_seconds: ttl } = body;
  if (receiver === undefined || receiver === null) faults.for_application_id = ['This field is required.'];
  else if (typeof receiver !== 'string') faults.for_application_id = ['Must be a valid UUID.'];
  if (ttl === undefined) return faults;
  if (typeof ttl !== 'number' || !Number.isInteger(ttl)) faults.ttl_in_seconds = ['A valid integer is required.'];
  else if (ttl < SHARE_TTL.least || ttl > SHARE_TTL.most) {
    faults.ttl_in_seconds = [`Ensure this value is between ${SHARE_TTL.least} and ${SHARE_TTL.most}.`];
  }
  return faults;
}

function faultsOfImport(body: JsonObject): Record<string, string[]> {
  const faults: Record<string, string[]> = {};
  for (const name of ['share_token', 'workflow_id']) {
    if (typeof body[name] !== 'string' || body[name] === '') faults[name] = ['This field is required.'];
  }
  const { trust_review: trust, vendor_data: vendorData } = body;
  if (trust !== undefined && typeof trust !== 'boolean') faults.trust_review = ['Must be a valid boolean.'];
  if (vendorData !== undefined && vendorData !== null && typeof vendorData !== 'string') {
    faults.vendor_data = ['Not a valid string.'];
  }
  return faults;
}

/** The statuses are the contract's; their words were not found, and neither was the status and form of a success. */
function answerTo(result: ImportResult): { readonly status: number; readonly body: JsonObject } {
  switch (result.kind) {
    case 'imported':
      return { status: 201, body: presentCopy(result.session) };
    case 'bad_token':
      return { status: 401, body: { detail: 'The share token is invalid.' } };
    case 'expired':
      return { status: 401, body: { detail: 'The share token has expired.' } };
    case 'not_for_you':
      return { status: 403, body: { detail: 'This session was shared with another application.' } };
    case 'already_imported':
      return { status: 403, body: { detail: 'This session has already been imported.' } };
    case 'source_gone':
      return { status: 404, body: { detail: 'Session not found.' } };
    case 'unknown_workflow':
      return { status: 400, body: { workflow_id: 'Invalid workflow_id.' } };
  }
}

function presentCopy(session: StoredSession): JsonObject {
  return {
    session_id: session.id,
    session_number: session.number,
    status: session.status,
    vendor_data: session.vendorData,
    workflow_id: session.workflowId,
    shared_from_session: session.sharedFrom,
  };
}
