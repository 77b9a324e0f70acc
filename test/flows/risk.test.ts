// The right amount of proof: when a login asks for more than a passive selfie, when it owes a second one, and how what a skip rests on
// is taken back. Over HTTP; places and networks are told by tables that the operator would supply.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import * as oidc from 'openid-client';
import type { Policy } from '../../src/config/policy.ts';
import { hashToken } from '../../src/login/tokens.ts';
import { writeMmdb } from '../networks/mmdb-writer.ts';
import { type Browser, fieldsOf, wordsOf } from '../support/browser.ts';
import { creates, deliver, isAtClient, until } from '../support/story.ts';
import {
  browserAt,
  comeAgain,
  copyOf,
  createVisits,
  type Entered,
  methodOn,
  newAddress,
  type Opened,
  type SignedIn,
  type Visits,
} from '../support/visits.ts';
import {
  ADAPTIVE,
  CLIENT_SECRET,
  startWorld,
  type Tokens,
  UNLIMITED,
  WORKFLOWS,
  type World,
} from '../support/world.ts';

const DEVICE = 'urn:selfie-oidc:acr:device';
const SELFIE = 'urn:selfie-oidc:acr:selfie';
const ACTIVE = 'urn:selfie-oidc:acr:selfie-active';
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };

const TOR = '192.0.2.10';
const VPN = '198.51.100.10';
const HOSTING = '203.0.113.10';
const BERLIN = '20.1.1.5';
const SYDNEY = '20.2.2.5';
const POTSDAM = '20.3.3.5';

type Rules = Policy['risk']['rules'];

let folder: string;
let networks: Policy['networks'];
let world: World;
let visits: Visits;
let people = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-risk-'));
  const at = (latitude: number, longitude: number, iso_code: string) => ({
    country: { iso_code },
    location: { latitude, longitude, accuracy_radius: 10 },
  });
  const records = {
    '20.1.1.0/24': at(52.52, 13.4, 'DE'),
    '20.2.2.0/24': at(-33.87, 151.2, 'AU'),
    '20.3.3.0/24': at(52.4, 13.06, 'DE'),
  };
  await Promise.all([
    writeFile(join(folder, 'tor'), `${TOR}\n`),
    writeFile(join(folder, 'vpn'), '198.51.100.0/24\n'),
    writeFile(join(folder, 'hosting'), '203.0.113.0/28\n'),
    writeFile(join(folder, 'places.mmdb'), writeMmdb({ type: 'GeoLite2-City', records })),
  ]);
  networks = {
    tor: [join(folder, 'tor')],
    vpn: [join(folder, 'vpn')],
    hosting: [join(folder, 'hosting')],
    countryDatabase: join(folder, 'places.mmdb'),
  };
});
afterAll(() => rm(folder, { recursive: true }));

const rule = (name: Rules[number]['rule'], change: Partial<Rules[number]> = {}): Rules[number] => {
  const found = ADAPTIVE.rules.find((each) => each.rule === name);
  if (!found) throw new Error(`no rule ${name}`);
  return { ...found, ...change };
};

async function start(): Promise<void> {
  const own = (rules: Rules) => ({
    rules,
    otherWays: [],
    crossDevice: 'confirm' as const,
    verdict: { refuseWarnings: [] },
  });
  const dear = rule('sensitive_scope', { options: { scopes: ['email'] } });
  const entry = (client_id: string) => ({
    client_id,
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  });
  world = await startWorld({
    policy: {
      ...UNLIMITED,
      risk: ADAPTIVE,
      networks,
      scopes: { payments: ACTIVE },
      clients: {
        never: own(ADAPTIVE.rules.filter(({ asks }) => asks !== 'skip')),
        dear: own([dear, ...ADAPTIVE.rules]),
        hasty: own([rule('known_device_and_network', { final: true }), dear, ...ADAPTIVE.rules]),
        wary: own([rule('new_network', { asks: 'active' }), ...ADAPTIVE.rules]),
        foolish: own([rule('new_device', { asks: 'skip', final: true })]),
        empty: own([]),
      },
    },
    clients: ['app', 'never', 'dear', 'hasty', 'wary', 'foolish', 'empty'].map(entry),
    config: { trustProxy: { hops: 1 } },
  });
  visits = createVisits(world);
}

