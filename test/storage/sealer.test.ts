import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { SealedUnreadable } from '../../src/core/errors.ts';
import { createSealer } from '../../src/storage/sealer.ts';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)] as const;
const sealer = createSealer([newKey, oldKey]);

describe('sealing', () => {
  test('text and bytes come back, empty ones too', () => {
    for (const text of ['', 'Jürgen \u{1F600}', 'x'.repeat(1_000_000)]) {
      expect(sealer.openText(sealer.seal(text, 'here'), 'here')).toBe(text);
    }
    const bytes = randomBytes(1000);
    expect(Buffer.from(sealer.open(sealer.seal(bytes, 'here'), 'here'))).toEqual(bytes);
  });

  test('the form names version and key, and the same text never looks the same', () => {
    const sealed = sealer.seal('text', 'here');
    expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]{16}\.[\w-]+$/);
    expect(sealer.seal('text', 'here')).not.toBe(sealed);
    expect(sealed).not.toContain('text');
  });

  test('T14: sealed for one place, it does not open at another', () => {
    expect(() => sealer.open(sealer.seal('face', 'account:1'), 'account:2')).toThrow(SealedUnreadable);
  });

  test('altered anywhere, it does not open', () => {
    const sealed = sealer.seal('a text of some length', 'here');
    for (let at = 0; at < sealed.length - 1; at += 1) {
      const altered = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
      expect(() => sealer.open(altered, 'here')).toThrow(SealedUnreadable);
    }
    for (const other of ['', 'v1', sealed.slice(0, -8), `${sealed}.`, sealed.replace('v1', 'v2'), ` ${sealed}`]) {
      expect(() => sealer.open(other, 'here')).toThrow(SealedUnreadable);
    }
  });
});

describe('rotation (T29)', () => {
  test('the newest key seals, every configured key opens, a removed one no longer', () => {
    const before = createSealer([oldKey]).seal('text', 'here');
    expect(sealer.openText(before, 'here')).toBe('text');
    const after = sealer.seal('text', 'here');
    expect(createSealer([newKey]).openText(after, 'here')).toBe('text');
    expect(() => createSealer([newKey]).open(before, 'here')).toThrow(/no key [0-9a-f]{8} is configured/);
  });

  test('a keyed hash is the newest key’s, and the older ones are there to look up', () => {
    const old = createSealer([oldKey]).keyedHash('a@example.org', 'identifier');
    const hashes = sealer.keyedHashes('a@example.org', 'identifier');
    expect(hashes).toEqual([sealer.keyedHash('a@example.org', 'identifier'), old]);
  });

  test('a hash of one purpose is none of another, however the texts are cut', () => {
    expect(sealer.keyedHash('bc', 'a')).not.toBe(sealer.keyedHash('c', 'ab'));
    expect(sealer.keyedHash('x', 'a')).not.toBe(sealer.keyedHash('x', 'b'));
  });
});

test('a key of another length, or none, is refused', () => {
  expect(() => createSealer([])).toThrow(RangeError);
  expect(() => createSealer([randomBytes(31)])).toThrow(RangeError);
});
