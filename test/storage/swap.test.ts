// A change begins with the row as it was seen last, and the engine is asked for it only where that is not known or not so any more.

import { expect, jest, test } from '@jest/globals';
import type { RowChange } from '../../src/storage/backend.ts';
import { createSeenRows, type Row } from '../../src/storage/seen-rows.ts';
import { changeBySwap } from '../../src/storage/swap.ts';

const NOW = 1_000;
const turn = { giveUpAtMs: Number.POSITIVE_INFINITY, unanswered: new Map<() => void, number>() };

function engine(stored: Row | undefined) {
  const seenRows = createSeenRows();
  const held = { row: stored };
  const see = jest.fn(async () => held.row);
  const swap = jest.fn(async (seen: Row | undefined, change: RowChange<unknown>) => {
    if (held.row?.text !== seen?.text || held.row?.expiresAt !== seen?.expiresAt) return false;
    held.row = change.kind === 'write' ? { text: change.text, expiresAt: change.expiresAt } : undefined;
    return true;
  });
  const append = (mark: string, isNew = false) =>
    changeBySwap({
      engine: 'test',
      turn,
      key: 'k',
      now: NOW,
      isNew,
      seenRows,
      see,
      swap,
      decide: (text = '') => ({ kind: 'write', text: text + mark, expiresAt: NOW + 60, result: text }),
    });
  return { seenRows, held, see, swap, append };
}

test('what was written here is not looked at again', async () => {
  const { held, see, append } = engine({ text: 'a', expiresAt: NOW + 60 });
  expect(await append('b')).toBe('a');
  expect(see).toHaveBeenCalledTimes(1);
  expect(await append('c')).toBe('ab');
  expect(see).toHaveBeenCalledTimes(1);
  expect(held.row?.text).toBe('abc');
});

test('what is new is made before anybody looks; where it is not, what is there counts', async () => {
  const fresh = engine(undefined);
  expect(await fresh.append('a', true)).toBe('');
  expect(fresh.see).not.toHaveBeenCalled();
  const known = engine({ text: 'a', expiresAt: NOW + 60 });
  expect(await known.append('b', true)).toBe('a');
  expect(known.held.row?.text).toBe('ab');
  // a wrong guess says nothing of who else changes it
  expect(await known.append('c', true)).toBe('ab');
  expect(known.see).toHaveBeenCalledTimes(1);
});

test('what others change too is looked at first from then on', async () => {
  const { held, see, swap, append } = engine({ text: 'a', expiresAt: NOW + 60 });
  await append('b');
  held.row = { text: 'theirs', expiresAt: NOW + 60 };
  expect(await append('c')).toBe('theirs');
  expect(swap).toHaveBeenCalledTimes(3);
  await append('d');
  expect(swap).toHaveBeenCalledTimes(4);
  expect(see).toHaveBeenCalledTimes(3);
});

test('a row whose life is over is nothing to a decision, whoever remembers it', async () => {
  const { seenRows, held, append } = engine({ text: 'old', expiresAt: NOW });
  seenRows.note('k', { text: 'old', expiresAt: NOW });
  expect(await append('new')).toBe('');
  expect(held.row?.text).toBe('new');
});

test('only so much is remembered, and nothing large', () => {
  const seenRows = createSeenRows();
  for (let index = 0; index <= 1_000; index += 1) seenRows.note(`${index}`, { text: 'x', expiresAt: NOW });
  expect(seenRows.recall('0')).toBeUndefined();
  expect(seenRows.recall('1')).toBeDefined();
  seenRows.note('1', { text: 'x'.repeat(10_000), expiresAt: NOW });
  expect(seenRows.recall('1')).toBeUndefined();
});
