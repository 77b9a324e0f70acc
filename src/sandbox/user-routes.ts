/** The user entities over the API. Missing or wrong credentials are 401 here, unlike at sessions; the gate sees to that. */
import type Router from '@koa/router';
import { iso } from './decisions.ts';
import type { Engine } from './engine.ts';
import type { CallState } from './gate.ts';
import { answer, isObject, refuse, slashed } from './http.ts';
import { page } from './paging.ts';
import type { JsonObject } from './types.ts';
import type { Users, VendorUser } from './users.ts';

export function addUserRoutes(router: Router, engine: Engine): void {
  const { applications, sessions, webhooks } = engine;
  const usersFor = (ctx: { state: object }): Users => sessions.users((ctx.state as CallState).application.id);

  router.get(slashed('/v3/users'), (ctx) => {
    ctx.body = page(ctx, usersFor(ctx).all().map(presentUser), engine.baseUrl());
  });

  router.post(slashed('/v3/users/delete'), (ctx) => {
    const { json } = ctx.state as CallState;
    const users = usersFor(ctx);
    const named = readNamed(isObject(json) ? json : {}, users);
    if (named.kind === 'refused') return refuse(ctx, named.body);
    ctx.body = { deleted: named.list.filter((vendorData) => users.remove(vendorData)).length };
  });

  router.get(slashed('/v3/users/:vendorData'), (ctx) => {
    const user = usersFor(ctx).find(ctx.params.vendorData ?? '');
    answer(ctx, user && presentUser(user));
  });

  router.patch(slashed('/v3/users/:vendorData/update-status'), (ctx) => {
    const { json, application } = ctx.state as CallState;
    const user = usersFor(ctx).find(ctx.params.vendorData ?? '');
    if (user === undefined) return answer(ctx, undefined);
    const status = isObject(json) ? json.status : undefined;
    if (status !== 'ACTIVE' && status !== 'FLAGGED' && status !== 'BLOCKED') {
      return refuse(ctx, { status: [`"${String(status)}" is not a valid choice.`] });
    }
    const previous = user.status;
    user.status = status;
    if (previous !== status && application.id === applications.own.id) {
      void webhooks.sendUserStatus(user.vendorData, status, previous);
    }
    ctx.body = presentUser(user);
  });
}

type Named =
  | { readonly kind: 'ok'; readonly list: readonly string[] }
  | { readonly kind: 'refused'; readonly body: JsonObject };

/** `delete_all` does what it says, so that nobody sends it unnoticed. What naming nobody is answered with was not found. */
function readNamed(body: JsonObject, users: Users): Named {
  if (body.delete_all === true) return { kind: 'ok', list: users.all().map(({ vendorData }) => vendorData) };
  const lists = ['vendor_data_list', 'didit_internal_id_list'] as const;
  const wrong = lists.filter((name) => body[name] !== undefined && !isTextList(body[name]));
  if (wrong.length > 0) {
    return { kind: 'refused', body: Object.fromEntries(wrong.map((name) => [name, ['Expected a list of items.']])) };
  }
  const [names, ids] = lists.map((name) => (body[name] ?? []) as readonly string[]);
  const byId = users.all().filter(({ internalId }) => ids?.includes(internalId));
  const list = [...new Set([...(names ?? []), ...byId.map(({ vendorData }) => vendorData)])];
  return lists.some((name) => body[name] !== undefined)
    ? { kind: 'ok', list }
    : { kind: 'refused', body: { detail: 'Name the users to delete.' } };
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function presentUser(user: VendorUser): JsonObject {
  return {
    vendor_data: user.vendorData,
    didit_internal_id: user.internalId,
    status: user.status,
    created_at: iso(user.createdAt),
  };
}
