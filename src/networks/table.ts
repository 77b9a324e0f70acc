// What every network table is, whether it came from a list or a database: something that can be asked about an address. And
// what is wrong with one, as data, so that start-up can tell all faults at once and a reload can leave things as they were.

import type { NetworkFacts } from '../login/ports.ts';
import type { Address } from './network.ts';

export interface NetworkTable {
  /** fit for a log: "1204 networks", "GeoLite2-City of 2026-11-03" */
  readonly about: string;
  /**
   * Only what this one table tells; `anonymising: 'none'` means that it would name such an address and does not.
   *
   * @throws what the reader of a database throws over a damaged record
   */
  look(address: Address): NetworkFacts;
}

/** The same three words that start-up has for every fault of a configuration. */
export interface NetworkFault {
  /** the file, or `file:line` */
  readonly where: string;
  readonly problem: string;
  readonly fix: string;
}

export type TableReading =
  | { readonly ok: true; readonly table: NetworkTable }
  | { readonly ok: false; readonly faults: readonly NetworkFault[] };

export function refused(where: string, problem: string, fix: string): { ok: false; faults: NetworkFault[] } {
  return { ok: false, faults: [{ where, problem, fix }] };
}
