// No cost without a limit (invariant 10, T17). Every count is taken before the vendor is asked and is atomic, so fifty starts
// at once cannot pass together. Limits slow down and never ban: unknown devices share a part, and a known one has the rest.

import { addressPrefix, household } from '../core/address.ts';
import type { Sealer, Store } from './ports.ts';
import type { JourneyRules } from './rules.ts';

const HOUR = 3600;
const DAY = 86_400;
/** What a /24 or /48 may do, as a multiple of what one address may. */
const NETWORK_FACTOR = 8;

export interface Spender {
  /** the account's id, or the identifier's key of a newcomer */
  readonly person: string;
  readonly knownDevice: boolean;
  readonly address: string;
  readonly clientId: string;
}

export type Allowed =
  | { readonly kind: 'allowed'; refund(): Promise<void> }
  | {
      readonly kind: 'limited';
      readonly by: string;
      readonly retryAfterSeconds: number;
      /** the first in this window: whoever goes on asking must not fill the journal */
      readonly isNews: boolean;
    };

interface Bucket {
  readonly name: string;
  readonly key: string;
  readonly windowSeconds: number;
  readonly limit: number;
}

export interface Limiter {
  /** Counts one session to be opened, in every bucket or in none. */
  spend(spender: Spender): Promise<Allowed>;
  /** Counts a guess at an identifier that leads nowhere: the defence against trying names (T26). */
  spendGuess(address: string): Promise<Allowed>;
}

export function createLimiter(parts: { store: Store; sealer: Sealer; limits: JourneyRules['limits'] }): Limiter {
  const { store, sealer, limits } = parts;

  const addressBuckets = (address: string): Bucket[] => [
    {
      name: 'address',
      key: `limit:address:${sealer.keyedHash(household(address), 'limit')}`,
      windowSeconds: HOUR,
      limit: limits.sessionsPerAddressPerHour,
    },
    // whoever owns a whole network has many addresses, but not many times what one may do (T17)
    {
      name: 'network',
      key: `limit:network:${sealer.keyedHash(addressPrefix(address), 'limit')}`,
      windowSeconds: HOUR,
      limit: limits.sessionsPerAddressPerHour * NETWORK_FACTOR,
    },
  ];

  async function spendAll(buckets: readonly Bucket[]): Promise<Allowed> {
    const spent: Bucket[] = [];
    const refund = async () => {
      await Promise.all(spent.map((bucket) => store.increment(bucket.key, bucket.windowSeconds, -1)));
    };
    for (const bucket of buckets) {
      const count = await store.increment(bucket.key, bucket.windowSeconds);
      spent.push(bucket);
      if (count > bucket.limit) {
        await refund();
        const isNews = await store.putIfAbsent(`told:${bucket.key}`, true, bucket.windowSeconds);
        return { kind: 'limited', by: bucket.name, retryAfterSeconds: Math.min(bucket.windowSeconds, HOUR), isNews };
      }
    }
    return { kind: 'allowed', refund };
  }

  return {
    spend(spender) {
      const person = sealer.keyedHash(spender.person, 'limit');
      const unknown: Bucket = {
        name: 'unknown-devices',
        key: `limit:unknown:${person}`,
        windowSeconds: HOUR,
        limit: limits.unknownDevicesPerAccountPerHour,
      };
      // the address first: whoever fills a person's bucket has to come from many networks
      return spendAll([
        ...addressBuckets(spender.address),
        ...(spender.knownDevice ? [] : [unknown]),
        {
          name: 'account',
          key: `limit:account:${person}`,
          windowSeconds: HOUR,
          limit: limits.sessionsPerAccountPerHour,
        },
        {
          name: 'client',
          key: `limit:client:${spender.clientId}`,
          windowSeconds: HOUR,
          limit: limits.sessionsPerClientPerHour,
        },
        { name: 'day', key: 'limit:day', windowSeconds: DAY, limit: limits.sessionsPerDay },
      ]);
    },
    spendGuess: (address) => spendAll(addressBuckets(address)),
  };
}
