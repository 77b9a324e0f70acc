// Presses of the button that begins, when the first of them fails, or is being answered still: the next one works, or is told that a start
// is under way, and there is never more than one session at the vendor.

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import { creates, pressOn, showFace, until, visit } from '../support/story.ts';
import { type Begun, startWorld, UNLIMITED, type World } from '../support/world.ts';

type Store = { -readonly [K in keyof World['app']['parts']['store']]: World['app']['parts']['store'][K] };

const STARTING = 'your sign-in is being started';
const HERE = { name: 'begin', value: 'here' };

let world: World;
let well: Store;
let people = 0;

beforeAll(async () => {
  world = await startWorld({ policy: UNLIMITED });
  well = { ...world.app.parts.store };
});
afterEach(() => {
  Object.assign(world.app.parts.store, well);
  world.sandbox.clearFaults();
});
afterAll(() => world.close());

async function somebody(): Promise<string> {
  people += 1;
  await world.enrol(`starter-${people}`);
  return `starter-${people}`;
}

const gone = () => Promise.reject(new StorageUnavailable('gone for the test'));

/** From here on every question to the storage fails, until it is called off. */
function takeStorageAway(): () => void {
  for (const name of Object.keys(well)) (world.app.parts.store as Store)[name as 'get'] = gone;
  return () => void Object.assign(world.app.parts.store, well);
}

/** The storage is away from the question on that `isIt` is true of, and for as long as the request takes. */
function failFrom(operation: 'countIn' | 'putIfAbsent' | 'update', isIt: (key: string) => boolean): void {
  const original = well[operation] as (...asked: unknown[]) => Promise<unknown>;
  (world.app.parts.store as unknown as Record<string, unknown>)[operation] = (key: string, ...rest: unknown[]) => {
    if (!isIt(key)) return original(key, ...rest);
    takeStorageAway();
    return gone();
  };
}

/** A first press that fails, as the storage is away; afterwards it is there again. */
async function pressInVain(browser: Browser, name: string): Promise<Begun> {
  const begun = await world.begin(browser, name);
  Object.assign(world.app.parts.store, well);
  return begun;
}

/** The next press, at once. */
async function pressAgain({ browser, uid }: Begun, name: string): Promise<Page> {
  const first = await visit(world, { browser, uid } as Begun, '');
  const isTyped = first.text.includes('name="identifier"');
  return pressOn(world, browser, first, HERE, {
    ...(isTyped ? { identifier: name } : {}),
    biometric_consent: 'yes',
  });
}

/** The next press leads to the one session that the vendor has of this start, which leads back to whoever pressed. */
async function expectOneLogin(begun: Begun, name: string, before: number): Promise<void> {
  const led = await pressAgain(begun, name);
  expect(led.headers.get('location') ?? wordsOf(led)).toContain(world.sandbox.url);
  expect(world.sandbox.sessions().length).toBe(before + 1);
  const sessionId = world.sandbox.sessions().at(-1)?.id ?? '';
  await showFace(world, { ...begun, sessionId });
  expect((await world.finish({ ...begun, sessionId })).claims()?.sub).toBeDefined();
}

describe('R7: a press after one that failed', () => {
  test('works at once when the storage faltered before the vendor was asked', async () => {
    const name = await somebody();
    const [before, asked] = [world.sandbox.sessions().length, creates(world)];
    failFrom('countIn', (key) => key.startsWith('limit:'));
    const begun = await pressInVain(new Browser(), name);
    expect([begun.page.status, creates(world)]).toEqual([503, asked]);
    await expectOneLogin(begun, name, before);
  });

  test('works at once when it was written that somebody begins, and the answer to that was lost', async () => {
    const name = await somebody();
    const before = world.sandbox.sessions().length;
    world.app.parts.store.putIfAbsent = async (key, ...rest) => {
      await well.putIfAbsent(key, ...rest);
      if (!key.startsWith('opening:')) return true;
      takeStorageAway();
      return gone();
    };
    const begun = await pressInVain(new Browser(), name);
    expect(begun.page.status).toBe(503);
    await expectOneLogin(begun, name, before);
  });

  test('works at once when the vendor failed, and the page that says so is not lost with what could not be given back', async () => {
    const name = await somebody();
    const before = world.sandbox.sessions().length;
    world.sandbox.fault('create', { status: 402 });
    const { store } = world.app.parts as { store: Store };
    store.delete = (key) => (key.startsWith('opening:') ? gone() : well.delete(key));
    store.update = (key, ...rest) => (key.startsWith('opening:') ? gone() : well.update(key, ...rest));
    const begun = await pressInVain(new Browser(), name);
    expect([begun.page.status, wordsOf(begun.page)]).toEqual([503, expect.stringContaining('selfie check')]);
    await expectOneLogin(begun, name, before);
  });

  test.each([
    ['its session was noted as ours', 'owner:'],
    ['the attempt was told of it', 'attempt:'],
  ])(
    'T1: leads to the same session when the storage failed after the vendor had answered, before %s',
    async (_, prefix) => {
      const name = await somebody();
      const before = world.sandbox.sessions().length;
      const { vendor } = world.app.parts as { vendor: Pick<typeof world.app.parts.vendor, 'openVerification'> };
      const { openVerification } = vendor;
      const seen: string[] = [];
      (vendor as { openVerification: unknown }).openVerification = async (
        ...asked: Parameters<typeof openVerification>
      ) => {
        const opened = await openVerification(...asked);
        (vendor as { openVerification: unknown }).openVerification = openVerification;
        failFrom('putIfAbsent', (key) => (seen.push(key), key.startsWith(prefix)));
        const withPut = world.app.parts.store.putIfAbsent;
        failFrom('update', (key) => (seen.push(key), key.startsWith(prefix)));
        world.app.parts.store.putIfAbsent = withPut;
        return opened;
      };
      const begun = await pressInVain(new Browser(), name);
      expect([begun.page.status, world.sandbox.sessions().length, seen.at(-1)]).toEqual([
        503,
        before + 1,
        expect.stringContaining(prefix),
      ]);
      await expectOneLogin(begun, name, before);
    },
  );
});

describe('a press while another one is being answered', () => {
  test('T1: is told so by a page that goes on by itself, and none of ten asks the vendor', async () => {
    const name = await somebody();
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    const fields = { identifier: name, biometric_consent: 'yes' };
    const asked = creates(world);
    const held = Promise.withResolvers<void>();
    const { vendor } = world.app.parts as { vendor: { openVerification: unknown } };
    const openVerification = world.app.parts.vendor.openVerification;
    vendor.openVerification = async (...about: Parameters<typeof openVerification>) => {
      vendor.openVerification = openVerification;
      const opened = await openVerification(...about);
      await held.promise;
      return opened;
    };
    const pressing = browser.press(first, HERE, fields);
    await until('the create', () => creates(world) > asked);
    const others = await Promise.all(Array.from({ length: 10 }, () => pressOn(world, browser, first, HERE, fields)));
    for (const page of others) {
      expect([page.status, wordsOf(page)]).toEqual([200, expect.stringContaining(STARTING)]);
      expect(buttonsOf(page)).toEqual(['abort=yes']);
      expect(page.text).toContain(`http-equiv="refresh" content="3; url=/interaction/${uid}/waiting"`);
    }
    expect(creates(world)).toBe(asked + 1);
    held.resolve();
    await pressing;
    const next = await visit(world, { browser, uid } as Begun, '/waiting');
    expect(wordsOf(next)).not.toContain(STARTING);
    expect(buttonsOf(next)).toContain('begin=here');
    expect(creates(world)).toBe(asked + 1);
  });
});
