// The keys of a running process: taken anew when their files change, told to the others, never mended half way. Nobody who signs in
// notices: what was made under the keys before is still accepted, as long as they are in the lists.

import { isDeepStrictEqual } from 'node:util';
import type { JWKS } from 'oidc-provider';
import { type Fault, faultsOf } from './config/faults.ts';
import type { KeySet, KeysReader } from './config/keys.ts';
import { type Every, everyInterval } from './config/reload.ts';
import { describeKeys } from './core/key-rotation.ts';
import type { Clock, JobQueue, Logger, Store } from './login/ports.ts';
import { newId } from './login/tokens.ts';
import type { ServedProvider } from './provider-app.ts';
import { assertOpens, keepHashKeys } from './storage/hash-keys.ts';
import type { Instances } from './storage/instances.ts';
import type { KeyHistoryStore } from './storage/key-history.ts';
import { namesOf } from './storage/key-names.ts';
import { scheduleResealing } from './storage/resealing.ts';
import { createSealer, type RotatingSealer } from './storage/sealer.ts';

export type KeysReload =
  | { readonly ok: true; readonly changed: boolean }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface RunningKeys {
  /** Reads the lists again. Faulty ones are told in the log and change nothing. Safe to repeat; one after another. */
  reload(): Promise<KeysReload>;
  /**
   * From now on this process is among those that run; call it before the first request is taken. It says so first and reads the keys
   * once more then: a rotation that did not see it had put the next key into the file before.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const ANNOUNCE_EVERY_MS = 10_000;

export function createRunningKeys(parts: {
  readonly first: KeySet;
  /** undefined: there is nowhere to read them from again */
  readonly read: KeysReader | undefined;
  readonly served: Pick<ServedProvider, 'useKeys'>;
  readonly store: Store;
  readonly sealer: RotatingSealer;
  readonly instances: Instances;
  readonly history: KeyHistoryStore;
  readonly jobs: JobQueue;
  readonly nowMs: () => number;
  readonly clock: Clock;
  readonly every?: Every;
  readonly log: Logger;
}): RunningKeys {
  const { read, served, store, sealer, instances, history, clock, log } = parts;
  const id = newId();
  let keys = parts.first;
  let startedAt: number | undefined;
  let endBeat = (): void => undefined;
  let isTold = false;
  /** what stands in the lists could not be held against the storage */
  let isToBeRead = false;
  let latest: Promise<unknown> = Promise.resolve();

  /** What others may rely on is said only when it is so; what could not be said is said with the next beat. */
  async function tell(): Promise<void> {
    isTold = false;
    const held = namesOf(keys);
    await keepHashKeys({ store, sealer });
    const past = await history.noteHeld(held);
    if (startedAt !== undefined) await instances.announce({ id, startedAt, keys: held });
    if (describeKeys('data', held.data, past).some(({ state }) => state === 'previous')) await scheduleResealing(parts);
    isTold = true;
  }

  async function beat(): Promise<void> {
    if (startedAt === undefined) return;
    try {
      if (isToBeRead) await reload();
      if (isTold) await instances.announce({ id, startedAt, keys: namesOf(keys) });
      else await tell();
    } catch (error) {
      log.warn({ err: error }, 'could not tell that this process runs, and with which keys');
    }
  }

  async function take(next: KeySet): Promise<void> {
    if (!isDeepStrictEqual(keys.dataKeys, next.dataKeys)) {
      // what is sealed under keys that do not belong to this storage is lost once the mistake is mended
      await assertOpens({ store, sealer: createSealer(next.dataKeys) });
      sealer.useKeys(next.dataKeys);
      keys = { ...keys, dataKeys: next.dataKeys };
    }
    const { jwks, cookieKeys } = next;
    if (!isDeepStrictEqual([keys.jwks, keys.cookieKeys], [jwks, cookieKeys])) {
      await served.useKeys({ jwks: jwks as JWKS, cookieKeys });
      keys = next;
    }
  }

  async function reloadNow(): Promise<KeysReload> {
    if (read === undefined) return { ok: true, changed: false };
    const reading = await read();
    if (!reading.ok) return keep(reading.faults);
    const before = keys;
    isToBeRead = false;
    try {
      await take(reading.keys);
    } catch (error) {
      const faults = faultsOf(error);
      if (faults) return keep(faults);
      isToBeRead = true;
      throw error;
    } finally {
      if (keys !== before) await tell();
    }
    if (keys !== before) log.info({ keys: namesOf(keys) }, 'keys read again');
    return { ok: true, changed: keys !== before };
  }

  function keep(faults: readonly Fault[]): KeysReload {
    for (const fault of faults) log.error({ ...fault }, 'a fault in the keys');
    log.error({ faults: faults.length }, 'keys not read again: those before stay in use');
    return { ok: false, faults };
  }

  function reload(): Promise<KeysReload> {
    const turn = latest.then(reloadNow);
    latest = turn.catch(() => undefined);
    return turn;
  }

  return {
    reload,
    async start() {
      startedAt = clock.now();
      await tell();
      await reload();
      endBeat = (parts.every ?? everyInterval)(ANNOUNCE_EVERY_MS, beat);
    },
    async stop() {
      endBeat();
      await latest;
      if (startedAt === undefined) return;
      startedAt = undefined;
      // whoever asks in the next half minute still counts this process then
      await instances.withdraw(id).catch(() => undefined);
    },
  };
}
