// Invitation links: each lets one person enrol, once, until it expires. Only the hash of a token is kept, so a link that was lost
// cannot be shown again.

import type { Clock, Journal } from '../login/ports.ts';
import type { AccountStore, InvitationStore } from '../login/stores.ts';
import { hashToken, newToken } from '../login/tokens.ts';

export interface InvitationParts {
  readonly issuer: string;
  readonly invitations: Pick<InvitationStore, 'create'>;
  readonly accounts: Pick<AccountStore, 'findByIdentifier'>;
  readonly journal: Journal;
  readonly clock: Clock;
}

export interface InvitationOrder {
  readonly count: number;
  readonly ttlSeconds: number;
  /** normalised; the invitations are then for this identifier only */
  readonly identifier?: string;
}

export interface InvitationLink {
  readonly link: string;
  /** epoch seconds */
  readonly expiresAt: number;
  readonly identifier?: string;
}

export type InvitationsMade =
  | { readonly kind: 'made'; readonly links: readonly InvitationLink[] }
  /** somebody has enrolled with that identifier */
  | { readonly kind: 'taken' };

export async function makeInvitations(parts: InvitationParts, order: InvitationOrder): Promise<InvitationsMade> {
  const { identifier, count } = order;
  if (identifier !== undefined && (await parts.accounts.findByIdentifier(identifier))) return { kind: 'taken' };
  const createdAt = parts.clock.now();
  const expiresAt = createdAt + order.ttlSeconds;
  const who = identifier === undefined ? {} : { identifier };
  const links: InvitationLink[] = [];
  for (let made = 0; made < count; made += 1) {
    const token = newToken();
    await parts.invitations.create(hashToken(token), { createdAt, expiresAt, ...who });
    links.push({ link: `${parts.issuer}/invite/${token}`, expiresAt, ...who });
  }
  await parts.journal.record({
    event: 'invitation.made',
    count,
    expires_at: expiresAt,
    bound: identifier !== undefined,
  });
  return { kind: 'made', links };
}
