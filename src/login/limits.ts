// No cost without a limit (invariant 10, T17). Every count is taken before the vendor is asked and is atomic, so fifty starts
// at once cannot pass together. Limits slow down and never ban: unknown devices share a part, and a known one has the rest.

import { addressPrefix, household } from '../core/address.ts';
import type { LoginAttempt } from '../core/attempt.ts';
import type { Clock, Counted, Sealer, Store } from './ports.ts';
import type { JourneyRules } from './rules.ts';

const HOUR = 3600;
const DAY = 86_400;
/** What a /24 or /48 may do, as a multiple of what one address may. */
const NETWORK_FACTOR = 8;
/** What may be begun without a verification, as multiple of what one address may open. */
const BEGINNINGS_FACTOR = 8;
/** Prices are counted in whole ten-thousandths. */
const PRICE_PARTS = 10_000;

export interface Spender {
  /** the account's id, or the identifier's key of a newcomer */
  readonly person: string;
  readonly knownDevice: boolean;
  readonly address: string;
  readonly clientId: string;
  /** what it will cost, in the currency of the bill */
  readonly price: number;
}

export interface WaySpender {
  /** the identifier's key */
  readonly person: string;
  readonly address: string;
  /** has room of its own: else five strangers an hour would keep the person from every other way (T17) */
  readonly knownDevice: boolean;
  /** a code that proves an address opens nothing by itself, and is counted apart from what does */
  readonly isEnrolment?: boolean;
}

export type Allowed =
  | {
      readonly kind: 'allowed';
      refund(): Promise<void>;
      /** the day's soft edge was passed just now: the operator is to be told */
      readonly softEdge?: true;
    }
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
  /** how much is counted; one by default */
  readonly by?: number;
}

export interface Limiter {
  /** Counts one session to be opened, in every bucket or in none. */
  spend(spender: Spender): Promise<Allowed>;
  /** Counts a guess at an identifier that leads nowhere: the defence against trying names (T26). */
  spendGuess(address: string): Promise<Allowed>;
  /** Counts an attempt that is begun without a verification. */
  spendBeginning(address: string): Promise<Allowed>;
  /** Counts a try at another way in: all of them together, so that none is a way around the limit of the next (T16). */
  spendWay(way: WaySpender): Promise<Allowed>;
}

export function createLimiter(parts: {
  store: Store;
  sealer: Sealer;
  clock: Clock;
  rules: Pick<JourneyRules, 'limits' | 'costs'>;
}): Limiter {
  const { clock, store, sealer } = parts;
  const { limits, costs } = parts.rules;

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

  /** Days are those of UTC, as in the ledger: whoever is turned away can be told when the next one begins. */
  const today = () => new Date(clock.now() * 1000).toISOString().slice(0, 10);
  const leftOfDay = () => DAY - (clock.now() % DAY);
  const spentKey = () => `limit:spent:${today()}`;

  /**
   * @param stages one after another: a stage is only counted in when all before it have room, as a count that is taken back a moment
   *               later may have turned somebody else away meanwhile
   */
  async function spendAll(...stages: readonly (readonly Bucket[])[]): Promise<Allowed> {
    const spent: { readonly bucket: Bucket; readonly counted: Counted }[] = [];
    // in the window it was counted in: else many who are turned away at its end would make room in the next one (T17)
    const refund = async () => {
      await Promise.all(spent.map(({ bucket: { key, by = 1 }, counted }) => store.countBack(key, by, counted)));
    };
    for (const stage of stages) {
      const counts = await Promise.all(
        stage.map(async (bucket) => {
          const { key, windowSeconds, by = 1 } = bucket;
          return { bucket, counted: await store.countIn(key, windowSeconds, by) };
        }),
      );
      spent.push(...counts);
      const full = counts.find(({ bucket, counted }) => counted.count > bucket.limit)?.bucket;
      if (full === undefined) continue;
      await refund();
      const isNews = await store.putIfAbsent(`told:${full.key}`, true, full.windowSeconds);
      const retryAfterSeconds = full.windowSeconds === DAY ? leftOfDay() : full.windowSeconds;
      return { kind: 'limited', by: full.name, retryAfterSeconds, isNews };
    }
    return { kind: 'allowed', refund };
  }

  /** What may be spent in a day, where the policy says so. */
  const budget = (price: number): Bucket[] =>
    costs.dailySoft === undefined && costs.dailyHard === undefined
      ? []
      : [
          {
            name: 'budget',
            key: spentKey(),
            windowSeconds: DAY,
            limit: Math.round((costs.dailyHard ?? Number.POSITIVE_INFINITY) * PRICE_PARTS),
            by: Math.round(price * PRICE_PARTS),
          },
        ];

  /** True once a day, for whoever opens the verification that passes the edge. */
  async function isSoftEdgePassed(): Promise<boolean> {
    if (costs.dailySoft === undefined) return false;
    const spent = await store.increment(spentKey(), DAY, 0);
    return spent > costs.dailySoft * PRICE_PARTS && (await store.putIfAbsent(`told:soft:${spentKey()}`, true, DAY));
  }

  return {
    async spend(spender) {
      const person = sealer.keyedHash(spender.person, 'limit');
      const unknown: Bucket = {
        name: 'unknown-devices',
        key: `limit:unknown:${person}`,
        windowSeconds: HOUR,
        limit: limits.unknownDevicesPerAccountPerHour,
      };
      // the address first: whoever fills a person's bucket has to come from many networks; and the person's before everybody's
      const allowed = await spendAll(
        addressBuckets(spender.address),
        spender.knownDevice ? [] : [unknown],
        [
          {
            name: 'account',
            key: `limit:account:${person}`,
            windowSeconds: HOUR,
            limit: limits.sessionsPerAccountPerHour,
          },
        ],
        [
          {
            name: 'client',
            key: `limit:client:${spender.clientId}`,
            windowSeconds: HOUR,
            limit: limits.sessionsPerClientPerHour,
          },
          { name: 'day', key: `limit:day:${today()}`, windowSeconds: DAY, limit: limits.sessionsPerDay },
          ...budget(spender.price),
        ],
      );
      return allowed.kind === 'allowed' && (await isSoftEdgePassed()) ? { ...allowed, softEdge: true } : allowed;
    },
    spendGuess: (address) => spendAll(addressBuckets(address)),
    spendBeginning: (address) =>
      spendAll([
        {
          name: 'beginnings',
          key: `limit:beginnings:${sealer.keyedHash(household(address), 'limit')}`,
          windowSeconds: HOUR,
          limit: limits.sessionsPerAddressPerHour * BEGINNINGS_FACTOR,
        },
      ]),
    spendWay({ person, address, knownDevice, isEnrolment }) {
      const kind = isEnrolment ? 'codes' : 'ways';
      const share = knownDevice ? `${kind}-known` : kind;
      return spendAll(
        [
          {
            name: 'other-ways-address',
            key: `limit:${kind}-address:${sealer.keyedHash(household(address), 'limit')}`,
            windowSeconds: HOUR,
            limit: limits.otherWaysPerAddressPerHour,
          },
        ],
        [
          {
            name: 'other-ways',
            key: `limit:${share}:${sealer.keyedHash(person, 'limit')}`,
            windowSeconds: HOUR,
            limit: limits.otherWaysPerAccountPerHour,
          },
        ],
      );
    },
  };
}

/** Whoever tries another way in this attempt. */
export function spenderOf({ identifierKey, origin, knownDevice }: LoginAttempt): WaySpender {
  return { person: identifierKey, address: origin.address, knownDevice };
}
