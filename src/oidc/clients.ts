// The clients file as the library reads it. It checks an entry when that is first used; a fault in one must stop the start instead,
// and a host of somebody else's that is down for a moment must not.

import type Provider from 'oidc-provider';
import type { Logger } from '../login/ports.ts';

export interface RefusedClient {
  readonly clientId: string;
  readonly problem: string;
}

/** @returns what stands in the way of a start; a sector file that cannot be had just now is logged, and asked for again when needed */
export async function findRefusedClients(
  provider: Provider,
  clients: readonly { readonly client_id: string }[],
  log: Logger,
): Promise<RefusedClient[]> {
  const checks = clients.map(async ({ client_id: clientId }): Promise<RefusedClient[]> => {
    try {
      await provider.Client.find(clientId);
      return [];
    } catch (error) {
      const { error_description: description, message, cause } = error as Error & { error_description?: string };
      const problem = [description ?? message, ...(cause instanceof Error ? [cause.message] : [])].join(': ');
      const isElsewhere = problem.includes('sector_identifier_uri response') && !isRefusedAddress(cause);
      if (!isElsewhere) return [{ clientId, problem }];
      log.warn(
        { client: clientId, problem },
        'a sector file could not be read; its client cannot be used until it can',
      );
      return [];
    }
  });
  return (await Promise.all(checks)).flat();
}

function isRefusedAddress(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'outgoing_refused';
}
