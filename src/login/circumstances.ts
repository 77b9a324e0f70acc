// Where and when something was done, in the words that a person is told by mail and on the page of their own.

import type { LoginOrigin } from '../core/binding.ts';
import type { Circumstances } from './mail.ts';
import type { JourneyParts } from './rules.ts';

export async function circumstancesOf(
  parts: Pick<JourneyParts, 'clientName' | 'clock'>,
  clientId: string,
  origin: LoginOrigin,
): Promise<Circumstances> {
  return {
    client: await parts.clientName(clientId),
    browser: origin.label,
    place: origin.country ? `${origin.address} (${origin.country})` : origin.address,
    at: parts.clock.now(),
  };
}
