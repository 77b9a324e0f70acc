import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashToken, newToken } from '../../src/login/tokens.ts';
import { Browser, buttonsOf, fieldsOf } from '../support/browser.ts';
import { creates, giveUp, showFace, visit, withoutSession } from '../support/story.ts';
import { startWorld, type World } from '../support/world.ts';

const MANY = 1_000_000;

describe('per address', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      policy: {
        limits: { sessionsPerAddressPerHour: 31, sessionsPerClientPerHour: MANY, sessionsPerDay: MANY },
        vendor: { createsPerMinute: 10_000 },
      },
    });
    await world.enrol('alice');
  });
  afterAll(() => world.close());

  test('T17: of fifty starts at the same moment as many pass as are left, and none pays for the others', async () => {
    const before = creates(world);
    const all = await Promise.all(Array.from({ length: 50 }, (_, at) => world.begin(new Browser(), `newcomer-${at}`)));
    expect(all.filter(({ page }) => page.status === 303)).toHaveLength(30);
    expect(all.filter(({ page }) => page.status === 429)).toHaveLength(20);
    expect(creates(world) - before).toBe(30);
  });

  test('T17: a limit met says so: 429, when to come back, a way out, and temporarily_unavailable for the client', async () => {
    const { browser, page } = await world.begin(new Browser(), 'alice');
    expect(page.status).toBe(429);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(buttonsOf(page)).toContain('abort=yes');
    expect((await giveUp(world, browser, page)).get('error')).toBe('temporarily_unavailable');
  });

  test('T22: a forged X-Forwarded-For, or any of its kin, is no other address', async () => {
    const before = creates(world);
    const forged = {
      'x-forwarded-for': '198.51.100.1',
      forwarded: 'for=198.51.100.1;host=evil.example;proto=https',
      'x-real-ip': '198.51.100.1',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'cf-connecting-ip': '198.51.100.1',
      'true-client-ip': '198.51.100.1',
    };
    const browser = new Browser({ headers: forged });
    const first = await browser.get((await world.authorize()).url);
    expect(first.text).not.toContain('198.51.100.1');
    expect(first.text).not.toContain('evil.example');
    const pressed = await browser.press(
      first,
      { name: 'begin', value: 'here' },
      { identifier: 'alice', biometric_consent: 'yes' },
    );
    expect(pressed.status).toBe(429);
    expect(creates(world)).toBe(before);
    const discovery = await fetch(`${world.issuer}/.well-known/openid-configuration`, { headers: forged });
    expect(JSON.stringify(await discovery.json())).not.toContain('evil.example');
  });

  test('T17: the next hour begins anew', async () => {
    world.clock.move(3601);
    expect((await world.begin(new Browser(), 'alice')).page.status).toBe(303);
  });

  test('T17: looking costs nothing: GETs, previews and posts without our token open no session', async () => {
    const before = creates(world);
    for (let times = 0; times < 20; times += 1) {
      const browser = new Browser({ headers: { 'sec-purpose': 'prefetch' } });
      const first = await browser.get((await world.authorize()).url);
      const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
      await browser.get(first.url);
      const at = `${world.issuer}/interaction/${uid}/begin`;
      const fields = { identifier: 'alice', biometric_consent: 'yes', begin: 'here' };
      expect((await browser.request(at)).status).toBeGreaterThanOrEqual(400);
      expect((await browser.request(at, { form: fields })).status).toBe(403);
      expect((await browser.request(at, { form: { ...fields, csrf: 'x' } })).status).toBe(403);
    }
    expect(creates(world)).toBe(before);
  });
});

describe('per account', () => {
  let world: World;
  let alice: Browser;
  beforeAll(async () => {
    world = await startWorld({
      policy: {
        limits: {
          sessionsPerAccountPerHour: 10,
          unknownDevicesPerAccountPerHour: 7,
          sessionsPerClientPerHour: MANY,
          sessionsPerDay: MANY,
        },
        vendor: { createsPerMinute: 10_000 },
      },
    });
    alice = withoutSession((await world.enrol('alice')).browser);
  });
  afterAll(() => world.close());

  test('T17: unknown devices share seven an hour, and the person’s own device still gets in', async () => {
    for (let times = 0; times < 7; times += 1) {
      const begun = await world.begin(new Browser(), 'alice');
      expect([times, begun.page.status]).toEqual([times, 303]);
      await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
    }
    expect((await world.begin(new Browser(), 'alice')).page.status).toBe(429);
    // a cookie that was made up is no device
    const forged = new Browser();
    forged.setCookie({
      name: 'selfie_device',
      value: 'AAAAAAAAAAAAAAAAAAAAAA',
      path: '/',
      host: new URL(world.issuer).host,
    });
    expect((await world.begin(forged, 'alice')).page.status).toBe(429);

    const own = await world.begin(alice, undefined);
    expect(own.page.status).toBe(303);
    await showFace(world, own);
    expect((await world.finish(own)).id_token).toBeDefined();
  });

  test('T17: hammering at a claimed account uses up nothing of what its owner has left', async () => {
    const { browser } = await world.enrol('bob');
    const own = await world.begin(withoutSession(browser), undefined);
    expect(own.page.status).toBe(303);
    await Promise.all(Array.from({ length: 40 }, () => world.begin(new Browser(), 'bob')));
    await showFace(world, own);
    await world.finish(own);
    const next = await world.begin(new Browser(), 'bob');
    expect(next.page.status).toBe(303);
  });

  test('T17: another device of one person does not make another’s known: a device cookie is for its account', async () => {
    await world.enrol('carol');
    const stranger = withoutSession((await world.enrol('dave')).browser);
    const first = await world.begin(new Browser(), 'carol');
    expect(first.page.status).toBe(303);
    // typed over what the device remembers
    const request = await world.authorize();
    const page = await stranger.get(request.url);
    const switched = await stranger.follow(await stranger.press(page, 'switch_account'));
    expect(fieldsOf(switched)).toContain('identifier');
    const pressed = await stranger.press(
      switched,
      { name: 'begin', value: 'here' },
      { identifier: 'carol', biometric_consent: 'yes' },
    );
    expect(pressed.status).toBe(409);
  });
});

