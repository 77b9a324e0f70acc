// May a new face take the old one's place at once? Only for whoever has shown that they are the person by more than a document: on a device
// that the account knows, or with one of its keys. Anybody else's waits, and its person is told (T14).

import type { LoginAttempt } from '../core/attempt.ts';
import type { RiskView } from './risk.ts';
import type { JourneyParts } from './rules.ts';

/** @param device hash of the device cookie that came along */
export type FaceTrust = (attempt: LoginAttempt, device: string | undefined) => Promise<boolean>;

/**
 * Looked at now, and asked again at the end, as the device may have been forgotten since, the key removed, the account put under review: never
 * trusted while somebody has to look at it.
 */
export function createFaceTrust(
  parts: Pick<JourneyParts, 'accounts' | 'passkeys'> & { readonly risk: Pick<RiskView, 'knownUse'> },
): FaceTrust {
  const { accounts, passkeys, risk } = parts;
  return async ({ claimant, factors }, device) => {
    const account = claimant.kind === 'account' ? await accounts.find(claimant.accountId) : undefined;
    if (!account || account.review) return false;
    if (await risk.knownUse(account.id, device)) return true;
    const key = factors.find(({ factor }) => factor === 'passkey')?.credential;
    return key !== undefined && (await passkeys.ownerOf(key)) === account.id;
  };
}
