// A little server on loopback that answers as it is told and remembers what it was asked.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** `hang` never answers, `reset` drops the connection. */
export type Reply =
  | 'hang'
  | 'reset'
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** an object or a list is sent as JSON */
      readonly body?: string | Uint8Array | object;
    }
  | ((response: ServerResponse) => void);

export interface LocalServer {
  readonly url: string;
  readonly port: number;
  readonly asked: readonly Asked[];
  /** how often anybody connected, whether or not a request came of it */
  connections(): number;
  /** Answers for the next requests, in order; the last one stays. */
  answer(...replies: readonly Reply[]): void;
  close(): Promise<void>;
}

export async function startLocalServer(): Promise<LocalServer> {
  const asked: Asked[] = [];
  let replies: Reply[] = [{ status: 500 }];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = '', url: path = '', headers } = request;
    asked.push({ method, path, headers, text: Buffer.concat(parts).toString('utf8') });
    const reply = (replies.length > 1 ? replies.shift() : replies[0]) ?? 'reset';
    if (reply === 'hang') return;
    if (reply === 'reset') return void request.socket.destroy();
    if (typeof reply === 'function') return reply(response);
    const { status = 200, body = '' } = reply;
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    response.writeHead(status, { 'content-type': raw ? 'text/html' : 'application/json', ...reply.headers });
    response.end(raw ? body : JSON.stringify(body));
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    asked,
    connections: () => connections,
    answer(...next) {
      replies = [...next];
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
