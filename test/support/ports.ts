// Ports for servers of tests, benches and faults, below those that the system gives to connections: one of another test's would take a port
// between its being found and its server's listening there. Redis takes one more for its cluster, ten thousand above, which is below them too.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// 10080 is one that browsers and `fetch` do not go to
const [LOWEST, TOO_HIGH] = [10_081, 22_000];

/** A port that nobody else gets until it is let go of. */
export async function reservePort(): Promise<{ readonly port: number; letGo(): Promise<void> }> {
  for (;;) {
    const port = randomInt(LOWEST, TOO_HIGH);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    return { port, letGo: () => new Promise((resolve) => server.close(() => resolve())) };
  }
}

export async function freePort(): Promise<number> {
  const { port, letGo } = await reservePort();
  await letGo();
  return port;
}
