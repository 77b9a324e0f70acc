// One resource behind the check, over HTTP: by koa and by plain Node, so that every test of the answers holds for both.

import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import type { TokenCheck } from '../../src/resource-server/check.ts';
import { requireToken } from '../../src/resource-server/koa.ts';
import type { Need } from '../../src/resource-server/need.ts';
import { requireNodeToken } from '../../src/resource-server/node.ts';

export type Way = 'koa' | 'plain Node';

export interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Record<string, unknown>;
}

/** Answers one request and is gone. Headers are a list, as a request may carry one twice. */
export async function ask(
  way: Way,
  check: TokenCheck,
  need: Need,
  headers: readonly (readonly [string, string])[],
  path = '/',
): Promise<Answer> {
  const server = createServer(way === 'koa' ? koaHandler(check, need) : nodeHandler(check, need));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    return await new Promise((resolve, reject) => {
      const flat = ['host', `localhost:${port}`, ...headers.flat()];
      const request = send({ host: '127.0.0.1', port, path, headers: flat }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            challenge: response.headers['www-authenticate'] ?? null,
            headers: response.headers,
            body: JSON.parse(text),
          }),
        );
      });
      request.on('error', reject).end();
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function koaHandler(check: TokenCheck, need: Need) {
  const app = new Koa();
  app.use(requireToken(check, need));
  app.use((ctx) => {
    ctx.body = { sub: ctx.state.token.sub };
  });
  return app.callback();
}

function nodeHandler(check: TokenCheck, need: Need): Parameters<typeof createServer>[1] {
  const guard = requireNodeToken(check, need);
  return async (request, response) => {
    const token = await guard(request, response);
    if (token) response.end(JSON.stringify({ sub: token.sub }));
  };
}
