// May this storage be served from? It may have been moved away, or an archive may be on its way into it: then a token would be good in two
// places. Looked at before the start, and again while it goes on, as a move looks for running providers and may have missed this one.

import { Misconfigured } from './config/faults.ts';
import { everyInterval } from './config/reload.ts';
import { StorageUnavailable } from './core/errors.ts';
import type { Logger, Store } from './login/ports.ts';
import { createMarks, type Standing } from './storage/archive/marks.ts';

const LOOK_EVERY_MS = 10_000;

export interface StandingWatch {
  start(): void;
  stop(): void;
  look(): Promise<void>;
  /** @throws StorageUnavailable nothing may be served now */
  assertServable(): void;
}

/** @param changed told when nothing may be served any more, and when it may again */
export function watchStanding(parts: {
  readonly store: Store;
  readonly log: Logger;
  readonly changed: (isServable: boolean) => void;
}): StandingWatch {
  const { store, log, changed } = parts;
  const marks = createMarks({ store });
  let refusal: string | undefined;
  let end = (): void => undefined;
  let isStopped = false;

  async function look(): Promise<void> {
    let now: string | undefined;
    try {
      now = refusalOf(await marks.standing())?.problem;
    } catch {
      // it is asked again soon; what is served meanwhile asks the same storage
      return;
    }
    if (isStopped || (now === undefined) === (refusal === undefined)) return;
    refusal = now;
    if (now === undefined) log.info({}, 'this storage may be served from again');
    else log.error({ problem: now }, 'nothing is served from this storage any more');
    changed(now === undefined);
  }

  return {
    start() {
      end = everyInterval(LOOK_EVERY_MS, look);
    },
    stop() {
      isStopped = true;
      end();
    },
    look,
    assertServable() {
      if (refusal !== undefined) throw new StorageUnavailable(refusal);
    },
  };
}

/** @throws Misconfigured the storage was moved away, or has not wholly arrived */
export async function assertServable(store: Store): Promise<void> {
  const refusal = refusalOf(await createMarks({ store }).standing());
  if (refusal) throw new Misconfigured([{ where: 'STORAGE_URL', ...refusal }]);
}

function refusalOf(standing: Standing): { readonly problem: string; readonly fix: string } | undefined {
  if (standing.kind === 'servable') return undefined;
  if (standing.kind === 'arriving') {
    const problem = `archive ${standing.arrival.archive} has not wholly arrived in this storage`;
    return { problem, fix: 'run the same import again: it goes on' };
  }
  const problem = `this storage was moved away with archive ${standing.departure.archive}`;
  return { problem, fix: 'name the storage it was moved to, or export --call-off' };
}
