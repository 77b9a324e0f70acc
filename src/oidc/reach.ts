// What strength a client can have here, by configuration: for discovery, for the interaction policy and for the pages.

import { ACR_LADDER, type Acr, acrOf, PHISHING_RESISTANT, type Reach, reachableAcrs } from '../core/assurance.ts';
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

/** Of nobody in particular: whether a person holds a key is for `weigh` to say. @param clientId undefined for what the general policy allows */
export function reachOf(
  { rules, hasMail }: ReachParts,
  client: { readonly clientId?: string; readonly vendorWorkflow?: unknown },
): Reach {
  const own = rules.forClient(client.clientId ?? '');
  return {
    active: rules.workflows.active !== undefined || typeof client.vendorWorkflow === 'string',
    keys: rules.passkeys,
    holdsKey: false,
    skip: own.rules.some(({ asks }) => asks === 'skip'),
    ways: own.otherWays.filter((way) => (way !== 'email' || hasMail) && (way !== 'passkey' || rules.passkeys)),
  };
}

/**
 * What each scope requires at a client: by the policy's `scopes`, and where a rule of risk calls it sensitive. The rules are heard at a
 * login; as a floor the same holds for a session, and for whatever else than a selfie is shown.
 */
export function floorsByScope(parts: ReachParts, reach: Reach, clientId: string): (scope: string) => readonly Acr[] {
  const { rules } = parts.rules.forClient(clientId);
  const at = rules.findIndex((each) => each.rule === 'sensitive_scope');
  // behind a rule that may end the asking it is heard at a login only, as the operator ordered it
  const rule = rules.slice(0, at).some((each) => each.final) ? undefined : rules[at];
  const asked: Acr | undefined =
    rule === undefined || rule.asks === 'skip'
      ? undefined
      : acrOf(rule.asks === 'active' && reach.active ? 'active' : 'passive');
  return (scope) => {
    const required = Object.hasOwn(parts.rules.scopes, scope) ? parts.rules.scopes[scope] : undefined;
    const sensitive = rule?.options.scopes?.includes(scope) ? asked : undefined;
    return [required, sensitive].filter((acr) => acr !== undefined);
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
