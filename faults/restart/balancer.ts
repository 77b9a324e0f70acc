// A plain reverse proxy in front of instances: in turn, among those that say they are ready. What no instance has taken is given to
// the next one; what was taken and not answered is a 502, as asking twice could mean doing twice.

import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly port: number;
  /** ports of the instances */
  use(targets: readonly number[]): void;
  /** requests that were taken by an instance and never answered */
  readonly lost: readonly string[];
  close(): void;
}

const HEALTH_EVERY_MS = 100;
const HEALTH_WITHIN_MS = 1_000;

export async function startBalancer(): Promise<Balancer> {
  // a connection each: one that was kept could be closed by the other end while a request is on its way
  const agent = new Agent({ keepAlive: false });
  const ready = new Set<number>();
  const lost: string[] = [];
  let targets: readonly number[] = [];
  let turn = 0;

  function inTurn(): readonly number[] {
    const open = targets.filter((port) => ready.has(port));
    const candidates = open.length > 0 ? open : targets;
    turn += 1;
    return candidates.map((_, index) => candidates[(turn + index) % candidates.length] as number);
  }

  async function pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    for (const port of inTurn()) {
      const outcome = await tryAt(port, from, body, to);
      if (outcome === 'taken') return;
      ready.delete(port);
    }
    to.writeHead(503, { 'retry-after': '1' }).end();
  }

  /** @returns whether the instance took the request, whatever came of it */
  function tryAt(port: number, from: IncomingMessage, body: Buffer, to: ServerResponse): Promise<'taken' | 'refused'> {
    const { method, url, headers } = from;
    return new Promise((done) => {
      const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers, agent }, (response) => {
        to.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(to);
        response.once('error', () => to.destroy());
        to.once('close', () => response.destroy());
        done('taken');
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') return done('refused');
        lost.push(`${method} ${url?.split('?')[0]}: ${error.code}`);
        if (!to.headersSent) to.writeHead(502);
        to.end();
        done('taken');
      });
      outgoing.end(body);
    });
  }

  function askHealth(port: number): void {
    const asked = request(
      { host: '127.0.0.1', port, path: '/readyz', agent, timeout: HEALTH_WITHIN_MS },
      (response) => {
        response.resume();
        if (response.statusCode === 200) ready.add(port);
        else ready.delete(port);
      },
    );
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => ready.delete(port));
    asked.end();
  }

  const server = createServer((from, to) => void pass(from, to).catch(() => to.destroy()));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const asking = setInterval(() => targets.forEach(askHealth), HEALTH_EVERY_MS);
  return {
    port: (server.address() as AddressInfo).port,
    use(ports) {
      targets = ports;
      ports.forEach(askHealth);
    },
    lost,
    close() {
      clearInterval(asking);
      server.closeAllConnections();
      server.close();
    },
  };
}
