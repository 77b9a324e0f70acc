/** `GET /v3/sessions/`: an application's own sessions, newest first, by the filters of section 1 of the contract. */
import type Router from '@koa/router';
import type { Context } from 'koa';
import { iso } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { slashed } from './http.ts';
import { page } from './paging.ts';
import type { JsonObject, StoredSession } from './types.ts';

export function addListRoutes(router: Router, engine: Engine): void {
  const { sessions, settings } = engine;

  router.get(slashed('/v3/sessions'), (ctx) => {
    const { application } = ctx.state as CallState;
    const matching = sessions
      .all(application.id)
      .flatMap(({ id }) => sessions.find(id) ?? [])
      .filter((one) => passes(ctx, one))
      .reverse();
    const body = page(ctx, matching.map(listed), engine.baseUrl());
    ctx.body = settings.listShape === 'bare' ? body.results : body;
  });
}

/** Every filter that is there must fit. `status` may name several, with commas. */
function passes(ctx: Context, session: StoredSession): boolean {
  const actual: Record<string, string | null> = {
    vendor_data: session.vendorData,
    workflow_id: session.workflowId,
    country: countryOf(session),
  };
  const statuses = textOf(ctx, 'status')?.split(',');
  if (statuses !== undefined && !statuses.includes(session.status)) return false;
  return Object.entries(actual).every(([name, value]) => [undefined, value].includes(textOf(ctx, name)));
}

/** Which country is meant is not documented: here it is the document's. */
function countryOf(session: StoredSession): string | null {
  const documents = (session.results.id_verifications ?? []) as JsonObject[];
  return (documents[0]?.issuing_state as string | undefined) ?? null;
}

function textOf(ctx: Context, name: string): string | undefined {
  const value = ctx.query[name];
  return Array.isArray(value) ? value[0] : value;
}

function listed(session: StoredSession): JsonObject {
  return {
    session_id: session.id,
    session_kind: 'user',
    session_number: session.number,
    status: session.status,
    vendor_data: session.vendorData,
    workflow_id: session.workflowId,
    created_at: iso(session.createdAt),
  };
}
