// What this login must prove. Reads what the client asked for (`acr_values`, the `claims` parameter) and what its entry and the
// scopes demand, and answers with the selfie to ask for and what else would do, or that it cannot be had.

import {
  type Acr,
  acrOf,
  acrSatisfies,
  isAcr,
  isAtLeast,
  type Reach,
  reachableAcrs,
  type SelfieMethod,
  selfieFor,
} from './assurance.ts';

const DEVICE: Acr = 'urn:selfie-oidc:acr:device';
const SELFIE: Acr = 'urn:selfie-oidc:acr:selfie';

export interface StrengthRequest {
  /** voluntary, in the client's order of preference (OpenID Connect Core §3.1.2.1 `acr_values`) */
  readonly voluntary: readonly string[];
  /** one of these or failure (§5.5.1.1, essential `acr`); undefined when not essential */
  readonly essential: readonly string[] | undefined;
  /** all of these: the client's floor from its entry, and what its scopes require. No URL can lower them */
  readonly floors: readonly Acr[];
}

/** What a login needs to end well, and what a selfie for it has to be. */
export interface Need {
  /** what the selfie must be at least */
  readonly method: SelfieMethod;
  /** a key has to be shown beside the selfie */
  readonly key: boolean;
  /** what such a selfie earns */
  readonly acr: Acr;
  /** whatever is proven must reach all of these … */
  readonly floors: readonly Acr[];
  /** … and one of these, where the client insists */
  readonly oneOf?: readonly Acr[];
  /** what the client would like, without insisting */
  readonly preferred?: Acr;
}

export type Requirement =
  | ({ readonly kind: 'selfie' } & Need)
  /** RFC 9470 §5: `unmet_authentication_requirements` */
  | { readonly kind: 'unmet' };

export function requirementFor(request: StrengthRequest, reach: Reach): Requirement {
  const reachable = reachableAcrs(reach);
  // what a client names must be something a login here can end in; a floor is met by whatever is stronger
  const named = request.essential ? request.essential.filter(isOneOf(reachable)) : wishes(request, reach);
  const asked = named[0];
  if (request.essential && !asked) return { kind: 'unmet' };
  const isOutOfReach = (floor: Acr) => !reachable.some((acr) => acrSatisfies(acr, floor));
  if (request.floors.some(isOutOfReach)) return { kind: 'unmet' };
  const selfies = [...request.floors, ...(asked ? [asked] : [])].map(selfieFor);
  const method: SelfieMethod = selfies.some((selfie) => selfie.method === 'active') ? 'active' : 'passive';
  const key = selfies.some((selfie) => selfie.key);
  // a floor and a wish that cannot be had together
  if ((method === 'active' && !reach.active) || (key && !reach.keys && !onlyKeysWanted(request, reach))) {
    return { kind: 'unmet' };
  }
  return {
    kind: 'selfie',
    method,
    key,
    acr: key ? 'urn:selfie-oidc:acr:selfie-device' : acrOf(method),
    floors: request.floors,
    ...(request.essential ? { oneOf: named } : {}),
    ...(asked && !request.essential ? { preferred: asked } : {}),
  };
}

function isOneOf(reachable: readonly Acr[]): (acr: string) => acr is Acr {
  return (acr): acr is Acr => isAcr(acr) && reachable.includes(acr);
}

/**
 * What can be followed of what the client would like: nobody is made to register a key for a wish. A wish above a known device that
 * cannot be followed is still one for a face, which everybody has: a skip is never the answer to it.
 */
function wishes(request: StrengthRequest, reach: Reach): Acr[] {
  const canBeHad = request.voluntary.filter(isOneOf(reachableAcrs(reach)));
  const followed = canBeHad.filter((acr) => reach.holdsKey || !selfieFor(acr).key);
  const isAboveDevice = (acr: string) => isAcr(acr) && !acrSatisfies(DEVICE, acr);
  return followed.length === 0 && request.voluntary.some(isAboveDevice) ? [SELFIE] : followed;
}

/** A passkey alone does, and there are such. */
function onlyKeysWanted(request: StrengthRequest, reach: Reach): boolean {
  return reach.ways.includes('passkey') && request.floors.every((floor) => acrSatisfies('phr', floor));
}

/** Is this enough to let somebody in? */
export function isEnough(acr: string, need: Pick<Need, 'floors' | 'oneOf'>): boolean {
  if (!need.floors.every((floor) => acrSatisfies(acr, floor))) return false;
  return need.oneOf === undefined || need.oneOf.some((wanted) => acrSatisfies(acr, wanted));
}

/** May a known device be enough? Not where the client asks for more, be it without insisting. */
export function mayBeSkipped(need: Need): boolean {
  return isEnough(DEVICE, need) && (need.preferred === undefined || acrSatisfies(DEVICE, need.preferred));
}

/** The same need with a selfie of at least this method. */
export function raise<N extends Need>(need: N, method: SelfieMethod): N {
  if (isAtLeast(need.method, method)) return need;
  return { ...need, method, acr: need.key ? need.acr : acrOf(method) };
}

/** Does what a session already holds meet the request, so that nobody need be asked again? */
export function sessionMeets(held: string | undefined, request: StrengthRequest, reach: Reach): boolean {
  if (!request.floors.every((floor) => acrSatisfies(held, floor))) return false;
  // a session may come from a client that takes a weaker way in than this one (T16); a known device is judged at its own login
  if (!reachableAcrs({ ...reach, skip: true }).some((acr) => acrSatisfies(held, acr))) return false;
  if (request.essential) {
    return request.essential.filter(isOneOf(reachableAcrs(reach))).some((acr) => acrSatisfies(held, acr));
  }
  const preferred = wishes(request, reach)[0];
  return preferred === undefined || acrSatisfies(held, preferred);
}
