// How the demo client comes by `openid-client` and by the provider's metadata. The package is a development dependency, and
// the provider may start after the client, so both are looked for when they are needed.

import { setTimeout as delay } from 'node:timers/promises';
import type { Configuration } from 'openid-client';

export type OpenIdClient = typeof import('openid-client');

/** The provider could not be reached, or is not who it should be. */
export class ProviderUnreachable extends Error {
  readonly code = 'provider_unreachable';
}

/** @throws Error when `openid-client`, a development dependency, is not installed */
export async function loadLibrary(): Promise<OpenIdClient> {
  try {
    return await import('openid-client');
  } catch (cause) {
    const hint = 'run "npm install" without --omit=dev';
    throw new Error(`the demo client needs openid-client, a development dependency: ${hint}`, { cause });
  }
}

/**
 * The provider is looked for at the first use, for up to `discoveryMs`, so that it does not matter which of the two starts
 * first. A failure is not remembered.
 */
export function createDiscovery(
  client: OpenIdClient,
  settings: {
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret?: string;
    readonly discoveryMs: number;
  },
): () => Promise<Configuration> {
  const { issuer, clientId, clientSecret, discoveryMs } = settings;
  let discovered: Promise<Configuration> | undefined;

  async function discover(): Promise<Configuration> {
    const server = new URL(issuer);
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
    const insecure = server.protocol === 'http:' && isLoopback(server.hostname);
    const execute = insecure ? [client.allowInsecureRequests] : [];
    const deadline = Date.now() + discoveryMs;
    for (;;) {
      try {
        return await client.discovery(server, clientId, undefined, authentication, { execute, timeout: 5 });
      } catch (cause) {
        if (Date.now() >= deadline) throw new ProviderUnreachable(`no provider answers at ${issuer}`, { cause });
        await delay(200);
      }
    }
  }

  return () => {
    discovered ??= discover().catch((error: unknown) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  };
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
