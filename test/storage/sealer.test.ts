import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Account } from '../../src/core/account.ts';
import { SealedUnreadable } from '../../src/core/errors.ts';
import { createAccountStore } from '../../src/storage/accounts.ts';
import { HASH_KEYS, keepHashKeys } from '../../src/storage/hash-keys.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { createSealer, dataKeyId, type RotatingSealer } from '../../src/storage/sealer.ts';

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

describe('other keys while it runs', () => {
  const hash = (from: RotatingSealer) => from.keyedHash('a@example.org', 'identifier');

  test('what is asked next has them: what was sealed before opens, what is sealed now needs the new one', () => {
    const running = createSealer([oldKey]);
    const before = running.seal('before', 'here');
    running.useKeys([newKey, oldKey]);
    expect(running.openText(before, 'here')).toBe('before');
    expect(createSealer([newKey]).openText(running.seal('after', 'here'), 'here')).toBe('after');
    expect(running.currentId).toBe(dataKeyId(newKey));
  });

  test('keys that cannot be used change nothing', () => {
    const running = createSealer([oldKey]);
    expect(() => running.useKeys([])).toThrow(RangeError);
    expect(() => running.useKeys([newKey, randomBytes(31)])).toThrow(RangeError);
    expect(running.ids).toEqual([dataKeyId(oldKey)]);
  });

  test('hashes of a data key that is gone are still looked up, in whatever process', async () => {
    const { store } = openMemory({ clock: { now: () => 1 } });
    const one = createSealer([oldKey]);
    const old = hash(one);
    await keepHashKeys({ store, sealer: one });
    one.useKeys([newKey, oldKey]);
    await keepHashKeys({ store, sealer: one });
    const resealed = one.seal(one.open(String(await store.get(HASH_KEYS)), HASH_KEYS), HASH_KEYS);
    await store.set(HASH_KEYS, resealed, 60);
    const other = createSealer([newKey]);
    await keepHashKeys({ store, sealer: other });
    expect(other.keyedHashes('a@example.org', 'identifier')).toEqual([hash(other), old]);
    one.useKeys([newKey]);
    expect(one.keyedHashes('a@example.org', 'identifier')).toEqual([hash(one), old]);
    expect(JSON.stringify(await store.get(HASH_KEYS))).not.toContain(old);
  });

  test('two processes that keep theirs at once lose none', async () => {
    const { store } = openMemory({ clock: { now: () => 1 } });
    const third = randomBytes(32);
    const sealers = [createSealer([oldKey, newKey]), createSealer([oldKey, third])];
    await Promise.all(sealers.map((each) => keepHashKeys({ store, sealer: each })));
    const last = createSealer([oldKey]);
    await keepHashKeys({ store, sealer: last });
    expect(new Set(last.keyedHashes('x', 'y'))).toEqual(new Set(sealers.flatMap((each) => each.keyedHashes('x', 'y'))));
  });
});

test.each([
  ['the old key, both, and the new one first', [[oldKey], [oldKey, newKey], [newKey, oldKey]]],
  [
    'both, in either order',
    [
      [oldKey, newKey],
      [newKey, oldKey],
    ],
  ],
])('an identifier is won by exactly one of processes that know %s', async (_what, orders) => {
  const { store } = openMemory({ clock: { now: () => 1 } });
  const stores = orders.map((keys) => createAccountStore({ store, sealer: createSealer(keys) }));
  for (let round = 0; round < 20; round += 1) {
    const identifier = `${round}@example.org`;
    const account = (id: string) => ({ id, identifier, portrait: { kind: 'vendor' } }) as Account;
    const won = await Promise.all(stores.map((each, index) => each.create(account(`${round}-${index}`))));
    expect(won.filter(Boolean)).toHaveLength(1);
    const winner = `${round}-${won.indexOf(true)}`;
    for (const each of stores) expect((await each.findByIdentifier(identifier))?.id).toBe(winner);
  }
});

test('an account removed by a process that has not read the next key yet leaves its identifier free for one account', async () => {
  const { store } = openMemory({ clock: { now: () => 1 } });
  const [ahead, behind] = [[oldKey, newKey], [oldKey]].map((keys) =>
    createAccountStore({ store, sealer: createSealer(keys) }),
  ) as [ReturnType<typeof createAccountStore>, ReturnType<typeof createAccountStore>];
  const account = (id: string) => ({ id, identifier: 'a@example.org', portrait: { kind: 'vendor' } }) as Account;
  expect(await ahead.create(account('first'))).toBe(true);
  await behind.remove('first');
  const won = await Promise.all(['second', 'third'].map((id) => ahead.create(account(id))));
  expect(won.filter(Boolean)).toHaveLength(1);
  const winner = won[0] ? 'second' : 'third';
  for (const each of [ahead, behind]) expect((await each.findByIdentifier('a@example.org'))?.id).toBe(winner);
  expect(await ahead.create(account('fourth'))).toBe(false);
});
