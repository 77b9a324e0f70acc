// oidc-provider's paused request as the journey needs it, and the way back: Interaction → LoginRequest; LoginResult or Refusal →
// resume. An interaction is only ever found by its cookie (invariant 1): an id in a URL is never enough.

import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import type { Client, InteractionResults } from 'oidc-provider';
import type { Account } from '../core/account.ts';
import { CLAIMS_BY_SCOPE } from '../core/claims.ts';
import { readIdentifier } from '../core/identifier.ts';
import { type Requirement, requirementFor, sessionMeets } from '../core/requirement.ts';
import type { LoginRequest } from '../login/begin.ts';
import type { LoginResult } from '../login/login-result.ts';
import type { Clock } from '../login/ports.ts';
import type { JourneyRules } from '../login/rules.ts';
import type { AccountStore, PasskeyStore } from '../login/stores.ts';
import type { PairwiseSub } from './accounts.ts';
import type { Consents } from './consents.ts';
import { isNamed, namedSubjects } from './named-subjects.ts';
import { type LoginInteractionResult, requestedScopes, scopesReached, wantsNewProof, weigh } from './policy.ts';
import type { Revocation } from './revocation.ts';

/** What the library stores of a paused request; `params` were checked when it was made. */
interface StoredInteraction {
  readonly uid: string;
  readonly exp: number;
  readonly iat: number;
  readonly returnTo: string;
  readonly prompt: {
    readonly name: string;
    readonly reasons: readonly string[];
    readonly details: Record<string, unknown>;
  };
  readonly params: Readonly<Record<string, unknown>>;
  session?: { readonly accountId: string; readonly uid?: string } | undefined;
  result?: InteractionResults;
  lastSubmission?: InteractionResults;
  save(ttl: number): Promise<string>;
}

export interface OpenInteraction {
  readonly uid: string;
  readonly kind: 'login' | 'consent';
  readonly client: Client;
  readonly params: Readonly<Record<string, unknown>>;
  readonly stored: StoredInteraction;
}

/** Who the page may show without asking. */
export type KnownPerson =
  | { readonly kind: 'fixed' | 'remembered'; readonly account: Account }
  /** the request names somebody who has no account here */
  | { readonly kind: 'nobody-known' }
  | { readonly kind: 'ask'; readonly hint: string };

export interface ConsentDetails {
  readonly accountId: string;
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
}

export interface Interactions {
  /** Does this browser hold the cookie of the interaction, be it over or not? */
  wasBegunHere(ctx: Context, uid: string): boolean;
  /** Is the client's request gone for good? One whose client this process does not know may go on elsewhere, or later. */
  isGone(uid: string): Promise<boolean>;
  /** @returns undefined when this browser did not begin it, or it is over */
  find(ctx: Context, uid: string): Promise<OpenInteraction | undefined>;
  /** What has to be proven. @param knownAccountId who it will probably be: somebody with a key is asked for it where a client wishes */
  requirement(interaction: OpenInteraction, knownAccountId?: string): Promise<Requirement>;
  loginRequest(interaction: OpenInteraction, requirement: Requirement & { kind: 'selfie' }): LoginRequest;
  knownPerson(ctx: Context, interaction: OpenInteraction, device: readonly string[]): Promise<KnownPerson>;
  /** A session that another tab made meanwhile already answers this request. */
  metBySession(ctx: Context, interaction: OpenInteraction): Promise<InteractionResults | undefined>;
  resumeLogin(ctx: Context, interaction: OpenInteraction, result: LoginResult): Promise<string>;
  resumeWith(interaction: OpenInteraction, result: InteractionResults): Promise<string>;
  refuse(interaction: OpenInteraction, error: string, description: string): Promise<string>;
  consentDetails(interaction: OpenInteraction): ConsentDetails;
  /** Was the session ended that an interaction for somebody who is signed in has begun with? */
  hasLostSession(interaction: OpenInteraction): Promise<boolean>;
  /** Nothing is allowed, and the client is told so, when that session is over. */
  allow(interaction: OpenInteraction): Promise<string>;
}

/** What the client is told when it is over: error and description. */
export const SESSION_OVER = ['login_required', 'the session has ended'] as const;

