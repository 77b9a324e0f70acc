// Who sweeps, and when: one of all that share a storage, once a minute, and soon after a start.

import { afterEach, expect, jest, test } from '@jest/globals';
import { openMemory } from '../../src/storage/memory.ts';
import { createSweeper } from '../../src/storage/sweeper.ts';
import { movableClock } from '../contract/store.ts';

afterEach(() => {
  jest.useRealTimers();
});

function openSweepers(count: number) {
  const clock = movableClock();
  const backend = openMemory({ clock });
  const swept: number[] = [];
  const lines: string[] = [];
  const line = (_fields: object, message: string) => void lines.push(message);
  const log = { debug: line, info: line, warn: line, error: line };
  const sweepers = Array.from({ length: count }, (_, index) =>
    createSweeper({
      backend: {
        sweepExpired: async () => {
          swept.push(index);
          return backend.sweepExpired();
        },
      },
      store: backend.store,
      log,
    }),
  );
  return { clock, backend, swept, lines, log, sweepers };
}

test('of four that ask in the same minute one sweeps, and in the next minute one again', async () => {
  const { clock, swept, sweepers } = openSweepers(4);
  await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));
  expect(swept).toHaveLength(1);
  clock.advance(60);
  await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));
  expect(swept).toHaveLength(2);
});

test('the first time is within ten seconds of the start, then every minute, and never after a stop', async () => {
  jest.useFakeTimers();
  const { clock, swept, sweepers } = openSweepers(1);
  const pass = async (ms: number) => {
    clock.advance(ms / 1000);
    await jest.advanceTimersByTimeAsync(ms);
  };
  sweepers[0]?.start();
  await pass(4_900);
  expect(swept).toEqual([]);
  await pass(5_100);
  expect(swept).toHaveLength(1);
  await pass(60_000);
  await pass(60_000);
  expect(swept).toHaveLength(3);
  sweepers[0]?.stop();
  await pass(600_000);
  expect(swept).toHaveLength(3);
});

test('a storage that is away is told in the log, and the next minute is another try', async () => {
  const { clock, backend, lines, log } = openSweepers(0);
  const sweeper = createSweeper({
    backend: { sweepExpired: () => Promise.reject(new Error('away')) },
    store: backend.store,
    log,
  });
  await sweeper.sweep();
  clock.advance(60);
  await sweeper.sweep();
  expect(lines).toEqual(Array(2).fill('expired rows could not be removed'));
});
