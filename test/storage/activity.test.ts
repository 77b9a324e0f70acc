// What an account did lately, on the engines that need no server: kept short, sealed, and whole when many write at once.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/login/ports.ts';
import type { ActivityStore, SignIn } from '../../src/login/stores.ts';
import { createActivityStore } from '../../src/storage/activity.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { LOCAL_ENGINES, openTwice } from './fixtures/two-backends.ts';

const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
const DAY = 86_400;
const BERLIN = { latitude: 52.52, longitude: 13.4 };
const SYDNEY = { latitude: -33.87, longitude: 151.2 };
let now = 1_795_000_000;
const clock = { now: () => now };

const signIn = (uid: string, changes: Partial<SignIn> = {}): SignIn => ({
  at: now,
  uid,
  clientId: 'app',
  acr: 'urn:selfie-oidc:acr:selfie',
  browser: 'Firefox on Windows',
  address: '11.0.1.5',
  reasons: ['new-device'],
  ...changes,
});

describe.each(LOCAL_ENGINES)('%s', (engine) => {
  let close: () => Promise<void>;
  let store: Store;
  let activity: ActivityStore;
  /** another process */
  let other: ActivityStore;

  beforeEach(async () => {
    const { one, two, close: closeBoth } = await openTwice(engine, clock);
    const sealer = createSealer(KEYS);
    store = one.store;
    activity = createActivityStore({ store, sealer });
    other = createActivityStore({ store: two.store, sealer });
    close = closeBoth;
  });
  afterEach(() => close());

  const uidsOf = async (accountId: string) => (await other.signIns(accountId)).map(({ uid }) => uid);

  test('of an account that did nothing there is nothing, and asking leaves nothing behind', async () => {
    expect(await activity.find('a')).toEqual({ declines: [] });
    expect(await activity.signIns('a')).toEqual([]);
    expect(await activity.findSignIn('a', '1')).toBeUndefined();
    expect(await store.keys('')).toEqual([]);
  });

  test('sign-ins come back as they were noted, the latest first, each account’s apart', async () => {
    const first = signIn('1');
    await activity.noteSignIn('a', first);
    now += 1;
    const second = signIn('2', { acr: 'urn:selfie-oidc:acr:device' });
    await activity.noteSignIn('a', second);
    await activity.noteSignIn('b', signIn('3'));
    expect(await other.signIns('a')).toEqual([second, first]);
    expect(await other.findSignIn('a', '1')).toEqual(first);
    expect(await other.findSignIn('a', '3')).toBeUndefined();
    // what a key ends with is not the id
    const [key = ''] = await store.keys('sign-in:a:');
    for (const uid of ['', key.slice('sign-in:a:'.length)]) expect(await other.findSignIn('a', uid)).toBeUndefined();
    expect(await uidsOf('b')).toEqual(['3']);
  });

  test('the same login noted again, after a lost answer, is one', async () => {
    const first = signIn('1');
    await activity.noteSignIn('a', first);
    now += 1;
    await activity.noteSignIn('a', signIn('2'));
    await activity.noteSignIn('a', first);
    expect(await uidsOf('a')).toEqual(['2', '1']);
  });

  test('the last place is that of the last sign-in whose place is known', async () => {
    await activity.noteSignIn('a', signIn('1'), BERLIN);
    now += DAY;
    await activity.noteSignIn('a', signIn('2'), SYDNEY);
    const last = { at: now, place: SYDNEY };
    expect((await other.find('a')).last).toEqual(last);
    now += DAY;
    // nobody knows where: that neither moves the person nor brings them back
    await activity.noteSignIn('a', signIn('3'));
    await activity.noteDecline('a', now);
    expect((await other.find('a')).last).toEqual(last);
  });

  test('declines come back latest first', async () => {
    for (const at of [1, 2, 3]) await activity.noteDecline('a', now + at);
    expect((await activity.find('a')).declines).toEqual([now + 3, now + 2, now + 1]);
  });

  test('fifty of each, the latest: whoever goes on and on fills no disk', async () => {
    for (let at = 0; at < 120; at += 1) {
      now += 1;
      await activity.noteSignIn('a', signIn(`u${at}`));
      await activity.noteDecline('a', at);
    }
    const { declines } = await activity.find('a');
    expect(await uidsOf('a')).toEqual(Array.from({ length: 50 }, (_, at) => `u${119 - at}`));
    expect(declines).toEqual(Array.from({ length: 50 }, (_, at) => 119 - at));
    // older ones go a few at a time, by chance
    expect((await store.keys('sign-in:a:')).length).toBeLessThan(100);
  });

  test('a denial marks that sign-in, of that account, and nothing else', async () => {
    for (const account of ['a', 'b']) {
      now += 1;
      await activity.noteSignIn(account, signIn('1'), BERLIN);
      now += 1;
      await activity.noteSignIn(account, signIn('2'));
    }
    now += DAY;
    await activity.noteDenial('a', '1', now);
    await activity.noteDenial('a', 'nobody’s', now);
    const marks = async (id: string) => (await other.signIns(id)).map(({ uid, deniedAt }) => [uid, deniedAt]);
    expect(await marks('a')).toEqual([
      ['2', undefined],
      ['1', now],
    ]);
    expect(await marks('b')).toEqual([
      ['2', undefined],
      ['1', undefined],
    ]);
    expect((await other.find('a')).last?.place).toEqual(BERLIN);
  });

  test('many at once, in two processes: none is lost', async () => {
    const all = Array.from({ length: 24 }, (_, at) => ({ at, by: at % 2 === 0 ? activity : other }));
    await Promise.all(
      all.flatMap(({ at, by }) => [by.noteSignIn('a', signIn(`u${at}`)), by.noteDecline('a', now + at)]),
    );
    const { declines } = await activity.find('a');
    expect([new Set(await uidsOf('a')).size, new Set(declines).size]).toEqual([24, 24]);
  });

  test('forgotten, it is as if nothing had been', async () => {
    await activity.noteSignIn('a', signIn('1'), BERLIN);
    await activity.noteSignIn('b', signIn('2'));
    await activity.forget('a');
    await activity.forget('a');
    expect(await other.find('a')).toEqual({ declines: [] });
    expect(await uidsOf('a')).toEqual([]);
    expect(await uidsOf('b')).toEqual(['2']);
  });

  test('a sign-in goes after 400 days, the rest 400 days after the last event', async () => {
    await activity.noteSignIn('a', signIn('1'));
    await activity.noteDecline('a', now);
    now += 399 * DAY;
    expect(await uidsOf('a')).toEqual(['1']);
    await activity.noteDecline('a', now);
    now += 2 * DAY;
    expect(await uidsOf('a')).toEqual([]);
    expect((await activity.find('a')).declines).toHaveLength(2);
    now += 399 * DAY;
    expect(await activity.find('a')).toEqual({ declines: [] });
    expect(await store.keys('')).toEqual([]);
  });

  test('T18: neither address nor browser nor place can be read where it lies', async () => {
    await activity.noteSignIn('a', signIn('1'), BERLIN);
    const keys = await store.keys('');
    expect(keys).toHaveLength(2);
    const lying = JSON.stringify(await Promise.all(keys.map((key) => store.get(key))));
    for (const secret of ['11.0.1.5', 'Firefox', '52.52', '"app']) expect(lying).not.toContain(secret);
  });

  test('T14: a record does not open in another account’s place', async () => {
    await activity.noteSignIn('a', signIn('1'));
    const [own = ''] = await store.keys('sign-in:a:');
    await store.set(own.replace(':a:', ':b:'), await store.get(own), DAY);
    await expect(activity.signIns('b')).rejects.toMatchObject({ code: 'sealed_unreadable' });
    await activity.noteDecline('a', now);
    await store.set('activity:b', await store.get('activity:a'), DAY);
    await expect(activity.find('b')).rejects.toMatchObject({ code: 'sealed_unreadable' });
    await expect(activity.noteDecline('b', now)).rejects.toMatchObject({ code: 'sealed_unreadable' });
  });
});
