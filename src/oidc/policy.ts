// Is a login needed, and how strong? The library's own checks stay (session, `prompt=login`, `max_age`, hints); those for `acr` are
// replaced, as ours is a ladder and not a list of equals. OpenID Connect Core §3.1.2.1, §5.5.1.1; RFC 9470.

import type { Client, Configuration, InteractionResults, KoaContextWithOIDC } from 'oidc-provider';
import { errors, interactionPolicy } from 'oidc-provider';
import { type Acr, isAcr, type Reach, selfieFor } from '../core/assurance.ts';
import { CLAIMS_BY_SCOPE } from '../core/claims.ts';
import { type StrengthRequest, sessionMeets } from '../core/requirement.ts';
import type { LoginNeeds } from '../login/login-result.ts';
import type { PasskeyStore } from '../login/stores.ts';
import type { PairwiseSub } from './accounts.ts';
import { isNamed, namedSubjects } from './named-subjects.ts';
import { floorsByScope, type ReachParts, reachOf } from './reach.ts';

const { Check, Prompt, base } = interactionPolicy;

/**
 * What the request, the client's entry and the scopes it asks for demand of the strength of a login. A plain client that asks for
 * nothing but a scope is asked for what the scope requires.
 */
function strengthRequest(
  params: Readonly<Record<string, unknown>>,
  minimumAcr: unknown,
  floorsOf: (scope: string) => readonly Acr[],
): StrengthRequest {
  const claim = acrClaim(params.claims);
  const named = claim ? [...(claim.values ?? []), ...(claim.value === undefined ? [] : [claim.value])] : [];
  const voluntary = typeof params.acr_values === 'string' ? params.acr_values.split(' ').filter(Boolean) : [];
  const isEssential = claim?.essential === true && named.length > 0;
  return {
    voluntary: isEssential ? [] : [...voluntary, ...named],
    essential: isEssential ? named : undefined,
    floors: [...new Set([...(isAcr(minimumAcr) ? [minimumAcr] : []), ...scopesReached(params).flatMap(floorsOf)])],
  };
}

export function requestedScopes(params: Readonly<Record<string, unknown>>): readonly string[] {
  return typeof params.scope === 'string' ? params.scope.split(' ').filter(Boolean) : [];
}

/**
 * The scopes asked for, and those whose claims are asked for one by one (OpenID Connect Core §5.5): what a scope requires, each of its claims
 * does.
 */
export function scopesReached(params: Readonly<Record<string, unknown>>): readonly string[] {
  const claims = typeof params.claims === 'string' ? JSON.parse(params.claims) : {};
  return [...new Set([...requestedScopes(params), ...scopesOfClaims(claims)])];
}

interface RequestedClaims {
  readonly id_token?: unknown;
  readonly userinfo?: unknown;
}

function scopesOfClaims({ id_token, userinfo }: RequestedClaims): readonly string[] {
  const names = [id_token, userinfo].flatMap((each) =>
    typeof each === 'object' && each !== null ? Object.keys(each) : [],
  );
  // what `openid` gives every client has
  const scopes = Object.entries(CLAIMS_BY_SCOPE).filter(([scope]) => scope !== 'openid');
  return scopes.filter(([, claims]) => claims.some((claim) => names.includes(claim))).map(([scope]) => scope);
}

/**
 * A client that may not ask for a scope gets none of its claims by asking for them one by one.
 *
 * @throws InvalidRequest naming the scope
 */
export function assertClaimsAllowed(claims: RequestedClaims, client: Client): void {
  if (client.scope === undefined) return;
  const allowed = client.scope.split(' ');
  const missing = scopesOfClaims(claims).find((scope) => !allowed.includes(scope));
  if (missing !== undefined)
    throw new errors.InvalidRequest(`claims of the scope ${missing} are asked for, which the client may not ask for`);
}

interface AcrClaim {
  readonly essential?: boolean;
  readonly value?: string;
  readonly values?: readonly string[];
}

/**
 * A requirement that cannot be read must not pass as none (OpenID Connect Core §5.5.1).
 *
 * @throws InvalidRequest for an `acr` in `claims` that is no request for one or more values
 */
export function assertAcrClaim(claims: { readonly id_token?: unknown }): void {
  const acr = (claims.id_token as { acr?: unknown } | undefined)?.acr;
  if (acr === undefined || acr === null) return;
  const { value, values, essential } = acr as Record<string, unknown>;
  const isReadable =
    typeof acr === 'object' &&
    !Array.isArray(acr) &&
    (value === undefined || typeof value === 'string') &&
    (essential === undefined || typeof essential === 'boolean') &&
    (values === undefined ||
      (Array.isArray(values) && values.length > 0 && values.every((each) => typeof each === 'string')));
  if (!isReadable) throw new errors.InvalidRequest('claims.id_token.acr must name text in value or values');
}

