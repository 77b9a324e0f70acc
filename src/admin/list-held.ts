// Logins that wait for a reviewer at the vendor, the longest waiting first.

import type { AttemptStore, HeldReview } from '../login/stores.ts';

export async function listHeld(parts: {
  readonly attempts: Pick<AttemptStore, 'held'>;
}): Promise<readonly HeldReview[]> {
  return (await parts.attempts.held()).toSorted((one, other) => one.since - other.since);
}