export function createInteractions(parts: {
  provider: Provider;
  accounts: AccountStore;
  consents: Consents;
  revocation: Revocation;
  pairwiseSub: PairwiseSub;
  clock: Clock;
  passkeys: Pick<PasskeyStore, 'list'>;
  rules: JourneyRules;
  hasMail: boolean;
}): Interactions {
  const { provider, accounts, consents, revocation, pairwiseSub, clock } = parts;

  async function save(interaction: OpenInteraction, result: InteractionResults): Promise<string> {
    const { stored } = interaction;
    const isRefusal = 'error' in result;
    // of the session that it began with a refusal needs nothing: the client hears it also when that was ended meanwhile
    if (isRefusal) stored.session = undefined;
    stored.result = isRefusal ? result : { ...stored.lastSubmission, ...result };
    await stored.save(stored.exp - clock.now());
    return stored.returnTo;
  }

  async function allows({ params, client }: OpenInteraction, accountId: string): Promise<boolean> {
    return isNamed(namedSubjects(params), accountId, client, pairwiseSub);
  }

  /** The one that an interaction for somebody who is signed in has begun with, as it is now. */
  async function sessionOf({ stored }: OpenInteraction) {
    const session = await provider.Session.findByUid(stored.session?.uid ?? '');
    return session?.accountId === stored.session?.accountId ? session : undefined;
  }

  const wasBegunHere = (ctx: Context, uid: string) =>
    ctx.cookies.get(provider.cookieName('interaction'), { signed: true }) === uid;

  const interactions: Interactions = {
    wasBegunHere,

    isGone: async (uid) => (await provider.Interaction.find(uid)) === undefined,

    async find(ctx, uid) {
      if (!wasBegunHere(ctx, uid)) return undefined;
      const stored = (await provider.Interaction.find(uid)) as unknown as StoredInteraction | undefined;
      if (!stored || stored.exp <= clock.now()) return undefined;
      const client = await provider.Client.find(String(stored.params.client_id));
      if (!client) return undefined;
      const kind = stored.prompt.name === 'consent' ? 'consent' : 'login';
      return { uid, kind, client, params: stored.params, stored };
    },

    async requirement(interaction, knownAccountId) {
      const { request, reach } = await weigh(parts, interaction.client, interaction.params, knownAccountId);
      return requirementFor(request, reach);
    },

    loginRequest: (interaction, { kind: _kind, ...need }) => ({
      uid: interaction.uid,
      clientId: interaction.client.clientId,
      need,
      wantsNewProof: wantsNewProof(interaction.params, interaction.stored.prompt),
      scopes: scopesReached(interaction.params),
      ...(typeof interaction.client.vendor_workflow === 'string'
        ? { vendorWorkflow: interaction.client.vendor_workflow }
        : {}),
      allowsAccount: (accountId) => allows(interaction, accountId),
      interactionExpiresAt: interaction.stored.exp,
      locales:
        typeof interaction.params.ui_locales === 'string'
          ? interaction.params.ui_locales.split(' ').filter(Boolean)
          : [],
    }),

    async knownPerson(ctx, interaction, device) {
      const hint = typeof interaction.params.login_hint === 'string' ? interaction.params.login_hint : '';
      const reading = readIdentifier(hint);
      const hinted = reading.kind === 'ok' ? reading.identifier : undefined;
      const session = await provider.Session.get(ctx as never);
      const remembered = [...(session.accountId ? [session.accountId] : []), ...device];
      const named = namedSubjects(interaction.params);
      if (named.length > 0) {
        const candidates = interaction.client.subjectType === 'pairwise' ? remembered : [named[0] ?? '', ...remembered];
        for (const id of candidates) {
          const account = (await allows(interaction, id)) ? await accounts.find(id) : undefined;
          if (account) return { kind: 'fixed', account };
        }
        return interaction.client.subjectType === 'pairwise' ? { kind: 'ask', hint } : { kind: 'nobody-known' };
      }
      if (interaction.stored.prompt.name === 'select_account') return { kind: 'ask', hint };
      for (const id of remembered) {
        const account = await accounts.find(id);
        // a hint of somebody else is worth more than our memory
        if (account && (hint === '' || hinted === account.identifier)) return { kind: 'remembered', account };
      }
      return { kind: 'ask', hint };
    },

    async metBySession(ctx, interaction) {
      if (interaction.kind !== 'login' || wantsNewProof(interaction.params, interaction.stored.prompt))
        return undefined;
      const session = await provider.Session.get(ctx as never);
      const { accountId, acr, amr, loginTs } = session;
      if (!accountId || !loginTs) return undefined;
      const { request, reach } = await weigh(parts, interaction.client, interaction.params, accountId);
      if (!sessionMeets(acr, request, reach)) return undefined;
      if (!(await allows(interaction, accountId))) return undefined;
      const account = await accounts.find(accountId);
      if (account?.standing !== 'good') return undefined;
      // the answer is good as long as the session it comes from: the library compares the two when it resumes (T8)
      interaction.stored.session = { accountId, uid: session.uid };
      return { login: { accountId, ts: loginTs, remember: true, ...(acr ? { acr } : {}), ...(amr ? { amr } : {}) } };
    },

    async resumeLogin(ctx, interaction, result) {
      const session = await provider.Session.get(ctx as never);
      // another person's session in this browser ends first: the library would do so by a form with inline script
      if (session.accountId && session.accountId !== result.accountId) await revocation.endSession(session as never);
      const { accountId, acr, amr, authTime, signOuts, proofIds, own, needs } = result;
      return interactions.resumeWith(interaction, {
        login: { accountId, acr, amr: [...amr], ts: authTime, remember: true, proofIds, signOuts, own, needs },
        ...(interaction.stored.prompt.name === 'select_account' ? { select_account: {} } : {}),
      });
    },

    resumeWith(interaction, result) {
      // a proof of its own: the session it began with may be gone or another's by now, and the result names the account
      const login = (result as Partial<LoginInteractionResult>).login;
      if (login?.proofIds) interaction.stored.session = undefined;
      return save(interaction, result);
    },

    refuse: (interaction, error, description) => save(interaction, { error, error_description: description }),

    consentDetails(interaction) {
      const { details } = interaction.stored.prompt;
      const scopes = (details.missingOIDCScope as string[] | undefined) ?? [];
      // one that nobody here knows is passed over, and must not be shown as if it allowed something
      const asked = requestedScopes(interaction.params).filter(
        (scope) =>
          Object.hasOwn(CLAIMS_BY_SCOPE, scope) ||
          scope === 'offline_access' ||
          Object.hasOwn(parts.rules.scopes, scope),
      );
      const claims = (details.missingOIDCClaims as string[] | undefined) ?? [];
      return {
        accountId: interaction.stored.session?.accountId ?? '',
        scopes: [...new Set([...asked, ...scopes, ...Object.values(missingResourceScopes(interaction)).flat()])],
        claims,
      };
    },

    hasLostSession: async (interaction) => (await sessionOf(interaction)) === undefined,

    async allow(interaction) {
      const { accountId, scopes, claims } = interactions.consentDetails(interaction);
      // a page that was open when its session was ended: what is allowed there would count in the person's next one too (T14)
      const session = await sessionOf(interaction);
      if (!session) return interactions.refuse(interaction, ...SESSION_OVER);
      const { clientId } = interaction.client;
      const grant = await consents.openGrant(provider, session, interaction.client);
      if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
      if (claims.length > 0) grant.addOIDCClaims([...claims]);
      const resources = missingResourceScopes(interaction);
      for (const [resource, missing] of Object.entries(resources)) grant.addResourceScope(resource, missing.join(' '));
      grant.exp = undefined;
      const grantId = await grant.save();
      const proofs = await revocation.proofsOf(session.uid);
      await consents.record(accountId, clientId, { scopes, claims, resources, at: clock.now() }, proofs);
      return save(interaction, { consent: { grantId } });
    },
  };
  return interactions;
}

/** By resource (RFC 8707): what the grant lacks of the scopes asked for there. */
function missingResourceScopes({ stored }: OpenInteraction): Record<string, string[]> {
  return (stored.prompt.details.missingResourceScopes ?? {}) as Record<string, string[]>;
}