/** `claims` arrives as JSON text, checked by the library to be an object; members are still anything. */
function acrClaim(claims: unknown): AcrClaim | undefined {
  if (typeof claims !== 'string') return undefined;
  const parsed: { id_token?: { acr?: unknown } } = JSON.parse(claims);
  const acr = parsed.id_token?.acr;
  if (acr === null || typeof acr !== 'object') return undefined;
  const { essential, value, values } = acr as Record<string, unknown>;
  return {
    ...(essential === true ? { essential } : {}),
    ...(typeof value === 'string' ? { value } : {}),
    ...(Array.isArray(values) ? { values: values.filter((each) => typeof each === 'string') } : {}),
  };
}

export interface WeighingParts extends ReachParts {
  readonly passkeys: Pick<PasskeyStore, 'list'>;
}

/**
 * What a request demands, and what this client can have of this person. Their keys are read only where the client would like one: of
 * everything else having one changes nothing.
 *
 * @param accountId undefined for somebody not known yet
 */
export async function weigh(
  parts: WeighingParts,
  client: Client,
  params: Readonly<Record<string, unknown>>,
  accountId: string | undefined,
): Promise<{ request: StrengthRequest; reach: Reach }> {
  const reach = reachOf(parts, { clientId: client.clientId, vendorWorkflow: client.vendor_workflow });
  const request = strengthRequest(params, client.minimum_acr, floorsByScope(parts, reach, client.clientId));
  const isKeyWished = request.voluntary.some((acr) => isAcr(acr) && selfieFor(acr).key);
  if (accountId === undefined || !reach.keys || !isKeyWished) return { request, reach };
  const holdsKey = (await parts.passkeys.list(accountId)).length > 0;
  return { request, reach: { ...reach, holdsKey } };
}

export function createInteractionPolicy(
  parts: WeighingParts & { readonly pairwiseSub: PairwiseSub },
): NonNullable<NonNullable<Configuration['interactions']>['policy']> {
  const policy = base();
  const login = policy.get('login');
  if (!login) throw new Error('the library has no login prompt');
  login.checks.remove('essential_acrs');
  login.checks.remove('essential_acr');
  // the library looks at the hint where a request comes in, and not where a paused one goes on: by then another may be signed in here
  login.checks.remove('id_token_hint');
  login.checks.add(
    new Check('id_token_hint', 'id_token_hint and authenticated subject do not match', 'login_required', (ctx) => {
      const { client, params = {}, session } = ctx.oidc;
      const isOne = client && isNamed(namedSubjects(params), session?.accountId ?? '', client, parts.pairwiseSub);
      return isOne ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT;
    }),
  );

  const isTooWeak = async (ctx: KoaContextWithOIDC) => {
    const { client, session, params } = ctx.oidc;
    if (!session?.accountId || !client) return undefined;
    const { request: asked, reach } = await weigh(parts, client, { ...params }, session.accountId);
    // a wish was heard when the login began; whoever signed in without it would be sent in a circle
    const request = ctx.oidc.result?.login ? { ...asked, voluntary: [] } : asked;
    return sessionMeets(session.acr, request, reach) ? undefined : request;
  };
  login.checks.add(
    new Check('strength', 'a stronger proof is needed than this session holds', 'login_required', async (ctx) => {
      const request = await isTooWeak(ctx);
      return request !== undefined && !request.essential ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  login.checks.add(
    new Check(
      'essential_strength',
      'the requested strength is not met',
      'unmet_authentication_requirements',
      async (ctx) => {
        const request = await isTooWeak(ctx);
        return request?.essential ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
      },
    ),
  );
  login.checks.add(
    new Check('account_standing', 'the account must be proven again', 'login_required', async (ctx) => {
      const { account, session } = ctx.oidc;
      if (!session?.accountId) return Check.NO_NEED_TO_PROMPT;
      // the library has just asked for it, by the session's id
      const isGood = account?.accountId === session.accountId && account.standing === 'good';
      return isGood ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT;
    }),
  );
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  return policy;
}

/** May a session made meanwhile answer this interaction? Never where a new proof was asked for. */
export function wantsNewProof(params: Readonly<Record<string, unknown>>, prompt: { readonly name: string }): boolean {
  const prompts = typeof params.prompt === 'string' ? params.prompt.split(' ') : [];
  return params.max_age !== undefined || prompts.includes('login') || prompt.name === 'select_account';
}

export type LoginInteractionResult = InteractionResults & {
  login: NonNullable<InteractionResults['login']> & {
    readonly proofIds?: readonly string[];
    /** of the account, when the proof was accepted here */
    readonly signOuts?: number;
    /** of the proofs the login itself */
    readonly own?: string;
    readonly needs?: LoginNeeds;
  };
};
