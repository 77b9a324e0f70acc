// Who is spared a selfie: a browser that showed this face before, on a network where it did. Over HTTP, with as many browsers as there
// are people and thieves in the story.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { hashToken } from '../../src/login/tokens.ts';
import { Browser, buttonsOf, fieldsOf, hiddenOf, wordsOf } from '../support/browser.ts';
import { creates, isAtClient, until } from '../support/story.ts';
import {
  browserAt,
  comeAgain,
  copyOf,
  createVisits,
  methodOn,
  moveTo,
  newAddress,
  type SignedIn,
  type Visits,
} from '../support/visits.ts';
import { ADAPTIVE, CLIENT_SECRET, startWorld, UNLIMITED, type World } from '../support/world.ts';

const DEVICE = 'urn:selfie-oidc:acr:device';
const SELFIE = 'urn:selfie-oidc:acr:selfie';
const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
const WITH_KEY = 'urn:selfie-oidc:acr:selfie-device';
const HOUR = 3600;
const DAY = 86_400;
const FULL = { sessionsPerAccountPerHour: 1, unknownDevicesPerAccountPerHour: 1, sessionsPerAddressPerHour: 1 };

const essential = (value: string) => JSON.stringify({ id_token: { acr: { essential: true, value } } });

let world: World;
let visits: Visits;
let people = 0;

