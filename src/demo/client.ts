// The demo client: a small application of somebody else's that signs people in with this provider, and an example API beside
// it. It is what a person sees first at `npm start`, and what tests drive a login with. Here its parts are put together;
// OpenID Connect is in relying-party.ts, the API in api.ts.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import { createDemoApi } from './api.ts';
import { createErrands } from './errands.ts';
import { answerRequest } from './http.ts';
import { isLoopback } from './library.ts';
import { createLogoutTokenReader } from './logout-token.ts';
import { createRelyingParty } from './relying-party.ts';
import { createRoutes } from './routes.ts';
import { createSessionStore } from './sessions.ts';

export interface DemoClient {
  /** `http://localhost:<port>` */
  readonly url: string;
  /** address of the example API, and what its tokens are for */
  readonly api: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts the demo client on loopback. The provider need not run yet: it is looked for at the first sign-in.
 *
 * @param settings.port         0 takes any free one; redirect addresses contain it, so register them afterwards
 * @param settings.clientSecret absent for a public client, which cannot introspect
 * @param settings.discoveryMs  how long a sign-in waits for the provider to answer
 * @throws Error when `openid-client` is not installed, the port is taken, or `host` is not loopback
 */
export async function startDemoClient(settings: {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly host?: string;
  readonly discoveryMs?: number;
}): Promise<DemoClient> {
  const { issuer, clientId, clientSecret, host = '127.0.0.1', discoveryMs = 5000 } = settings;
  if (!isLoopback(host)) throw new Error('the demo client shows tokens: it listens on loopback only');

  const style = await readFile(new URL('./style.css', import.meta.url));
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://localhost:${port}`;
  const apiUrl = `${url}/api`;

  try {
    const relyingParty = await createRelyingParty({
      issuer,
      clientId,
      clientUrl: url,
      discoveryMs,
      ...(clientSecret !== undefined && { clientSecret }),
    });
    let keys: JWTVerifyGetKey | undefined;
    const readLogoutToken = createLogoutTokenReader({
      issuer,
      clientId,
      keys: async () => {
        keys ??= createRemoteJWKSet(await relyingParty.jwksUri());
        return keys;
      },
    });
    const sessions = createSessionStore();
    const api = createDemoApi({ issuer, audience: apiUrl });
    const routes = createRoutes({
      relyingParty,
      sessions,
      errands: createErrands({ relyingParty, sessions, api: apiUrl }),
      readLogoutToken,
      issuer,
      api: apiUrl,
      confidential: clientSecret !== undefined,
    });
    server.on('request', (request, response) => {
      answerRequest({ request, response, routes, api, sessions, style, url, issuer }).catch(() => {
        if (!response.headersSent)
          response.writeHead(500, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
        response.end('The demo client failed.\n');
      });
    });
  } catch (error) {
    server.close();
    throw error;
  }

  return {
    url,
    api: apiUrl,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
