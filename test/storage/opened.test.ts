// What was opened once is remembered by its text: never for another text, never for long, never to be changed.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { rememberOpened } from '../../src/storage/opened.ts';

interface Value {
  readonly text: string;
  readonly list: number[];
}

describe('a remembered opening', () => {
  let opened: string[];
  const open = () =>
    rememberOpened((key, sealed): Value => {
      if (sealed === 'altered') throw new Error('unreadable');
      opened.push(`${key} ${sealed}`);
      return { text: sealed, list: [1] };
    });

  beforeEach(() => {
    opened = [];
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('the same text under the same key is opened once', () => {
    const read = open();
    expect(read('a', 'one')).toBe(read('a', 'one'));
    expect(opened).toEqual(['a one']);
  });

  test('another text, or the same under another key, is opened anew: a record in the place of another is found out', () => {
    const read = open();
    for (const [key, sealed] of [
      ['a', 'one'],
      ['a', 'two'],
      ['a', 'one'],
      ['b', 'one'],
    ] as const)
      expect(read(key, sealed).text).toBe(sealed);
    expect(opened).toEqual(['a one', 'a two', 'a one', 'b one']);
  });

  test('what does not open throws each time, and leaves what is known', () => {
    const read = open();
    const value = read('a', 'one');
    for (let times = 0; times < 2; times += 1) expect(() => read('a', 'altered')).toThrow('unreadable');
    expect(read('a', 'one')).toBe(value);
  });

  test('nobody can change it for the next one', () => {
    const { list } = open()('a', 'one');
    expect(() => list.push(2)).toThrow(TypeError);
  });

  test('five seconds later it is forgotten', () => {
    const read = open();
    read('a', 'one');
    jest.advanceTimersByTime(4_999);
    read('a', 'one');
    expect(opened).toHaveLength(1);
    jest.advanceTimersByTime(1);
    read('a', 'one');
    expect(opened).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(1);
  });

  test('of more people than sign in within seconds it remembers the last, and opens the others again', () => {
    const read = open();
    for (let person = 0; person < 2_000; person += 1) read(`a${person}`, 'one');
    const before = opened.length;
    read('a1999', 'one');
    expect(opened).toHaveLength(before);
    read('a0', 'one');
    expect(opened).toHaveLength(before + 1);
  });
});
