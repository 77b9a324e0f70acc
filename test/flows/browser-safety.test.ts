import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  FAR,
  giveUp,
  isAtClient,
  returnUrl,
  showFace,
  visit,
  withoutSession,
} from '../support/story.ts';
import { CLIENT_SECRET, exchange, startWorld, type World } from '../support/world.ts';

const SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>';

let world: World;
beforeAll(async () => {
  const client = {
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  };
  world = await startWorld({
    clients: [
      { ...client, client_id: 'app', client_name: 'Example App', first_party: true },
      {
        ...client,
        client_id: 'evil',
        client_name: `Nice ${SCRIPT}`,
        logo_uri: 'https://evil.example/"onerror="alert(1)',
      },
    ],
    policy: {
      limits: {
        sessionsPerAccountPerHour: 1000,
        unknownDevicesPerAccountPerHour: 1000,
        sessionsPerClientPerHour: 10_000,
      },
      vendor: { createsPerMinute: 10_000, decisionsPerMinute: 10_000 },
    },
  });
  await world.enrol('alice');
  await world.enrol('bob');
});
afterAll(() => world.close());

const sessionOf = (browser: Browser) => browser.cookie('_session');

describe('sessions (T23)', () => {
  test('T23: the session’s id is new after the login; one that was planted knows nobody', async () => {
    const victim = new Browser();
    // the attacker has a session id of the provider's own making
    const attacker = new Browser();
    await attacker.get((await world.authorize()).url);
    const planted = attacker.cookies().filter(({ name }) => name.startsWith('_session'));
    for (const cookie of planted) victim.setCookie(cookie);
    const begun = await world.begin(victim, 'alice');
    await showFace(world, begun);
    await world.finish(begun);
    expect(sessionOf(victim)).toBeDefined();
    expect(sessionOf(victim)).not.toBe(sessionOf(attacker));
    const silent = await attacker.get((await world.authorize({ prompt: 'none' })).url, (to) =>
      to.startsWith(world.redirectUri),
    );
    expect(answerOf(world, silent).get('error')).toBe('login_required');
  });

  test('T23: a device cookie from before the login is not promoted', async () => {
    const planted = {
      name: 'selfie_device',
      value: 'BBBBBBBBBBBBBBBBBBBBBB',
      path: '/',
      host: new URL(world.issuer).host,
    };
    const victim = new Browser();
    victim.setCookie(planted);
    const begun = await world.begin(victim, 'alice');
    await showFace(world, begun);
    await world.finish(begun);
    expect(victim.cookie('selfie_device')).not.toBe(planted.value);
    const attacker = new Browser();
    attacker.setCookie(planted);
    expect(wordsOf(await attacker.get((await world.authorize()).url))).not.toContain('alice');
  });

  test.each(['cross-site', 'same-site'])(
    'T23: a form posted from another site (%s) is refused, and opens nothing',
    async (site) => {
      const browser = new Browser();
      const first = await browser.get((await world.authorize()).url);
      const form = parse(first.text).querySelector('input[name=csrf]')?.getAttribute('value') ?? '';
      const at = first.url.replace(/\?.*/, '');
      const before = creates(world);
      for (const path of ['/begin', '/confirm', '/abort', '/consent', '/deny', '/phone/AAAAAAAAAAAAAAAAAAAAAA']) {
        const page = await browser.request(`${at}${path}`, {
          form: { csrf: form, identifier: 'alice', biometric_consent: 'yes', begin: 'here' },
          headers: { 'sec-fetch-site': site, origin: 'https://evil.example' },
        });
        expect([path, page.status]).toEqual([path, 403]);
      }
      const byOrigin = await browser.request(`${at}/begin`, {
        form: { csrf: form, identifier: 'alice', biometric_consent: 'yes', begin: 'here' },
        headers: { 'sec-fetch-site': '', origin: 'https://evil.example' },
      });
      expect(byOrigin.status).toBe(403);
      expect(creates(world)).toBe(before);
      expect(isAtClient(world, await browser.get(first.url))).toBe(false);
    },
  );

  test('T23: the token of one login’s form does not fit another’s, nor another browser’s', async () => {
    const [one, two] = [new Browser(), new Browser()];
    const mine = await one.get((await world.authorize()).url);
    const other = await one.get((await world.authorize()).url);
    const foreign = await two.get((await world.authorize()).url);
    const tokenOn = (page: Page) => parse(page.text).querySelector('input[name=csrf]')?.getAttribute('value') ?? '';
    for (const csrf of [tokenOn(other), tokenOn(foreign), '']) {
      const page = await one.request(`${mine.url.replace(/\?.*/, '')}/abort`, { form: { csrf } });
      expect(page.status).toBe(403);
    }
    const right = await one.request(`${mine.url.replace(/\?.*/, '')}/abort`, { form: { csrf: tokenOn(mine) } });
    expect(right.status).toBe(303);
  });

  test('T21: a doubled or oversize field is refused, not guessed at', async () => {
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    const csrf = parse(first.text).querySelector('input[name=csrf]')?.getAttribute('value') ?? '';
    const cookie = browser
      .cookies()
      .filter(({ path }) => first.url.includes(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const send = (body: string, type = 'application/x-www-form-urlencoded') =>
      fetch(`${first.url.replace(/\?.*/, '')}/begin`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie, 'content-type': type, 'sec-fetch-site': 'same-origin' },
        body,
      });
    const token = `csrf=${encodeURIComponent(csrf)}&biometric_consent=yes`;
    expect((await send(`${token}&identifier=alice&identifier=bob`)).status).toBe(400);
    expect((await send(`${token}&identifier=${'a'.repeat(20_000)}`)).status).toBe(413);
    expect((await send(JSON.stringify({ csrf, identifier: 'alice' }), 'application/json')).status).toBe(415);
    expect((await send(`${token}&identifier[]=alice`)).status).toBe(422);
    expect((await send(`${token}&__proto__=x&identifier=`)).status).toBe(422);
  });

  test('T23: another person’s session in this browser ends when somebody else signs in', async () => {
    const browser = new Browser();
    const one = await world.begin(browser, 'alice');
    await showFace(world, one);
    const alice = await world.finish(one);
    const two = await world.begin(browser, 'bob', { prompt: 'login' });
    await showFace(world, two);
    const bob = await world.finish(two);
    expect(bob.claims()?.sub).not.toBe(alice.claims()?.sub);
    const request = await world.authorize({ prompt: 'none' });
    const silent = await browser.get(request.url, (to) => to.startsWith(world.redirectUri));
    const tokens = await exchange(await world.client(), request, String(silent.headers.get('location')));
    expect(tokens.claims()?.sub).toBe(bob.claims()?.sub);
  });
});