async function enrol(browser = browserAt(newAddress())): Promise<SignedIn & { who: string }> {
  people += 1;
  const who = `person-${people}`;
  return { ...(await visits.signIn(browser, { who })), who };
}

const reasonsOf = async ({ uid }: { uid: string }, event = 'login.finished') =>
  (await visits.journalOf(uid)).find((line) => line.event === event)?.reasons.filter((reason) => !reason.includes('='));

const toClient = (to: string) => to.startsWith(world.redirectUri);
const pageOf = (uid: string, path = '') => `${world.issuer}/interaction/${uid}${path}`;

/** Shows the face as an opened login asks, once, and tells where that leads. */
async function showOnce(opened: Opened, who?: string, scenario = 'approve', capture?: string): Promise<Entered> {
  const hosted = await visits.press(opened, who);
  const session = visits.sessionAt(hosted);
  if (!session) throw new Error(`no session was opened: ${hosted.status} ${wordsOf(hosted).slice(0, 200)}`);
  const end = await visits.showFace(opened.browser, session.id, scenario, capture === undefined ? {} : { capture });
  return { ...opened, faces: [], sessionIds: [session.id], end };
}

/** So many selfies of this person are refused, in a browser that nobody knows. */
async function decline(who: string, times: number): Promise<void> {
  for (let left = times; left > 0; left -= 1) {
    const opened = await visits.open(browserAt(newAddress()));
    await showOnce(opened, who, 'decline_face_match_low_similarity');
    const page = await opened.browser.get(pageOf(opened.uid));
    await opened.browser.press(page, 'abort');
  }
}

async function refresh(tokens: Tokens): Promise<string> {
  try {
    await oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token));
    return 'ok';
  } catch (error) {
    return String((error as { error?: string }).error);
  }
}

async function isSignedIn(browser: Browser): Promise<boolean> {
  const { page } = await visits.open(browser, { params: { prompt: 'none' } });
  return new URL(page.headers.get('location') ?? '').searchParams.has('code');
}

/** The vendor changes its mind, and that has arrived. */
async function declineLate(sessionId: string): Promise<void> {
  world.clock.move(2);
  await deliver(world, sessionId, { status: 'Declined', timestamp: world.clock.now() });
  await until('the login to be taken back', async () => {
    for await (const { event, reasons } of world.app.parts.journal.entries()) {
      if (event === 'login.revoked' && reasons.some((reason) => reason.includes(sessionId))) return true;
    }
    return false;
  });
}

