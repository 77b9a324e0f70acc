// Scope consent: what the client will see or may do, in words, with allow and deny.

import type { Context } from 'koa';
import { type OpenInteraction, SESSION_OVER } from '../../oidc/interactions.ts';
import { viewOfClient } from '../client-view.ts';
import type { Access, InteractionRouteParts } from './access.ts';

export type ConsentRoutes = ReturnType<typeof createConsentRoutes>;

export function createConsentRoutes(parts: InteractionRouteParts, access: Access) {
  const { interactions, reply } = parts;
  const { open, readPost, formOf, refuse } = access;

  async function showConsent(ctx: Context, interaction: OpenInteraction): Promise<void> {
    // the operator has allowed its own clients
    if (interaction.client.first_party === true) return reply.onTo(ctx, await interactions.allow(interaction));
    // signed out meanwhile: nobody is named, and the client may begin anew
    if (await interactions.hasLostSession(interaction)) return refuse(ctx, interaction, ...SESSION_OVER);
    const { accountId, scopes, claims } = interactions.consentDetails(interaction);
    const account = await parts.accounts.find(accountId);
    reply.page(ctx, 200, 'consent', {
      form: formOf(interaction.uid),
      client: viewOfClient(interaction.client),
      identifier: account?.identifier ?? '',
      grants: describeGrants(scopes, claims),
    });
  }

  async function consent(ctx: Context, uid: string): Promise<void> {
    const fields = await readPost(ctx, uid);
    const interaction = fields && (await open(ctx, uid));
    if (!interaction) return;
    if (interaction.kind !== 'consent') return reply.onTo(ctx, `/interaction/${uid}`);
    if (fields.decision === 'allow') return reply.onTo(ctx, await interactions.allow(interaction));
    if (fields.decision === 'deny') return refuse(ctx, interaction, 'access_denied', 'the person did not give consent');
    reply.refusal(ctx, 400, 'invalid_request', 'The form says neither allow nor deny.');
  }

  return { showConsent, consent };
}

const SCOPE_WORDS: Readonly<Record<string, string>> = {
  openid: 'Know that it is you, and how you proved it',
  profile: 'See your name, birth date and gender as your document shows them, and your user name',
  email: 'See your e-mail address, once it has been proven',
  offline_access: 'Keep access for up to 30 days while you are away',
};

export function describeGrants(scopes: readonly string[], claims: readonly string[]): string[] {
  // a scope of the policy has a name and no words of ours; leaving it out would hide what is allowed
  const ofScopes = scopes.map((scope) => SCOPE_WORDS[scope] ?? `Use the permission “${scope}”`);
  return claims.length > 0 ? [...ofScopes, `See in particular: ${claims.join(', ')}`] : ofScopes;
}
