// A storage that fails one write of a request and no other: refused, or carried out and its answer lost.

import { jest } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import type { Store } from '../../src/login/ports.ts';

const WRITES = ['set', 'update', 'putIfAbsent', 'take'] as const;
/** What a request of the library writes; the work in the background goes on as ever. */
const OF_REQUESTS = /^(?:oidc|allowed|proof):/;
/** looked at for some seconds more, to be given back */
const lostBefore = new Set<string>();

export type Loss = 'refused' | 'answer lost';

/** The next writes are counted, and the `nth` fails. @returns ends it, and tells which one failed */
export function loseWrite(store: Store, nth: number, loss: Loss): () => string | undefined {
  let count = 0;
  let lost: string | undefined;
  const spies = WRITES.map((name) => {
    const original = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
    return jest.spyOn(store, name).mockImplementation((async (...args: unknown[]) => {
      const key = String(args[0]);
      if (lost !== undefined || !OF_REQUESTS.test(key) || lostBefore.has(key)) return original(...args);
      count += 1;
      if (count !== nth) return original(...args);
      lostBefore.add(key);
      lost = `${name} ${key.split(':').slice(0, 2).join(':')}`;
      if (loss === 'answer lost') await original(...args);
      throw new StorageUnavailable(`${loss} for the test`);
    }) as never);
  });
  return () => {
    for (const spy of spies) spy.mockRestore();
    return lost;
  };
}