describe('a network that hides where somebody is', () => {
  beforeAll(start);
  afterAll(() => world.close());

  test.each([
    ['tor', TOR],
    ['vpn', VPN],
    ['hosting', HOSTING],
  ])('on a new device, by the operator’s list of %s: an active selfie is asked for', async (kind, address) => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(address));
    expect(methodOn(opened.page)).toBe('active');
    const entered = await visits.redeem(await visits.complete(opened, { who }));
    expect([entered.faces, entered.claims.acr]).toEqual([['active'], ACTIVE]);
    expect(await reasonsOf(entered)).toEqual(expect.arrayContaining([`anonymising-new-device:${kind}`, 'new-device']));
  });

  test('a list names its networks, and no others', async () => {
    expect(methodOn((await visits.open(browserAt('192.0.2.11'))).page)).toBe('passive');
    expect(methodOn((await visits.open(browserAt('203.0.113.16'))).page)).toBe('passive');
    expect(methodOn((await visits.open(browserAt(`::ffff:${TOR}`))).page)).toBe('active');
  });

  test('a still picture is no active selfie, whatever the vendor’s status says', async () => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(TOR));
    const hosted = await visits.press(opened, who);
    const session = visits.sessionAt(hosted);
    expect(session?.workflowId).toBe(WORKFLOWS.active);
    const end = await visits.showFace(opened.browser, session?.id ?? '', 'approve_passive');
    expect(isAtClient(world, end)).toBe(false);
    expect(isAtClient(world, await opened.browser.get(pageOf(opened.uid, '/finish'), toClient))).toBe(false);
  });

  test('on a known device: a passive selfie, each time anew, as many people share such an exit', async () => {
    const { browser } = await enrol();
    const first = await visits.signIn(comeAgain(browser, TOR));
    expect([first.faces, first.claims.acr]).toEqual([['passive'], SELFIE]);
    expect(await reasonsOf(first)).toEqual(['anonymising-network:tor', 'new-network']);
    const again = await visits.signIn(comeAgain(first.browser, TOR));
    expect(again.faces).toEqual(['passive']);
    expect(await reasonsOf(again)).toEqual(['anonymising-network:tor', 'known-device-and-network']);
  });

  test('somebody new enrols there, and then shows an active selfie', async () => {
    const entered = await enrol(browserAt(VPN));
    expect([entered.faces, entered.claims.acr]).toEqual([['enrol', 'active'], ACTIVE]);
  });
});

describe('a network that only the vendor sees through', () => {
  beforeAll(start);
  afterAll(() => world.close());

  test.each(['vpn_as_is', 'data_center_as_is'])(
    'on a new device (%s): a second selfie is owed, an active one, before there is any code',
    async (capture) => {
      const { who } = await enrol();
      const opened = await visits.open(browserAt(newAddress()));
      const { browser, uid } = opened;
      expect(methodOn(opened.page)).toBe('passive');
      const raised = await showOnce(opened, who, 'approve', capture);
      expect(isAtClient(world, raised.end)).toBe(false);
      expect(methodOn(raised.end)).toBe('active');
      expect(fieldsOf(raised.end)).not.toContain('biometric_consent');
      expect(fieldsOf(raised.end)).not.toContain('identifier');
      expect((await visits.journalOf(uid)).map(({ event }) => event)).toContain('login.raised');

      // nothing that was proven so far leads anywhere
      for (const path of ['/finish', '/waiting', '', '/finish']) {
        expect(isAtClient(world, await browser.get(pageOf(uid, path), toClient))).toBe(false);
      }
      const callback = String(world.sandbox.session(raised.sessionIds[0] ?? '').returnUrl);
      expect(isAtClient(world, await browser.get(callback, toClient))).toBe(false);
      expect(await isSignedIn(copyOf(browser))).toBe(false);
      expect(browser.cookie('selfie_device')).toBeUndefined();

      const page = await browser.get(pageOf(uid));
      const { faces, claims } = await visits.redeem(await visits.complete({ ...opened, page }));
      expect([faces, claims.acr]).toEqual([['active'], ACTIVE]);
    },
  );

  test('the second selfie has to be this person’s as well: declined, the first counts for nothing', async () => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(newAddress()));
    let { end: page } = await showOnce(opened, who, 'approve', 'vpn_as_is');
    for (let tries = 0; tries < 3; tries += 1) {
      const declined = await showOnce({ ...opened, page }, undefined, 'decline_face_match_low_similarity', 'vpn_as_is');
      expect(isAtClient(world, declined.end)).toBe(false);
      page = declined.end;
    }
    for (const path of ['/finish', '/waiting', '']) {
      expect(isAtClient(world, await opened.browser.get(pageOf(opened.uid, path), toClient))).toBe(false);
    }
    const before = creates(world);
    const form = parse(page.text).querySelector('input[name=csrf]')?.getAttribute('value') ?? '';
    await opened.browser.request(pageOf(opened.uid, '/begin'), { form: { csrf: form, begin: 'here' } });
    expect(creates(world)).toBe(before);
  });

  test('somebody new: the account is made, and an active selfie is owed before it can be used', async () => {
    const opened = await visits.open(browserAt(newAddress()));
    const raised = await showOnce(opened, 'newcomer-behind-vpn', 'approve', 'vpn_as_is');
    expect(methodOn(raised.end)).toBe('active');
    expect(isAtClient(world, await opened.browser.get(pageOf(opened.uid, '/finish'), toClient))).toBe(false);
    const { faces, claims } = await visits.redeem(await visits.complete({ ...opened, page: raised.end }));
    expect([faces, claims.acr]).toEqual([['active'], ACTIVE]);
    expect(claims.sub).toBe(await visits.accountIdOf('newcomer-behind-vpn'));
  });

  test('given up in between, nobody is signed in, and the device is not known', async () => {
    const { who, claims } = await enrol();
    const opened = await visits.open(browserAt(newAddress()));
    const raised = await showOnce(opened, who, 'approve', 'vpn_as_is');
    const gone = await opened.browser.follow(await opened.browser.press(raised.end, 'abort'), toClient);
    expect(new URL(gone.headers.get('location') ?? '').searchParams.get('error')).toBe('access_denied');
    expect(await world.app.parts.devices.list(String(claims.sub))).toHaveLength(1);
    expect((await visits.enter(comeAgain(opened.browser), { who })).faces).toEqual(['passive']);
  });

  test('on a known device one passive selfie does', async () => {
    const { browser } = await enrol();
    const opened = await visits.open(comeAgain(browser, newAddress()));
    const { end } = await showOnce(opened, undefined, 'approve', 'vpn_as_is');
    expect(isAtClient(world, end)).toBe(true);
  });

  test('an active selfie is not asked for twice', async () => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(TOR));
    const { end } = await showOnce(opened, who, 'approve', 'vpn_as_is');
    expect(isAtClient(world, end)).toBe(true);
  });

  test.each(['first', 'second'])('T8: the %s of two selfies is refused late: all they allowed goes', async (which) => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(newAddress()), { params: OFFLINE });
    const raised = await showOnce(opened, who, 'approve', 'vpn_as_is');
    const second = await visits.complete({ ...opened, page: raised.end });
    const { tokens } = await visits.redeem(second);
    expect(await isSignedIn(opened.browser)).toBe(true);
    await declineLate((which === 'first' ? raised : second).sessionIds[0] ?? '');
    expect(await isSignedIn(opened.browser)).toBe(false);
    expect(await refresh(tokens)).toBe('invalid_grant');
  });
});

