// What is remembered of keys beside the lists they stand in: since when each is the next, the current or a previous one. One record.

import { type KeyHistory, type KeyKind, type KeysHeld, noteHeld, pastKey } from '../core/key-rotation.ts';
import { type Clock, FOREVER, type Store } from '../login/ports.ts';

export interface KeyHistoryStore {
  read(): Promise<KeyHistory>;
  /** What a process, or a command, has found in the lists. Safe to repeat. */
  noteHeld(held: KeysHeld): Promise<KeyHistory>;
  /** These will stand behind the current one, and have never made anything. */
  noteAdded(kind: KeyKind, ids: readonly string[]): Promise<void>;
  /** These are in no list any more. */
  forget(kind: KeyKind, ids: readonly string[]): Promise<void>;
}

const KEY = 'key-history';

export function createKeyHistory({ store, clock }: { store: Store; clock: Clock }): KeyHistoryStore {
  function change(next: (history: KeyHistory) => KeyHistory): Promise<KeyHistory> {
    return store.update<KeyHistory, KeyHistory>(KEY, (before = {}) => {
      const value = next(before);
      if (value === before) return { kind: 'keep', result: value };
      return { kind: 'write', value, ttlSeconds: FOREVER, result: value };
    });
  }

  return {
    read: async () => (await store.get<KeyHistory>(KEY)) ?? {},
    noteHeld: (held) => change((history) => noteHeld(history, held, clock.now())),
    async noteAdded(kind, ids) {
      const addedAt = clock.now();
      await change((history) => ({
        ...history,
        ...Object.fromEntries(ids.map((id) => [pastKey(kind, id), { addedAt }])),
      }));
    },
    async forget(kind, ids) {
      const gone = new Set(ids.map((id) => pastKey(kind, id)));
      await change((history) => Object.fromEntries(Object.entries(history).filter(([key]) => !gone.has(key))));
    },
  };
}