const client = (id: string, more: Record<string, unknown> = {}) => ({
  client_id: id,
  client_secret: CLIENT_SECRET,
  redirect_uris: ['http://127.0.0.1:9/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
  ...more,
});

async function start(policy: NonNullable<Parameters<typeof startWorld>[0]>['policy'] = {}): Promise<void> {
  world = await startWorld({
    policy: { ...UNLIMITED, risk: ADAPTIVE, ...policy },
    clients: [
      client('app'),
      client('strict', { minimum_acr: SELFIE }),
      client('aged', { default_max_age: 10 * DAY }),
      client('wishful', { default_acr_values: [SELFIE] }),
    ],
    config: { trustProxy: { hops: 1 } },
  });
  visits = createVisits(world);
}

/** Somebody new, enrolled in a browser of their own. */
async function enrol(browser = browserAt(newAddress())): Promise<SignedIn & { who: string }> {
  people += 1;
  const who = `person-${people}`;
  return { ...(await visits.signIn(browser, { who })), who };
}

/** On this device as somebody whom it does not remember first. */
async function switchTo(browser: Browser, who: string): Promise<SignedIn> {
  const opened = await visits.open(browser);
  const page = await browser.follow(await browser.press(opened.page, 'switch_account'));
  return visits.redeem(await visits.complete({ ...opened, page }, { who }));
}

const tells = async (metric: string) => {
  const text = await (await fetch(`${world.issuer}/metrics`)).text();
  return Number(new RegExp(`^${metric.replace(/[{}]/g, '\\$&')} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
};

const reasonsOf = async ({ uid }: { uid: string }, event = 'login.finished') =>
  (await visits.journalOf(uid)).find((line) => line.event === event)?.reasons.filter((reason) => !reason.includes('='));

describe('a known device on a known network', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  let known: SignedIn & { who: string };
  beforeEach(async () => {
    known = await enrol();
  });

  test('says so on the first page, asks for no consent, and leads straight to the client', async () => {
    const browser = comeAgain(known.browser);
    const opened = await visits.open(browser);
    expect(methodOn(opened.page)).toBe('none');
    expect(wordsOf(opened.page)).toContain(`Signing in as ${known.who}`);
    expect(fieldsOf(opened.page)).not.toContain('biometric_consent');
    expect(buttonsOf(opened.page)).not.toContain('begin=phone');
    const before = creates(world);
    const { faces, end } = await visits.complete(opened);
    expect(faces).toEqual([]);
    expect(isAtClient(world, end)).toBe(true);
    expect(creates(world)).toBe(before);
    expect(browser.visited.every((url) => url.startsWith(world.issuer))).toBe(true);
  });

  test('nor is consent owed where the name was typed: no face is shown', async () => {
    const browser = comeAgain(known.browser);
    const opened = await visits.open(browser);
    const page = await browser.follow(await browser.press(opened.page, 'switch_account'));
    const pressed = await browser.press(page, { name: 'begin', value: 'here' }, { identifier: known.who });
    const end = await browser.follow(pressed, (to) => to.startsWith(world.redirectUri));
    expect(isAtClient(world, end)).toBe(true);
    // elsewhere it is
    const other = comeAgain(known.browser, newAddress());
    const again = await visits.open(other);
    const typed = await other.follow(await other.press(again.page, 'switch_account'));
    expect((await other.press(typed, { name: 'begin', value: 'here' }, { identifier: known.who })).status).toBe(422);
  });

  test('the client is told what happened: acr device, amr rba, and the time of the selfie before', async () => {
    world.clock.move(5 * DAY);
    const { claims, tokens } = await visits.signIn(comeAgain(known.browser));
    const told = { acr: DEVICE, amr: ['rba'], auth_time: known.claims.auth_time };
    expect(claims).toMatchObject({ sub: known.claims.sub, ...told });
    expect(Number(claims.iat) - Number(claims.auth_time)).toBeGreaterThanOrEqual(5 * DAY);
    expect(await oidc.tokenIntrospection(await world.client(), tokens.access_token)).toMatchObject(told);
    const resource = await visits.signIn(comeAgain(known.browser), { params: { resource: 'https://api.example.org' } });
    expect(decodeJwt(resource.tokens.access_token)).toMatchObject(told);
  });

  test('a refreshed token goes on telling it', async () => {
    world.clock.move(HOUR);
    const params = { scope: 'openid offline_access', prompt: 'consent' };
    const { tokens } = await visits.signIn(comeAgain(known.browser), { params });
    world.clock.move(HOUR);
    const renewed = await oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token));
    expect(renewed.claims()).toMatchObject({ acr: DEVICE, amr: ['rba'], auth_time: known.claims.auth_time });
  });

  test('it is counted, journalled with its reason, and not on the bill', async () => {
    const lines = await visits.ledgerLines();
    const [skips, skipped] = [
      await tells('selfie_oidc_skips_total'),
      await tells('selfie_oidc_logins_total{outcome="skipped"}'),
    ];
    const { uid } = await visits.signIn(comeAgain(known.browser));
    expect(await tells('selfie_oidc_skips_total')).toBe(skips + 1);
    expect(await tells('selfie_oidc_logins_total{outcome="skipped"}')).toBe(skipped + 1);
    expect(await visits.ledgerLines()).toBe(lines);
    expect((await visits.journalOf(uid)).map(({ event }) => event)).toEqual(['login.skipped', 'login.finished']);
    expect(await reasonsOf({ uid }, 'login.skipped')).toEqual(['known-device-and-network']);
    const signIns = await world.app.parts.activity.signIns(String(known.claims.sub));
    expect(signIns.find((each) => each.uid === uid)).toMatchObject({
      acr: DEVICE,
      reasons: ['known-device-and-network'],
    });
  });

  test('two presses of the button are one sign-in', async () => {
    const opened = await visits.open(comeAgain(known.browser));
    const skips = await tells('selfie_oidc_skips_total');
    const ends = await Promise.all([visits.press(opened), visits.press(opened)]);
    expect(ends.some((end) => isAtClient(world, end))).toBe(true);
    expect(await tells('selfie_oidc_skips_total')).toBe(skips + 1);
    const signIns = await world.app.parts.activity.signIns(String(known.claims.sub));
    expect(signIns.filter(({ uid }) => uid === opened.uid)).toHaveLength(1);
  });

  test.each([
    ['essential acr', { claims: essential(DEVICE) }],
    ['acr_values', { acr_values: DEVICE }],
    ['acr_values, first of all', { acr_values: `${DEVICE} ${SELFIE}` }],
  ])('%s of a known device is met by it', async (_name, params) => {
    const { claims, faces } = await visits.signIn(comeAgain(known.browser), { params });
    expect([faces, claims.acr]).toEqual([[], DEVICE]);
  });

  test('essential acr of a known device is met by a selfie where the device is not known', async () => {
    const { claims, faces } = await visits.signIn(browserAt(newAddress()), {
      who: known.who,
      params: { claims: essential(DEVICE) },
    });
    expect([faces, claims.acr]).toEqual([['passive'], SELFIE]);
  });

  describe('is never enough', () => {
    test.each<[string, { params?: Record<string, string>; client?: string }]>([
      ['for prompt=login', { params: { prompt: 'login' } }],
      ['for prompt=select_account', { params: { prompt: 'select_account' } }],
      ['for max_age=0', { params: { max_age: '0' } }],
      ['for max_age, be it long', { params: { max_age: String(10 * DAY) } }],
      ['for the max_age of a client’s entry', { client: 'aged' }],
      ['for acr_values of a selfie', { params: { acr_values: SELFIE } }],
      ['for acr_values of a selfie first', { params: { acr_values: `${SELFIE} ${DEVICE}` } }],
      ['for acr_values of a key that the person has not', { params: { acr_values: WITH_KEY } }],
      ['for the acr_values of a client’s entry', { client: 'wishful' }],
      ['for an essential selfie', { params: { claims: essential(SELFIE) } }],
      ['for a client with a higher minimum_acr', { client: 'strict' }],
      ['for that client, whatever the request says', { client: 'strict', params: { acr_values: DEVICE } }],
    ])('%s', async (_name, how) => {
      // the same browser would be let in, were it not for this
      expect(methodOn((await visits.open(comeAgain(known.browser))).page)).toBe('none');
      world.clock.move(60);
      const opened = await visits.open(comeAgain(known.browser), how);
      expect(methodOn(opened.page)).toBe('passive');
      const { claims, faces } = await visits.redeem(await visits.complete(opened, { who: known.who }));
      expect([faces, claims.acr]).toEqual([['passive'], SELFIE]);
      expect(Number(claims.auth_time)).toBeGreaterThan(Number(known.claims.auth_time));
    });

    test('for max_age that has run out in a session', async () => {
      const { browser } = await visits.signIn(comeAgain(known.browser));
      world.clock.move(120);
      const { claims, faces } = await visits.signIn(browser, { params: { max_age: '60' } });
      expect([faces, claims.acr]).toEqual([['passive'], SELFIE]);
    });

    test.each(['must-re-enrol', 'withdrawn'] as const)('for an account that is %s', async (standing) => {
      await world.app.parts.accounts.change(String(known.claims.sub), (account) => ({ ...account, standing }));
      const opened = await visits.open(comeAgain(known.browser));
      expect(methodOn(opened.page)).not.toBe('none');
      const { faces } = await visits.complete(opened);
      expect(faces[0]).toBe('enrol');
    });

    test('for an id_token_hint of somebody else', async () => {
      const other = await enrol();
      const opened = await visits.open(comeAgain(known.browser), {
        params: { id_token_hint: String(other.tokens.id_token) },
      });
      expect(wordsOf(opened.page)).toContain(`Signing in as ${other.who}`);
      expect(methodOn(opened.page)).toBe('passive');
      const { claims, faces } = await visits.redeem(await visits.complete(opened));
      expect([faces, claims.sub]).toEqual([['passive'], other.claims.sub]);
    });

    test('for a login_hint of somebody else', async () => {
      const other = await enrol();
      const { claims, faces } = await visits.signIn(comeAgain(known.browser), {
        params: { login_hint: other.who },
        who: other.who,
      });
      expect([faces, claims.sub]).toEqual([['passive'], other.claims.sub]);
    });

    test('for somebody else’s name, typed on this device', async () => {
      const other = await enrol();
      const { claims, faces } = await switchTo(comeAgain(known.browser), other.who);
      expect([faces, claims.sub]).toEqual([['passive'], other.claims.sub]);
    });

    test('for somebody else’s name, added to the form of a page that shows whom it knows', async () => {
      const other = await enrol();
      const browser = comeAgain(known.browser);
      const opened = await visits.open(browser);
      const fields = { identifier: other.who, biometric_consent: 'yes' };
      const pressed = await browser.press(opened.page, { name: 'begin', value: 'here' }, fields);
      expect(pressed.headers.get('location')).toContain(world.sandbox.url);
    });
  });
});

describe('networks and devices', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  test('a new network on a known device asks for a passive selfie, and is known from then on', async () => {
    const { browser } = await enrol();
    const home = String(browser.headers['x-forwarded-for']);
    const elsewhere = newAddress();
    const first = await visits.signIn(comeAgain(browser, elsewhere));
    expect([first.faces, await reasonsOf(first)]).toEqual([['passive'], ['new-network']]);
    expect((await visits.signIn(comeAgain(first.browser, elsewhere))).faces).toEqual([]);
    expect((await visits.signIn(comeAgain(first.browser, home))).faces).toEqual([]);
  });

  test('a skip makes no network known, and is as old as the selfie before it', async () => {
    const { browser, claims } = await enrol();
    world.clock.move(DAY);
    const skipped = await visits.signIn(comeAgain(browser));
    const uses = await world.app.parts.devices.list(String(claims.sub));
    // once, by the selfie: as late after it as the way to the finish took
    expect(uses[0]?.networks).toHaveLength(1);
    expect(Number(uses[0]?.networks[0]?.at)).toBeLessThan(Number(uses[0]?.lastUsedAt));
    expect(uses[0]?.selfie?.at).toBe(claims.auth_time);
    expect(uses[0]?.lastUsedAt).toBeGreaterThan(Number(claims.auth_time));
    expect(methodOn((await visits.open(comeAgain(skipped.browser, newAddress()))).page)).toBe('passive');
  });

  test('a new device on a new network asks for a passive selfie', async () => {
    const { who } = await enrol();
    const entered = await visits.signIn(browserAt(newAddress()), { who });
    expect([entered.faces, await reasonsOf(entered)]).toEqual([
      ['passive'],
      ['selfie-age:none', 'new-device', 'new-network'],
    ]);
  });

  test('a new device on the person’s own network is no less new', async () => {
    const { who, browser } = await enrol();
    const entered = await visits.signIn(browserAt(String(browser.headers['x-forwarded-for'])), { who });
    expect([entered.faces, entered.claims.acr]).toEqual([['passive'], SELFIE]);
  });

  test('a network that another device of the person knows is new to this one', async () => {
    const { who, browser } = await enrol();
    const cafe = newAddress();
    await visits.signIn(browserAt(cafe), { who });
    expect((await visits.signIn(comeAgain(browser, cafe))).faces).toEqual(['passive']);
  });

  test('a network that another account on this device knows is new to this one', async () => {
    const one = await enrol();
    const office = newAddress();
    const other = await enrol();
    const shared = await switchTo(comeAgain(one.browser, office), other.who);
    const page = await visits.open(comeAgain(shared.browser, office));
    expect(wordsOf(page.page)).toContain(`Signing in as ${other.who}`);
    expect(methodOn(page.page)).toBe('none');
    expect((await switchTo(comeAgain(shared.browser, office), one.who)).faces).toEqual(['passive']);
  });

  test.each([
    ['11.250.1.5', '11.250.1.250', 'none'],
    ['11.250.2.5', '11.250.3.5', 'passive'],
    ['11.250.4.5', '::ffff:11.250.4.77', 'none'],
    ['2001:db8:1:2::5', '2001:db8:1:ffff:1:2:3:4', 'none'],
    ['2001:db8:2:2::5', '2001:db8:3:2::5', 'passive'],
    ['2001:db8:4::5', '11.250.5.5', 'passive'],
  ] as const)('seen at %s, a login from %s is led to: %s', async (seen, from, method) => {
    const { browser } = await enrol(browserAt(seen));
    const opened = await visits.open(comeAgain(browser, from));
    expect(methodOn(opened.page)).toBe(method);
    expect((await visits.complete(opened)).faces).toHaveLength(method === 'none' ? 0 : 1);
  });

  test('a selfie vouches for thirty days, and not a second longer', async () => {
    const { browser } = await enrol();
    world.clock.move(30 * DAY - 2);
    expect((await visits.signIn(comeAgain(browser))).faces).toEqual([]);
    world.clock.move(4);
    const entered = await visits.signIn(comeAgain(browser));
    expect([entered.faces, await reasonsOf(entered)]).toEqual([
      ['passive'],
      ['selfie-age:old', 'known-device-and-network'],
    ]);
    expect((await visits.signIn(comeAgain(entered.browser))).faces).toEqual([]);
  });

  test('several accounts live on one device, each let in by its own face and by its name', async () => {
    const address = newAddress();
    const [one, other] = [await enrol(), await enrol()];
    const first = await switchTo(
      comeAgain((await visits.signIn(browserAt(address), { who: one.who })).browser),
      other.who,
    );
    expect(first.faces).toEqual(['passive']);
    let shared = first.browser;
    for (const person of [one, other, one]) {
      const entered = await switchTo(comeAgain(shared), person.who);
      expect([entered.faces, entered.claims.sub, entered.claims.acr]).toEqual([[], person.claims.sub, DEVICE]);
      shared = entered.browser;
    }
    // whoever was here last is shown first
    expect(wordsOf((await visits.open(comeAgain(shared))).page)).toContain(`Signing in as ${one.who}`);
  });

  test('two people on one device at the same moment: it goes on knowing both', async () => {
    const address = newAddress();
    const [one, other] = [await enrol(), await enrol()];
    const { browser } = await switchTo(
      comeAgain((await visits.signIn(browserAt(address), { who: one.who })).browser),
      other.who,
    );
    // a session is one person's, so each has a tab of their own; the device is one
    const tabs = [comeAgain(browser), comeAgain(browser)] as const;
    const entered = await Promise.all([switchTo(tabs[0], one.who), switchTo(tabs[1], other.who)]);
    expect(entered.map(({ faces }) => faces)).toEqual([[], []]);
    for (const tab of tabs) {
      for (const { who } of [one, other]) expect((await switchTo(comeAgain(tab), who)).faces).toEqual([]);
    }
  });
});

describe('what ages', () => {
  beforeAll(() => start({ risk: { ...ADAPTIVE, knownNetworkDays: 10, knownDeviceDays: 15 } }));
  afterAll(() => world.close());

  test('a network that saw no selfie for known_network_days is new again', async () => {
    const { browser } = await enrol();
    world.clock.move(10 * DAY - 2);
    expect((await visits.signIn(comeAgain(browser))).faces).toEqual([]);
    world.clock.move(4);
    const entered = await visits.signIn(comeAgain(browser));
    expect([entered.faces, await reasonsOf(entered)]).toEqual([['passive'], ['new-network']]);
    world.clock.move(9 * DAY);
    expect((await visits.signIn(comeAgain(entered.browser))).faces).toEqual([]);
  });

  test('a device that was not used for known_device_days is new again; each use keeps it known', async () => {
    const { browser } = await enrol();
    world.clock.move(9 * DAY);
    await visits.signIn(comeAgain(browser));
    world.clock.move(14 * DAY);
    // used 14 days ago: it is the network that is new
    const known = await visits.signIn(comeAgain(browser));
    expect([known.faces, await reasonsOf(known)]).toEqual([['passive'], ['new-network']]);
    world.clock.move(15 * DAY + 2);
    const aged = await visits.signIn(comeAgain(known.browser));
    expect([aged.faces, (await reasonsOf(aged))?.includes('new-device')]).toEqual([['passive'], true]);
    expect((await visits.signIn(comeAgain(aged.browser))).faces).toEqual([]);
  });
});

describe('a thief', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  test('with a copy of the device cookie, elsewhere, is asked for the face', async () => {
    const { browser, who } = await enrol();
    const opened = await visits.open(comeAgain(browser, newAddress()));
    expect(wordsOf(opened.page)).toContain(`Signing in as ${who}`);
    expect(methodOn(opened.page)).toBe('passive');
    expect((await visits.press(opened)).headers.get('location')).toContain(world.sandbox.url);
  });

  test('cannot begin elsewhere and finish at home: where a login began is what counts', async () => {
    const { browser } = await enrol();
    const thief = comeAgain(browser, newAddress());
    const opened = await visits.open(thief);
    await visits.press(opened);
    moveTo(thief, String(browser.headers['x-forwarded-for']));
    for (const path of ['/finish', '/waiting', '']) {
      const page = await thief.get(`${world.issuer}/interaction/${opened.uid}${path}`);
      expect(isAtClient(world, page)).toBe(false);
    }
  });

  test('cannot say where they are', async () => {
    const { browser } = await enrol();
    const home = String(browser.headers['x-forwarded-for']);
    // the proxy appends what it saw; everything further left is the thief's own word
    const opened = await visits.open(comeAgain(browser, `${home}, ${newAddress()}`));
    expect(methodOn(opened.page)).toBe('passive');
  });

  test('cannot finish another browser’s skip', async () => {
    const { browser } = await enrol();
    const victim = comeAgain(browser);
    const opened = await visits.open(victim);
    await victim.press(opened.page, { name: 'begin', value: 'here' });
    const thief = comeAgain(browser);
    const page = await thief.get(`${world.issuer}/interaction/${opened.uid}/finish`);
    expect(page.status).toBe(403);
    expect(
      isAtClient(
        world,
        await victim.get(`${world.issuer}/interaction/${opened.uid}/finish`, (to) => to.startsWith(world.redirectUri)),
      ),
    ).toBe(true);
  });

  test('T23: whose own device cookie was planted in the victim’s browser has no known device of the victim', async () => {
    const home = newAddress();
    const mallory = await enrol(browserAt(home));
    const victim = await enrol();
    const planted = browserAt(home);
    for (const cookie of mallory.browser.cookies()) if (cookie.name === 'selfie_device') planted.setCookie(cookie);
    const entered = await switchTo(planted, victim.who);
    expect(entered.faces).toEqual(['passive']);
    // same network, the cookie that was planted
    const attempt = await visits.open(comeAgain(mallory.browser));
    expect(wordsOf(attempt.page)).not.toContain(victim.who);
    expect((await visits.enter(comeAgain(mallory.browser), { who: victim.who })).faces).toEqual(['passive']);
    // what the device knew of others moved along with the new cookie
    expect((await switchTo(comeAgain(entered.browser), mallory.who)).faces).toEqual([]);
    expect((await switchTo(comeAgain(entered.browser), victim.who)).faces).toEqual([]);
  });

  test.each(['AAAAAAAAAAAAAAAAAAAAAA', 'x', '%00', '"><script>'])(
    'T23: a planted cookie that we never gave out (%s) is not promoted either',
    async (value) => {
      const victim = await enrol();
      const home = String(victim.browser.headers['x-forwarded-for']);
      const cookie = { name: 'selfie_device', value, path: '/', host: new URL(world.issuer).host };
      const planted = browserAt(home);
      planted.setCookie(cookie);
      expect((await visits.signIn(planted, { who: victim.who })).faces).toEqual(['passive']);
      const thief = browserAt(home);
      thief.setCookie(cookie);
      const opened = await visits.open(thief);
      expect(wordsOf(opened.page)).not.toContain(victim.who);
      expect((await visits.enter(thief, { who: victim.who })).faces).toEqual(['passive']);
    },
  );

  test('cannot fill the list of devices until one of theirs falls out of it, and stays known', async () => {
    const victim = await enrol();
    const { devices } = world.app.parts;
    const sub = String(victim.claims.sub);
    const thief = await visits.signIn(browserAt(newAddress()), { who: victim.who });
    const [stolen] = await devices.list(sub);
    for (let more = 0; more < 50; more += 1) {
      const visit = { at: world.clock.now(), browser: 'x', prefix: '11.1.1.0/24', uid: `u${more}`, mark: 'm' };
      await devices.remember(`another-${more}`, sub, visit);
    }
    expect((await devices.list(sub)).map(({ device }) => device)).not.toContain(stolen?.device);
    expect(methodOn((await visits.open(comeAgain(thief.browser), { params: { login_hint: victim.who } })).page)).toBe(
      'passive',
    );
  });
});

describe('T8: a selfie that is refused later, of a device that it made known', () => {
  // no rule asks how old a selfie is
  const ageless = ADAPTIVE.rules.filter(({ rule }) => rule !== 'selfie_age');
  beforeAll(() => start({ risk: { ...ADAPTIVE, rules: ageless, knownNetworkDays: 300, knownDeviceDays: 300 } }));
  afterAll(() => world.close());

  /** Somebody's second device, and the selfie that it is known by. */
  async function secondDevice() {
    const { who, claims } = await enrol();
    const second = await visits.signIn(browserAt(newAddress()), { who });
    return { who, accountId: String(claims.sub), browser: second.browser, selfie: String(second.sessionIds[0]) };
  }
  const known = async (accountId: string) => (await world.app.parts.devices.list(accountId)).length;

  test('is found however old the selfie may be that a skip rests on', async () => {
    const { accountId, browser, selfie } = await secondDevice();
    world.clock.move(200 * DAY);
    expect((await visits.signIn(comeAgain(browser))).faces).toEqual([]);
    world.clock.move(30 * DAY);
    expect(await known(accountId)).toBe(2);
    await world.sandbox.settle(selfie, 'decline_liveness_attack');
    await until('the device is gone', async () => (await known(accountId)) === 1);
  });

  test('while a skip is under way: the skip does not make it known again', async () => {
    const { accountId, browser, selfie } = await secondDevice();
    const opened = await visits.open(comeAgain(browser));
    const { store } = world.app.parts;
    const { update } = store;
    store.update = async (key, change) => {
      if (!key.startsWith('known-device:')) return update(key, change);
      // in another process, just before the skip is noted
      store.update = update;
      world.clock.move(5);
      await world.sandbox.settle(selfie, 'decline_liveness_attack');
      await until('the device is gone', async () => (await known(accountId)) === 1);
      return update(key, change);
    };
    await visits.complete(opened);
    expect(store.update).toBe(update);
    expect(await known(accountId)).toBe(1);
  });

  test('of the document behind its face, while a login with that face is under way: the device does not become known', async () => {
    const { who, accountId } = await secondDevice();
    const { accounts, devices, store } = world.app.parts;
    const document = (await accounts.find(accountId))?.enrolledBy.verificationId ?? '';
    const { update } = store;
    store.update = async (key, change, hint) => {
      if (!key.startsWith('known-device:')) return update(key, change, hint);
      store.update = update;
      world.clock.move(5);
      await world.sandbox.settle(document, 'decline_liveness_attack');
      await until(
        'all is taken back',
        async () => (await known(accountId)) === 0 && world.app.revoker.isRevoked(document),
      );
      return update(key, change, hint);
    };
    const browser = browserAt(newAddress());
    const opened = await visits.open(browser);
    await visits.showFace(browser, String(visits.sessionAt(await visits.press(opened, who))?.id));
    expect(store.update).toBe(update);
    expect(await devices.list(accountId)).toEqual([]);
  });

  test('T17: a browser that is forgotten while a face is shown there is let in again by the next one', async () => {
    const { who, accountId, browser } = await secondDevice();
    const own = await visits.signIn(browserAt(newAddress()), { who });
    const page = await own.browser.get(`${world.issuer}/account`);
    const device = hashToken(browser.cookie('selfie_device') ?? '');
    const { store } = world.app.parts;
    const { update } = store;
    store.update = async (key, change, hint) => {
      if (key !== `known-device:${device}`) return update(key, change, hint);
      store.update = update;
      const form = { ...hiddenOf(page), device };
      await own.browser.request(`${world.issuer}/account/devices/forget`, { form });
      return update(key, change, hint);
    };
    const there = comeAgain(browser);
    const stopped = await visits.enter(there, { params: { prompt: 'login' } });
    expect(store.update).toBe(update);
    await expect(visits.redeem(stopped)).rejects.toMatchObject({ error: 'invalid_grant' });
    const again = await visits.signIn(there, { who, params: { prompt: 'login' } });
    expect(again.claims.sub).toBe(accountId);
    expect(await known(accountId)).toBe(3);
  });

  test('T17: what its person forgets while a skip is under way stays forgotten, and the skip lets nobody in', async () => {
    const { accountId, browser } = await secondDevice();
    const device = hashToken(browser.cookie('selfie_device') ?? '');
    const opened = await visits.open(comeAgain(browser));
    const { store, devices } = world.app.parts;
    const { update } = store;
    store.update = async (key, change, hint) => {
      if (key !== `known-device:${device}`) return update(key, change, hint);
      store.update = update;
      await devices.drop(device, accountId);
      return update(key, change, hint);
    };
    const entered = await visits.complete(opened);
    expect(store.update).toBe(update);
    expect(await known(accountId)).toBe(1);
    await expect(visits.redeem(entered)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('an answer that was lost', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  /** A login whose verdict is there, in a browser that others used before. */
  async function settled(browser: Browser, who: string) {
    const opened = await visits.open(browser);
    const page = buttonsOf(opened.page).includes('switch_account=yes')
      ? await browser.follow(await browser.press(opened.page, 'switch_account'))
      : opened.page;
    const hosted = await visits.press({ browser, page }, who);
    const session = visits.sessionAt(hosted);
    if (!session) throw new Error('no session was opened');
    const address = String(browser.headers['x-forwarded-for']);
    await world.sandbox.open(session.id, { userAgent: browser.userAgent, address });
    await world.sandbox.settle(session.id, 'approve');
    await world.sandbox.idle();
    return { ...opened, sessionId: session.id, finish: `${world.issuer}/interaction/${opened.uid}/finish` };
  }

  test('is given again, with the device cookie, and the device keeps what it knew of others', async () => {
    const one = await enrol();
    const other = await enrol();
    const browser = comeAgain(one.browser);
    const { finish } = await settled(browser, other.who);
    const lost = copyOf(browser);
    expect((await lost.request(finish)).status).toBe(303);
    const end = await browser.get(finish, (to) => to.startsWith(world.redirectUri));
    expect(isAtClient(world, end)).toBe(true);
    expect(browser.cookie('selfie_device')).toBe(lost.cookie('selfie_device'));
    for (const { who, claims } of [other, one]) {
      const again = await switchTo(comeAgain(browser), who);
      expect([again.faces, again.claims.sub]).toEqual([[], claims.sub]);
      for (const cookie of again.browser.cookies()) if (cookie.name === 'selfie_device') browser.setCookie(cookie);
    }
  });

  test('however often it is asked for, one login makes one device', async () => {
    const { who, claims } = await enrol();
    const browser = browserAt(newAddress());
    const { finish } = await settled(browser, who);
    const before = (await world.app.parts.devices.list(String(claims.sub))).length;
    const copies = Array.from({ length: 12 }, () => copyOf(browser));
    await Promise.all(copies.slice(0, 6).map((copy) => copy.request(finish)));
    for (const copy of copies.slice(6)) await copy.request(finish);
    const cookies = new Set(copies.map((copy) => copy.cookie('selfie_device')).filter((value) => value !== undefined));
    expect(cookies.size).toBe(1);
    expect(await world.app.parts.devices.list(String(claims.sub))).toHaveLength(before + 1);
  });

  test('makes a device that was forgotten meanwhile known to nobody', async () => {
    const { who, claims } = await enrol();
    const browser = browserAt(newAddress());
    const { finish } = await settled(browser, who);
    const held = copyOf(browser);
    await held.request(finish);
    const { devices } = world.app.parts;
    for (const { device } of await devices.list(String(claims.sub))) await devices.drop(device, String(claims.sub));
    const again = await browser.request(finish);
    expect(again.status).toBe(303);
    expect(await devices.list(String(claims.sub))).toEqual([]);
    expect((await visits.enter(comeAgain(held), { who })).faces).toEqual(['passive']);
  });
});

describe('a session made without a selfie', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  test('ends after a day without use, and then the device is enough again', async () => {
    const { browser } = await enrol();
    world.clock.move(20 * DAY);
    const skipped = (await visits.signIn(comeAgain(browser))).browser;
    for (let uses = 0; uses < 3; uses += 1) {
      world.clock.move(23 * HOUR);
      expect(isAtClient(world, (await visits.open(skipped, { params: { prompt: 'none' } })).page)).toBe(true);
    }
    world.clock.move(25 * HOUR);
    const none = await visits.open(skipped, { params: { prompt: 'none' } });
    expect(new URL(none.page.headers.get('location') ?? '').searchParams.get('error')).toBe('login_required');
    expect(methodOn((await visits.open(skipped)).page)).toBe('none');
  });

  test('ends for good, be it used every day: then a face is asked for', async () => {
    const { browser, claims } = await enrol();
    world.clock.move(29 * DAY);
    const skipped = (await visits.signIn(comeAgain(browser))).browser;
    let uses = 0;
    for (let isIn = true; isIn && uses < 30; uses += 1) {
      world.clock.move(23 * HOUR);
      isIn = isAtClient(world, (await visits.open(skipped)).page);
    }
    const days = (world.clock.now() - Number(claims.auth_time)) / DAY;
    // fourteen from the latest moment at which a skip was possible
    expect(days).toBeGreaterThan(43);
    expect(days).toBeLessThan(45);
    expect(methodOn((await visits.open(skipped)).page)).toBe('passive');
  });

  test('answers a second tab whose request it meets, and not one that wants a selfie', async () => {
    const { browser, claims } = await enrol();
    const tabs = comeAgain(browser);
    const first = await visits.open(tabs);
    const second = await visits.open(tabs);
    const wanting = await visits.open(tabs, { params: { acr_values: SELFIE } });
    const insisting = await visits.open(tabs, { params: { prompt: 'login' } });
    expect((await visits.redeem(await visits.complete(first))).claims.acr).toBe(DEVICE);

    const reload = (uid: string) =>
      tabs.get(`${world.issuer}/interaction/${uid}`, (to) => to.startsWith(world.redirectUri));
    const met = await visits.redeem({ ...second, faces: [], sessionIds: [], end: await reload(second.uid) });
    expect(met.claims).toMatchObject({ acr: DEVICE, amr: ['rba'], auth_time: claims.auth_time });
    for (const { uid } of [wanting, insisting]) expect(methodOn(await reload(uid))).toBe('passive');
    const shown = await visits.redeem(await visits.complete({ ...wanting, page: await reload(wanting.uid) }));
    expect([shown.faces, shown.claims.acr]).toEqual([['passive'], SELFIE]);
  });

  test('is asked for a selfie where a client wants one, and is as strong as that afterwards', async () => {
    const { browser } = await enrol();
    const skipped = (await visits.signIn(comeAgain(browser))).browser;
    expect((await visits.signIn(skipped)).claims.acr).toBe(DEVICE);
    for (const how of [{ client: 'strict' }, { params: { acr_values: ACTIVE } }]) {
      const none = await visits.open(skipped, { ...how, params: { ...how.params, prompt: 'none' } });
      expect(none.page.headers.get('location')).toContain('error=login_required');
    }
    const shown = await visits.signIn(skipped, { client: 'strict' });
    expect([shown.faces, shown.claims.acr]).toEqual([['passive'], SELFIE]);
    expect((await visits.signIn(skipped)).claims.acr).toBe(SELFIE);
  });

  test('of somebody else ends when the device lets another person in', async () => {
    const [one, other] = [await enrol(), await enrol()];
    const shared = await switchTo(comeAgain(one.browser), other.who);
    // the session is the other's: a request for the one, whom the device knows as well
    const entered = await visits.signIn(shared.browser, { params: { id_token_hint: String(one.tokens.id_token) } });
    expect(entered.claims.sub).toBe(one.claims.sub);
    const after = await visits.signIn(shared.browser, { params: { prompt: 'none' } });
    expect(after.claims.sub).toBe(one.claims.sub);
  });
});

describe('T17: what it costs', () => {
  beforeAll(() =>
    start({
      limits: { ...FULL, sessionsPerClientPerHour: 1, sessionsPerDay: 1 },
      vendor: { createsPerMinute: 1 },
    }),
  );
  afterAll(() => world.close());

  test('fifty sign-ins at the same moment cost nothing, and no limit is touched', async () => {
    const known = await enrol();
    expect(creates(world)).toBe(1);
    // every limit is used up by now
    const refused = await visits.enter(comeAgain(known.browser), { params: { prompt: 'login' } });
    expect(refused.end.status).toBe(429);
    const opened = await Promise.all(Array.from({ length: 50 }, () => visits.open(comeAgain(known.browser))));
    const entered = await Promise.all(opened.map((each) => visits.complete(each)));
    expect(entered.map(({ end }) => isAtClient(world, end))).toEqual(Array.from({ length: 50 }, () => true));
    expect(creates(world)).toBe(1);
    expect(await visits.ledgerLines()).toBe(1);
    expect(await tells('selfie_oidc_skips_total')).toBe(50);
    const signIns = await world.app.parts.activity.signIns(String(known.claims.sub));
    expect(new Set(signIns.map(({ uid }) => uid)).size).toBe(50);
    expect(await world.app.parts.devices.list(String(known.claims.sub))).toHaveLength(1);

    // looking at the first page is as free, and leaves no trace in what is stored
    const { store } = world.app.parts;
    const rows = async () => {
      const keys = await store.keys('', { limit: 1000 });
      return new Map(await Promise.all(keys.map(async (key) => [key, JSON.stringify(await store.get(key))] as const)));
    };
    const looked = await visits.open(comeAgain(known.browser));
    const before = await rows();
    for (let times = 0; times < 5; times += 1) expect(methodOn(await looked.browser.get(looked.page.url))).toBe('none');
    expect(await rows()).toEqual(before);
    expect(before.size).toBeLessThan(1000);
  });
});

describe('T18: what is stored', () => {
  beforeAll(() => start());
  afterAll(() => world.close());

  test('names nobody in clear, nor where anybody was', async () => {
    const { browser, who } = await enrol();
    const elsewhere = moveTo(copyOf(browser), newAddress());
    const { page, uid } = await visits.open(elsewhere, { params: { prompt: 'login', login_hint: who } });
    await visits.press({ browser: elsewhere, page }, who);
    const capturedAt = '203.0.113.77';
    const [session] = world.sandbox.sessions().slice(-1);
    await world.sandbox.open(String(session?.id), { userAgent: elsewhere.userAgent, address: capturedAt });
    await world.sandbox.settle(String(session?.id), 'approve');
    const { attempts, backend } = world.app.parts;
    const read = async () => (await attempts.find(uid))?.verifications[0]?.captures?.[0]?.address;
    expect(await until('the verdict', read)).toBe(capturedAt);

    const rows: string[] = [];
    for await (const some of backend.bulk.rows('', world.clock.now()))
      rows.push(...some.map((row) => JSON.stringify(row)));
    for await (const some of backend.bulk.jobs()) rows.push(...some.map((job) => JSON.stringify(job)));
    expect(rows.some((row) => row.includes(`attempt:${uid}`))).toBe(true);
    const places = [browser, elsewhere].map((each) => String(each.headers['x-forwarded-for']));
    for (const personal of [who, capturedAt, ...places])
      expect([personal, rows.filter((row) => row.includes(personal))]).toEqual([personal, []]);
  });
});
