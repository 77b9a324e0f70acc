// Which path leads to which route, around oidc-provider's own. Storage that cannot be reached is a 503 everywhere, also where the
// library would call it a server error (R7).

import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Logger } from '../login/ports.ts';
import { isOfPeer, rowFor } from './errors.ts';
import { requestState } from './middleware/request-state.ts';
import type { Reply } from './reply.ts';
import type { AccountRoutes } from './routes/account.ts';
import type { AccountPasskeyRoutes } from './routes/account-passkeys.ts';
import type { InteractionRoutes } from './routes/interaction.ts';
import type { createNotMeRoutes } from './routes/not-me.ts';
import { createPostedRequests } from './routes/posted-requests.ts';
import type { Asset } from './views.ts';

const YEAR_SECONDS = 31_536_000;
/** The library's ids are URL-safe and short. */
const POSSIBLE_UID = /^[\w-]{1,128}$/;

/** What programs call, most by the library's default paths: they get JSON unless they ask for a page. */
const FOR_PROGRAMS: ReadonlySet<string> = new Set([
  '/token',
  '/token/introspection',
  '/token/revocation',
  '/me',
  '/request',
  '/jwks',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/webhooks/didit',
]);

export interface MountParts {
  readonly router: Router;
  readonly routes: InteractionRoutes;
  webhook(ctx: Context): Promise<void>;
  invite(ctx: Context, token: string): Promise<void>;
  readonly notMe: ReturnType<typeof createNotMeRoutes>;
  readonly account: AccountRoutes;
  readonly accountPasskeys: AccountPasskeyRoutes;
  logo(ctx: Context, clientId: string): Promise<void>;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly reply: Reply;
  readonly log: Logger;
  track(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
  /** @throws StorageUnavailable while nothing may be served */
  assertServable(): void;
  /** what a request uses up that is good once (`storage/used-up.ts`) */
  readonly usedUp: {
    around(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
    giveBack(request: object): Promise<void>;
  };
}

export function mountRoutes(provider: Provider, parts: MountParts): void {
  const { router, routes, reply, log } = parts;
  const failed = new WeakMap<object, unknown>();
  const posted = createPostedRequests({ reply });

  provider.on('server_error', (ctx: KoaContextWithOIDC, error: unknown) => {
    failed.set(ctx.req, error);
  });

  provider.use(async (ctx, next) => {
    let isThrown = false;
    try {
      await next();
    } catch (error) {
      failed.set(ctx.req, error);
      isThrown = true;
    }
    const error = failed.get(ctx.req);
    if (error === undefined) {
      const isNobodys = ctx.status === 404 && (ctx.body === undefined || ctx.body === null);
      if (isNobodys) reply.refusal(ctx as unknown as Context, 404, 'not_found', 'There is no such page.');
      return;
    }
    const row = rowFor(error);
    // broken off in the middle of its body: there is nobody to answer, and nothing of ours has failed
    if (ctx.req.destroyed && isOfPeer(error)) return;
    log.error({ request_id: requestState(ctx).requestId, code: row.error, err: error }, 'a request failed');
    const isRedirect = ctx.res.hasHeader('Location');
    // the library's redirect may stay where it says `server_error`; of what is over in a moment it would tell that it is our fault for good
    if (isRedirect && !isThrown && row.status !== 503) return;
    ctx.remove('Location');
    // a session or a code that could not be noted with what it rests on could not be taken back: it reaches nobody (T8)
    ctx.remove('Set-Cookie');
    // and what it has used up is good again: whoever comes back as they are told goes on from where they were
    await parts.usedUp.giveBack(ctx.req);
    reply.failure(ctx as unknown as Context, error, { isForMachines: FOR_PROGRAMS.has(ctx.path) });
  });

  provider.use((ctx, next) => {
    if (!ctx.path.startsWith('/assets/')) parts.assertServable();
    return next();
  });

  // RFC 7009 §2.2: a client library that is told of a type reads an empty answer as one, and fails
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token/revocation' && ctx.body === '') ctx.remove('Content-Type');
  });

