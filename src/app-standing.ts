// May this storage be served from? It may have been moved away, or an archive may be on its way into it: then a token would be good in two
// places. Looked at before the start, and again while it goes on, as a move looks for running providers and may have missed this one, and as
// a storage may lose what it held: secrets from before must be kept there again, or be used no more.

import { Misconfigured } from './config/faults.ts';
import { everyInterval } from './config/reload.ts';
import { StorageUnavailable } from './core/errors.ts';
import type { Logger, Store } from './login/ports.ts';
import { createMarks, type Standing } from './storage/archive/marks.ts';
import {
  findStorageId,
  keepStorageId,
  type OwnRecords,
  readOwnRecords,
  writeOwnRecords,
} from './storage/storage-id.ts';

/** What is lost underneath is made anew with secrets that are kept nowhere, until it is noticed. */
const LOOK_EVERY_MS = 2_000;

export interface StandingWatch {
  start(): void;
  stop(): void;
  look(): Promise<void>;
  /** @throws StorageUnavailable nothing may be served now */
  assertServable(): void;
}

/**
 * @param parts.storageId as it was at the start (`keepStorageId`)
 * @param parts.changed   told when nothing may be served any more, and when it may again
 */
export function watchStanding(parts: {
  readonly store: Store;
  readonly storageId: string;
  readonly log: Logger;
  readonly changed: (isServable: boolean) => void;
}): StandingWatch {
  const { store, storageId, log, changed } = parts;
  const marks = createMarks({ store });
  let refusal: Refusal | undefined;
  let own: OwnRecords | undefined;
  let end = (): void => undefined;
  let isStopped = false;

  /** What was lost with everything else is written again: identifiers of before stay what they were. */
  async function isStillOurs(): Promise<boolean> {
    // in this order: what is read of a storage that is just being lost is nothing to be written again
    const found = await readOwnRecords(store);
    const id = await findStorageId(store);
    if (id === storageId) own = found;
    if (id !== undefined || own === undefined) return id === storageId;
    await writeOwnRecords(store, own);
    // an archive that was brought in beneath this provider has secrets of its own
    if (!isSame(await readOwnRecords(store), own)) return false;
    if ((await keepStorageId(store, storageId)) !== storageId) return false;
    log.error(
      { fix: 'restore it from a backup' },
      'this storage has lost what it held; the provider goes on with none of it',
    );
    return true;
  }

  async function look(): Promise<void> {
    let now: Refusal | undefined;
    try {
      now = refusalOf(await marks.standing()) ?? ((await isStillOurs()) ? undefined : REPLACED);
    } catch {
      // it is asked again soon; what is served meanwhile asks the same storage
      return;
    }
    if (isStopped || (now === undefined) === (refusal === undefined)) return;
    refusal = now;
    if (now === undefined) log.info({}, 'this storage may be served from again');
    else log.error(now, 'nothing is served from this storage any more');
    changed(now === undefined);
  }

  return {
    start() {
      void look();
      end = everyInterval(LOOK_EVERY_MS, look);
    },
    stop() {
      isStopped = true;
      end();
    },
    look,
    assertServable() {
      if (refusal !== undefined) throw new StorageUnavailable(refusal.problem);
    },
  };
}

/** @throws Misconfigured the storage was moved away, or has not wholly arrived */
export async function assertServable(store: Store): Promise<void> {
  const refusal = refusalOf(await createMarks({ store }).standing());
  if (refusal) throw new Misconfigured([{ where: 'STORAGE_URL', ...refusal }]);
}

function isSame(one: OwnRecords, other: OwnRecords): boolean {
  return JSON.stringify([...one]) === JSON.stringify([...other]);
}

interface Refusal {
  readonly problem: string;
  readonly fix: string;
}

const REPLACED: Refusal = {
  problem: 'this storage has lost what it held when the provider started, and holds the secrets of another one',
  fix: 'restore it, or restart the provider to begin anew with what is there',
};

function refusalOf(standing: Standing): Refusal | undefined {
  if (standing.kind === 'servable') return undefined;
  if (standing.kind === 'arriving') {
    const problem = `archive ${standing.arrival.archive} has not wholly arrived in this storage`;
    return { problem, fix: 'run the same import again: it goes on' };
  }
  const problem = `this storage was moved away with archive ${standing.departure.archive}`;
  return { problem, fix: 'name the storage it was moved to, or export --call-off' };
}