describe('without an active workflow', () => {
  beforeAll(async () => {
    await start();
    const { active: _, ...workflows } = WORKFLOWS;
    await world.restart({ didit: { ...world.config.didit, workflows } });
  });
  afterAll(() => world.close());

  test('a passive selfie is all there is: it lets on, and the journal tells what asked for more', async () => {
    const { who } = await enrol();
    const opened = await visits.open(browserAt(TOR));
    expect(methodOn(opened.page)).toBe('passive');
    const entered = await visits.redeem(await visits.complete(opened, { who }));
    expect([entered.faces, entered.claims.acr]).toEqual([['passive'], SELFIE]);
    expect(await reasonsOf(entered)).toContain('anonymising-new-device:tor');
    const seen = await visits.open(browserAt(newAddress()));
    expect(isAtClient(world, (await showOnce(seen, who, 'approve', 'vpn_as_is')).end)).toBe(true);
  });
});

describe('what happened before', () => {
  beforeAll(start);
  afterAll(() => world.close());

  test('repeated declines ask for an active selfie, on the person’s own device as well, for a day', async () => {
    const { browser, who } = await enrol();
    await decline(who, 2);
    expect(methodOn((await visits.open(comeAgain(browser))).page)).toBe('none');
    await decline(who, 1);
    const entered = await visits.signIn(comeAgain(browser));
    expect([entered.faces, entered.claims.acr]).toEqual([['active'], ACTIVE]);
    expect(await reasonsOf(entered)).toEqual(['repeated-declines', 'known-device-and-network']);
    world.clock.move(DAY + 1);
    expect(methodOn((await visits.open(comeAgain(entered.browser))).page)).toBe('none');
  });

  test('declines within one attempt count for it: the selfie that passes at last is not enough', async () => {
    const { who } = await enrol();
    await decline(who, 1);
    const opened = await visits.open(browserAt(newAddress()));
    let page = opened.page;
    for (let tries = 0; tries < 2; tries += 1) {
      page = (await showOnce({ ...opened, page }, who, 'decline_face_match_low_similarity')).end;
    }
    const passed = await showOnce({ ...opened, page });
    expect(methodOn(passed.end)).toBe('active');
    const { faces } = await visits.redeem(await visits.complete({ ...opened, page: passed.end }));
    expect(faces).toEqual(['active']);
  });

  test('a selfie that was not shown is no decline', async () => {
    const { browser, who } = await enrol();
    for (let times = 0; times < 4; times += 1) {
      const opened = await visits.open(browserAt(newAddress()));
      await showOnce(opened, who, 'abandon');
      await opened.browser.press(await opened.browser.get(pageOf(opened.uid)), 'abort');
    }
    expect(methodOn((await visits.open(comeAgain(browser))).page)).toBe('none');
  });

  test('nobody is in Sydney ten minutes after Berlin: an active selfie, on a new device', async () => {
    const { who } = await enrol(browserAt(BERLIN));
    world.clock.move(10 * MINUTE);
    const entered = await visits.signIn(browserAt(SYDNEY), { who });
    expect(entered.faces).toEqual(['active']);
    expect(await reasonsOf(entered)).toEqual(expect.arrayContaining(['impossible-travel', 'new-device']));
  });

  test('… and on a device that is known in both places, where there would be a skip', async () => {
    const { browser } = await enrol(browserAt(BERLIN));
    world.clock.move(2 * DAY);
    const there = await visits.signIn(comeAgain(browser, SYDNEY));
    expect(there.faces).toEqual(['passive']);
    world.clock.move(2 * DAY);
    // a skip is a sign-in like any other: it tells where the person was last
    expect((await visits.signIn(comeAgain(there.browser, BERLIN))).faces).toEqual([]);
    world.clock.move(10 * MINUTE);
    const torn = await visits.signIn(comeAgain(there.browser, SYDNEY));
    expect([torn.faces, await reasonsOf(torn)]).toEqual([
      ['active'],
      ['impossible-travel', 'known-device-and-network'],
    ]);
    world.clock.move(2 * DAY);
    expect((await visits.signIn(comeAgain(there.browser, BERLIN))).faces).toEqual([]);
  });

  test('a short way says nothing, and neither does a place that no table tells', async () => {
    const { browser } = await enrol(browserAt(BERLIN));
    world.clock.move(MINUTE);
    const near = await visits.signIn(comeAgain(browser, POTSDAM));
    expect(near.faces).toEqual(['passive']);
    const nowhere = await visits.signIn(comeAgain(near.browser, newAddress()));
    expect(nowhere.faces).toEqual(['passive']);
  });

  test('a login that was only begun far away moves nobody', async () => {
    const { browser, who } = await enrol(browserAt(BERLIN));
    world.clock.move(2 * DAY);
    const far = await visits.open(browserAt(SYDNEY));
    await visits.press(far, who);
    await far.browser.press(await far.browser.get(pageOf(far.uid, '/waiting')), 'abort');
    expect(methodOn((await visits.open(comeAgain(browser))).page)).toBe('none');
  });

  test('an account under review is asked for an active selfie until somebody has looked', async () => {
    const { browser, claims } = await enrol();
    const { accounts } = world.app.parts;
    const sub = String(claims.sub);
    await accounts.change(sub, (account) => ({
      ...account,
      review: { since: world.clock.now(), reasons: ['denied-by-person'] },
    }));
    for (let times = 0; times < 2; times += 1) {
      const entered = await visits.signIn(comeAgain(browser));
      expect([entered.faces, entered.claims.acr]).toEqual([['active'], ACTIVE]);
      expect((await reasonsOf(entered))?.[0]).toBe('account-under-review');
    }
    await accounts.change(sub, ({ review: _, ...account }) => account);
    expect(methodOn((await visits.open(comeAgain(browser))).page)).toBe('none');
  });
});