  // a look must change nothing: HEAD on a page that resumes or notes a return would
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const allow = (methods: readonly string[]) =>
      ctx.set('Allow', methods.filter((each) => each !== 'HEAD').join(', '));
    if (ctx.method === 'HEAD') {
      ctx.status = 405;
      return allow(router.match(ctx.path, 'GET').path.flatMap(({ methods }) => methods));
    }
    await next();
    if (ctx.res.hasHeader('Allow')) allow(ctx.response.get('Allow').split(', '));
  });

  const page = (handler: (ctx: Context, uid: string, token: string) => Promise<void>): Middleware => {
    return (ctx) => {
      const uid = String(ctx.params.uid);
      // no id of ours: it is not looked up, as nothing that long or odd can be a key of the storage
      if (!POSSIBLE_UID.test(uid)) return reply.page(ctx as Context, 403, 'wrong-browser', {});
      return handler(ctx as Context, uid, String(ctx.params.token));
    };
  };
  router
    .get('/', (ctx) => reply.page(ctx as Context, 200, 'home', {}))
    .get('/interaction/:uid', page(routes.first))
    .post('/interaction/:uid/begin', page(routes.begin))
    .get('/interaction/:uid/other', page(routes.ways))
    .post('/interaction/:uid/other', page(routes.choose))
    .get('/interaction/:uid/code', page(routes.code))
    .post('/interaction/:uid/code', page(routes.typeCode))
    .get('/interaction/:uid/link/:token', page(routes.link))
    .post('/interaction/:uid/link/:token', page(routes.followLink))
    .get('/interaction/:uid/passkey', page(routes.passkey))
    .post('/interaction/:uid/passkey', page(routes.answerPasskey))
    .get('/interaction/:uid/waiting', page(routes.waiting))
    .get('/interaction/:uid/events', page(routes.events))
    .get('/interaction/:uid/return/:token', page(routes.returned))
    .post('/interaction/:uid/confirm', page(routes.confirm))
    .post('/interaction/:uid/deny', page(routes.deny))
    .get('/interaction/:uid/phone/:token', page(routes.phone))
    .post('/interaction/:uid/phone/:token', page(routes.phoneGo))
    .get('/interaction/:uid/finish', page(routes.finish))
    .post('/interaction/:uid/abort', page(routes.abort))
    .post('/interaction/:uid/consent', page(routes.consent))
    .post('/webhooks/didit', (ctx) => parts.webhook(ctx as Context))
    .post('/auth', (ctx) => posted(ctx as Context))
    .post('/session/end', (ctx) => posted(ctx as Context))
    .get('/not-me/:token', (ctx) => parts.notMe.look(ctx as Context, String(ctx.params.token)))
    .post('/not-me/:token', (ctx) => parts.notMe.deny(ctx as Context, String(ctx.params.token)))
    .get('/account', (ctx) => parts.account.show(ctx as Context))
    .get('/account/sign-in', (ctx) => parts.account.signIn(ctx as Context))
    .get('/account/signed-in', (ctx) => parts.account.signedIn(ctx as Context))
    .get('/account/signed-out', (ctx) => parts.account.signedOut(ctx as Context))
    .post('/account/sign-out', (ctx) => parts.account.signOut(ctx as Context))
    .post('/account/sign-out-everywhere', (ctx) => parts.account.signOutEverywhere(ctx as Context))
    .post('/account/devices/forget', (ctx) => parts.account.forgetDevices(ctx as Context))
    .get('/account/passkey', (ctx) => parts.accountPasskeys.show(ctx as Context))
    .post('/account/passkey', (ctx) => parts.accountPasskeys.make(ctx as Context))
    .post('/account/passkeys/remove', (ctx) => parts.account.removePasskey(ctx as Context))
    .post('/account/consents/withdraw', (ctx) => parts.account.withdraw(ctx as Context))
    .post('/account/not-me', (ctx) => parts.account.notMe(ctx as Context))
    .post('/account/new-face/cancel', (ctx) => parts.account.callOffNewFace(ctx as Context))
    .get('/account/delete', (ctx) => parts.account.deletion.look(ctx as Context))
    .post('/account/delete', (ctx) => parts.account.deletion.remove(ctx as Context))
    .get('/account/deleted/:receipt', (ctx) =>
      parts.account.deletion.deleted(ctx as Context, String(ctx.params.receipt)),
    )
    .get('/invite/:token', (ctx) => parts.invite(ctx as Context, String(ctx.params.token)))
    .get('/logos/:client', (ctx) => parts.logo(ctx as Context, String(ctx.params.client)))
    .get('/assets/:name', (ctx) => {
      const asset = parts.assets.get(ctx.path);
      if (!asset) return reply.refusal(ctx as Context, 404, 'not_found', 'There is no such file.');
      ctx.type = asset.type;
      ctx.set('ETag', asset.etag);
      const isNamedByContent = ctx.query.v === asset.etag.slice(1, -1);
      ctx.set('Cache-Control', isNamedByContent ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache');
      if (ctx.fresh) ctx.status = 304;
      else ctx.body = asset.body;
    });
  provider.use(router.routes() as Parameters<typeof provider.use>[0]);
  provider.use(router.allowedMethods() as Parameters<typeof provider.use>[0]);
  provider.use((ctx, next) => parts.usedUp.around(ctx as unknown as KoaContextWithOIDC, next as () => Promise<void>));
  provider.use((ctx, next) => parts.track(ctx as unknown as KoaContextWithOIDC, next as () => Promise<void>));
}