describe('per client and per day', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      policy: { limits: { sessionsPerClientPerHour: 4, sessionsPerDay: 6 }, vendor: { createsPerMinute: 10_000 } },
    });
  });
  afterAll(() => world.close());

  test('T17: a client’s hour and everybody’s day are bounded, at once as well', async () => {
    // a day is one of the calendar, in UTC: the hour that follows is to be of the same
    world.clock.move(86_400 - (world.clock.now() % 86_400));
    const all = await Promise.all(Array.from({ length: 12 }, (_, at) => world.begin(new Browser(), `one-${at}`)));
    expect(all.filter(({ page }) => page.status === 303)).toHaveLength(4);
    world.clock.move(3601);
    const more = await Promise.all(Array.from({ length: 12 }, (_, at) => world.begin(new Browser(), `two-${at}`)));
    expect(more.filter(({ page }) => page.status === 303)).toHaveLength(2);
    expect(creates(world)).toBe(6);
  });
});

describe('one invitation', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ policy: { enrolment: 'invite' } });
  });
  afterAll(() => world.close());

  test('T15: lets one enrolment at a time go to the vendor, the next when that is given up, and one account be made', async () => {
    const token = newToken();
    const now = world.clock.now();
    await world.app.parts.invitations.create(hashToken(token), { createdAt: now, expiresAt: now + 3600 });
    const press = async (browser: Browser, identifier: string) => {
      const page = await browser.get((await world.authorize()).url);
      const fields = { identifier, biometric_consent: 'yes', invitation: token };
      return browser.press(page, { name: 'begin', value: 'here' }, fields);
    };
    const first = new Browser();
    const begun = await press(first, 'first');
    expect(begun.status).toBe(303);
    expect((await press(new Browser(), 'second')).status).toBe(403);
    expect(creates(world)).toBe(1);

    const uid = new URL(first.visited.findLast((url) => url.includes('/interaction/')) ?? '').pathname.split('/')[2];
    const waiting = await first.get(`${world.issuer}/interaction/${uid}/waiting`);
    await giveUp(world, first, waiting);
    const third = await world.begin(new Browser(), 'nobody');
    const pressed = await third.browser.press(
      third.page,
      { name: 'begin', value: 'here' },
      { invitation: token, biometric_consent: 'yes' },
    );
    expect(pressed.status).toBe(303);
    expect(creates(world)).toBe(2);
    const session = world.sandbox.sessions().at(-1);
    const enrolling = { ...third, sessionId: session?.id ?? '' };
    await showFace(world, enrolling);
    const tokens = await world.finish(enrolling);
    expect(tokens.claims()?.sub).toBeDefined();
    expect((await press(new Browser(), 'late')).status).toBe(403);
  });
});

describe('where nobody may enrol without an invitation', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ policy: { enrolment: 'invite', limits: { sessionsPerAddressPerHour: 8 } } });
  });
  afterAll(() => world.close());

  test('T15: a wrong invitation enrols nobody', async () => {
    const browser = new Browser();
    const page = await browser.get((await world.authorize()).url);
    expect(fieldsOf(page)).toContain('invitation');
    for (const invitation of ['x', 'AAAAAAAAAAAAAAAAAAAAAA', '"><script>']) {
      const fields = { identifier: 'eve', biometric_consent: 'yes', invitation };
      const pressed = await browser.press(page, { name: 'begin', value: 'here' }, fields);
      expect(pressed.status).toBe(403);
      expect(pressed.text).not.toContain('<script>');
    }
    expect(creates(world)).toBe(0);
  });

  test('T26: an unknown identifier never reaches the vendor, and guesses are counted by address', async () => {
    const statuses: number[] = [];
    for (let guess = 0; guess < 7; guess += 1) {
      statuses.push((await world.begin(new Browser(), `guess-${guess}`)).page.status);
    }
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429, 429]);
    expect(creates(world)).toBe(0);
  });
});
