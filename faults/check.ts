// What a check of `npm run faults` is: one fault of docs/faults.md on one engine, played a number of rounds, and all that was found
// wrong. A check that finds nothing wrong has also shown that its fault was there: it says so when it never came.

import type { Engine } from '../test/support/servers.ts';
import type { Random } from './random.ts';

export interface Size {
  /** the usual, quick and tiny number of rounds */
  rounds(usual: number, quick: number, tiny?: number): number;
  readonly isQuick: boolean;
  /** one of each is enough: only to see that a check runs at all */
  readonly isTiny: boolean;
}

export interface CheckContext extends Size {
  readonly engine: Engine;
  readonly random: Random;
  /** of R6 only the points whose name holds this; empty for all */
  readonly point: string;
  /** a line for whoever watches the run; not part of the table */
  note(text: string): void;
}

export interface Findings {
  readonly rounds: number;
  /** what was looked at, in a few words and figures */
  readonly checked: string;
  /** each is a broken promise; none is a pass */
  readonly failures: readonly string[];
}

export interface Check {
  /** R1 to R13 */
  readonly fault: string;
  readonly name: string;
  readonly engines: readonly Engine[];
  /** a check of another engine shows the same, so a quick run leaves these out */
  readonly notWhenQuick?: readonly Engine[];
  run(context: CheckContext): Promise<Findings>;
}

/** Collects broken promises. The same one many times is told a few times and counted. */
export class Failures {
  readonly #counts = new Map<string, number>();
  readonly #told: string[] = [];

  /** Notes a failure unless `holds`. @param promise the same words each time, what differs is `detail` */
  expect(holds: boolean, promise: string, detail = ''): void {
    if (holds) return;
    const count = (this.#counts.get(promise) ?? 0) + 1;
    this.#counts.set(promise, count);
    if (count <= MOST_TOLD) this.#told.push(detail === '' ? promise : `${promise}: ${detail}`);
  }

  all(): readonly string[] {
    const more = [...this.#counts].flatMap(([promise, count]) =>
      count > MOST_TOLD ? [`${promise}: ${count - MOST_TOLD} times more`] : [],
    );
    return [...this.#told, ...more];
  }
}

const MOST_TOLD = 3;
