import { expect, test } from '@jest/globals';
import type { Member } from '../../src/workers/crew.ts';
import { createWatch } from '../../src/workers/watch.ts';

test('a worker that leaves three questions unanswered is ended; one that answers late is not', () => {
  const lines: object[] = [];
  const line = (fields: object) => void lines.push(fields);
  let ask = (): void => undefined;
  const ended: number[] = [];
  const pinged: number[] = [];
  const members: Member[] = [1, 2].map((place) => ({
    place,
    worker: {
      send: () => void pinged.push(place),
      release: () => undefined,
      kill: () => void ended.push(place),
    },
  }));
  const watch = createWatch({
    members: () => members,
    timing: {
      after(_ms, work) {
        ask = work;
        return () => undefined;
      },
    },
    log: { debug: line, info: line, warn: line, error: line },
  });
  watch.start();
  expect(pinged).toEqual([]);
  for (let round = 0; round < 3; round += 1) ask();
  expect(ended).toEqual([]);
  watch.heard(members[0] as Member);
  ask();
  expect([ended, lines]).toEqual([[2], [{ worker: 2 }]]);
});
