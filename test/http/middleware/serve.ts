// A koa application on a loopback port of its own, and requests to it of which every byte can be chosen.

import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa, { type Middleware } from 'koa';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

export interface Served {
  readonly port: number;
  ask(target: string, asking?: Asking): Promise<Answer>;
  /** the answer as soon as its head is there, its body unread */
  open(target: string, asking?: Asking): Promise<IncomingMessage>;
  close(): Promise<void>;
}

export async function serve(...middlewares: readonly Middleware[]): Promise<Served> {
  const app = new Koa({ proxy: true });
  app.silent = true;
  for (const middleware of middlewares) app.use(middleware);
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;

  const open = (target: string, { method = 'GET', headers = {}, body }: Asking = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path: target, method, headers: { ...headers } as never });
      sent.once('response', resolve).once('error', reject).end(body);
    });

  return {
    port,
    open,
    async ask(target, asking) {
      const answer = await open(target, asking);
      let text = '';
      for await (const part of answer.setEncoding('utf8')) text += part;
      return { status: answer.statusCode ?? 0, headers: answer.headers, text };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
