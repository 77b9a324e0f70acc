// Who may run a verification for an account now (invariant 2). The vendor hands an unfinished session of one person and
// workflow to whoever asks, so the account is claimed here before the vendor is asked at all (T1).

export interface Claim {
  readonly uid: string;
  /** hash of the browser cookie */
  readonly browser: string;
  /** the browser holds a device cookie of this account */
  readonly knownDevice: boolean;
  readonly claimedAt: number;
  /** when the holder's attempt lapses at the latest */
  readonly until: number;
}

export type Contest =
  | { readonly kind: 'free' }
  /** the challenger holds it already */
  | { readonly kind: 'own' }
  /** the challenger wins; the holder's attempt ends */
  | { readonly kind: 'preempt'; readonly loser: Claim }
  | { readonly kind: 'held'; readonly holder: string; readonly claimedAt: number; readonly retryAfterSeconds: number };

export function contest(
  holder: Claim | undefined,
  challenger: Claim,
  now: number,
  contestedAfterSeconds: number,
): Contest {
  if (!holder || holder.until <= now) return { kind: 'free' };
  if (holder.uid === challenger.uid) return { kind: 'own' };
  const wins =
    holder.browser === challenger.browser ||
    (challenger.knownDevice && !holder.knownDevice) ||
    (!holder.knownDevice && now - holder.claimedAt >= contestedAfterSeconds);
  if (wins) return { kind: 'preempt', loser: holder };
  const contestableAt = holder.knownDevice
    ? holder.until
    : Math.min(holder.until, holder.claimedAt + contestedAfterSeconds);
  return {
    kind: 'held',
    holder: holder.uid,
    claimedAt: holder.claimedAt,
    retryAfterSeconds: Math.max(1, contestableAt - now),
  };
}
