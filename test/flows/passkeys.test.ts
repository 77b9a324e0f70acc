// Passkeys over HTTP, with an authenticator in software: beside a selfie, alone, and on the page of one's own.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Authenticator, createAuthenticator } from '../factors/authenticator.ts';
import { Browser, buttonsOf, type Page, wordsOf } from '../support/browser.ts';
import { type Mailbox, startMailbox } from '../support/mailbox.ts';
import { answer, optionsOf, otherWays, send } from '../support/passkeys.ts';
import { comeBack, creates, isAtClient, showFace, until, visit, withoutSession } from '../support/story.ts';
import {
  type Begun,
  CLIENT_SECRET,
  exchange,
  startWorld,
  type Tokens,
  UNLIMITED,
  type World,
} from '../support/world.ts';

const SELFIE = 'urn:selfie-oidc:acr:selfie';
const SELFIE_DEVICE = 'urn:selfie-oidc:acr:selfie-device';
const WANTS_KEY = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: SELFIE_DEVICE } } }) };
const WANTS_FACE = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: SELFIE } } }) };

let world: World;
let mailbox: Mailbox;
let people = 0;

beforeAll(async () => {
  mailbox = await startMailbox();
  const common = {
    client_secret: CLIENT_SECRET,
    redirect_uris: ['http://127.0.0.1:9/cb'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    first_party: true,
  };
  world = await startWorld({
    host: 'localhost',
    policy: {
      ...UNLIMITED,
      limits: { ...UNLIMITED.limits, otherWaysPerAccountPerHour: 6, otherWaysPerAddressPerHour: 10_000 },
      emailCode: 'off',
      otherWays: ['passkey', 'recovery_code'],
    },
    clients: [
      { ...common, client_id: 'app', client_name: 'Example App' },
      { ...common, client_id: 'strict', client_name: 'Strict App', minimum_acr: SELFIE },
      { ...common, client_id: 'keyed', client_name: 'Keyed App', minimum_acr: 'phr' },
    ],
    config: { smtp: { url: mailbox.url, from: 'login@op.example' } as never },
  });
});

afterAll(async () => {
  await world.close();
  await mailbox.close();
});

const newName = () => {
  people += 1;
  return `person-${people}`;
};

async function tokensAt(begun: Begun, page: Page): Promise<Tokens> {
  const callback = page.headers.get('location') ?? '';
  if (!callback.startsWith(world.redirectUri)) {
    throw new Error(`not at the client: ${page.status} ${page.url} ${wordsOf(page).slice(0, 300)}`);
  }
  return exchange(await world.client(begun.request.clientId), begun.request, callback);
}

/** A selfie is shown and accepted, and the page that asks for the key beside it is there. */
async function upToKey(name: string, browser = new Browser(), params = WANTS_KEY): Promise<[Begun, Page]> {
  const begun = await world.begin(browser, browser.cookies().length > 0 ? undefined : name, {
    prompt: 'login',
    ...params,
  });
  await showFace(world, begun);
  const page = await comeBack(world, begun);
  if (!page.url.endsWith('/passkey')) throw new Error(`no key asked for: ${page.status} ${page.url}`);
  return [begun, page];
}

interface Holder {
  readonly name: string;
  readonly browser: Browser;
  readonly device: Authenticator;
  readonly uid: string;
  readonly tokens: Tokens;
}

/** Somebody new, who has a passkey in the end. */
async function holder(how: Parameters<typeof createAuthenticator>[1] = {}): Promise<Holder> {
  const name = newName();
  const browser = new Browser();
  const device = createAuthenticator(world.issuer, how);
  const [begun, page] = await upToKey(name, browser);
  const made = await answer(world, browser, page, 'make', device);
  const tokens = await tokensAt(begun, await answer(world, browser, made, 'use', device));
  return { name, browser, device, uid: begun.uid, tokens };
}

/** The passkey page of a login that was begun without a selfie. */
async function alone(
  name: string,
  browser = new Browser(),
  params: Record<string, string> = {},
): Promise<[Begun, Page]> {
  const begun = await otherWays(world, browser, name, params);
  return [begun, await browser.follow(await browser.press(begun.page, { name: 'way', value: 'passkey' }))];
}

async function accountOf(name: string) {
  const account = await world.app.parts.accounts.findByIdentifier(name);
  if (!account) throw new Error(`nobody is ${name}`);
  return account;
}

async function journalOf(uid: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of world.app.parts.journal.entries()) {
    if (line.attempt === uid) lines.push([line.event, ...line.reasons].join(' '));
  }
  return lines;
}

