// Keyv as the plain key-value face of every engine. Keyv keeps its own idea of time (`Date.now()`) and of failure (it
// swallows errors unless told otherwise); here it gets neither: the end of a record lives in the engine's row and follows
// the injected clock, Keyv is handed bare JSON without `expires`, and every failure is thrown.

import Keyv, { type KeyvStoreAdapter } from 'keyv';
import type { Clock } from '../login/ports.ts';
import type { Rows } from './backend.ts';

/**
 * A Keyv over rows. `set` wants a life of at least a second in milliseconds: to Keyv 0 and undefined mean "for ever", and
 * a code that lives for ever is worse than an error. `clear` is refused, as the records are everybody's.
 *
 * @returns records under their plain keys, the same ones that the atomic operations see
 */
export function createKeyv({ rows, clock }: { rows: Rows; clock: Clock }): Keyv {
  const adapter = createAdapter(rows, clock);
  const keyv = new Keyv({
    store: adapter,
    namespace: '',
    useKeyPrefix: false,
    throwOnErrors: true,
    serialize: ({ value }) => toJson(value),
    deserialize: (text: string) => ({ value: JSON.parse(text) }),
  });
  // Keyv emits what it also throws; a listener keeps an emitter of a later version from ending the process over it (R7).
  keyv.on('error', () => {});
  return keyv;
}

function createAdapter(rows: Rows, clock: Clock): KeyvStoreAdapter {
  const adapter = {
    opts: {},
    namespace: undefined as string | undefined,
    get: (key: string) => rows.read(key, clock.now()),
    set: async (key: string, text: string, ttlMs?: number) => {
      if (ttlMs === undefined || !(ttlMs >= 1000)) {
        throw new RangeError(`keyv set "${key}": a life of at least 1000 ms must be given (0 would mean for ever)`);
      }
      await rows.write(key, text, clock.now() + Math.ceil(ttlMs / 1000));
      return true;
    },
    delete: (key: string) => rows.remove(key, clock.now()),
    // Without these two Keyv falls back to Promise.allSettled and turns a failed read into "not there".
    getMany: (keys: string[]) => Promise.all(keys.map((key) => rows.read(key, clock.now()))),
    hasMany: (keys: string[]) => Promise.all(keys.map((key) => adapter.has(key))),
    has: async (key: string) => (await rows.read(key, clock.now())) !== undefined,
    clear: () => Promise.reject(new Error('keyv clear: refused, it would remove every record of the provider')),
    on: () => adapter,
  };
  return adapter as unknown as KeyvStoreAdapter;
}

/** @throws TypeError for what JSON cannot hold: `undefined` would come back as "not there" */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('a record must be JSON: undefined, functions and symbols are not');
  return text;
}