describe('rules of a client’s own', () => {
  beforeAll(start);
  afterAll(() => world.close());

  let known: SignedIn & { who: string };
  beforeAll(async () => {
    known = await enrol();
  });
  const methodFor = async (client: string, address?: string, params: Record<string, string> = {}) =>
    methodOn((await visits.open(comeAgain(known.browser, address), { client, params })).page);

  test('one whose rules never skip asks for a selfie where the others do not', async () => {
    expect(await methodFor('app')).toBe('none');
    expect(await methodFor('never')).toBe('passive');
    const params = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: DEVICE } } }) };
    const { page } = await visits.open(comeAgain(known.browser), { client: 'never', params });
    expect(page.headers.get('location')).toContain('error=unmet_authentication_requirements');
  });

  test('a session that was made by a skip at one client is not asked again at another by rules: they are asked at a login', async () => {
    const { browser } = await visits.signIn(comeAgain(known.browser));
    expect((await visits.signIn(browser, { client: 'never' })).claims.acr).toBe(DEVICE);
  });

  test('a scope that is dear to one client asks for an active selfie there, and nowhere else', async () => {
    const params = { scope: 'openid email' };
    expect(await methodFor('dear', undefined, params)).toBe('active');
    expect(await methodFor('dear')).toBe('none');
    expect(await methodFor('app', undefined, params)).toBe('none');
    const entered = await visits.signIn(comeAgain(known.browser), { client: 'dear', params });
    expect([entered.faces, await reasonsOf(entered)]).toEqual([
      ['active'],
      ['sensitive-scope:email', 'known-device-and-network'],
    ]);
  });

  test('a rule that is final ends the asking: what stands after it is not heard', async () => {
    const params = { scope: 'openid email' };
    const entered = await visits.signIn(comeAgain(known.browser), { client: 'hasty', params });
    expect([entered.faces, await reasonsOf(entered)]).toEqual([[], ['known-device-and-network']]);
    // it has nothing to say of a new network
    expect(await methodFor('hasty', newAddress(), params)).toBe('active');
  });

  test('a rule may ask for more than it does by default', async () => {
    expect(await methodFor('wary', newAddress())).toBe('active');
    expect(await methodFor('wary')).toBe('none');
    expect(await methodFor('app', newAddress())).toBe('passive');
  });

  test('no policy lets in a device that never showed this face', async () => {
    for (const client of ['foolish', 'empty']) {
      const entered = await visits.signIn(browserAt(newAddress()), { who: known.who, client });
      expect([client, entered.faces, entered.claims.acr]).toEqual([client, ['passive'], SELFIE]);
    }
    const strange = await visits.enter(browserAt(newAddress()), { who: 'stranger-at-foolish', client: 'foolish' });
    expect(strange.faces).toEqual(['enrol']);
  });

  test('a scope that requires an acr is never had by a skip', async () => {
    const params = { scope: 'openid payments' };
    const opened = await visits.open(comeAgain(known.browser), { params });
    expect(methodOn(opened.page)).toBe('active');
    const entered = await visits.redeem(await visits.complete(opened));
    expect([entered.faces, entered.claims.acr]).toEqual([['active'], ACTIVE]);
    // nor by the session that a skip made
    const { browser } = await visits.signIn(comeAgain(known.browser));
    expect((await visits.signIn(browser, { params })).faces).toEqual(['active']);
  });
});