describe('a lost cookie (T24)', () => {
  test('T24: a clear page, with no stack, no blank and nothing about the person', async () => {
    const begun = await world.begin(new Browser(), 'alice');
    begun.browser.clearCookies();
    for (const path of ['', '/waiting', '/finish', '/events', '/return/AAAAAAAAAAAAAAAAAAAAAA']) {
      const page = await visit(world, begun, path);
      expect([path, page.status]).toEqual([path, 403]);
      expect(page.headers.get('content-type')).toMatch(/text\/html/);
      expect(wordsOf(page).length).toBeGreaterThan(40);
      expect(page.text).not.toMatch(/alice|at \w+ \(|node_modules/);
      expect(page.headers.get('cache-control')).toMatch(/no-store/);
    }
    expect((await visit(world, { ...begun, uid: 'no-such-login' }, '/waiting')).status).toBe(403);
    expect((await begun.browser.get(`${world.issuer}/auth/${begun.uid}`)).status).toBe(400);
  });

  test('T24: who gave up before the button was pressed, and goes back, is told that it is over; another browser is not', async () => {
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    expect((await giveUp(world, browser, first)).get('error')).toBe('access_denied');
    for (const path of ['', '/waiting', '/finish']) {
      const page = await browser.get(`${first.url}${path}`);
      expect(page.status).toBe(410);
      expect(wordsOf(page)).toContain('This sign-in is over');
      expect((await new Browser().get(`${first.url}${path}`)).status).toBe(403);
    }
  });

  test('T24: the person whose cookie was lost on the way back may still see the number there, and finish nowhere else', async () => {
    const begun = await world.begin(new Browser(), 'bob');
    await showFace(world, begun);
    begun.browser.clearCookies();
    const page = await comeBack(world, begun);
    expect(page.status).toBe(403);
    expect(buttonsOf(page)).toContain('deny=yes');
    expect((await visit(world, begun, '/finish')).status).toBe(403);
  });
});

describe('headers and markup (T25, T27)', () => {
  async function everyPage(): Promise<[string, Page][]> {
    await world.enrol('carol');
    const browser = new Browser();
    const request = await world.authorize({ state: SCRIPT, login_hint: SCRIPT }, 'evil');
    const first = await browser.get(request.url);
    const fault = await browser.press(
      first,
      { name: 'begin', value: 'here' },
      { identifier: SCRIPT, biometric_consent: 'yes' },
    );
    const begun = await world.begin(browser, 'carol', { state: SCRIPT }, 'evil');
    const waiting = await visit(world, begun, '/waiting');
    await showFace(world, begun, { address: FAR, settle: { webhook: false } });
    const elsewhere = await new Browser().get(returnUrl(world, begun));
    const ended = await (async () => {
      const other = await world.begin(browser, 'carol', { state: SCRIPT }, 'evil');
      const page = await visit(world, begun, '/waiting');
      await giveUp(world, browser, await visit(world, other, '/waiting'));
      return page;
    })();
    const error = await browser.get(`${world.issuer}/auth?client_id=${encodeURIComponent(SCRIPT)}`);
    const unregistered = await browser.get(
      `${world.issuer}/auth?client_id=app&response_type=code&scope=openid&redirect_uri=https://evil.example/`,
    );
    const logout = await browser.get(`${world.issuer}/session/end?state=${encodeURIComponent(SCRIPT)}`);
    const wrong = await new Browser().get(`${world.issuer}/interaction/${encodeURIComponent(SCRIPT)}/waiting`);
    return Object.entries({ first, fault, waiting, elsewhere, ended, error, unregistered, logout, wrong });
  }

  test('T25, T27, T19: every page is framed by nobody, runs nothing inline, and shows what it was told as text', async () => {
    for (const [name, page] of await everyPage()) {
      const policy = page.headers.get('content-security-policy') ?? '';
      expect([name, policy.includes("frame-ancestors 'none'")]).toEqual([name, true]);
      expect([name, /'unsafe-inline'|'unsafe-eval'/.test(policy)]).toEqual([name, false]);
      expect([name, page.headers.get('x-content-type-options')]).toEqual([name, 'nosniff']);
      expect([name, page.headers.get('referrer-policy')]).toEqual([name, 'same-origin']);
      expect([name, page.headers.get('permissions-policy') ?? '']).toEqual([
        name,
        expect.not.stringMatching(/camera=\*/),
      ]);
      expect([name, page.headers.get('cache-control') ?? '']).toEqual([name, expect.stringMatching(/no-store/)]);
      const html = parse(page.text);
      expect([name, html.querySelectorAll('script:not([src])').length]).toEqual([name, 0]);
      expect([name, html.querySelectorAll('img[onerror], [onclick], [style], style').length]).toEqual([name, 0]);
      expect([name, page.text.includes('<script>alert')]).toEqual([name, false]);
      for (const element of html.querySelectorAll('[src], link[href], form[action]')) {
        const at = element.getAttribute('src') ?? element.getAttribute('href') ?? element.getAttribute('action') ?? '';
        expect([name, at.startsWith('/') && !at.startsWith('//')]).toEqual([name, true]);
      }
    }
  });

  test('T19: nowhere does a parameter of ours lead outside: only our paths, the vendor and registered addresses', async () => {
    const begun = await world.begin(new Browser(), 'bob');
    const evil = encodeURIComponent('https://evil.example/');
    for (const path of ['', '/waiting', '/finish']) {
      const page = await begun.browser.request(
        `${world.issuer}/interaction/${begun.uid}${path}?return_to=${evil}&redirect_uri=${evil}&next=//evil.example`,
      );
      expect(page.headers.get('location') ?? '').not.toContain('evil.example');
    }
    const logout = await begun.browser.get(
      `${world.issuer}/session/end?post_logout_redirect_uri=${evil}&client_id=app`,
    );
    expect(logout.status).toBe(400);
    expect(logout.headers.get('location')).toBeNull();
    await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
  });
});

test('T3: on https every cookie is Secure and the addresses are the issuer’s, whatever a proxy header says', async () => {
  const secure = await startWorld({ config: { issuer: 'https://login.example.org' } });
  try {
    const at = `${secure.issuer}/auth?client_id=app&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(secure.redirectUri)}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`;
    const response = await fetch(at, {
      redirect: 'manual',
      headers: { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.example' },
    });
    expect(response.status).toBe(303);
    const lines = response.headers.getSetCookie();
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect([line.split('=')[0], /; ?secure/i.test(line)]).toEqual([line.split('=')[0], true]);
    expect(response.headers.get('location')).not.toContain('evil.example');
    const browser = await fetch(
      `${secure.issuer}${new URL(String(response.headers.get('location')), secure.issuer).pathname}`,
      {
        headers: { cookie: lines.map((line) => line.split(';')[0]).join('; ') },
      },
    );
    expect(browser.status).toBe(200);
    for (const line of browser.headers.getSetCookie()) expect(line).toMatch(/; ?secure/i);
  } finally {
    await secure.close();
  }
});

test('T18: a whole login leaves no name, address of a picture, token or hosted address in the log', async () => {
  const before = world.log.length;
  const name = 'quite-unmistakable@example.org';
  const { browser, tokens } = await world.enrol(name);
  const begun = await world.begin(withoutSession(browser), undefined);
  const stranger = new Browser();
  await stranger.get(String(world.sandbox.session(begun.sessionId).callback));
  await showFace(world, begun, { scenario: 'decline_liveness_attack' });
  await awaitPage(world, begun, 'the refusal', (page) => /could not confirm/.test(wordsOf(page)));
  const text = world.log.slice(before).join('\n');
  const session = world.sandbox.session(begun.sessionId);
  const token = String(session.callback).split('/return/')[1] ?? 'none';
  for (const secret of [
    name,
    encodeURIComponent(name),
    session.url,
    session.token,
    token,
    String(tokens.access_token),
    String(tokens.id_token),
    String(browser.cookie('selfie_device')),
    String(browser.cookie('_session')),
    world.config.didit.apiKey,
    '/media/',
  ]) {
    expect([secret.slice(0, 20), text.includes(secret)]).toEqual([secret.slice(0, 20), false]);
  }
});
