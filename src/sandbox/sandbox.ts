/**
 * A stand-in for the identity vendor Didit, for development, tests and the demo: its API, its hosted page and its signed
 * deliveries, written from the vendor's public documents and from nothing of this project. It binds loopback only, keeps
 * everything in memory, and will not run in production.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import Koa from 'koa';
import { addAccountRoutes } from './account-routes.ts';
import { controlOf, type SandboxControl } from './control.ts';
import { addControlRoutes } from './control-routes.ts';
import { createEngine } from './engine.ts';
import { createGate } from './gate.ts';
import { addHostedRoutes } from './hosted-routes.ts';
import { addListRoutes } from './list-routes.ts';
import { addReviewRoutes } from './reviews.ts';
import { addSessionRoutes } from './session-routes.ts';
import { addShareRoutes } from './share-routes.ts';
import type { SandboxOptions } from './types.ts';
import { addUserRoutes } from './user-routes.ts';

export interface Sandbox extends SandboxControl {
  /** Base of the API and of hosted pages, no trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection, delivery and timer at once. */
  close(): Promise<void>;
}

export class SandboxInProduction extends Error {
  readonly code = 'sandbox_in_production';
  constructor() {
    super('the stand-in for Didit approves anybody: it does not run with NODE_ENV=production');
  }
}

/**
 * Starts the stand-in and answers once it listens.
 *
 * @throws SandboxInProduction with NODE_ENV=production
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  if (process.env.NODE_ENV === 'production') throw new SandboxInProduction();
  let url = '';
  const engine = createEngine(options, () => url);
  const app = new Koa();
  // A broken answer shows as a 500 in the call log; koa's own printing would only clutter test output.
  app.silent = true;
  const router = new Router();
  addShareRoutes(router, engine);
  addSessionRoutes(router, engine);
  addListRoutes(router, engine);
  addReviewRoutes(router, engine);
  addUserRoutes(router, engine);
  addAccountRoutes(router, engine);
  addHostedRoutes(router, engine);
  addControlRoutes(router, engine);
  app.use(onlyLoopbackNames);
  app.use(createGate(engine));
  app.use(engine.media.serve);
  app.use(router.routes());

  const server = createServer(app.callback());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port ?? 0, host: '127.0.0.1' }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  url = `http://${options.host ?? 'localhost'}:${port}`;

  return {
    ...controlOf(engine),
    url,
    port,
    close(): Promise<void> {
      engine.webhooks.stop();
      engine.outcomes.stop();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Refuses names that merely resolve to loopback, so that no web page can rebind its own name and reach the controls. */
async function onlyLoopbackNames(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  if (/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(ctx.get('host'))) return next();
  ctx.status = 421;
  ctx.body = 'This stand-in answers on loopback names only.';
}