describe('taken back', () => {
  beforeAll(start);
  afterAll(() => world.close());

  /** A device that a selfie of its own made known, and a sign-in by skip on it. */
  async function skippedOn(who: string) {
    world.clock.move(HOUR);
    const shown = await visits.signIn(browserAt(newAddress()), { who });
    world.clock.move(HOUR);
    const skipped = await visits.signIn(comeAgain(shown.browser), { params: OFFLINE });
    expect(skipped.faces).toEqual([]);
    return { shown, skipped, verificationId: shown.sessionIds[0] ?? '' };
  }

  /** Presses the button of a known device, and does not go on. */
  async function pressSkip(browser: Browser): Promise<Opened> {
    const opened = await visits.open(browser);
    expect(methodOn(opened.page)).toBe('none');
    const pressed = await browser.press(opened.page, { name: 'begin', value: 'here' });
    expect(pressed.headers.get('location')).toContain('/finish');
    return opened;
  }

  /** "This was not me", on the page of one's own. */
  async function deny(person: SignedIn, uid: string): Promise<void> {
    const { browser } = await visits.signIn(comeAgain(person.browser), { params: { prompt: 'login' } });
    const page = await browser.get(`${world.issuer}/account`);
    const form = parse(page.text)
      .querySelectorAll('form[action="/account/not-me"]')
      .find((each) => each.querySelector('input[name=login]')?.getAttribute('value') === uid);
    const fields = form?.querySelectorAll('input') ?? [];
    const done = await browser.request(`${world.issuer}/account/not-me`, {
      form: Object.fromEntries(fields.map((each) => [each.getAttribute('name'), each.getAttribute('value')])),
    });
    expect(done.headers.get('location')).toContain('done=sign-in-ended');
  }

  const isListed = async (sub: unknown, browser: Browser) => {
    const hash = hashToken(browser.cookie('selfie_device') ?? '');
    return (await world.app.parts.devices.list(String(sub))).some(({ device }) => device === hash);
  };

  test('T8: a late refusal of the selfie ends the skips that came of it, forgets the device, and marks the account', async () => {
    const owner = await enrol();
    const { shown, skipped, verificationId } = await skippedOn(owner.who);
    expect(await isSignedIn(skipped.browser)).toBe(true);
    await declineLate(verificationId);
    expect(await isSignedIn(shown.browser)).toBe(false);
    expect(await isSignedIn(skipped.browser)).toBe(false);
    expect(await refresh(skipped.tokens)).toBe('invalid_grant');
    expect(await isListed(owner.claims.sub, shown.browser)).toBe(false);
    const account = await world.app.parts.accounts.find(String(owner.claims.sub));
    expect(account?.review?.reasons).toContain('late-refusal');
    // nothing of another selfie is taken back
    expect(await isSignedIn(owner.browser)).toBe(true);
    expect(await isListed(owner.claims.sub, owner.browser)).toBe(true);
    expect(methodOn((await visits.open(comeAgain(owner.browser))).page)).toBe('active');
  });

  test('T8: a skip whose button was pressed before the refusal leads nowhere', async () => {
    const { who } = await enrol();
    const { shown, verificationId } = await skippedOn(who);
    const pending = await pressSkip(comeAgain(shown.browser));
    await declineLate(verificationId);
    const end = await pending.browser.get(pageOf(pending.uid, '/finish'), toClient);
    expect(end.status).toBe(410);
    expect(await isListed(await visits.accountIdOf(who), pending.browser)).toBe(false);
  });

  test('T8: a skip that was finished, and its code not fetched, before the refusal: neither code nor session is good', async () => {
    const { who } = await enrol();
    const { shown, verificationId } = await skippedOn(who);
    const pending = await pressSkip(comeAgain(shown.browser));
    const held = await pending.browser.request(pageOf(pending.uid, '/finish'));
    expect(held.headers.get('location')).toContain('/auth/');
    await declineLate(verificationId);
    const end = await pending.browser.get(held.headers.get('location') ?? '', toClient);
    if (isAtClient(world, end)) {
      const entered = { ...pending, faces: [], sessionIds: [], end };
      await expect(visits.redeem(entered)).rejects.toMatchObject({ error: 'invalid_grant' });
    }
    expect(await isSignedIn(pending.browser)).toBe(false);
  });

  test('T8: sign-ins that cost nothing push no earlier one out of reach of the refusal', async () => {
    const { who } = await enrol();
    const { shown, skipped, verificationId } = await skippedOn(who);
    for (let batch = 0; batch < 5; batch += 1) {
      await Promise.all(Array.from({ length: 41 }, () => visits.enter(comeAgain(shown.browser))));
    }
    await declineLate(verificationId);
    expect(await isSignedIn(skipped.browser)).toBe(false);
    const userinfo = await fetch(`${world.issuer}/me`, {
      headers: { authorization: `Bearer ${skipped.tokens.access_token}` },
    });
    expect(userinfo.status).toBe(401);
    expect(await refresh(skipped.tokens)).toBe('invalid_grant');
  });

  test('a device that its person removed is not known any more, also to a button that was pressed before', async () => {
    const owner = await enrol();
    const { shown } = await skippedOn(owner.who);
    const pending = await pressSkip(comeAgain(shown.browser));
    const hash = hashToken(shown.browser.cookie('selfie_device') ?? '');
    await world.app.parts.devices.drop(hash, String(owner.claims.sub));
    expect((await pending.browser.get(pageOf(pending.uid, '/finish'), toClient)).status).toBe(410);
    expect(await isListed(owner.claims.sub, shown.browser)).toBe(false);
    expect((await visits.enter(comeAgain(shown.browser), { who: owner.who })).faces).toEqual(['passive']);
  });

  test('“this was not me” of a sign-in ends the skips that came of it, and its device is known no longer', async () => {
    const owner = await enrol();
    const { shown, skipped } = await skippedOn(owner.who);
    const pending = await pressSkip(comeAgain(shown.browser));
    await deny(owner, shown.uid);
    expect(await isSignedIn(shown.browser)).toBe(false);
    expect(await isSignedIn(skipped.browser)).toBe(false);
    expect(await refresh(skipped.tokens)).toBe('invalid_grant');
    expect((await pending.browser.get(pageOf(pending.uid, '/finish'), toClient)).status).toBe(410);
    expect(await isListed(owner.claims.sub, shown.browser)).toBe(false);
    expect(await isListed(owner.claims.sub, owner.browser)).toBe(true);
    // and when the review is over, the thief still has to show the face
    await world.app.parts.accounts.change(String(owner.claims.sub), ({ review: _, ...account }) => account);
    expect((await visits.enter(comeAgain(shown.browser), { who: owner.who })).faces).toEqual(['passive']);
  });

  test('“this was not me” of a skip ends it alone, and its device is known no longer', async () => {
    const owner = await enrol();
    const { shown, skipped } = await skippedOn(owner.who);
    await deny(owner, skipped.uid);
    expect(await isSignedIn(skipped.browser)).toBe(false);
    expect(await refresh(skipped.tokens)).toBe('invalid_grant');
    expect(await isSignedIn(shown.browser)).toBe(true);
    expect(await isListed(owner.claims.sub, shown.browser)).toBe(false);
    await world.app.parts.accounts.change(String(owner.claims.sub), ({ review: _, ...account }) => account);
    expect((await visits.enter(comeAgain(shown.browser), { who: owner.who })).faces).toEqual(['passive']);
  });

  test('one login can be taken back by itself', async () => {
    const { who } = await enrol();
    const { shown, skipped } = await skippedOn(who);
    expect(await world.app.revoker.revoke(`login:${skipped.uid}`)).toEqual({ sessions: 1, grants: expect.any(Number) });
    expect(await isSignedIn(skipped.browser)).toBe(false);
    expect(await isSignedIn(shown.browser)).toBe(true);
  });
});
