// The `Store` port over an engine's rows: JSON, lives and key rules, once for every engine. It sees the same rows as the
// Keyv face but does not go through it: Keyv waits a turn inside `set` and not inside `delete`, so what was asked in one
// order would reach the rows in another.

import type { Change, Clock, Store } from '../login/ports.ts';
import type { ChangeHint, RowChange, Rows, Sum } from './backend.ts';
import { toJson } from './keyv-face.ts';

/** Longer keys do not fit every engine's index, and no key of ours comes near. */
const LONGEST_KEY = 400;
const LONGEST_LIST = 1000;

/** @returns the port; lives are checked, so that 0 or NaN seconds is an error and never "for ever" */
export function createStore({ rows, clock }: { rows: Rows; clock: Clock }): Store {
  async function add(key: string, windowSeconds: number, by: number): Promise<Sum> {
    const now = clock.now();
    if (!Number.isSafeInteger(by)) throw new RangeError(`counting "${key}" by ${by}: a whole number is needed`);
    return rows.add(checkedKey(key), by, now + checkedTtl(windowSeconds), now);
  }

  return {
    async get<T>(key: string) {
      return fromText<T>(await rows.read(checkedKey(key), clock.now()));
    },
    async set(key, value, ttlSeconds) {
      await rows.write(checkedKey(key), toJson(value), clock.now() + checkedTtl(ttlSeconds));
    },
    async delete(key) {
      await rows.remove(checkedKey(key), clock.now());
    },
    async putIfAbsent(key, value, ttlSeconds) {
      const now = clock.now();
      return rows.insert(checkedKey(key), toJson(value), now + checkedTtl(ttlSeconds), now);
    },
    async update<T, R>(key: string, change: (current: T | undefined) => Change<T, R>, hint?: ChangeHint) {
      const now = clock.now();
      const decide = (text: string | undefined, expiresAt: number) =>
        toRowChange(change(fromText<T>(text)), now, text === undefined ? undefined : expiresAt);
      return rows.change(checkedKey(key), now, decide, hint);
    },
    async take<T>(key: string) {
      return fromText<T>(await rows.take(checkedKey(key), clock.now()));
    },
    increment: async (key, windowSeconds, by = 1) => (await add(key, windowSeconds, by)).sum,
    async countIn(key, windowSeconds, by) {
      const { sum, expiresAt } = await add(key, windowSeconds, by);
      return { count: sum, windowEndsAt: expiresAt };
    },
    countBack: (key, by, { windowEndsAt }) =>
      rows.change(checkedKey(key), clock.now(), (text, expiresAt) =>
        text === undefined || expiresAt !== windowEndsAt
          ? { kind: 'keep', result: undefined }
          : { kind: 'write', text: String(Number(text) - by), expiresAt, result: undefined },
      ),
    keys(prefix, { after = '', limit = LONGEST_LIST } = {}) {
      return rows.list(prefix, after, Math.min(limit, LONGEST_LIST), clock.now());
    },
  };
}

/** @param end of the record that is changed; undefined: there is none */
function toRowChange<T, R>(change: Change<T, R>, now: number, end: number | undefined): RowChange<R> {
  if (change.kind === 'replace') {
    if (end === undefined) throw new TypeError('a record that is not there cannot be replaced');
    return { kind: 'write', text: toJson(change.value), expiresAt: end, result: change.result };
  }
  if (change.kind !== 'write') return change;
  const { value, ttlSeconds, result } = change;
  return { kind: 'write', text: toJson(value), expiresAt: now + checkedTtl(ttlSeconds), result };
}

function fromText<T>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

function checkedKey(key: string): string {
  if (key.length === 0 || key.length > LONGEST_KEY || key.includes('\0')) {
    throw new RangeError(`a key has 1 to ${LONGEST_KEY} characters and no NUL`);
  }
  return key;
}

function checkedTtl(ttlSeconds: number): number {
  if (!(ttlSeconds >= 1 && ttlSeconds < Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`a life is at least 1 second, not ${ttlSeconds}; FOREVER is what it says`);
  }
  return Math.ceil(ttlSeconds);
}
