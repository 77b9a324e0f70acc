// Who is asking and from where, as pages show it.

import type { Client } from 'oidc-provider';
import type { LoginOrigin } from '../core/binding.ts';
import type { ClientView, OriginView } from './pages.ts';

export function viewOfClient(client: Client): ClientView {
  const startAgainUri = client.initiateLoginUri ?? client.clientUri;
  return {
    name: client.clientName ?? client.clientId,
    ...(client.logoUri ? { logoUri: client.logoUri } : {}),
    ...(typeof startAgainUri === 'string' ? { startAgainUri } : {}),
  };
}

export function viewOfOrigin(origin: LoginOrigin): OriginView {
  return { browser: origin.label, place: origin.address, startedAt: new Date(origin.startedAt * 1000) };
}
