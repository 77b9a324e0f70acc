// The page of one's own, over HTTP, with several browsers: who gets to see it, what its buttons end, and how an account goes for good.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import * as oidc from 'openid-client';
import { readClients } from '../../src/config/clients.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { denialKey } from '../../src/login/denials.ts';
import { loginProof } from '../../src/login/login-proof.ts';
import { hashToken } from '../../src/login/tokens.ts';
import { Browser, type Page, PHONE_SAFARI, wordsOf } from '../support/browser.ts';
import { type Mailbox, startMailbox } from '../support/mailbox.ts';
import { startPeer } from '../support/oidc-world.ts';
import { until, withoutSession } from '../support/story.ts';
import {
  ADAPTIVE,
  type Begun,
  CLIENT_SECRET,
  exchange,
  returnUrlOf,
  settleDown,
  startWorld,
  type Tokens,
  UNLIMITED,
  type World,
} from '../support/world.ts';

const OFFLINE = { scope: 'openid profile offline_access', prompt: 'login consent' };
const MINUTE = 60;

let world: World;
let rp: Awaited<ReturnType<typeof startPeer>>;
let mailbox: Mailbox;
const told: string[] = [];

function clients() {
  const common = {
    client_secret: CLIENT_SECRET,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  };
  return [
    {
      ...common,
      client_id: 'app',
      client_name: 'Example App',
      redirect_uris: ['http://127.0.0.1:9/cb'],
      first_party: true,
    },
    {
      ...common,
      client_id: 'third',
      client_name: 'Third Party',
      redirect_uris: ['http://127.0.0.1:9/cb'],
      backchannel_logout_uri: `${rp.url}/logout`,
    },
    {
      client_id: 'api',
      client_name: 'Payments API',
      client_secret: CLIENT_SECRET,
      redirect_uris: [],
      grant_types: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ];
}

beforeAll(async () => {
  rp = await startPeer((_request, response, body) => {
    told.push(String(new URLSearchParams(body).get('logout_token')));
    response.writeHead(204).end();
  });
  mailbox = await startMailbox();
  world = await startWorld({
    policy: { ...UNLIMITED, risk: ADAPTIVE, emailCode: 'off', otherWays: ['passkey', 'recovery_code'] },
    clients: clients(),
    config: { outgoingAllow: ['127.0.0.1'], smtp: { url: mailbox.url, from: 'login@op.example' } as never },
  });
});

afterAll(async () => {
  await world.close();
  await Promise.all([rp.close(), mailbox.close()]);
});

const at = (path: string) => `${world.issuer}${path}`;

/** Shows a face on whatever first page this browser is at, and goes on to where that leads. */
async function prove(browser: Browser, first: Page, fields: Record<string, string> = {}): Promise<Page> {
  const before = new Set(world.sandbox.sessions().map(({ id }) => id));
  const pressed = await browser.press(first, { name: 'begin', value: 'here' }, { biometric_consent: 'yes', ...fields });
  const session = world.sandbox.sessions().find(({ id }) => !before.has(id));
  if (!session) throw new Error(`no verification was opened: ${pressed.status} ${wordsOf(pressed)}`);
  await world.sandbox.open(session.id, { userAgent: browser.userAgent });
  await world.sandbox.settle(session.id, 'approve');
  return settleDown(browser, await browser.get(returnUrlOf(world.sandbox.session(session.id))), world.redirectUri);
}

/** Opens the page of one's own with a new proof. */
async function openAccount(browser: Browser, path = '/account'): Promise<Page> {
  const page = await browser.get(at(path));
  return page.url.includes('/interaction/') ? prove(browser, page) : page;
}

/** A form of the page, with its hidden fields: by where it posts, and what it names. */
function formOf(page: Page, action: string, has: Record<string, string> = {}): Record<string, string> {
  const forms = parse(page.text).querySelectorAll('form');
  for (const form of forms.filter((each) => each.getAttribute('action') === `/account/${action}`)) {
    const inputs = form.querySelectorAll('input');
    const fields = Object.fromEntries(
      inputs.map((input) => [input.getAttribute('name') ?? '', input.getAttribute('value') ?? '']),
    );
    if (Object.entries(has).every(([name, value]) => fields[name] === value)) return fields;
  }
  throw new Error(`no form ${action}: ${page.status} ${wordsOf(page)}`);
}

function submit(browser: Browser, action: string, form: Record<string, string>): Promise<Page> {
  return browser.request(at(`/account/${action}`), { form });
}

async function act(browser: Browser, page: Page, action: string, has?: Record<string, string>): Promise<Page> {
  return browser.follow(await submit(browser, action, formOf(page, action, has)));
}

/** The values of a hidden field in every form of one action. */
function idsOf(page: Page, action: string, name: string): string[] {
  return parse(page.text)
    .querySelectorAll(`form[action="/account/${action}"] input[name="${name}"]`)
    .map((input) => input.getAttribute('value') ?? '');
}

/** Signs in to a client anew, with a selfie. */
async function signIn(
  browser: Browser,
  identifier: string | undefined,
  clientId = 'app',
  params: Record<string, string> = {},
): Promise<Tokens> {
  const begun: Begun = await world.begin(browser, identifier, { prompt: 'login', ...params }, clientId);
  await world.sandbox.open(begun.sessionId, { userAgent: browser.userAgent });
  await world.sandbox.settle(begun.sessionId, 'approve');
  const isClient = (location: string) => location.startsWith(world.redirectUri);
  const back = await browser.get(returnUrlOf(world.sandbox.session(begun.sessionId)), isClient);
  let page = await settleDown(browser, back, world.redirectUri);
  if (page.url.includes('/interaction/')) {
    page = await browser.follow(await browser.press(page, { name: 'decision', value: 'allow' }), isClient);
  }
  return exchange(await world.client(clientId), begun.request, page.headers.get('location') ?? '');
}

/** What a client is given by a session that goes on, once it is allowed. */
async function allow(browser: Browser, clientId: string): Promise<Tokens> {
  const request = await world.authorize({ ...OFFLINE, prompt: 'consent' }, clientId);
  const isClient = (location: string) => location.startsWith(world.redirectUri);
  const page = await browser.press(await browser.get(request.url), { name: 'decision', value: 'allow' });
  const end = await browser.follow(page, isClient);
  return exchange(await world.client(clientId), request, end.headers.get('location') ?? '');
}

async function refresh(tokens: Tokens, clientId = 'app'): Promise<string> {
  try {
    await oidc.refreshTokenGrant(await world.client(clientId), tokens.refresh_token ?? '');
    return 'ok';
  } catch (error) {
    return String((error as { error?: string }).error);
  }
}

async function accountIdOf(identifier: string): Promise<string> {
  const account = await world.app.parts.accounts.findByIdentifier(identifier);
  if (!account) throw new Error(`nobody is ${identifier}`);
  return account.id;
}

async function addKey(accountId: string, id: string, name: string, madeIn = 'x'): Promise<void> {
  await world.app.parts.passkeys.add(accountId, {
    id,
    userHandle: 'h',
    publicKey: 'k',
    counter: 0,
    transports: [],
    isSynced: false,
    name,
    createdAt: world.clock.now(),
    madeIn,
    rests: [],
  });
}

async function journal(): Promise<{ event: string; reasons: readonly string[] }[]> {
  const lines = [];
  for await (const { event, reasons } of world.app.parts.journal.entries()) lines.push({ event, reasons });
  return lines;
}

/** In by a code from support: as weak as it gets. */
async function openWeakly(browser: Browser, identifier: string): Promise<Page> {
  const code = `code-of-${identifier}`;
  const now = world.clock.now();
  await world.app.parts.recovery.create(code, {
    accountId: await accountIdOf(identifier),
    createdAt: now,
    expiresAt: now + 600,
    reason: 'test',
    by: 'operator',
    needsApproval: false,
  });
  const first = await browser.get(at('/account'));
  const ways = await browser.follow(await browser.press(first, { name: 'begin', value: 'other' }, { identifier }));
  const done = await browser.follow(await browser.press(ways, { name: 'way', value: 'recovery_code' }, { code }));
  return settleDown(browser, done, world.redirectUri);
}

describe('who sees it', () => {
  test('nobody without a fresh proof: it is asked for, and leads back to the page', async () => {
    const { browser } = await world.enrol('ann@example.org');
    world.clock.move(11 * MINUTE);
    const asked = await browser.get(at('/account'));
    expect(asked.url).toContain('/interaction/');
    expect(wordsOf(asked)).toContain('Sign in to your account');
    const page = await prove(browser, asked);
    expect(page.url).toBe(at('/account'));
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(wordsOf(page)).toContain('Signed in as ann@example.org');
    // for ten minutes, and no longer
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
    world.clock.move(11 * MINUTE);
    expect((await browser.get(at('/account'))).url).toContain('/interaction/');
  });

  test('a login of a moment ago is fresh, whoever it was for', async () => {
    const { browser } = await world.enrol('bea@example.org');
    const page = await browser.get(at('/account'));
    expect(page.url).toBe(at('/account'));
    expect(wordsOf(page)).toContain('Example App');
  });

  test('a skip is never enough, however young the selfie before it', async () => {
    const { browser } = await world.enrol('cleo@example.org');
    const known = withoutSession(browser);
    const begun = await world.begin(known, undefined);
    const there = await known.follow(begun.page, (location) => location.startsWith(world.redirectUri));
    const tokens = await exchange(await world.client(), begun.request, there.headers.get('location') ?? '');
    expect(tokens.claims()?.acr).toBe('urn:selfie-oidc:acr:device');
    const asked = await known.get(at('/account'));
    expect(asked.url).toContain('/interaction/');
    expect(wordsOf(asked)).not.toContain('no selfie is needed');
    expect((await prove(known, asked)).url).toBe(at('/account'));
  });

  test('giving up leads to a page that says so, and to nothing else', async () => {
    const browser = new Browser();
    const asked = await browser.get(at('/account'));
    const page = await browser.follow(await browser.press(asked, 'abort'));
    expect(page.status).toBe(403);
    expect(wordsOf(page)).toContain('You did not sign in');
  });

  test('a way back that this browser did not set out on leads nowhere', async () => {
    const { browser } = await world.enrol('dora@example.org');
    const stranger = new Browser();
    const begun = await stranger.request(at('/account'));
    const state = new URL(begun.headers.get('location') ?? '', world.issuer).searchParams.get('state') ?? '';
    for (const query of [`state=${state}&code=x`, 'code=x', 'state=.&code=x', `state=${state}&error=access_denied`]) {
      const page = await browser.request(at(`/account/signed-in?${query}`));
      expect(page.status).toBe(403);
      expect(wordsOf(page)).toContain('not started in this browser');
    }
  });

  test('a page named in the state is one of ours or none', async () => {
    const browser = new Browser();
    for (const [path, ends] of [
      ['/account/delete', '.delete'],
      ['/account/sign-in?for=delete', '.delete'],
      ['/account/sign-in?for=//evil.example', '.'],
    ] as const) {
      const begun = await browser.request(at(path));
      const state = new URL(begun.headers.get('location') ?? '', world.issuer).searchParams.get('state') ?? '';
      expect(state.slice(state.indexOf('.'))).toBe(ends);
    }
  });
});

describe('the client of our own', () => {
  const CLIENT = 'urn:selfie-oidc:account';

  test('is in no list, and leads nowhere but to our page', async () => {
    const discovery = await (await fetch(at('/.well-known/openid-configuration'))).text();
    expect(discovery).not.toContain(CLIENT);
    const invite = await new Browser().get(at(`/invite/${'x'.repeat(22)}`));
    expect(wordsOf(invite)).toContain('Example App');
    expect(wordsOf(invite)).not.toContain('Payments API');
    expect(wordsOf(invite)).not.toContain('your account');
    const elsewhere = new URLSearchParams({
      client_id: CLIENT,
      redirect_uri: 'https://evil.example/cb',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    const page = await new Browser().request(at(`/auth?${elsewhere}`));
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
  });

  test('has an id that no entry of a clients file can have', () => {
    const context = { production: false, hasActiveWorkflow: true, outgoingAllow: [], signingAlgorithms: ['RS256'] };
    const text = `- client_id: ${CLIENT}\n  client_secret: ${CLIENT_SECRET}\n  redirect_uris: [https://rp.example/cb]\n`;
    const { faults } = readClients(text, 'clients.yaml', context);
    expect(faults.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('not beginning with urn:selfie-oidc:'),
    ]);
    expect(readClients(text.replace(CLIENT, 'selfie'), 'clients.yaml', context).faults).toEqual([]);
  });

  test('its code is good for nothing, even with a verifier that fits', async () => {
    const { browser } = await world.enrol('edda@example.org');
    const verifier = oidc.randomPKCECodeVerifier();
    const query = new URLSearchParams({
      client_id: CLIENT,
      redirect_uri: at('/account/signed-in'),
      response_type: 'code',
      scope: 'openid',
      state: 'mine',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const answer = await browser.request(at(`/auth?${query}`));
    const back = new URL(answer.headers.get('location') ?? '', world.issuer);
    const code = back.searchParams.get('code');
    expect(back.href.startsWith(at('/account/signed-in'))).toBe(true);
    expect(code).toBeTruthy();
    const body = {
      grant_type: 'authorization_code',
      code: String(code),
      redirect_uri: at('/account/signed-in'),
      code_verifier: verifier,
    };
    const basic = `Basic ${Buffer.from(`${encodeURIComponent(CLIENT)}:guess`).toString('base64')}`;
    for (const [headers, more] of [
      [{}, { client_id: CLIENT }],
      [{}, { client_id: CLIENT, client_secret: '' }],
      [{ authorization: basic }, {}],
    ] as const) {
      const response = await fetch(at('/token'), {
        method: 'POST',
        headers: { ...headers },
        body: new URLSearchParams({ ...body, ...more }),
      });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: 'invalid_client' });
    }
    const pushed = await fetch(at('/request'), {
      method: 'POST',
      body: new URLSearchParams({ ...Object.fromEntries(query) }),
    });
    expect(pushed.status).toBe(401);
  });
});

describe('what it tells', () => {
  test('who one is, where, in which browsers, and why so much was asked', async () => {
    const { browser } = await world.enrol('fay@example.org');
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(phone, 'fay@example.org', 'third');
    const page = await openAccount(browser);
    const words = wordsOf(page);
    expect(words).toContain('Not confirmed by e-mail');
    expect(words).toContain('One, kept here, encrypted, since');
    expect(words).toContain('Safari on iOS');
    expect(words).toContain('Chrome on Windows this one');
    expect(words).toContain('From 127.0.0.1');
    expect(words).toContain('Applications: Third Party');
    expect(words).toContain('with a selfie');
    expect(words).toContain('The browser was new to us.');
    expect(words).toContain('Networks: 127.0.0.0/24');
    expect(words).toContain('Third Party Since');
    expect(words).toContain('Know that it is you');
  });

  test('nothing of an address that is made up', async () => {
    const { browser } = await world.enrol('gil@example.org');
    const page = await browser.get(at('/account?done=%3Cb%3E&fault=__proto__'));
    expect(page.text).not.toContain('<b>');
    expect(parse(page.text).querySelectorAll('[role=alert],[role=status]')).toHaveLength(0);
  });
});

describe('forms', () => {
  const ACTIONS = [
    'sign-out',
    'sign-out-everywhere',
    'devices/forget',
    'passkeys/remove',
    'consents/withdraw',
    'not-me',
    'new-face/cancel',
    'delete',
  ];

  test('without the token of this session, or from another site, nothing happens', async () => {
    const { browser } = await world.enrol('hal@example.org');
    const other = await world.enrol('ida@example.org');
    const page = await openAccount(browser);
    const { csrf = '' } = formOf(page, 'sign-out-everywhere');
    const foreign = formOf(await openAccount(other.browser), 'sign-out-everywhere').csrf ?? '';
    const session = idsOf(page, 'sign-out', 'session')[0] ?? '';
    const receipt = 'r'.repeat(22);
    for (const action of ACTIONS) {
      const form = { session, device: 'all', identifier: 'hal@example.org', receipt };
      const asks: [Record<string, string>, Record<string, string>][] = [
        [form, {}],
        [{ ...form, csrf: foreign }, {}],
        [{ ...form, csrf }, { 'sec-fetch-site': 'cross-site' }],
        [{ ...form, csrf }, { 'sec-fetch-site': 'same-site' }],
      ];
      for (const [fields, headers] of asks) {
        const refused = await browser.request(at(`/account/${action}`), { form: fields, headers });
        expect(`${action} ${refused.status}`).toBe(`${action} 403`);
      }
    }
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
    expect(await world.app.parts.accounts.findByIdentifier('hal@example.org')).toBeDefined();
  });

  test('when the proof has grown old, a press asks for a new one and does nothing', async () => {
    const { browser } = await world.enrol('jan@example.org');
    const page = await openAccount(browser);
    world.clock.move(11 * MINUTE);
    const pressed = await submit(browser, 'sign-out-everywhere', formOf(page, 'sign-out-everywhere'));
    expect(pressed.headers.get('location')).toContain('/auth?');
    expect(idsOf(await openAccount(browser), 'sign-out', 'session').length).toBeGreaterThan(0);
  });

  test('what is another person’s is not there', async () => {
    const one = await world.enrol('kim@example.org');
    const other = await world.enrol('lea@example.org');
    const mine = await openAccount(one.browser);
    const theirs = await openAccount(other.browser);
    const lea = await accountIdOf('lea@example.org');
    await addKey(lea, 'key-of-lea', 'Lea’s key');
    const { csrf = '' } = formOf(mine, 'sign-out-everywhere');
    const tries: [string, Record<string, string>][] = [
      ['sign-out', { session: idsOf(theirs, 'sign-out', 'session')[0] ?? '' }],
      ['devices/forget', { device: idsOf(theirs, 'devices/forget', 'device')[0] ?? '' }],
      ['passkeys/remove', { passkey: 'key-of-lea' }],
      ['consents/withdraw', { client: 'third' }],
      ['not-me', { login: (await world.app.parts.activity.signIns(lea))[0]?.uid ?? '' }],
      ['new-face/cancel', {}],
    ];
    for (const [action, fields] of tries) {
      const refused = await one.browser.follow(await submit(one.browser, action, { csrf, ...fields }));
      expect(`${action}: ${wordsOf(refused)}`).toContain('There was nothing to change');
    }
    const still = await other.browser.get(at('/account'));
    expect(still.url).toBe(at('/account'));
    expect(wordsOf(still)).toContain('Lea’s key');
    expect(idsOf(still, 'devices/forget', 'device')).toHaveLength(1);
    expect(wordsOf(still)).not.toContain('watched more closely');
  });
});

describe('its buttons', () => {
  test('sign out one: that browser is out, this one is not', async () => {
    const { browser } = await world.enrol('mia@example.org');
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(phone, 'mia@example.org');
    const page = await openAccount(browser);
    const before = idsOf(page, 'sign-out', 'session');
    expect(before).toHaveLength(2);
    const theirs = (await openAccount(phone)).text;
    const session = before.find((id) => parse(theirs).querySelector('.tag')?.closest('li')?.innerHTML.includes(id));
    const after = await act(browser, page, 'sign-out', { session: session ?? '' });
    expect(wordsOf(after)).toContain('That browser is signed out');
    expect(idsOf(after, 'sign-out', 'session')).toHaveLength(1);
    expect((await phone.get(at('/account'))).url).toContain('/interaction/');
    expect(await journal()).toContainEqual({ event: 'session.ended', reasons: expect.arrayContaining(['by-person']) });
    const here = await act(browser, after, 'sign-out');
    expect(wordsOf(here)).toContain('This browser is signed out');
  });

  test('sign out everywhere: other browsers, refresh tokens, and the client is told', async () => {
    const { browser } = await world.enrol('nia@example.org');
    const tokens = await signIn(browser, undefined, 'third', OFFLINE);
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    const phoneTokens = await signIn(phone, 'nia@example.org', 'app', OFFLINE);
    expect([await refresh(tokens, 'third'), tokens.refresh_token !== undefined]).toEqual(['ok', true]);
    const before = told.length;
    const page = await openAccount(browser);
    const after = await act(browser, page, 'sign-out-everywhere');
    expect(wordsOf(after)).toContain('Signed out everywhere');
    expect(await refresh(phoneTokens)).toBe('invalid_grant');
    for (const each of [browser, phone]) expect((await each.get(at('/account'))).url).toContain('/interaction/');
    await until('the client is told', () => told.length > before);
  });

  test('R4: what another application is given while everything is signed out is good for nothing, and it is told', async () => {
    const { browser } = await world.enrol('noe@example.org');
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(phone, 'noe@example.org');
    const page = await openAccount(browser);
    const { store } = world.app.parts;
    const { update } = store;
    let meanwhile: Tokens | undefined;
    store.update = async (key, change, hint) => {
      // at another process: after its grants were read, and just before it is ended
      if (key.startsWith('oidc:SessionUid:') && !meanwhile) {
        store.update = update;
        meanwhile = await allow(phone, 'third');
      }
      return update(key, change, hint);
    };
    const before = told.length;
    await act(browser, page, 'sign-out-everywhere');
    if (!meanwhile) throw new Error('no session was ended');
    expect(await refresh(meanwhile, 'third')).toBe('invalid_grant');
    await until('the client is told', () => told.length > before);
  });

  test('forget a browser: the next login there takes a selfie', async () => {
    const { browser } = await world.enrol('ola@example.org');
    const page = await openAccount(browser);
    expect(idsOf(page, 'devices/forget', 'device')).toEqual([hashToken(browser.cookie('selfie_device') ?? '')]);
    const after = await act(browser, page, 'devices/forget');
    expect(wordsOf(after)).toContain('The browser is forgotten');
    expect(browser.cookie('selfie_device')).toBeUndefined();
    expect(idsOf(after, 'devices/forget', 'device')).toEqual([]);
  });

  test('forget all of them: each is signed out but this one', async () => {
    const { browser } = await world.enrol('pat@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    const lostTokens = await signIn(lost, 'pat@example.org', 'app', OFFLINE);
    const page = await openAccount(browser);
    expect(idsOf(page, 'devices/forget', 'device')).toHaveLength(3);
    const after = await act(browser, page, 'devices/forget', { device: 'all' });
    expect(idsOf(after, 'devices/forget', 'device')).toHaveLength(0);
    expect((await lost.get(at('/account'))).url).toContain('/interaction/');
    expect(await refresh(lostTokens)).toBe('invalid_grant');
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
  });

  test('forget a browser: a login that was finished there, and not followed to its end, opens nothing any more', async () => {
    const { browser } = await world.enrol('quinn@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    const begun = await world.begin(lost, 'quinn@example.org');
    await world.sandbox.open(begun.sessionId, { userAgent: lost.userAgent });
    await world.sandbox.settle(begun.sessionId, 'approve');
    const isResume = (location: string) => new URL(location).pathname.startsWith('/auth/');
    const stopped = await lost.get(returnUrlOf(world.sandbox.session(begun.sessionId)), isResume);
    const resume = stopped.headers.get('location') ?? '';
    expect(resume).toContain('/auth/');
    await act(browser, await openAccount(browser), 'devices/forget', { device: 'all' });
    const end = await lost.get(resume, (location) => location.startsWith(world.redirectUri));
    const tokens = exchange(await world.client('app'), begun.request, end.headers.get('location') ?? '');
    await expect(tokens).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await lost.get(at('/account'))).url).toContain('/interaction/');
  });

  test('forget a browser: it is signed out, and a passkey that was made in it goes on', async () => {
    const { browser } = await world.enrol('ria@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(lost, 'ria@example.org');
    const id = await accountIdOf('ria@example.org');
    const device = hashToken(lost.cookie('selfie_device') ?? '');
    const madeIn = (await world.app.parts.devices.find(device, id))?.logins[0] ?? '';
    await addKey(id, 'key-of-ria', 'Ria’s key', madeIn);
    await act(browser, await openAccount(browser), 'devices/forget', { device });
    expect((await lost.get(at('/account'))).url).toContain('/interaction/');
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
    // every login with the key rests on it
    expect(await world.app.revoker.isRevoked(loginProof(madeIn))).toBe(false);
  });

  test('remove a passkey', async () => {
    const { browser } = await world.enrol('rae@example.org');
    const id = await accountIdOf('rae@example.org');
    await addKey(id, 'key-of-rae', 'Rae’s key');
    const page = await openAccount(browser);
    expect(wordsOf(page)).toContain('Rae’s key');
    expect(wordsOf(page)).toContain('Make a passkey');
    const after = await act(browser, page, 'passkeys/remove');
    expect(wordsOf(after)).toContain('opens your account no longer');
    expect(await world.app.parts.passkeys.list(id)).toEqual([]);
  });

  test('withdraw a consent: what was granted ends, the client is told, and has to ask again', async () => {
    const { browser } = await world.enrol('sue@example.org');
    const tokens = await signIn(browser, undefined, 'third', OFFLINE);
    const app = await signIn(browser, undefined, 'app', OFFLINE);
    const before = told.length;
    const after = await act(browser, await openAccount(browser), 'consents/withdraw', { client: 'third' });
    expect(wordsOf(after)).toContain('The permission is withdrawn');
    expect(idsOf(after, 'consents/withdraw', 'client')).toEqual(['app']);
    expect(await refresh(tokens, 'third')).toBe('invalid_grant');
    expect(await refresh(app)).toBe('ok');
    await until('the client is told', () => told.length > before);
    const request = await world.authorize({}, 'third');
    const asked = await browser.get(request.url, (location) => location.startsWith(world.redirectUri));
    expect(wordsOf(asked)).toContain('Share with Third Party?');
  });

  test('whoever looks at the bare address is led to their account', async () => {
    const home = await new Browser().get(at('/'));
    expect(home.status).toBe(200);
    expect(parse(home.text).querySelector('main a')?.getAttribute('href')).toBe('/account');
  });

  test('this was not me: that sign-in ends with its browser, and the account is watched', async () => {
    const { browser } = await world.enrol('tia@example.org');
    world.clock.move(MINUTE);
    const thief = new Browser({ userAgent: PHONE_SAFARI });
    const stolen = await signIn(thief, 'tia@example.org', 'app', OFFLINE);
    const page = await openAccount(browser);
    const id = await accountIdOf('tia@example.org');
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    const after = await act(browser, page, 'not-me', { login: login?.uid ?? '' });
    expect(wordsOf(after)).toContain('That sign-in is ended');
    expect(wordsOf(after)).toContain('Your account is watched more closely');
    expect(wordsOf(after)).toContain('You said that a sign-in was not yours.');
    expect(wordsOf(after)).toContain('not you');
    expect(await refresh(stolen)).toBe('invalid_grant');
    expect((await world.app.parts.devices.list(id)).map(({ browser: name }) => name)).toEqual(['Chrome on Windows']);
    expect(await journal()).toContainEqual(expect.objectContaining({ event: 'login.denied-afterwards' }));
    // not twice, and not one's own
    const { csrf = '' } = formOf(after, 'sign-out-everywhere');
    const own = (await world.app.parts.activity.signIns(id)).at(-1)?.uid ?? '';
    for (const uid of [login?.uid ?? '', own]) {
      const refused = await browser.follow(await submit(browser, 'not-me', { csrf, login: uid }));
      expect(wordsOf(refused)).toContain('There was nothing to change');
    }
  });

  test('this was not me, of a sign-in in this very browser: what came of it is told, and that it is signed out', async () => {
    const { browser } = await world.enrol('teo@example.org');
    const id = await accountIdOf('teo@example.org');
    world.clock.move(MINUTE);
    await signIn(browser, undefined);
    const login = (await world.app.parts.activity.signIns(id))[0]?.uid ?? '';
    world.clock.move(11 * MINUTE);
    const after = await act(browser, await openAccount(browser), 'not-me', { login });
    expect(after.url).toMatch(/\/account\/signed-out\?from=denied$/);
    expect(wordsOf(after)).toContain('That sign-in has ended with all that came of it');
    expect(wordsOf(after)).toContain('this browser is signed out');
    expect((await browser.get(at('/account'))).url).toContain('/interaction/');
  });

  test('a face that came with a denied sign-in does not count: a document is asked for next', async () => {
    const { browser } = await world.enrol('ugo@example.org');
    world.clock.move(MINUTE);
    await signIn(new Browser({ userAgent: PHONE_SAFARI }), 'ugo@example.org');
    const id = await accountIdOf('ugo@example.org');
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    const page = await openAccount(browser);
    await world.app.parts.accounts.change(id, (account) =>
      account.portrait.kind === 'local'
        ? { ...account, portrait: { ...account.portrait, pinnedAt: login?.at ?? 0 } }
        : account,
    );
    const after = await act(browser, page, 'not-me', { login: login?.uid ?? '' });
    expect((await world.app.parts.accounts.find(id))?.standing).toBe('must-re-enrol');
    // and until then the page is closed as well
    expect(wordsOf(after)).toContain('the next sign-in asks for your identity document');
    expect((await browser.get(at('/account'))).url).toContain('/interaction/');
  });

  test('a new face that waits is called off', async () => {
    const { browser } = await world.enrol('uma@example.org');
    const id = await accountIdOf('uma@example.org');
    const kept = await world.app.parts.accounts.keepPortrait(new Uint8Array([1]));
    const now = world.clock.now();
    await world.app.parts.accounts.change(id, (account) => ({
      ...account,
      pending: {
        verificationId: 'v-new',
        at: now,
        dueAt: now + 86_400,
        profile: {},
        matching: account.matching,
        portrait: { kind: 'local', ...kept, pinnedAt: now },
      },
    }));
    const page = await openAccount(browser);
    expect(wordsOf(page)).toContain('A new picture of your face waits');
    const after = await act(browser, page, 'new-face/cancel');
    expect(wordsOf(after)).toContain('The new picture does not count');
    expect(await world.app.parts.accounts.loadPortrait(kept.ref, kept.sha256)).toBeUndefined();
    expect((await world.app.parts.accounts.find(id))?.pending).toBeUndefined();
  });
});

describe('with a code only', () => {
  test('one can look and sign out; the rest needs a selfie or a passkey', async () => {
    await world.enrol('val@example.org');
    const weak = new Browser({ userAgent: PHONE_SAFARI });
    const page = await openWeakly(weak, 'val@example.org');
    expect(page.url).toBe(at('/account'));
    expect(wordsOf(page)).toContain('You are signed in with a code.');
    expect(idsOf(page, 'devices/forget', 'device')).toEqual([]);
    const { csrf = '' } = formOf(page, 'sign-out-everywhere');
    const device = (await world.app.parts.devices.list(await accountIdOf('val@example.org')))[0]?.device ?? '';
    for (const [action, fields] of [
      ['devices/forget', { device }],
      ['passkeys/remove', { passkey: 'x' }],
      ['consents/withdraw', { client: 'third' }],
      ['not-me', { login: 'x' }],
    ] as const) {
      const refused = await weak.follow(await submit(weak, action, { csrf, ...fields }));
      expect(wordsOf(refused)).toContain('This needs a selfie or a passkey.');
    }
    const look = await weak.get(at('/account/delete'));
    expect(wordsOf(look)).toContain('Deleting needs a selfie or a passkey');
    const receipt = 'w'.repeat(22);
    const refused = await submit(weak, 'delete', { csrf, receipt, identifier: 'val@example.org' });
    expect(refused.status).toBe(403);
    expect(await world.app.parts.accounts.findByIdentifier('val@example.org')).toBeDefined();
    const proven = await prove(weak, await weak.get(at('/account/sign-in?for=delete')));
    expect(proven.url).toBe(at('/account/delete'));
    expect(formOf(proven, 'delete').receipt).toHaveLength(22);
  });

  test('signing out everywhere is possible', async () => {
    const { browser } = await world.enrol('wim@example.org');
    const weak = new Browser({ userAgent: PHONE_SAFARI });
    const after = await act(weak, await openWeakly(weak, 'wim@example.org'), 'sign-out-everywhere');
    expect(wordsOf(after)).toContain('Signed out everywhere');
    expect((await browser.get(at('/account'))).url).toContain('/interaction/');
  });
});

describe('deleting', () => {
  const leave = async (browser: Browser, identifier: string) => {
    const page = await openAccount(browser, '/account/delete');
    return submit(browser, 'delete', { ...formOf(page, 'delete'), identifier });
  };
  const receiptPage = (pressed: Page, browser = new Browser()) =>
    browser.get(new URL(pressed.headers.get('location') ?? '', world.issuer));
  /** The vendor is told one thing a second. */
  const untilDone = (pressed: Page) =>
    until('all is deleted', async () => {
      world.clock.move(2);
      return wordsOf(await receiptPage(pressed)).includes('deleted everywhere');
    });

  test('asks for the name of the account, and does nothing without it', async () => {
    const { browser } = await world.enrol('xia@example.org');
    const page = await openAccount(browser, '/account/delete');
    expect(wordsOf(page)).toContain(
      'Taking back your consent to the face check and deleting your account are therefore one',
    );
    const wrong = await submit(browser, 'delete', { ...formOf(page, 'delete'), identifier: 'xia' });
    expect(wrong.status).toBe(422);
    expect(wordsOf(wrong)).toContain('Error: That is not the name of this account.');
    expect(await world.app.parts.accounts.findByIdentifier('xia@example.org')).toBeDefined();
  });

  test('ends everything here and at the vendor, and the receipt says so', async () => {
    const { browser, tokens } = await world.enrol('yva@example.org');
    const third = await signIn(browser, undefined, 'third', OFFLINE);
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(phone, 'yva@example.org');
    const { app, sandbox } = world;
    const account = await app.parts.accounts.findByIdentifier('yva@example.org');
    const id = account?.id ?? '';
    await app.parts.accounts.change(id, (each) => ({ ...each, email: { address: each.identifier, verifiedAt: 1 } }));
    const before = told.length;
    const subject = account?.subject ?? '';
    expect(sandbox.users().some(({ vendorData }) => vendorData === subject)).toBe(true);
    const pressed = await leave(browser, ' YVA@example.org ');
    expect(pressed.headers.get('location')).toMatch(/^\/account\/deleted\/[\w-]{22}$/);
    expect(browser.cookie('selfie_device')).toBeUndefined();
    const receipt = await receiptPage(pressed);
    expect(receipt.status).toBe(200);
    expect(receipt.text).not.toContain('yva@');
    await untilDone(pressed);
    expect(sandbox.users().some(({ vendorData }) => vendorData === subject)).toBe(false);
    expect(sandbox.sessions().filter((each) => each.vendorData === subject && !each.deleted)).toEqual([]);
    expect(await refresh(third, 'third')).toBe('invalid_grant');
    await until('the client is told', () => told.length > before);
    const { parts } = app;
    expect(await parts.accounts.find(id)).toBeUndefined();
    expect(await parts.activity.signIns(id)).toEqual([]);
    expect(await parts.devices.list(id)).toEqual([]);
    expect(await parts.consents.list(id)).toEqual([]);
    expect((await phone.get(at('/account'))).url).toContain('/interaction/');
    const mail = await mailbox.waitFor('yva@example.org');
    expect(mail.subject).toBe('Your account was deleted');
    expect(await journal()).toContainEqual({
      event: 'account.removed',
      reasons: expect.arrayContaining(['by-person']),
    });
    // pressed once more, from the page that is still open
    const again = await submit(browser, 'delete', {
      csrf: 'x',
      identifier: 'yva@example.org',
      receipt: pressed.headers.get('location')?.split('/').at(-1) ?? '',
    });
    expect(again.headers.get('location')).toBe(pressed.headers.get('location'));
    // somebody new, even if the face is the same
    const anew = await world.enrol('yva@example.org');
    expect(anew.tokens.claims()?.sub).not.toBe(tokens.claims()?.sub);
  });

  test('two presses at once are one deletion', async () => {
    const { browser } = await world.enrol('zoe@example.org');
    const page = await openAccount(browser, '/account/delete');
    const form: Record<string, string> = { ...formOf(page, 'delete'), identifier: 'zoe@example.org' };
    const both = await Promise.all([submit(browser, 'delete', form), submit(browser, 'delete', form)]);
    expect(new Set(both.map(({ headers }) => headers.get('location')))).toEqual(
      new Set([`/account/deleted/${form.receipt}`]),
    );
    await untilDone(both[0]);
  });

  test('while the vendor is down the receipt says what is still under way', async () => {
    const { browser } = await world.enrol('abe@example.org');
    const page = await openAccount(browser, '/account/delete');
    const disarm = (['delete', 'deleteUsers'] as const).map((call) =>
      world.sandbox.fault(call, { status: 500, times: null }),
    );
    const pressed = await submit(browser, 'delete', { ...formOf(page, 'delete'), identifier: 'abe@example.org' });
    expect(wordsOf(await receiptPage(pressed))).toContain('Under way:');
    expect(await world.app.parts.accounts.findByIdentifier('abe@example.org')).toBeUndefined();
    for (const each of disarm) each();
    await untilDone(pressed);
  });

  test('a receipt that nobody was given shows nothing', async () => {
    for (const receipt of ['n'.repeat(22), 'short']) {
      const page = await new Browser().get(at(`/account/deleted/${receipt}`));
      expect(page.status).toBe(404);
    }
  });

  test('goes on after a restart', async () => {
    const first = world;
    world = await startWorld({ policy: { ...UNLIMITED, emailCode: 'off' }, clients: clients(), storage: 'sqlite' });
    try {
      const { browser } = await world.enrol('bob@example.org');
      const page = await openAccount(browser, '/account/delete');
      world.sandbox.fault('all', { status: 500, times: null });
      const pressed = await submit(browser, 'delete', { ...formOf(page, 'delete'), identifier: 'bob@example.org' });
      await world.restart();
      expect(wordsOf(await receiptPage(pressed))).toContain('Under way:');
      world.sandbox.clearFaults();
      await untilDone(pressed);
      expect(world.sandbox.users()).toEqual([]);
    } finally {
      await world.close();
      world = first;
    }
  });
});

describe('what is taken back while it is under way', () => {
  const isResume = (location: string) => new URL(location, world.issuer).pathname.startsWith('/auth/');
  const isClient = (location: string) => location.startsWith(world.redirectUri);

  /** What the client gets at the end of a way that was stopped at the resume. */
  async function followed(browser: Browser, begun: Pick<Begun, 'request'>, stopped: Page, clientId = 'app') {
    const end = await browser.get(new URL(stopped.headers.get('location') ?? '', world.issuer).href, isClient);
    if (!isClient(end.headers.get('location') ?? '')) return wordsOf(end);
    return exchange(await world.client(clientId), begun.request, end.headers.get('location') ?? '').then(
      () => 'tokens',
      (error: { error?: string }) => error.error,
    );
  }

  async function silently(browser: Browser, clientId: string, scope = 'openid profile'): Promise<string | null> {
    const request = await world.authorize({ prompt: 'none', scope }, clientId);
    const location = (await browser.get(request.url, isClient)).headers.get('location') ?? '';
    return new URL(location).searchParams.get('error');
  }

  test('T14: a permission that is withdrawn before it is followed to the client gives it nothing', async () => {
    const { browser } = await world.enrol('una@example.org');
    await signIn(browser, undefined, 'third', OFFLINE);
    const request = await world.authorize({ ...OFFLINE, prompt: 'consent' }, 'third');
    const allowed = await browser.press(await browser.get(request.url), { name: 'decision', value: 'allow' });
    expect(isResume(allowed.headers.get('location') ?? '')).toBe(true);
    await act(browser, await openAccount(browser), 'consents/withdraw', { client: 'third' });
    expect(await followed(browser, { request }, allowed, 'third')).toContain('Share with Third Party?');
    expect(await silently(browser, 'third')).toBe('consent_required');
  });

  test('T8, T14: what somebody else allowed in a sign-in that is denied counts for nobody', async () => {
    const { browser } = await world.enrol('vic@example.org');
    const id = await accountIdOf('vic@example.org');
    world.clock.move(MINUTE);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(stranger, 'vic@example.org', 'third', OFFLINE);
    const page = await openAccount(browser);
    // the person comes by there as well, and is not asked
    expect(await silently(browser, 'third')).toBe(null);
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    await act(browser, page, 'not-me', { login: login?.uid ?? '' });
    expect(await silently(browser, 'third')).toBe('consent_required');
    expect(await world.app.parts.consents.find(id, 'third')).toBeUndefined();
  });

  test('what the person has allowed besides stays', async () => {
    const { browser } = await world.enrol('wes@example.org');
    const id = await accountIdOf('wes@example.org');
    const own = await signIn(browser, undefined, 'third', OFFLINE);
    world.clock.move(MINUTE);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    const theirs = await signIn(stranger, 'wes@example.org', 'third', OFFLINE);
    const page = await openAccount(browser);
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    await act(browser, page, 'not-me', { login: login?.uid ?? '' });
    expect([await refresh(own, 'third'), await refresh(theirs, 'third')]).toEqual(['ok', 'invalid_grant']);
    expect(await silently(browser, 'third')).toBe(null);
  });

  test('R7, T14: where the storage fails in the middle of it, a denial that is repeated ends the same', async () => {
    const { browser } = await world.enrol('dora@example.org');
    const id = await accountIdOf('dora@example.org');
    world.clock.move(MINUTE);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(stranger, 'dora@example.org', 'third', OFFLINE);
    const { store } = world.app.parts;
    const grants = await store.keys('oidc:Grant:');
    const own = await signIn(new Browser(), 'dora@example.org', 'third');
    const ownGrants = (await store.keys('oidc:Grant:')).filter((each) => !grants.includes(each));
    const page = await openAccount(browser);
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    const { set } = store;
    store.set = async (key, ...rest) => {
      if (!ownGrants.includes(key.replace('oidc:revoked:', 'oidc:Grant:'))) return set(key, ...rest);
      store.set = set;
      throw new StorageUnavailable('for the test');
    };
    const form = formOf(page, 'not-me', { login: login?.uid ?? '' });
    expect((await submit(browser, 'not-me', form)).status).toBe(503);
    expect(store.set).toBe(set);
    expect((await submit(browser, 'not-me', form)).status).toBe(303);
    const userInfo = await fetch(at('/me'), { headers: { authorization: `Bearer ${own.access_token}` } });
    expect(userInfo.status).toBe(401);
  });

  test('T8: of an account that was withdrawn no token is good again before a document was shown, whatever its person denies', async () => {
    const who = 'eve@example.org';
    await world.enrol(who);
    const { accounts, store } = world.app.parts;
    const id = await accountIdOf(who);
    const weak = new Browser({ userAgent: PHONE_SAFARI });
    await openWeakly(weak, who);
    const request = await world.authorize({});
    const end = await weak.get(request.url, isClient);
    const tokens = await exchange(await world.client(), request, end.headers.get('location') ?? '');
    const userInfo = async () =>
      (await fetch(at('/me'), { headers: { authorization: `Bearer ${tokens.access_token}` } })).status;
    expect(await userInfo()).toBe(200);
    const { verificationId = '', at: shownAt = 0 } = (await accounts.find(id))?.enrolledBy ?? {};
    world.clock.move(MINUTE);
    await world.sandbox.settle(verificationId, 'decline_liveness_attack');
    await until('the account is withdrawn', async () => (await accounts.find(id))?.review);
    expect(await userInfo()).toBe(401);
    const link = 'notice-of-eve'.padEnd(22, '-');
    // of a new face that had begun to wait before
    const notice = { accountId: id, uid: 'some-login', clientId: 'app', at: shownAt - 1, face: true } as const;
    await store.set(denialKey(hashToken(link)), notice, 3600);
    const { status } = await weak.press(await weak.get(at(`/not-me/${link}`)), 'deny');
    expect(status).toBe(200);
    expect(await userInfo()).toBe(401);
    expect((await accounts.find(id))?.standing).toBe('withdrawn');
  });

  test('T14: a face that a reviewer approved counts for nothing when its sign-in is denied as it is put in its place', async () => {
    const who = 'gus@example.org';
    await world.enrol(who);
    const { accounts, attempts, store } = world.app.parts;
    const id = await accountIdOf(who);
    world.clock.move(MINUTE);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    const begun = await world.begin(stranger, who, { prompt: 'login' });
    await world.sandbox.open(begun.sessionId, { userAgent: stranger.userAgent });
    await world.sandbox.settle(begun.sessionId, 'in_review');
    await until('it is held', async () => (await attempts.find(begun.uid))?.verifications[0]?.wasHeld);
    await world.sandbox.settle(begun.sessionId, 'approve');
    await until('the verdict', async () => (await attempts.find(begun.uid))?.state === 'settled');
    const link = 'notice-of-gus'.padEnd(22, '-');
    const notice = { accountId: id, uid: begun.uid, clientId: 'app', at: world.clock.now(), face: true } as const;
    await store.set(denialKey(hashToken(link)), notice, 3600);
    const { pinPortrait } = accounts;
    accounts.pinPortrait = async (ref) => {
      accounts.pinPortrait = pinPortrait;
      const reader = new Browser();
      expect((await reader.press(await reader.get(at(`/not-me/${link}`)), 'deny')).status).toBe(200);
      return pinPortrait(ref);
    };
    await stranger.get(returnUrlOf(world.sandbox.session(begun.sessionId)), isClient);
    expect(accounts.pinPortrait).toBe(pinPortrait);
    expect((await accounts.find(id))?.standing).toBe('withdrawn');
  });

  test('T8, T14: what was allowed in a session of many logins is taken back with the document that all of them rest on', async () => {
    const { browser } = await world.enrol('ada@example.org');
    const id = await accountIdOf('ada@example.org');
    const document = (await world.app.parts.accounts.find(id))?.enrolledBy.verificationId ?? '';
    for (let logins = 0; logins < 11; logins += 1) await signIn(browser, undefined);
    await allow(browser, 'third');
    world.clock.move(MINUTE);
    await world.sandbox.settle(document, 'decline_liveness_attack');
    await until('all is taken back', async () => (await world.app.parts.devices.list(id)).length === 0);
    expect(await world.app.parts.consents.find(id, 'third')).toBeUndefined();
  });

  test('T14: a scope that somebody else allowed counts for nobody, nor in what the person was given under it', async () => {
    const { browser } = await world.enrol('bea@example.org');
    const id = await accountIdOf('bea@example.org');
    await signIn(browser, undefined, 'third', { scope: 'openid' });
    world.clock.move(MINUTE);
    const stranger = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(stranger, 'bea@example.org', 'third', OFFLINE);
    // signed in anew, the person comes by there and is not asked
    const other = new Browser();
    const own = await signIn(other, 'bea@example.org', 'third', { scope: 'openid profile' });
    expect(own.claims()?.sub).toBe(id);
    const page = await openAccount(browser);
    const login = (await world.app.parts.activity.signIns(id)).find(({ browser: name }) => name === 'Safari on iOS');
    await act(browser, page, 'not-me', { login: login?.uid ?? '' });
    const userInfo = await fetch(at('/me'), { headers: { authorization: `Bearer ${own.access_token}` } });
    expect(userInfo.status).toBe(401);
    expect(await silently(other, 'third')).toBe('consent_required');
    expect(await silently(browser, 'third', 'openid')).toBe(null);
  });

  test.each(['one after the other', 'at once'] as const)(
    'R3: tabs that ask a person for the same permission are all answered, be it given %s',
    async (how) => {
      const { browser } = await world.enrol(how === 'at once' ? 'cleo@example.org' : 'cora@example.org');
      const requests = [await world.authorize({}, 'third'), await world.authorize({}, 'third')];
      const pages = [];
      for (const { url } of requests) pages.push(await browser.get(url));
      const allow = (page: Page) => browser.press(page, { name: 'decision', value: 'allow' });
      const onward = (page: Page) => browser.follow(page, isClient);
      const redeem = async (end: Page, index: number) => {
        const request = requests[index] as (typeof requests)[number];
        return exchange(await world.client('third'), request, end.headers.get('location') ?? '');
      };
      const ends: Page[] = [];
      if (how === 'at once') {
        for (const allowed of await Promise.all(pages.map(allow))) ends.push(await onward(allowed));
      } else for (const page of pages) ends.push(await onward(await allow(page)));
      const tokens = [];
      for (const [index, end] of ends.entries()) tokens.push(await redeem(end, index));
      const answers = await Promise.all(
        tokens.map(({ access_token: token }) => fetch(at('/me'), { headers: { authorization: `Bearer ${token}` } })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    },
  );

  test('R3: what the operator’s own client has stays good when it asks for more', async () => {
    const { browser, tokens } = await world.enrol('hal@example.org');
    world.clock.move(MINUTE);
    const request = await world.authorize({ ...OFFLINE, prompt: 'consent' });
    const end = await browser.get(request.url, isClient);
    const more = await exchange(await world.client(), request, end.headers.get('location') ?? '');
    expect(more.refresh_token).toBeDefined();
    for (const { access_token: token } of [tokens, more])
      expect((await fetch(at('/me'), { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  test('T14: what a session was given once, and is allowed no more, does not come back with what is allowed next', async () => {
    const { browser } = await world.enrol('fay@example.org');
    await signIn(browser, undefined, 'third');
    world.clock.move(MINUTE);
    // as where the operator's own client is one no more
    await world.app.parts.consents.withdraw(await accountIdOf('fay@example.org'), 'third');
    const request = await world.authorize({ scope: 'openid' }, 'third');
    const allowed = await browser.press(await browser.get(request.url), { name: 'decision', value: 'allow' });
    expect(isClient((await browser.follow(allowed, isClient)).headers.get('location') ?? '')).toBe(true);
    expect(await silently(browser, 'third', 'openid')).toBe(null);
    expect(await silently(browser, 'third')).toBe('consent_required');
  });

  test('T17: a browser that is forgotten is signed out also where it came in by a code beside its selfie', async () => {
    const { browser } = await world.enrol('xia@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    await signIn(lost, 'xia@example.org');
    world.clock.move(11 * MINUTE);
    await openWeakly(lost, 'xia@example.org');
    expect(await silently(lost, 'app')).toBe(null);
    world.clock.move(11 * MINUTE);
    await act(browser, await openAccount(browser), 'devices/forget', { device: 'all' });
    expect(await silently(lost, 'app')).toBe('login_required');
  });

  test('T17: however often it has signed in since', async () => {
    const { browser } = await world.enrol('yan@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    const first = await signIn(lost, 'yan@example.org', 'app', OFFLINE);
    const { devices } = world.app.parts;
    const id = await accountIdOf('yan@example.org');
    const device = hashToken(lost.cookie('selfie_device') ?? '');
    const mark = (await devices.find(device, id))?.marks[0] ?? '';
    for (let more = 0; more < 60; more += 1)
      await devices.revisit(device, id, {
        at: world.clock.now(),
        browser: 'x',
        prefix: 'y',
        uid: `skip-${more}`,
        mark,
      });
    await act(browser, await openAccount(browser), 'devices/forget', { device });
    expect(await refresh(first)).toBe('invalid_grant');
    expect(await silently(lost, 'app')).toBe('login_required');
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
  });

  test('T17: also what signed in there with an earlier version, whose logins carried no mark', async () => {
    const { browser } = await world.enrol('yul@example.org');
    const lost = new Browser({ userAgent: PHONE_SAFARI });
    const first = await signIn(lost, 'yul@example.org', 'app', OFFLINE);
    const id = await accountIdOf('yul@example.org');
    const { store, sealer } = world.app.parts;
    const device = hashToken(lost.cookie('selfie_device') ?? '');
    const deviceKey = `known-device:${device}`;
    const uses = JSON.parse(sealer.openText((await store.get<string>(deviceKey)) ?? '', deviceKey));
    const unmarked = uses.map(({ marks: _, ...use }: Record<string, unknown>) => use);
    await store.set(deviceKey, sealer.seal(JSON.stringify(unmarked), deviceKey), 3600);
    const { marks } = uses.find(({ accountId }: { accountId: string }) => accountId === id);
    for (const proofKey of await store.keys('proof:')) {
      const proofs = (await store.get<readonly string[]>(proofKey)) ?? [];
      const unmarkedProofs = proofs.filter((proof) => !marks.includes(proof.replace('device:', '')));
      await store.set(proofKey, unmarkedProofs, 3600);
    }
    await act(browser, await openAccount(browser), 'devices/forget', { device });
    expect(await refresh(first)).toBe('invalid_grant');
    expect((await browser.get(at('/account'))).url).toBe(at('/account'));
  });

  test('T17: a sign-out that forgets the browser lets no skip through that was on its way', async () => {
    const { browser } = await world.enrol('zoe@example.org');
    const tab = withoutSession(browser);
    const begun = await world.begin(tab, undefined);
    const stopped = await tab.follow(begun.page, isResume);
    const question = await browser.get(at('/session/end'));
    const xsrf = parse(question.text).querySelector('input[name=xsrf]')?.getAttribute('value') ?? '';
    const form = { xsrf, logout: 'yes', forget_device: 'yes' };
    expect((await browser.request(at('/session/end/confirm'), { form })).status).toBe(303);
    expect(await followed(tab, begun, stopped)).toBe('invalid_grant');
  });
});

describe('a logout that forgets the browser', () => {
  test('is offered beside the question, and drops the device with the cookie', async () => {
    const { browser } = await world.enrol('cid@example.org');
    const id = await accountIdOf('cid@example.org');
    const question = await browser.get(at('/session/end'));
    expect(wordsOf(question)).toContain('Also forget this browser');
    const xsrf = parse(question.text).querySelector('input[name=xsrf]')?.getAttribute('value') ?? '';
    const confirm = (form: Record<string, string>) => browser.request(at('/session/end/confirm'), { form });
    expect((await confirm({ xsrf: 'wrong', logout: 'yes', forget_device: 'yes' })).status).toBe(400);
    expect(browser.cookie('selfie_device')).toBeDefined();
    expect((await confirm({ xsrf, logout: 'yes', forget_device: 'yes' })).status).toBe(303);
    expect(browser.cookie('selfie_device')).toBeUndefined();
    expect(await world.app.parts.devices.list(id)).toEqual([]);
  });

  test('not when the box is empty', async () => {
    const { browser } = await world.enrol('dan@example.org');
    const question = await browser.get(at('/session/end'));
    const xsrf = parse(question.text).querySelector('input[name=xsrf]')?.getAttribute('value') ?? '';
    await browser.request(at('/session/end/confirm'), { form: { xsrf, logout: 'yes' } });
    expect(browser.cookie('selfie_device')).toBeDefined();
  });
});
