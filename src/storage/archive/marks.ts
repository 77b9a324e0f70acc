// What a storage says about moves: that it was moved away, or that an archive is arriving in it. Either way no provider may be served
// from it, or a token would be good in two places, or be read before the revocation that ended it.

import { FOREVER, type Store } from '../../login/ports.ts';
import type { Manner } from './kinds.ts';
import type { Tally } from './tally.ts';

const AWAY_KEY = 'moves:away';
const ARRIVAL_KEY = 'moves:arrival';

/** Written before the first record of an archive is read. */
export interface Departure {
  /** id of the archive */
  readonly archive: string;
  /** epoch seconds */
  readonly at: number;
}

/** How far an archive has arrived. Written after each chunk. */
export interface Arrival {
  readonly archive: string;
  readonly manner: Manner;
  /** epoch seconds; what was over then stays away, however often it is gone on with */
  readonly startedAt: number;
  /** the chunk to go on with */
  readonly next: number;
  /** what is here */
  readonly taken: Tally;
  /** what was left out, by why and kind */
  readonly left: LeftOut;
  /** everything is here, and is what it was */
  readonly comparedAt?: number;
  readonly finishedAt?: number;
}

export interface LeftOut {
  /** a restore does not bring it back */
  readonly unwanted: Readonly<Record<string, number>>;
  readonly expired: number;
  /** identifiers whose account came or went while the archive was made */
  readonly dangling: number;
}

export type Standing =
  | { readonly kind: 'servable' }
  | { readonly kind: 'away'; readonly departure: Departure }
  | { readonly kind: 'arriving'; readonly arrival: Arrival };

export interface Marks {
  standing(): Promise<Standing>;
  arrival(): Promise<Arrival | undefined>;
  depart(departure: Departure): Promise<void>;
  /** @returns what was called off */
  callOff(): Promise<Departure | undefined>;
  note(arrival: Arrival): Promise<void>;
}

export function createMarks({ store }: { store: Store }): Marks {
  const marks: Marks = {
    async standing() {
      const arrival = await marks.arrival();
      if (arrival && arrival.finishedAt === undefined) return { kind: 'arriving', arrival };
      const departure = await store.get<Departure>(AWAY_KEY);
      return departure ? { kind: 'away', departure } : { kind: 'servable' };
    },
    arrival: () => store.get<Arrival>(ARRIVAL_KEY),
    depart: (departure) => store.set(AWAY_KEY, departure, FOREVER),
    callOff: () => store.take<Departure>(AWAY_KEY),
    note: (arrival) => store.set(ARRIVAL_KEY, arrival, FOREVER),
  };
  return marks;
}
