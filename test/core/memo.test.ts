import { expect, test } from '@jest/globals';
import { remembered } from '../../src/core/memo.ts';

function counted(most: number) {
  const read: string[] = [];
  const reader = remembered((text) => {
    read.push(text);
    return text === 'nothing' ? undefined : text.toUpperCase();
  }, most);
  return { read, reader };
}

test('a text is read once, also when it reads as nothing', () => {
  const { read, reader } = counted(10);
  for (const _ of [1, 2]) {
    expect(reader('a')).toBe('A');
    expect(reader('nothing')).toBeUndefined();
  }
  expect(read).toEqual(['a', 'nothing']);
});

test('whoever sends ever new texts makes nothing grow, and changes no answer', () => {
  const { read, reader } = counted(2);
  for (const text of ['a', 'b', 'c', 'a']) expect(reader(text)).toBe(text.toUpperCase());
  expect(read).toEqual(['a', 'b', 'c', 'a']);
  expect(reader('c')).toBe('C');
  expect(read).toHaveLength(4);
});

test('a text longer than any that is usual is not kept', () => {
  const { read, reader } = counted(2);
  const long = 'x'.repeat(513);
  reader(long);
  reader(long);
  expect(read).toHaveLength(2);
});
