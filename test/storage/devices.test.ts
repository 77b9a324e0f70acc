// Known devices on the engines that need no server: what is remembered of a browser, for whom, for how long, and that nothing known is
// out of reach of whoever takes it back.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/login/ports.ts';
import type { DeviceVisit } from '../../src/login/stores.ts';
import { createDeviceStore, type KeptDevices } from '../../src/storage/devices.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { LOCAL_ENGINES, openTwice } from './fixtures/two-backends.ts';

const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
const DAY = 86_400;
const HOME = '11.0.1.0/24';
let now = 1_795_000_000;
let logins = 0;
const clock = { now: () => now };

/** A login here and now, with a face unless told otherwise. */
function visit(changes: Partial<DeviceVisit> = {}): DeviceVisit {
  logins += 1;
  const uid = `login-${logins}`;
  const selfie = { at: now, verificationIds: [`verification-${logins}`], login: `login:${uid}` };
  return { at: now, browser: 'Firefox on Windows', prefix: HOME, uid, mark: uid, selfie, ...changes };
}

function skip(changes: Partial<DeviceVisit> = {}): DeviceVisit {
  const { selfie: _, ...rest } = visit(changes);
  return rest;
}

describe.each(LOCAL_ENGINES)('%s', (engine) => {
  let close: () => Promise<void>;
  let store: Store;
  let devices: KeptDevices;
  /** another process */
  let other: KeptDevices;

  beforeEach(async () => {
    const { one, two, close: closeBoth } = await openTwice(engine, clock);
    const sealer = createSealer(KEYS);
    store = one.store;
    devices = createDeviceStore({ store, sealer });
    other = createDeviceStore({ store: two.store, sealer });
    close = closeBoth;
  });
  afterEach(() => close());

  const hashesOf = async (accountId: string) => (await other.list(accountId)).map(({ device }) => device);

  test('a browser that nobody knows knows nobody', async () => {
    expect(await devices.accountsOf('d')).toEqual([]);
    expect(await devices.find('d', 'a')).toBeUndefined();
    expect(await devices.list('a')).toEqual([]);
    await devices.forget('d');
    await devices.drop('d', 'a');
    expect(await devices.forgetAccount('a')).toBe(0);
  });

  test('first and last use, browser, networks and selfie of one account', async () => {
    const first = visit();
    await devices.remember('d', 'a', first);
    const firstUsedAt = now;
    now += DAY;
    const cafe = visit({ prefix: '11.0.2.0/24', browser: 'Firefox on Linux' });
    await devices.remember('d', 'a', cafe);
    expect(await other.find('d', 'a')).toEqual({
      accountId: 'a',
      firstUsedAt,
      lastUsedAt: now,
      browser: 'Firefox on Linux',
      networks: [
        { prefix: '11.0.2.0/24', at: now },
        { prefix: HOME, at: firstUsedAt },
      ],
      selfie: cafe.selfie,
      logins: [cafe.uid, first.uid],
      marks: [first.mark, cafe.mark],
    });
  });

  test('a visit without a face is noted, and makes no network known and no selfie younger', async () => {
    const shown = visit();
    await devices.remember('d', 'a', shown);
    now += DAY;
    const skipped = skip({ prefix: '11.0.2.0/24' });
    await devices.remember('d', 'a', skipped);
    expect(await devices.find('d', 'a')).toMatchObject({
      lastUsedAt: now,
      networks: [{ prefix: HOME, at: shown.at }],
      selfie: shown.selfie,
      logins: [skipped.uid, shown.uid],
    });
    // known by a key alone: no face, no network
    await devices.remember('e', 'a', skip());
    const use = await devices.find('e', 'a');
    expect(use?.networks).toEqual([]);
    expect(use).not.toHaveProperty('selfie');
  });

  test('a network that is seen again is the latest, and not twice', async () => {
    for (const prefix of [HOME, '11.0.2.0/24', HOME]) {
      now += 10;
      await devices.remember('d', 'a', visit({ prefix }));
    }
    expect((await devices.find('d', 'a'))?.networks).toEqual([
      { prefix: HOME, at: now },
      { prefix: '11.0.2.0/24', at: now - 10 },
    ]);
  });

  test('twenty networks of a device, the latest, and fifty logins', async () => {
    for (let at = 0; at < 60; at += 1)
      await devices.remember('d', 'a', visit({ prefix: `11.1.${at}.0/24`, uid: `u${at}` }));
    const use = await devices.find('d', 'a');
    expect(use?.networks.map(({ prefix }) => prefix)).toEqual(
      Array.from({ length: 20 }, (_, at) => `11.1.${59 - at}.0/24`),
    );
    expect(use?.logins).toEqual(Array.from({ length: 50 }, (_, at) => `u${59 - at}`));
  });

  test('the same login, told twice, is one', async () => {
    const shown = visit();
    await devices.remember('d', 'a', shown);
    await devices.remember('d', 'a', shown);
    expect((await devices.find('d', 'a'))?.logins).toEqual([shown.uid]);
    expect(await hashesOf('a')).toEqual(['d']);
  });

  test('accounts of one device are apart, the latest first, and eight at most', async () => {
    for (let at = 0; at < 9; at += 1) await devices.remember('d', `a${at}`, visit({ prefix: `11.2.${at}.0/24` }));
    expect(await devices.accountsOf('d')).toEqual(['a8', 'a7', 'a6', 'a5', 'a4', 'a3', 'a2', 'a1']);
    expect((await devices.find('d', 'a3'))?.networks.map(({ prefix }) => prefix)).toEqual(['11.2.3.0/24']);
    await devices.remember('d', 'a3', skip());
    expect((await devices.accountsOf('d'))[0]).toBe('a3');
    // whoever fell off is in no list of what is known
    expect(await devices.list('a0')).toEqual([]);
  });

  test('devices of one account, the latest first', async () => {
    for (const hash of ['d', 'e', 'f', 'd']) await devices.remember(hash, 'a', visit());
    expect(await hashesOf('a')).toEqual(['d', 'f', 'e']);
  });

  test('what falls out of the list of fifty is known no longer, and others on it stay', async () => {
    await devices.remember('d', 'b', visit());
    await devices.remember('d', 'a', visit());
    for (let at = 0; at < 50; at += 1) await devices.remember(`more-${at}`, 'a', visit());
    expect(await hashesOf('a')).toHaveLength(50);
    expect(await devices.find('d', 'a')).toBeUndefined();
    expect(await devices.accountsOf('d')).toEqual(['b']);
    expect(await devices.forgetAccount('a')).toBe(50);
    for (let at = 0; at < 50; at += 1) expect(await devices.accountsOf(`more-${at}`)).toEqual([]);
  });

  describe('a new cookie', () => {
    test('takes along what the old one knew, of everybody, and the old one knows nobody', async () => {
      const ofB = visit({ prefix: '11.0.9.0/24' });
      await devices.remember('old', 'b', ofB);
      await devices.remember('old', 'c', visit());
      now += 10;
      await devices.remember('new', 'a', visit(), 'old');
      expect(await other.accountsOf('new')).toEqual(['a', 'c', 'b']);
      expect(await other.accountsOf('old')).toEqual([]);
      expect(await other.find('new', 'b')).toMatchObject({
        networks: [{ prefix: '11.0.9.0/24', at: now - 10 }],
        selfie: ofB.selfie,
        lastUsedAt: now - 10,
      });
      for (const account of ['a', 'b', 'c']) expect(await hashesOf(account)).toEqual(['new']);
    });

    test('goes on with what it knew of this very account', async () => {
      const shown = visit();
      await devices.remember('old', 'a', shown);
      await devices.remember('old', 'b', visit());
      now += 10;
      await devices.remember('new', 'a', skip(), 'old');
      expect(await devices.find('new', 'a')).toMatchObject({ firstUsedAt: now - 10, selfie: shown.selfie });
      expect(await hashesOf('a')).toEqual(['new']);
    });

    test('takes along nothing of a cookie that nobody knew', async () => {
      await devices.remember('new', 'a', visit(), 'planted');
      expect(await devices.accountsOf('new')).toEqual(['a']);
      expect(await devices.accountsOf('planted')).toEqual([]);
    });

    test('loses nobody, and no other device of theirs, where lists are full', async () => {
      await devices.remember('old', 'b', visit());
      await devices.remember('old', 'a', visit());
      for (let at = 0; at < 49; at += 1) await devices.remember(`of-b-${at}`, 'b', visit());
      for (let at = 0; at < 49; at += 1) await devices.remember(`of-a-${at}`, 'a', visit());
      await devices.remember('new', 'a', visit(), 'old');
      expect(await devices.accountsOf('new')).toEqual(['a', 'b']);
      for (const account of ['a', 'b']) {
        expect(await hashesOf(account)).toHaveLength(50);
        expect(await devices.accountsOf(`of-${account}-0`)).toEqual([account]);
      }
    });

    test('made twice, from one that is gone by then, loses nobody', async () => {
      await devices.remember('old', 'b', visit());
      const shown = visit();
      await devices.remember('new', 'a', shown, 'old');
      await devices.remember('new', 'a', shown, 'old');
      expect(await devices.accountsOf('new')).toEqual(['a', 'b']);
      expect(await hashesOf('b')).toEqual(['new']);
    });
  });

  /** The store, with something that happens just before the numbered write, or instead of it. */
  function interrupted(at: number, happening: () => Promise<unknown>): Store {
    let writes = 0;
    const before = async () => {
      writes += 1;
      if (writes === at) await happening();
    };
    return {
      ...store,
      update: async (key, change) => {
        await before();
        return store.update(key, change);
      },
      take: async (key) => {
        await before();
        return store.take(key);
      },
    };
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'T8: who is forgotten while a cookie changes, before its write %d, is known on neither',
    async (at) => {
      await devices.remember('old', 'b', visit());
      await devices.remember('old', 'a', visit());
      const beside = interrupted(at, () => other.forgetAccount('b'));
      await createDeviceStore({ store: beside, sealer: createSealer(KEYS) }).remember('new', 'a', visit(), 'old');
      expect([await other.accountsOf('new'), await other.accountsOf('old')]).toEqual([['a'], []]);
      expect([await hashesOf('a'), await hashesOf('b')]).toEqual([['new'], []]);
    },
  );

  test.each([1, 2, 3, 4, 5])(
    'T8: a device that is known can be taken back, also where the storage failed at write %d',
    async (at) => {
      const failing = interrupted(at, () => Promise.reject(new Error('away')));
      const half = createDeviceStore({ store: failing, sealer: createSealer(KEYS) });
      await half.remember('d', 'a', visit()).catch(() => undefined);
      await other.forgetAccount('a');
      expect(await other.accountsOf('d')).toEqual([]);
    },
  );

  test('taken off one account, the device stays known to the others', async () => {
    await devices.remember('d', 'a', visit());
    await devices.remember('d', 'b', visit());
    await other.drop('d', 'a');
    expect(await devices.accountsOf('d')).toEqual(['b']);
    expect(await hashesOf('a')).toEqual([]);
    expect(await hashesOf('b')).toEqual(['d']);
    await devices.drop('d', 'b');
    expect(await store.keys('known-device:')).toEqual([]);
    expect(await store.keys('devices-of:')).toEqual([]);
  });

  test('forgotten, it knows nobody', async () => {
    for (const account of ['a', 'b']) await devices.remember('d', account, visit());
    await devices.remember('e', 'a', visit());
    await devices.forget('d');
    expect(await other.accountsOf('d')).toEqual([]);
    expect([await hashesOf('a'), await hashesOf('b')]).toEqual([['e'], []]);
  });

  test('an account that goes is on no device any more, and takes nobody along', async () => {
    for (const hash of ['d', 'e']) await devices.remember(hash, 'a', visit());
    await devices.remember('e', 'b', visit());
    expect(await devices.forgetAccount('a')).toBe(2);
    expect(await devices.accountsOf('d')).toEqual([]);
    expect(await devices.accountsOf('e')).toEqual(['b']);
  });

  test('many logins at once, in two processes: none is lost', async () => {
    const all = Array.from({ length: 20 }, (_, at) => ({ at, by: at % 2 === 0 ? devices : other }));
    await Promise.all(all.map(({ at, by }) => by.remember('d', `a${at % 4}`, visit({ uid: `u${at}` }))));
    await Promise.all(all.map(({ at, by }) => by.remember(`d${at}`, 'a0', visit())));
    expect([...(await devices.accountsOf('d'))].sort()).toEqual(['a0', 'a1', 'a2', 'a3']);
    const seen = await Promise.all(['a0', 'a1', 'a2', 'a3'].map(async (id) => (await devices.find('d', id))?.logins));
    expect(seen.flat()).toHaveLength(20);
    expect(await hashesOf('a0')).toHaveLength(21);
  });

  test('what is not used for 400 days goes, and each use begins them anew', async () => {
    await devices.remember('d', 'a', visit());
    now += 399 * DAY;
    await devices.remember('d', 'a', skip());
    now += 399 * DAY;
    expect(await devices.accountsOf('d')).toEqual(['a']);
    expect(await hashesOf('a')).toEqual(['d']);
    now += 2 * DAY;
    expect(await devices.accountsOf('d')).toEqual([]);
    expect(await hashesOf('a')).toEqual([]);
  });

  test('the list of a device that is used every week is not written each time, and never ends before the device', async () => {
    await devices.remember('d', 'a', visit());
    const listKeys = { written: 0 };
    const counted: Store = {
      ...store,
      update: (key, change) =>
        store.update(key, (current) => {
          const changed = change(current as never);
          if (key === 'devices-of:a' && changed.kind === 'write') listKeys.written += 1;
          return changed;
        }),
    };
    const watched = createDeviceStore({ store: counted, sealer: createSealer(KEYS) });
    for (let week = 0; week < 80; week += 1) {
      now += 7 * DAY;
      await watched.remember('d', 'a', visit());
      expect(await hashesOf('a')).toEqual(['d']);
    }
    expect(listKeys.written).toBeGreaterThanOrEqual(18);
    expect(listKeys.written).toBeLessThanOrEqual(20);
    now += 399 * DAY;
    expect(await devices.accountsOf('d')).toEqual(['a']);
    expect(await hashesOf('a')).toEqual(['d']);
  });

  test('nor where one write of the list failed', async () => {
    now = Math.ceil(now / (30 * DAY)) * 30 * DAY;
    await devices.remember('d', 'a', visit());
    const broken: Store = {
      ...store,
      update: (key, change) =>
        key.startsWith('devices-of:') ? Promise.reject(new Error('away')) : store.update(key, change),
    };
    now += 30 * DAY;
    const failing = createDeviceStore({ store: broken, sealer: createSealer(KEYS) });
    await expect(failing.remember('d', 'a', visit())).rejects.toThrow('away');
    now += 29 * DAY;
    await devices.remember('d', 'a', visit());
    now += 399 * DAY;
    expect(await devices.accountsOf('d')).toEqual(['a']);
    expect(await hashesOf('a')).toEqual(['d']);
  });

  test('T18: neither account nor network nor browser can be read where it lies', async () => {
    await devices.remember('d', 'account-of-somebody', visit());
    const lying = JSON.stringify(await store.get('known-device:d'));
    for (const secret of ['account-of-somebody', '11.0.1', 'Firefox', 'verification-'])
      expect(lying).not.toContain(secret);
  });

  test('T14: a record does not open in another device’s place', async () => {
    await devices.remember('d', 'a', visit());
    await store.set('known-device:e', await store.get('known-device:d'), DAY);
    await expect(devices.accountsOf('e')).rejects.toMatchObject({ code: 'sealed_unreadable' });
    await expect(devices.remember('e', 'a', visit())).rejects.toMatchObject({ code: 'sealed_unreadable' });
  });
});
