// What strength a client can have here, by configuration: for discovery, for the interaction policy and for the pages.

import { ACR_LADDER, type Acr, PHISHING_RESISTANT, type Reach, reachableAcrs } from '../core/assurance.ts';
import type { JourneyRules } from '../login/rules.ts';

/** A client's metadata as the library holds it. */
export interface ClientMetadata {
  readonly [key: string]: unknown;
}

export interface ReachParts {
  readonly rules: JourneyRules;
  /** mail can be sent */
  readonly hasMail: boolean;
}

/** @param clientId undefined for what the general policy allows */
export function reachOf(
  { rules, hasMail }: ReachParts,
  client: { readonly clientId?: string; readonly vendorWorkflow?: unknown },
  holdsKey = false,
): Reach {
  const own = rules.forClient(client.clientId ?? '');
  return {
    active: rules.workflows.active !== undefined || typeof client.vendorWorkflow === 'string',
    keys: rules.passkeys,
    holdsKey: rules.passkeys && holdsKey,
    skip: own.rules.some(({ asks }) => asks === 'skip'),
    ways: own.otherWays.filter((way) => (way !== 'email' || hasMail) && (way !== 'passkey' || rules.passkeys)),
  };
}

/** Only what a login of some client here can end in stands in discovery. */
export function acrsOffered(parts: ReachParts, clients: readonly ClientMetadata[]): Acr[] {
  const reaches = [
    reachOf(parts, {}),
    ...clients.map((client) =>
      reachOf(parts, { clientId: String(client.client_id), vendorWorkflow: client.vendor_workflow }),
    ),
  ];
  const offered = new Set(reaches.flatMap(reachableAcrs));
  return [...ACR_LADDER, PHISHING_RESISTANT].filter((acr): acr is Acr => offered.has(acr as Acr));
}