const namesNobody = (page: Page, name: string) => wordsOf(page).replaceAll(name, 'NAME');

describe('beside a selfie', () => {
  test.each([
    ['kept by hardware', {}, 'hwk'],
    ['that is synchronised', { isSynced: true }, 'swk'],
  ])('a new person makes a key %s, uses it, and the client is told so', async (_what, how, amr) => {
    const name = newName();
    const device = createAuthenticator(world.issuer, how);
    const [begun, page] = await upToKey(name);
    expect(page.status).toBe(200);
    expect(optionsOf(page, 'use')).toBeUndefined();
    expect(buttonsOf(page)).not.toContain('passkey=without');
    const made = await answer(world, begun.browser, page, 'make', device);
    expect(wordsOf(made)).toContain('Now use your passkey');
    // made is not used: nothing is finished yet
    expect((await visit(world, begun, '/finish')).url).toContain('/passkey');
    const again = await visit(world, begun, '/passkey');
    const tokens = await tokensAt(begun, await answer(world, begun.browser, again, 'use', device));
    expect(tokens.claims()).toMatchObject({ acr: SELFIE_DEVICE, amr: ['face', amr, 'mfa'] });
    const [kept] = await world.app.parts.passkeys.list((await accountOf(name)).id);
    expect(kept).toMatchObject({ isSynced: amr === 'swk', madeIn: begun.uid, lastUsedAt: expect.any(Number) });
    expect(kept?.name).toMatch(/^Chrome on Windows, \d{1,2} \w+ \d{4}$/);
    expect(kept?.userHandle).not.toContain(name);
    const lines = (await journalOf(begun.uid)).join('\n');
    expect(lines).toMatch(/passkey\.added/);
    expect(lines).toMatch(/factor\.proven.*passkey/);
    expect(lines).not.toContain(name);
  });

  test('the next time the key there is does, and a second one on the same device is not made', async () => {
    const { name, browser, device } = await holder();
    const [begun, page] = await upToKey(name, browser);
    expect(() => device.create(optionsOf(page, 'make') ?? '')).toThrow('InvalidStateError');
    const tokens = await tokensAt(begun, await answer(world, browser, page, 'use', device));
    expect(tokens.claims()).toMatchObject({ acr: SELFIE_DEVICE, amr: ['face', 'hwk', 'mfa'] });
  });

  test('a second key of a day has a name of its own, and the same handle', async () => {
    const { name, browser } = await holder();
    const [, page] = await upToKey(name, browser);
    await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    const kept = await world.app.parts.passkeys.list((await accountOf(name)).id);
    expect(kept.map((each) => each.name.replace(/^.*\d{4}/, ''))).toEqual(['', ' (2)']);
    expect(new Set(kept.map(({ userHandle }) => userHandle)).size).toBe(1);
  });

  test('a key that did not verify the person is one beside the face', async () => {
    const { name, browser, device } = await holder();
    const [begun, page] = await upToKey(name, browser);
    const tokens = await tokensAt(begun, await answer(world, browser, page, 'use', device, { isVerified: false }));
    expect(tokens.claims()).toMatchObject({ acr: SELFIE_DEVICE, amr: ['face', 'hwk', 'mfa'] });
  });

  test("somebody else's key is refused, and the login stays unfinished", async () => {
    const other = await holder();
    const { name, browser } = await holder();
    const [begun, page] = await upToKey(name, browser);
    const refused = await answer(world, browser, page, 'use', other.device);
    expect(refused.status).toBe(422);
    expect(wordsOf(refused)).toContain(`not accepted for ${name}`);
    expect(wordsOf(refused)).not.toContain(other.name);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    expect(await journalOf(begun.uid)).toContain('passkey.refused of-another-account');
  });

  test('no face, no key: a forged registration is not looked at', async () => {
    const { name, uid } = await holder();
    const thief = createAuthenticator(world.issuer);
    const [begun, page] = await alone(name);
    expect(optionsOf(page, 'make')).toBeUndefined();
    const options = JSON.parse(optionsOf(page, 'use') ?? '');
    const forged = thief.create({
      challenge: options.challenge,
      rp: { id: 'localhost' },
      user: { id: 'AAAA', name },
      excludeCredentials: [],
    });
    const form = { csrf: csrfOf(page), passkey: 'make', answer: forged };
    await begun.browser.follow(await begun.browser.request(page.url, { form }));
    expect((await world.app.parts.passkeys.list((await accountOf(name)).id)).map(({ madeIn }) => madeIn)).toEqual([
      uid,
    ]);
  });

  test('a face that cannot be tied to this browser makes no key (T2)', async () => {
    const name = newName();
    await world.enrol(name);
    const begun = await world.begin(new Browser(), name, WANTS_KEY);
    const elsewhere = new Browser({
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    });
    await showFace(world, begun, { by: elsewhere, address: '203.0.113.77' });
    await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
    expect((await visit(world, begun, '/passkey')).url).toMatch(/\/waiting$/);
    const csrf = csrfOf(await visit(world, begun, '/waiting'));
    const device = createAuthenticator(world.issuer);
    const forged = device.create({
      challenge: 'AAAA',
      rp: { id: 'localhost' },
      user: { id: 'AAAA', name },
      excludeCredentials: [],
    });
    const at = `${world.issuer}/interaction/${begun.uid}/passkey`;
    for (const passkey of ['make', 'without']) {
      const page = await begun.browser.follow(
        await begun.browser.request(at, { form: { csrf, passkey, answer: forged } }),
      );
      expect(page.url).toMatch(/\/waiting$/);
    }
    expect(await world.app.parts.passkeys.list((await accountOf(name)).id)).toEqual([]);
  });

  test("a document of somebody else's makes no key before it was compared (T15)", async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    await world.app.parts.accounts.change((await accountOf(name)).id, (each) => ({
      ...each,
      standing: 'must-re-enrol',
    }));
    const begun = await world.begin(withoutSession(browser), undefined, WANTS_KEY);
    expect(world.sandbox.session(begun.sessionId).kind).toBe('enrol');
    await showFace(world, begun);
    await until('the verdict', async () => (await world.app.parts.attempts.find(begun.uid))?.state === 'settled');
    const attempt = await world.app.parts.attempts.find(begun.uid);
    expect(attempt?.next).toBe('re-enrol');
    const page = await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/passkey`);
    expect(page.headers.get('location')).toMatch(/\/finish$/);
  });

  test('a wish, no demand: whoever has a key is asked for it, and may go on without', async () => {
    const { name, browser, device } = await holder();
    const wish = { acr_values: `${SELFIE_DEVICE} ${SELFIE}`, prompt: 'login' };
    const [one, asked] = await upToKey(name, browser, wish as never);
    expect(wordsOf(asked)).toContain('would like you to use a passkey');
    const without = await send(world, browser, asked, 'without', '');
    expect((await tokensAt(one, without)).claims()).toMatchObject({ acr: SELFIE, amr: ['face'] });
    const [two, again] = await upToKey(name, browser, wish as never);
    const used = await answer(world, browser, again, 'use', device);
    expect((await tokensAt(two, used)).claims()).toMatchObject({ acr: SELFIE_DEVICE });
  });

  test('nobody is made to make a key for a wish', async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const begun = await world.begin(browser, undefined, { acr_values: SELFIE_DEVICE, prompt: 'login' });
    await showFace(world, begun);
    expect((await tokensAt(begun, await comeBack(world, begun))).claims()).toMatchObject({ acr: SELFIE });
  });

  test('a demand cannot be gone round', async () => {
    const { name, browser } = await holder();
    const [begun, page] = await upToKey(name, browser);
    const form = { csrf: csrfOf(page), passkey: 'without', answer: '' };
    const refused = await browser.follow(await browser.request(page.url, { form }));
    expect(refused.url).toMatch(/\/passkey$/);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });
});

function csrfOf(page: Page): string {
  return /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
}

describe('where no selfie is enough', () => {
  const firstPage = async (browser: Browser, params: Record<string, string> = {}) => {
    const request = await world.authorize({ prompt: 'login', ...params }, 'keyed');
    return [request, await browser.get(request.url)] as const;
  };

  async function byKey(browser: Browser, device: Authenticator): Promise<Tokens> {
    const [request, page] = await firstPage(browser);
    const there = await browser.follow(await browser.press(page, { name: 'begin', value: 'passkey' }));
    expect(there.url).toMatch(/\/passkey$/);
    const end = await answer(world, browser, there, 'use', device);
    return exchange(await world.client('keyed'), request, end.headers.get('location') ?? '');
  }

  test('the passkey of whom this browser knows is the main way, and costs nothing', async () => {
    const { browser, device } = await holder();
    const before = creates(world);
    const [, page] = await firstPage(browser);
    expect(buttonsOf(page).filter((button) => button.startsWith('begin='))[0]).toBe('begin=passkey');
    expect(page.text).toMatch(/<button class="main"[^>]*value="passkey"/);
    expect(page.text).not.toMatch(/<button class="main"[^>]*value="here"/);
    expect((await byKey(browser, device)).claims()).toMatchObject({ acr: 'phr' });
    expect(creates(world)).toBe(before);
  });

  test('T26: who has a passkey is told to no browser that does not know them, by whatever hint; that one is needed is', async () => {
    const { name, browser, device } = await holder();
    const tokens = await byKey(browser, device);
    const nobody = newName();
    const pages = [];
    for (const params of [{ login_hint: name }, { login_hint: nobody }, { id_token_hint: String(tokens.id_token) }]) {
      const [, page] = await firstPage(new Browser(), params);
      expect(wordsOf(page)).toContain('Keyed App asks for a passkey too');
      expect(buttonsOf(page)).not.toContain('begin=passkey');
      pages.push(wordsOf(page));
    }
    expect(pages[0]).toBe(pages[1]);
  });

  test('whoever has none is told that one is needed, and begins with the selfie', async () => {
    const { browser } = await world.enrol(newName());
    const [, page] = await firstPage(browser);
    expect(page.text).toMatch(/<button class="main"[^>]*value="here"/);
    expect(wordsOf(page)).toContain('If you have one already, choose');
    const usual = await browser.get((await world.authorize({ prompt: 'login' })).url);
    expect(wordsOf(usual)).not.toContain('passkey too');
  });

  test('an account under review is held to its face: the passkey is not put first', async () => {
    const { name, browser } = await holder();
    const { id } = await accountOf(name);
    await world.app.parts.accounts.change(id, (account) => ({
      ...account,
      review: { since: world.clock.now(), reasons: ['x'] },
    }));
    const [, page] = await firstPage(browser);
    expect(buttonsOf(page)).not.toContain('begin=passkey');
  });
});

describe('alone', () => {
  test('a passkey signs in without a face, for no money, and says so', async () => {
    const { name, device } = await holder();
    const before = creates(world);
    const [begun, page] = await alone(name);
    const tokens = await tokensAt(begun, await answer(world, begun.browser, page, 'use', device));
    expect(tokens.claims()).toMatchObject({ acr: 'phr', amr: ['hwk', 'user', 'mfa'] });
    expect(tokens.claims()?.auth_time).toBeGreaterThanOrEqual(world.clock.now() - 5);
    expect(creates(world)).toBe(before);
  });

  test('T14: removed before its sign-in was followed to the client, it lets nobody in', async () => {
    const { name, device } = await holder();
    const id = String((await world.app.parts.accounts.findByIdentifier(name))?.id);
    const [begun, page] = await alone(name);
    const text = device.get(optionsOf(page, 'use') ?? '');
    const csrf = csrfOf(page);
    const posted = await begun.browser.request(`${world.issuer}/interaction/${begun.uid}/passkey`, {
      form: { csrf, answer: text },
    });
    const isResume = (to: string) => new URL(to, world.issuer).pathname.startsWith('/auth/');
    const stopped = await begun.browser.follow(posted, isResume);
    const [key] = await world.app.parts.passkeys.list(id);
    expect(await world.app.parts.passkeys.remove(id, String(key?.id))).toBe(true);
    const resume = new URL(stopped.headers.get('location') ?? '', world.issuer).href;
    const end = await begun.browser.get(resume, (to) => to.startsWith(world.redirectUri));
    await expect(tokensAt(begun, end)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('one that did not verify the person is refused: whoever finds it is not in', async () => {
    const { name, device } = await holder();
    const [begun, page] = await alone(name);
    const refused = await answer(world, begun.browser, page, 'use', device, { isVerified: false });
    expect(refused.status).toBe(422);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    expect(await journalOf(begun.uid)).toContain('passkey.refused not-proven');
  });

  test("of another's key, of a stranger and of somebody without a key, page and refusal are the same (T26)", async () => {
    const { device } = await holder();
    const withKey = (await holder()).name;
    const without = newName();
    await world.enrol(without);
    const asked: string[] = [];
    const refused: string[] = [];
    for (const name of [withKey, without, newName()]) {
      const [begun, page] = await alone(name);
      asked.push(namesNobody(page, name));
      const options = JSON.parse(optionsOf(page, 'use') ?? '');
      expect(options.allowCredentials ?? []).toEqual([]);
      const answered = await answer(world, begun.browser, page, 'use', device);
      refused.push(`${answered.status} ${namesNobody(answered, name)}`);
    }
    const plain = (texts: string[]) => new Set(texts.map((text) => text.replace(/Reference for support: \S+/, '')));
    expect(plain(asked).size).toBe(1);
    expect(plain(refused).size).toBe(1);
    expect(refused[0]).toContain('422');
  });

  test('a client that wants a face is not offered it, and a forged answer is refused (T16)', async () => {
    for (const [clientId, params] of [
      ['strict', {}],
      ['app', WANTS_FACE],
      ['app', WANTS_KEY],
    ] as const) {
      const { name, device } = await holder();
      const begun = await world.begin(new Browser(), name, params, clientId);
      const at = `${world.issuer}/interaction/${begun.uid}/passkey`;
      const ways = await begun.browser.get(at);
      expect(ways.url).not.toMatch(/passkey/);
      expect(buttonsOf(ways)).not.toContain('way=passkey');
      const csrf = csrfOf(ways);
      const forged = device.get({ challenge: 'AAAA', rpId: 'localhost', userVerification: 'required' });
      const page = await begun.browser.request(at, { form: { csrf, passkey: 'use', answer: forged } });
      expect(page.status).toBe(403);
      expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
      expect((await world.app.parts.attempts.find(begun.uid))?.factors).toEqual([]);
    }
  });

  test('an answer counts once, in the login it was given for', async () => {
    const { name, device } = await holder();
    const [one, page] = await alone(name);
    const text = device.get(optionsOf(page, 'use') ?? '');
    const [two, elsewhere] = await alone(name);
    const carried = await send(world, two.browser, elsewhere, 'use', text);
    expect(carried.status).toBe(422);
    await tokensAt(one, await send(world, one.browser, page, 'use', text));
    const replayed = await send(world, one.browser, page, 'use', text);
    expect(isAtClient(world, replayed)).toBe(false);
    expect([403, 410]).toContain(replayed.status);
  });

  test('of the same answer sent five times at once, one is taken and none of the others does harm', async () => {
    const { name, device } = await holder({ isSynced: true });
    const [begun, page] = await alone(name);
    const form = { csrf: csrfOf(page), passkey: 'use', answer: device.get(optionsOf(page, 'use') ?? '') };
    const pages = await Promise.all(Array.from({ length: 5 }, () => begun.browser.request(page.url, { form })));
    const onwards = pages.filter(({ headers }) => headers.get('location')?.endsWith('/finish'));
    expect(onwards.length).toBeGreaterThanOrEqual(1);
    await tokensAt(begun, await visit(world, begun, '/finish'));
  });

  test('a page that is too old, or answered before, says so and asks anew', async () => {
    const { name, device } = await holder();
    const [begun, page] = await alone(name);
    const text = device.get(optionsOf(page, 'use') ?? '');
    world.clock.move(301);
    const late = await send(world, begun.browser, page, 'use', text);
    expect(late.status).toBe(422);
    expect(wordsOf(late)).toContain('That took too long');
    await tokensAt(begun, await answer(world, begun.browser, late, 'use', device));
  });

  test('a button pressed without script changes nothing, and the same page is good afterwards', async () => {
    const { name, device } = await holder();
    const [begun, page] = await alone(name);
    expect(wordsOf(page)).toContain('can only be used with JavaScript');
    const empty = await send(world, begun.browser, page, 'use', '');
    expect(empty.status).toBe(422);
    expect(wordsOf(empty)).toContain('Nothing came from a passkey');
    await tokensAt(begun, await answer(world, begun.browser, empty, 'use', device));
  });

  test('another browser has no part in it', async () => {
    const { name, device } = await holder();
    const [begun, page] = await alone(name);
    const stranger = new Browser();
    const sent = await send(world, stranger, page, 'use', device.get(optionsOf(page, 'use') ?? ''));
    expect(sent.status).toBe(403);
    expect((await world.app.parts.attempts.find(begun.uid))?.state).toBe('open');
  });

  test('a form that is not ours is refused (T23)', async () => {
    const { name, device } = await holder();
    const [begun, page] = await alone(name);
    const form = { csrf: 'guess', passkey: 'use', answer: device.get(optionsOf(page, 'use') ?? '') };
    expect((await begun.browser.request(page.url, { form })).status).toBe(403);
    const right = { ...form, csrf: csrfOf(page) };
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await begun.browser.request(page.url, { form: right, headers })).status).toBe(403);
    expect((await world.app.parts.attempts.find(begun.uid))?.state).toBe('open');
  });

  test('a counter that goes back: refused, told to the operator, and neither copy is good any more', async () => {
    const { name, device } = await holder();
    const copy = device.copy();
    const [one, first] = await alone(name);
    await tokensAt(one, await answer(world, one.browser, first, 'use', device));
    const [two, page] = await alone(name);
    const refused = await answer(world, two.browser, page, 'use', copy);
    expect(refused.status).toBe(422);
    expect(await journalOf(two.uid)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^passkey\.counter-went-back/)]),
    );
    expect((await accountOf(name)).review?.reasons).toContain('passkey-copied');
    const [three, again] = await alone(name);
    expect((await answer(world, three.browser, again, 'use', device)).status).toBe(422);
  });

  test('failures are limited, whoever they are for; what went well does not count', async () => {
    const { name, device } = await holder();
    const other = await holder();
    for (let times = 0; times < 8; times += 1) {
      const [begun, page] = await alone(name);
      await tokensAt(begun, await answer(world, begun.browser, page, 'use', device));
    }
    for (const claimed of [name, newName()]) {
      const [begun, page] = await alone(claimed);
      let current = page;
      for (let times = 0; times < 6; times += 1) {
        current = await answer(world, begun.browser, current, 'use', other.device);
        expect(current.status).toBe(422);
      }
      const limited = await answer(world, begun.browser, current, 'use', other.device);
      expect(limited.status).toBe(429);
      expect(limited.headers.get('retry-after')).toMatch(/^\d+$/);
    }
  });

  test('who must show a document again does not come in by a key', async () => {
    const { name, device } = await holder();
    await world.app.parts.accounts.change((await accountOf(name)).id, (each) => ({
      ...each,
      standing: 'must-re-enrol',
    }));
    const [begun, page] = await alone(name);
    expect((await answer(world, begun.browser, page, 'use', device)).status).toBe(422);
    expect(await journalOf(begun.uid)).toContain('passkey.refused account-not-in-good-standing');
  });

  test('a key whose selfie is refused afterwards is gone, with what it opened (T8)', async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const device = createAuthenticator(world.issuer);
    const [begun, page] = await upToKey(name, browser);
    const made = await answer(world, browser, page, 'make', device);
    await tokensAt(begun, await answer(world, browser, made, 'use', device));
    const [later, asked] = await alone(name);
    const tokens = await tokensAt(later, await answer(world, later.browser, asked, 'use', device));
    const isActive = async () => {
      const response = await fetch(`${world.issuer}/me`, {
        headers: { authorization: `Bearer ${tokens.access_token}` },
      });
      return response.status === 200;
    };
    expect(await isActive()).toBe(true);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until(
      'the key is gone',
      async () => (await world.app.parts.passkeys.list((await accountOf(name)).id)).length === 0,
    );
    await until('its tokens are dead', async () => !(await isActive()));
  });

  const keysOf = async (name: string) => world.app.parts.passkeys.list((await accountOf(name)).id);

  test.each([
    ['before its login is finished', 0],
    ['after its login has lapsed without an end', 1300],
  ])('a key whose selfie is refused %s is gone as well (T8, T14)', async (_when, seconds) => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const [begun, page] = await upToKey(name, browser);
    await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(await keysOf(name)).toHaveLength(1);
    world.clock.move(seconds);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until('the key is gone', async () => (await keysOf(name)).length === 0);
    expect((await accountOf(name)).review).toBeDefined();
  });

  test('a refusal in the moment in which a key is made leaves none (T8)', async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const [begun, page] = await upToKey(name, browser);
    const { store } = world.app.parts;
    const { id } = await accountOf(name);
    const change = store.update;
    store.update = (async (key: string, ...rest: never[]) => {
      if (key === `passkeys:${id}`) {
        store.update = change;
        await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
        await until('it is taken back', async () => /login\.revoked/.test((await journalOf(begun.uid)).join()));
      }
      return change(key, ...(rest as unknown as [never]));
    }) as typeof change;
    await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(await world.app.parts.passkeys.list(id)).toEqual([]);
    expect(await journalOf(begun.uid)).toContain('passkey.refused taken-back');
  });

  test('a refusal of the document behind the face, in the moment in which a key is made, leaves none (T8, T14)', async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const { id, enrolledBy } = await accountOf(name);
    const [begun, page] = await upToKey(name, browser);
    const { store } = world.app.parts;
    const { update } = store;
    store.update = async (key, change, hint) => {
      if (key === `passkeys:${id}`) {
        store.update = update;
        world.clock.move(1);
        await world.sandbox.settle(enrolledBy.verificationId, 'decline_liveness_attack');
        await until('it is taken back', async () => (await accountOf(name)).review !== undefined);
        await until('all of it is', () => world.app.revoker.isRevoked(enrolledBy.verificationId));
      }
      return update(key, change, hint);
    };
    await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(store.update).toBe(update);
    expect(await world.app.parts.passkeys.list(id)).toEqual([]);
    expect(await journalOf(begun.uid)).toContain('passkey.refused taken-back');
  });

  test('a key is taken back however late its selfie is refused (T8)', async () => {
    const name = newName();
    const { browser } = await world.enrol(name);
    const device = createAuthenticator(world.issuer);
    const [begun, page] = await upToKey(name, browser);
    const made = await answer(world, browser, page, 'make', device);
    await tokensAt(begun, await answer(world, browser, made, 'use', device));
    world.clock.move(100 * 86_400);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until('the key is gone', async () => (await keysOf(name)).length === 0);
  });
});

describe('on the page of one’s own', () => {
  const at = (path: string) => `${world.issuer}${path}`;

  async function makePage(name: string, browser = new Browser()): Promise<[Browser, Page]> {
    await world.enrol(name, browser);
    return [browser, await browser.get(at('/account/passkey'))];
  }

  test('whoever showed the face makes a key, is told by mail, and can take it back', async () => {
    const name = newName();
    const [browser, page] = await makePage(name);
    expect(page.status).toBe(200);
    expect(page.headers.get('cache-control')).toBe('no-store');
    const { id } = await accountOf(name);
    const email = { address: `${name}@example.org`, verifiedAt: world.clock.now() };
    await world.app.parts.accounts.change(id, (account) => ({ ...account, email }));
    const device = createAuthenticator(world.issuer);
    const done = await answer(world, browser, page, 'make', device);
    expect(new URL(done.url).pathname).toBe('/account');
    expect(wordsOf(done)).toContain('The passkey is made');
    expect(wordsOf(done)).toMatch(/Chrome on Windows, \d/);
    const mail = await mailbox.waitFor(email.address);
    expect(mail.subject).toContain('passkey');
    const [begun, asked] = await alone(name);
    await tokensAt(begun, await answer(world, begun.browser, asked, 'use', device));
    const link = /http:\/\/localhost:\d+\/not-me\/[\w-]+/.exec(mail.text)?.[0] ?? '';
    const denial = await new Browser().get(link);
    const pressed = await new Browser().press(denial, 'deny');
    expect(pressed.status).toBe(200);
    expect(await world.app.parts.passkeys.list(id)).toEqual([]);
  });

  test('a passkey alone, or a code, makes no other: the face comes first', async () => {
    const { name, device } = await holder();
    const [begun, asked] = await alone(name);
    await tokensAt(begun, await answer(world, begun.browser, asked, 'use', device));
    const page = await begun.browser.get(at('/account/passkey'));
    expect(page.status).toBe(403);
    expect(wordsOf(page)).toContain('Show your face first');
    expect(optionsOf(page, 'make')).toBeUndefined();
    const account = await begun.browser.get(at('/account'));
    const form = { csrf: csrfOf(account), answer: '{}' };
    expect((await begun.browser.request(at('/account/passkey'), { form })).status).toBe(403);
  });

  test('nobody without a fresh proof gets there', async () => {
    const page = await new Browser().get(at('/account/passkey'));
    expect(page.url).toContain('/interaction/');
  });

  test('an answer counts once, in its own session, with our own form', async () => {
    const name = newName();
    const [browser, page] = await makePage(name);
    const other = newName();
    const [thief, theirs] = await makePage(other);
    const device = createAuthenticator(world.issuer);
    const text = device.create(optionsOf(page, 'make') ?? '');
    const carried = await send(world, thief, theirs, 'make', text);
    expect(carried.status).toBe(422);
    expect(wordsOf(carried)).toContain('could not be made');
    const foreign = { csrf: csrfOf(theirs), answer: text };
    expect((await browser.request(at('/account/passkey'), { form: foreign })).status).toBe(403);
    expect(new URL((await send(world, browser, page, 'make', text)).url).pathname).toBe('/account');
    const replayed = await send(world, browser, page, 'make', text);
    expect(replayed.status).toBe(422);
    expect(wordsOf(replayed)).toContain('answered before');
    expect(await world.app.parts.passkeys.list((await accountOf(other)).id)).toEqual([]);
    expect(await world.app.parts.passkeys.list((await accountOf(name)).id)).toHaveLength(1);
  });

  test('T14: a form that is sent slowly makes no key in a session that is ended meanwhile', async () => {
    const name = newName();
    const [browser, page] = await makePage(name);
    const form = {
      csrf: csrfOf(page),
      answer: createAuthenticator(world.issuer).create(optionsOf(page, 'make') ?? ''),
    };
    const { id } = await accountOf(name);
    const answered = await browser.request(at('/account/passkey'), {
      form,
      async midway() {
        // answered after the first half has come
        await new Browser().get(at('/account'));
        await world.app.revoker.revokeAccount(id);
      },
    });
    expect(answered.headers.get('location')).toContain('/auth?');
    expect(await world.app.parts.passkeys.list(id)).toEqual([]);
  });

  test('T14: a key that is made in the moment in which its login is denied goes with it', async () => {
    const name = newName();
    const [browser, page] = await makePage(name);
    const { passkeys, store } = world.app.parts;
    const { id } = await accountOf(name);
    const [signIn] = await world.app.parts.activity.signIns(id);
    const { update } = store;
    store.update = async (key, change) => {
      if (!key.startsWith('passkeys:')) return update(key, change);
      store.update = update;
      await world.app.revoker.revoke(`login:${signIn?.uid}`);
      return update(key, change);
    };
    const made = await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(store.update).toBe(update);
    expect(wordsOf(made)).not.toContain('The passkey is made');
    expect(await passkeys.list(id)).toEqual([]);
  });

  test('T14: on the strength of a face that was replaced since, no key is made', async () => {
    const name = newName();
    const [browser, page] = await makePage(name);
    const { accounts, passkeys } = world.app.parts;
    const { id } = await accountOf(name);
    const enrolledBy = { verificationId: 'another-document', at: world.clock.now(), purpose: 're-enrol' } as const;
    await accounts.change(id, (account) => ({ ...account, enrolledBy }));
    const made = await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(wordsOf(made)).not.toContain('The passkey is made');
    expect(await passkeys.list(id)).toEqual([]);
  });

  test('the eleventh is one too many', async () => {
    const name = newName();
    const [browser, first] = await makePage(name);
    let page = first;
    for (let count = 0; count < 10; count += 1) {
      await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
      page = await browser.get(at('/account/passkey'));
    }
    const refused = await answer(world, browser, page, 'make', createAuthenticator(world.issuer));
    expect(refused.status).toBe(422);
    expect(wordsOf(refused)).toContain('as many passkeys as it may');
  });
});
