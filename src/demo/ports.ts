// Where the demo's servers listen. The demo must come up on a machine where 3000 is taken, so each of its servers asks here
// for the next free port; production never does: there a taken port is fatal.

import { createServer } from 'node:net';

const TRIES = 100;

/**
 * The first port from `preferred` upwards that nobody listens on, on loopback.
 *
 * Both loopback addresses are asked, as a browser tries `::1` first when it is sent to `localhost`: a stranger there would
 * be shown instead of us. The port is free when this returns and not held, so listen on it at once.
 *
 * @param promised free ones that are somebody's already, who does not listen yet
 * @throws Error when none of a hundred is free
 */
export async function freePort(preferred: number, promised: readonly number[] = []): Promise<number> {
  for (let port = preferred; port < preferred + TRIES && port <= 65_535; port++) {
    if (promised.includes(port)) continue;
    if ((await canListen('127.0.0.1', port)) && (await canListen('::1', port))) return port;
  }
  throw new Error(`no free port on loopback from ${preferred} on`);
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      // A machine without IPv6 has nobody listening there either.
      resolve(error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
