// Who is asking and from where, as pages show it.

import type { Client } from 'oidc-provider';
import type { LoginOrigin } from '../core/binding.ts';
import type { ClientView, OriginView } from './pages.ts';

export function viewOfClient(client: Client): ClientView {
  const startAgainUri = client.initiateLoginUri ?? client.clientUri ?? originOf(client.redirectUris?.[0]);
  return {
    name: client.clientName ?? client.clientId,
    ...(client.logoUri ? { logoPath: `/logos/${encodeURIComponent(client.clientId)}` } : {}),
    ...(typeof startAgainUri === 'string' ? { startAgainUri } : {}),
  };
}

/** An entry that names no page of the client still names where it lives. */
function originOf(redirectUri: string | undefined): string | undefined {
  const url = redirectUri === undefined ? null : URL.parse(redirectUri);
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

export function viewOfOrigin(origin: LoginOrigin): OriginView {
  return { browser: origin.label, place: origin.address, startedAt: new Date(origin.startedAt * 1000) };
}
