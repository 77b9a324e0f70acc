// What this login must prove. Reads what the client asked for (`acr_values`, the `claims` parameter) and what its entry
// demands (`minimum_acr`), and answers with the selfie to ask for, or that it cannot be had.

import {
  type Acr,
  acrOf,
  acrSatisfies,
  isAcr,
  isAtLeast,
  isEarned,
  methodFor,
  type SelfieMethod,
} from './assurance.ts';

export interface StrengthRequest {
  /** voluntary, in the client's order of preference (OpenID Connect Core §3.1.2.1 `acr_values`) */
  readonly voluntary: readonly string[];
  /** one of these or failure (§5.5.1.1, essential `acr`); undefined when not essential */
  readonly essential: readonly string[] | undefined;
  /** the client's floor, from its entry: no URL can lower it */
  readonly minimum: Acr | undefined;
}

export type Requirement =
  | { readonly kind: 'selfie'; readonly method: SelfieMethod; readonly acr: Acr }
  /** RFC 9470 §5: `unmet_authentication_requirements` */
  | { readonly kind: 'unmet' };

/** @param activeAvailable whether an active selfie can be had here at all */
export function requirementFor(request: StrengthRequest, activeAvailable: boolean): Requirement {
  const reachable = (acr: string): SelfieMethod | undefined => {
    const method = isAcr(acr) ? methodFor(acr) : undefined;
    return method === 'active' && !activeAvailable ? undefined : method;
  };
  // what a client names must be something a login here can earn; a floor is met by whatever is stronger
  const earned = (acr: string) => (isEarned(acr) ? reachable(acr) : undefined);
  const firstReachable = (wanted: readonly string[]) => wanted.map(earned).find((method) => method !== undefined);

  let asked: SelfieMethod | undefined;
  if (request.essential) {
    asked = firstReachable(request.essential);
    if (!asked) return { kind: 'unmet' };
  } else {
    asked = firstReachable(request.voluntary);
  }
  const floor = request.minimum ? reachable(request.minimum) : 'passive';
  if (!floor) return { kind: 'unmet' };
  const method = asked && isAtLeast(asked, floor) ? asked : floor;
  return { kind: 'selfie', method, acr: acrOf(method) };
}

/** Does what a session already holds meet the request, so that nobody need be asked again? */
export function sessionMeets(held: string | undefined, request: StrengthRequest, activeAvailable: boolean): boolean {
  if (request.minimum && !acrSatisfies(held, request.minimum)) return false;
  if (request.essential) return request.essential.some((acr) => isEarned(acr) && acrSatisfies(held, acr));
  const preferred = request.voluntary.find(
    (acr) => requirementFor({ voluntary: [], essential: [acr], minimum: undefined }, activeAvailable).kind === 'selfie',
  );
  return preferred === undefined || acrSatisfies(held, preferred);
}
