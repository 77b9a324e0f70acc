// Recovery codes on the engines that need no server: what opens, once, and for how long.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/login/ports.ts';
import type { RecoveryCode } from '../../src/login/stores.ts';
import { createRecoveryStore, type KeptRecovery } from '../../src/storage/recovery.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { LOCAL_ENGINES, openTwice } from './fixtures/two-backends.ts';

const CODE = 'K7QZ-M2X0-91VB-TR4H';
const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
let now = 1_795_000_000;
const clock = { now: () => now };

const record = (changes: Partial<RecoveryCode> = {}): RecoveryCode => ({
  accountId: 'a',
  createdAt: now,
  expiresAt: now + 3600,
  reason: 'lost the phone; called back on the number on file',
  by: 'Ann Operator',
  needsApproval: false,
  ...changes,
});

describe.each(LOCAL_ENGINES)('%s', (engine) => {
  let close: () => Promise<void>;
  let store: Store;
  let recovery: KeptRecovery;
  /** another process */
  let other: KeptRecovery;

  beforeEach(async () => {
    const { one, two, close: closeBoth } = await openTwice(engine, clock);
    const sealer = createSealer(KEYS);
    store = one.store;
    recovery = createRecoveryStore({ store, sealer, clock });
    other = createRecoveryStore({ store: two.store, sealer, clock });
    close = closeBoth;
  });
  afterEach(() => close());

  test('a code opens its account once', async () => {
    await recovery.create(CODE, record());
    expect(await recovery.use('a', CODE, 'u')).toEqual(expect.any(Number));
    expect(await recovery.use('a', CODE, 'other')).toBeUndefined();
    expect(await recovery.list()).toMatchObject([{ state: 'used', usedAt: now }]);
  });

  test('R6: the interaction that used it may do so again, also in another process; nobody learns which one it was', async () => {
    await recovery.create(CODE, record());
    const usedAt = now;
    expect(await recovery.use('a', CODE, 'u')).toEqual(expect.any(Number));
    now += 60;
    expect(await other.use('a', CODE, 'u')).toEqual(expect.any(Number));
    expect(await other.use('a', '0000-0000-0000-0000', 'u')).toBeUndefined();
    expect(await recovery.use('a', CODE, 'other')).toBeUndefined();
    const [listed] = await recovery.list();
    expect(listed).toMatchObject({ state: 'used', usedAt });
    expect(listed).not.toHaveProperty('usedBy');
  });

  test('of many who use it at once, exactly one is let in', async () => {
    await recovery.create(CODE, record());
    const tries = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? recovery : other).use('a', CODE, `u${index}`),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
  });

  test.each([
    'k7qzm2x091vbtr4h',
    ' k7qz m2x0 91vb tr4h ',
    'K7QZ–M2XO–9IVB–TR4H',
    'k7qz-m2xo-9lvb-tr4h',
    'Ｋ７ＱＺM2X091VBTR4H',
  ])('it may be typed as %j', async (typed) => {
    await recovery.create(CODE, record());
    expect(await recovery.use('a', typed, 'u')).toEqual(expect.any(Number));
  });

  test.each(['', 'K7QZ-M2X0-91VB-TR4', 'K7QZ-M2X0-91VB-TR4J', 'K7QZ-M2X0-91VB-TR4HH'])(
    '%j opens nothing',
    async (typed) => {
      await recovery.create(CODE, record());
      expect(await recovery.use('a', typed, 'u')).toBeUndefined();
      expect(await recovery.use('a', CODE, 'u')).toEqual(expect.any(Number));
    },
  );

  test('it opens no other account, also not one with a code of its own', async () => {
    await recovery.create(CODE, record());
    await recovery.create('0000-0000-0000-0001', record({ accountId: 'b' }));
    expect(await recovery.use('b', CODE, 'u')).toBeUndefined();
    expect(await recovery.use('nobody', CODE, 'u')).toBeUndefined();
  });

  test('it ends with its life', async () => {
    await recovery.create(CODE, record());
    now += 3600;
    expect(await recovery.use('a', CODE, 'u')).toBeUndefined();
    expect(await recovery.list()).toMatchObject([{ state: 'expired' }]);
  });

  test('a newer one replaces it, and leaves what was used as it was', async () => {
    await recovery.create(CODE, record());
    await recovery.create('2222-2222-2222-2222', record());
    expect(await recovery.use('a', CODE, 'u')).toBeUndefined();
    expect(await recovery.use('a', '2222-2222-2222-2222', 'u')).toEqual(expect.any(Number));
    now += 1;
    await recovery.create('3333-3333-3333-3333', record());
    expect((await recovery.list()).map(({ state }) => state)).toEqual(['usable', 'used', 'replaced']);
  });

  test('a use and a newer code at once: the older one opens before, or never', async () => {
    await recovery.create(CODE, record());
    const [isUsed] = await Promise.all([other.use('a', CODE, 'u'), recovery.create('2222-2222-2222-2222', record())]);
    const states = (await recovery.list()).map(({ state }) => state);
    expect(states).toContain(isUsed ? 'used' : 'replaced');
    expect(await other.use('a', CODE, 'another')).toBeUndefined();
  });

  test('where a second operator has to approve, nothing opens before, and nobody approves their own', async () => {
    const name = await recovery.create(CODE, record({ needsApproval: true }));
    expect(await recovery.use('a', CODE, 'u')).toBeUndefined();
    for (const same of ['Ann Operator', ' ann  OPERATOR '])
      expect(await recovery.approve(name, same)).toEqual({ kind: 'same-operator' });
    expect(await recovery.use('a', CODE, 'u')).toBeUndefined();
    expect(await recovery.approve(name, 'Bea')).toMatchObject({
      kind: 'done',
      code: { state: 'usable', approvedBy: 'Bea' },
    });
    expect(await recovery.approve(name, 'Cleo')).toEqual({ kind: 'unneeded' });
    expect(await recovery.use('a', CODE, 'u')).toEqual(expect.any(Number));
    expect(await recovery.approve(name, 'Bea')).toMatchObject({ kind: 'over', code: { state: 'used' } });
  });

  test('one that waits for nobody needs no approval', async () => {
    expect(await recovery.approve(await recovery.create(CODE, record()), 'Bea')).toEqual({ kind: 'unneeded' });
  });

  test('one that is withdrawn opens nothing, and cannot be approved any more', async () => {
    const name = await recovery.create(CODE, record({ needsApproval: true }));
    expect(await recovery.withdraw(name)).toMatchObject({ kind: 'done', code: { accountId: 'a', state: 'withdrawn' } });
    expect(await recovery.approve(name, 'Bea')).toMatchObject({ kind: 'over', code: { state: 'withdrawn' } });
    expect(await recovery.use('a', CODE, 'u')).toBeUndefined();
    expect(await recovery.withdraw('nothing-of-it')).toEqual({ kind: 'unknown' });
  });

  test('what is stored tells neither code, nor reason, nor operator; a name tells nothing of its code', async () => {
    const name = await recovery.create(CODE, record());
    expect(name).toMatch(/^[2-9bcdfghjk]{8}$/);
    expect(await recovery.create(CODE, record({ accountId: 'b' }))).not.toBe(name);
    const text = JSON.stringify(await store.get('recovery:a'));
    for (const secret of [CODE, CODE.replaceAll('-', ''), 'lost the phone', 'Ann Operator'])
      expect(text).not.toContain(secret);
    expect(JSON.stringify(await recovery.list())).not.toContain('hash');
  });

  test('it is still good when the data keys were rotated', async () => {
    await createRecoveryStore({ store, sealer: createSealer([KEYS[1]]), clock }).create(CODE, record());
    expect(await recovery.use('a', CODE, 'u')).toEqual(expect.any(Number));
  });

  test('the past is kept for those who ask later, and goes with the account', async () => {
    await recovery.create(CODE, record());
    now += 300 * 86_400;
    expect(await recovery.list()).toMatchObject([{ reason: expect.stringContaining('lost'), by: 'Ann Operator' }]);
    for (let more = 0; more < 30; more += 1) await recovery.create(`2222-2222-2222-22${more}`, record());
    expect(await recovery.list()).toHaveLength(20);
    await recovery.forget('a');
    expect(await recovery.list()).toEqual([]);
  });
});
