// A store in a Map, of JSON texts as every real one, that counts and can be made to fail.

import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Store } from '../../src/login/ports.ts';

export interface FakeStore extends Store {
  readonly texts: Map<string, string>;
  readonly calls: Record<'get' | 'set' | 'update' | 'putIfAbsent', number>;
  /** operations that throw from now on */
  failing: ReadonlySet<'get' | 'set' | 'update'>;
}

export function createFakeStore(): FakeStore {
  const texts = new Map<string, string>();
  const calls = { get: 0, set: 0, update: 0, putIfAbsent: 0 };
  const read = (key: string) => {
    const text = texts.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  };
  const enter = async (operation: 'get' | 'set' | 'update') => {
    calls[operation] += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (store.failing.has(operation)) throw new StorageUnavailable('fake');
  };
  const store: FakeStore = {
    texts,
    calls,
    failing: new Set(),
    async get(key) {
      await enter('get');
      return read(key);
    },
    async set(key, value) {
      await enter('set');
      texts.set(key, JSON.stringify(value));
    },
    async delete(key) {
      texts.delete(key);
    },
    async putIfAbsent(key, value) {
      calls.putIfAbsent += 1;
      if (texts.has(key)) return false;
      texts.set(key, JSON.stringify(value));
      return true;
    },
    async update(key, change) {
      await enter('update');
      // run twice, as a store may after a conflict: a change that is not pure shows
      change(read(key));
      const changed = change(read(key));
      if (changed.kind === 'write' || changed.kind === 'replace') texts.set(key, JSON.stringify(changed.value));
      if (changed.kind === 'remove') texts.delete(key);
      return changed.result;
    },
    async take(key) {
      const value = read(key);
      texts.delete(key);
      return value;
    },
    increment: unused,
    countIn: unused,
    countBack: unused,
    async keys(prefix, { after = '', limit = 1000 } = {}) {
      return [...texts.keys()]
        .filter((key) => key.startsWith(prefix) && key > after)
        .sort()
        .slice(0, limit);
    },
  };
  return store;
}

async function unused(): Promise<never> {
  throw new Error('not used here');
}
