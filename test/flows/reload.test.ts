// Clients come, change and go while people are signing in: nobody is asked twice, nothing fails, and a file with faults changes nothing.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Provider from 'oidc-provider';
import * as oidc from 'openid-client';
import { createApp } from '../../src/app.ts';
import type { ClientEntry } from '../../src/config/client-entry.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createClientsReader, fingerprintOf, watchFile } from '../../src/config/reload.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { placeOf } from '../cli/support.ts';
import { Browser, type Page, wordsOf } from '../support/browser.ts';
import { startPeer } from '../support/oidc-world.ts';
import { comeBack, openStream, returnUrl, showFace, until, visit } from '../support/story.ts';
import { CLIENT_SECRET, exchange, startWorld, UNLIMITED, type World } from '../support/world.ts';

type Entry = Record<string, unknown> & { readonly client_id: string };

const REDIRECT = 'http://127.0.0.1:9/cb';
const client = (id: string, more: Record<string, unknown> = {}): Entry => ({
  client_id: id,
  client_secret: CLIENT_SECRET,
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  first_party: true,
  ...more,
});
const OFFLINE = { scope: 'openid profile offline_access', prompt: 'consent' };
const APP = client('app', { client_name: 'Example App' });
const OTHER = client('other', { subject_type: 'pairwise' });

/** A world whose clients stand in a file, as in front of an operator. */
async function startReloadable() {
  const world = await startWorld({
    storage: 'sqlite',
    policy: UNLIMITED,
    clients: [APP, OTHER],
    config: { outgoingAllow: ['127.0.0.1'] },
  });
  const { cwd, env: common } = await placeOf(world);
  const env: Record<string, string> = { ...common, OUTGOING_ALLOW: '127.0.0.1' };
  const file = join(cwd, 'clients.json');
  const reading = await loadConfig(env, { cwd });
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  await world.app.close();
  world.config = { ...world.config, clients: reading.config.clients, clientsFile: file };
  let readClients = createClientsReader({ env, cwd, config: reading.config, warnings: reading.warnings });
  const log = createLogger({ level: 'debug', destination: { write: (line) => void world.log.push(line) } });
  world.app = await createApp(world.config, { clock: world.clock, log, readClients: (before) => readClients(before) });
  await world.app.listen(world.config.port, '127.0.0.1');
  await until('the provider to be up again', () =>
    fetch(`${world.issuer}/livez`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const write = (clients: readonly Entry[] | string) =>
    writeFile(file, typeof clients === 'string' ? clients : JSON.stringify(clients));
  return {
    world,
    file,
    env,
    cwd,
    write,
    async reload(clients: readonly Entry[] | string) {
      await write(clients);
      return world.app.reload();
    },
    /** what the file cannot say: an entry that only the library refuses, a disk that is slow */
    reloadWith(...readings: (() => Promise<readonly ClientEntry[]>)[]) {
      const before = readClients;
      readClients = async () => ({ ok: true, clients: (await readings.shift()?.()) ?? [], warnings: [] });
      return Promise.all(readings.map(() => world.app.reload())).finally(() => {
        readClients = before;
      });
    },
    /** lines written since, as objects */
    async linesOf(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
      const from = world.log.length;
      await work();
      return world.log.slice(from).map((line) => JSON.parse(line));
    },
  };
}

type Reloadable = Awaited<ReturnType<typeof startReloadable>>;

let at: Reloadable;
let world: World;
beforeAll(async () => {
  at = await startReloadable();
  world = at.world;
});
beforeEach(() => at.reload([APP, OTHER]));
afterAll(() => world.close());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const isOutside = (location: string) => location.startsWith(REDIRECT);

async function authorizes(clientId: string, params: Record<string, string> = {}): Promise<Page> {
  const { url } = await world.authorize(params, clientId);
  return new Browser().get(url, isOutside);
}

async function signIn(clientId: string, who: string, browser = new Browser()) {
  const begun = await world.begin(browser, who, OFFLINE, clientId);
  if (!begun.sessionId) throw new Error(`no session was opened: ${begun.page.status} ${wordsOf(begun.page)}`);
  await showFace(world, begun);
  return { browser, begun, tokens: await world.finish(begun) };
}

/** The question of a logout; the library's form stands apart from its buttons. */
async function logOut(browser: Browser): Promise<Page> {
  const page = await browser.get(`${world.issuer}/session/end`);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const form = { xsrf, logout: 'yes' };
  return browser.follow(await browser.request(`${world.issuer}/session/end/confirm`, { form }));
}

/** A machine's request, with the secret of a client. */
async function post(path: string, clientId: string, form: Record<string, string>) {
  const response = await fetch(`${world.issuer}${path}`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      authorization: `Basic ${Buffer.from(`${clientId}:${CLIENT_SECRET}`).toString('base64')}`,
    },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('what the new file says counts at once', () => {
  test('a client that was added signs somebody in', async () => {
    const refused = await authorizes('newcomer');
    expect(refused.status).toBe(400);
    expect(wordsOf(refused)).toContain('client is invalid');
    const lines = await at.linesOf(() => at.reload([APP, OTHER, client('newcomer')]));
    expect(lines.at(-1)).toMatchObject({
      level: 'info',
      msg: 'clients read again',
      added: 1,
      changed: 0,
      removed: 0,
      clients: { added: ['newcomer'], changed: [], removed: [] },
    });
    const { tokens } = await signIn('newcomer', 'newcomer-person');
    expect(tokens.claims()?.aud).toBe('newcomer');
  });

  test('a changed redirect URI is honoured, and the one before is not', async () => {
    const moved = `${REDIRECT}/moved`;
    expect((await authorizes('app', { redirect_uri: moved })).status).toBe(400);
    const reload = await at.reload([{ ...APP, redirect_uris: [moved] }, OTHER]);
    expect(reload).toMatchObject({ ok: true, added: [], changed: ['app'] });
    expect(wordsOf(await authorizes('app', { redirect_uri: moved }))).toContain('Example App');
    const before = await authorizes('app', { redirect_uri: REDIRECT });
    expect(before.status).toBe(400);
    expect(wordsOf(before)).toContain('redirect_uri');
  });

  test('a secret that was changed is asked for, and the one before is refused', async () => {
    const other = 'another-client-secret-of-at-least-thirty-two-characters';
    await at.reload([{ ...APP, client_secret: other }, OTHER]);
    const form = { grant_type: 'refresh_token', refresh_token: 'none' };
    expect(await post('/token', 'app', form)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    await at.reload([APP, OTHER]);
    expect(await post('/token', 'app', form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('the file that is put in place of another one is noticed, after two looks', async () => {
    let look = async (): Promise<void> => undefined;
    const reloads: Promise<unknown>[] = [];
    const { stop } = watchFile(at.file, () => void reloads.push(world.app.reload()), {
      since: await fingerprintOf(at.file),
      every: (_ms, work) => {
        look = work;
        return () => undefined;
      },
    });
    await at.write([APP, OTHER, client('watched')]);
    await look();
    await look();
    await Promise.all(reloads);
    expect(reloads).toHaveLength(1);
    expect((await authorizes('watched')).status).toBe(200);
    stop();
  });
});

describe('a reload drops no login', () => {
  test('one that began before it, for a client it changed, ends in tokens after it', async () => {
    const begun = await world.begin(new Browser(), 'began-before', OFFLINE);
    await at.reload([{ ...APP, client_name: 'Renamed App' }, OTHER]);
    expect(wordsOf(await visit(world, begun, '/waiting'))).toContain('Renamed App');
    await showFace(world, begun);
    await at.reload([APP, OTHER, client('another')]);
    const tokens = await world.finish(begun);
    expect(tokens.claims()?.aud).toBe('app');
    await at.reload([APP]);
    expect(
      (await oidc.refreshTokenGrant(await world.client(), String(tokens.refresh_token))).access_token,
    ).toBeTruthy();
  });

  test('a form shown before it can be sent after it', async () => {
    const browser = new Browser();
    const first = await browser.get((await world.authorize()).url);
    await at.reload([APP, OTHER, client('meanwhile')]);
    const fields = { identifier: 'form-before', biometric_consent: 'yes' };
    const begun = await browser.press(first, { name: 'begin', value: 'here' }, fields);
    expect(begun.headers.get('location')).toContain(world.sandbox.url);
  });

  test('a code issued before it is redeemed after it', async () => {
    const begun = await world.begin(new Browser(), 'code-before');
    await showFace(world, begun);
    const callback = String((await comeBack(world, begun)).headers.get('location'));
    await at.reload([{ ...APP, client_name: 'Renamed App' }, OTHER]);
    const tokens = await exchange(await world.client(), begun.request, callback);
    expect(tokens.claims()?.aud).toBe('app');
  });

  test('a session from before it answers after it, without another face', async () => {
    const { browser } = await signIn('app', 'session-before');
    await at.reload([APP, OTHER, client('third')]);
    const again = await browser.get((await world.authorize()).url, isOutside);
    expect(new URL(String(again.headers.get('location'))).searchParams.has('code')).toBe(true);
  });

  test('the stream of a page that waits goes on, and tells what was settled after it', async () => {
    const begun = await world.begin(new Browser(), 'streaming');
    const stream = await openStream(world, begun);
    await stream.until('"waiting"');
    await at.reload([{ ...APP, client_name: 'Renamed App' }, OTHER]);
    expect(stream.isOpen()).toBe(true);
    await showFace(world, begun);
    await begun.browser.request(returnUrl(world, begun));
    await stream.until('"settled"');
    await at.reload([APP, OTHER]);
    expect((await world.finish(begun)).claims()?.aud).toBe('app');
  });

  test('a late refusal takes back what was allowed before it', async () => {
    const { begun, tokens } = await signIn('app', 'late-refused');
    await at.reload([APP, OTHER, client('another')]);
    await world.sandbox.settle(begun.sessionId, 'decline_face_match_low_similarity');
    await until('the tokens to be dead', async () => (await userinfo(tokens.access_token)).status === 401);
  });

  test('a client that came with it is told of a logout', async () => {
    const peer = await startPeer((_req, res) => res.end());
    try {
      await at.reload([APP, OTHER, client('told', { backchannel_logout_uri: `${peer.url}/logout` })]);
      const { browser } = await signIn('told', 'told-person');
      expect((await logOut(browser)).status).toBe(200);
      await until('the logout token', () => peer.requests.some(({ body }) => body.startsWith('logout_token=')));
    } finally {
      await peer.close();
    }
  });
});

async function userinfo(accessToken: string) {
  const response = await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  return { status: response.status, body: await response.text() };
}

describe('a file with faults', () => {
  test.each([
    [
      'two clients that cannot be',
      [
        { ...APP, redirect_uris: ['ftp://x'] },
        { ...OTHER, client_nane: 'x' },
      ],
      2,
    ],
    ['what is not YAML', '[{', 1],
    ['a list cut off in the middle', JSON.stringify([APP, OTHER]).slice(0, -30), 1],
  ])('%s: those before stay, and each fault is told in the words of the start', async (_what, clients, least) => {
    const lines = await at.linesOf(() => at.reload(clients));
    const atStart = await loadConfig(at.env, { cwd: at.cwd });
    if (atStart.ok) throw new Error('it would start');
    const { length } = atStart.faults;
    expect(length).toBeGreaterThanOrEqual(least);
    const told = lines.filter(({ msg }) => msg === 'a fault in the configuration');
    expect(told).toEqual(atStart.faults.map((fault) => expect.objectContaining({ level: 'error', ...fault })));
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      faults: length,
      msg: expect.stringContaining('not read again'),
    });
    expect((await authorizes('app')).status).toBe(200);
    expect(await at.reload([APP, OTHER])).toEqual({ ok: true, added: [], changed: [], removed: [] });
  });

  test('a file that is emptied, as one is that is being written anew, takes no client away', async () => {
    for (const nothing of ['', '[]']) {
      const reload = await at.reload(nothing);
      expect(reload).toMatchObject({ ok: false, faults: [{ where: at.file, problem: 'names no client any more' }] });
    }
    await at.world.enrol('empty');
  });

  test('an entry that only the library refuses: none of the file counts', async () => {
    const pairwise = client('sector', {
      subject_type: 'pairwise',
      sector_identifier_uri: 'https://10.1.2.3/sector.json',
    });
    const clients = [APP, pairwise, client('innocent')] as unknown as ClientEntry[];
    for (const _time of ['first', 'second']) {
      const [reload] = await at.reloadWith(async () => clients);
      expect(reload).toMatchObject({ ok: false, faults: [{ where: `${at.file} (client "sector")` }] });
    }
    expect((await authorizes('innocent')).status).toBe(400);
    expect((await authorizes('other')).status).toBe(200);
  });

  test('no login notices: one under way goes on while the file is wrong', async () => {
    const begun = await world.begin(new Browser(), 'while-wrong');
    await at.reload('nonsense');
    await showFace(world, begun);
    expect((await world.finish(begun)).claims()?.aud).toBe('app');
  });

  test('what else would keep it from starting keeps it from reading the clients, and is told', async () => {
    const policy = String(at.env.POLICY_FILE);
    const written = await readFile(policy, 'utf8');
    await writeFile(policy, 'enrolmnt: open');
    const reload = await at.reload([APP, OTHER, client('blocked')]);
    expect(reload).toMatchObject({ ok: false, faults: [{ problem: expect.stringContaining('enrolmnt') }] });
    await writeFile(policy, written);
    expect(await at.reload([APP, OTHER])).toMatchObject({ ok: true, added: [] });
  });

  test('a policy counts from a start on: a client whose own has changed waits for it, one that goes need not', async () => {
    const policy = String(at.env.POLICY_FILE);
    const written = await readFile(policy, 'utf8');
    await at.reload([APP, OTHER, client('leaving')]);
    await writeFile(policy, JSON.stringify({ ...JSON.parse(written), clients: { other: { cross_device: 'off' } } }));
    const lines = await at.linesOf(() => at.reload([APP, OTHER, client('newcomer')]));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', warning: expect.stringMatching(/policy\.json: has changed/) }),
    );
    expect((await authorizes('newcomer')).status).toBe(200);
    const reload = await at.reload([APP, { ...OTHER, client_name: 'Other' }]);
    expect(reload).toMatchObject({ ok: false, faults: [{ where: `${policy} (client "other")` }] });
    expect((await authorizes('newcomer')).status).toBe(200);
    await writeFile(policy, written);
    expect(await at.reload([APP, OTHER])).toMatchObject({ ok: true, removed: ['newcomer'] });
  });
});

describe('a client that was removed', () => {
  /** Signed in there and then removed, with a login under way. */
  async function removeOne() {
    await at.reload([APP, OTHER, client('leaving')]);
    const { browser, tokens } = await signIn('leaving', 'left-behind');
    const begun = await world.begin(new Browser(), 'under-way', {}, 'leaving');
    const pushed = await post('/request', 'leaving', {
      client_id: 'leaving',
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    expect(pushed).toMatchObject({ status: 201, body: {} });
    await at.reload([APP, OTHER]);
    return { browser, tokens, begun, requestUri: String(pushed.body.request_uri) };
  }

  let left: Awaited<ReturnType<typeof removeOne>>;
  let from = 0;
  beforeAll(async () => {
    left = await removeOne();
    from = world.log.length;
  });
  test('begins nothing', async () => {
    const page = await authorizes('leaving').catch(() => undefined);
    expect(page?.status).toBe(400);
    const request = `${world.issuer}/auth?client_id=leaving&request_uri=${encodeURIComponent(left.requestUri)}`;
    const pushed = await new Browser().get(request);
    expect(pushed.status).toBe(400);
    expect(wordsOf(pushed)).toContain('client is invalid');
  });

  test('has no tokens any more', async () => {
    const token = String(left.tokens.access_token);
    const refresh = { grant_type: 'refresh_token', refresh_token: String(left.tokens.refresh_token) };
    expect(await post('/token', 'leaving', refresh)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(await post('/token', 'app', refresh)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await userinfo(token)).status).toBe(401);
    expect(await post('/token/introspection', 'leaving', { token })).toMatchObject({ status: 401 });
  });

  test('cannot ask for a logout; the person can still log out', async () => {
    const hint = String(left.tokens.id_token);
    const asked = await left.browser.get(`${world.issuer}/session/end?id_token_hint=${hint}`);
    expect(asked.status).toBe(400);
    expect(wordsOf(asked)).toContain('audience');
    expect((await logOut(left.browser)).status).toBe(200);
    const again = await left.browser.get((await world.authorize()).url, isOutside);
    expect(again.url).toContain('/interaction/');
  });

  test('a login under way for it ends in a page that says so, whatever is asked for', async () => {
    const { begun } = left;
    await showFace(world, begun);
    for (const path of ['', '/waiting', '/events', '/finish']) {
      const page = await visit(world, begun, path);
      expect([path, page.status]).toEqual([path, expect.any(Number)]);
      expect(page.status).toBeGreaterThanOrEqual(400);
      expect(page.status).toBeLessThan(500);
      expect(page.text).toContain('<h1');
    }
    expect((await comeBack(world, begun)).status).toBe(403);
    // another process may know the client, or this one may again
    expect((await world.app.parts.attempts.find(begun.uid))?.state).toBe('settled');
    const elsewhere = await comeBack(world, begun, new Browser());
    expect(elsewhere.status).toBe(403);
  });

  test('a login that had only to be resumed is refused by name', async () => {
    await at.reload([APP, OTHER, client('leaving')]);
    const begun = await world.begin(new Browser(), 'to-be-resumed', {}, 'leaving');
    await showFace(world, begun);
    const resume = await begun.browser.get(returnUrl(world, begun), (location) =>
      new URL(location).pathname.startsWith('/auth/'),
    );
    let page = resume;
    for (let tries = 0; tries < 400 && page.status === 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      page = await begun.browser.get(page.url, (location) => new URL(location).pathname.startsWith('/auth/'));
    }
    expect(page.status).toBe(303);
    await at.reload([APP, OTHER]);
    const refused = await begun.browser.follow(page);
    expect(refused.status).toBe(400);
    expect(wordsOf(refused)).toContain('client is invalid');
  });

  test('and none of it was a fault of ours', () => {
    const lines = world.log.slice(from).map((line): Record<string, unknown> => JSON.parse(line));
    expect(lines.filter(({ msg, status }) => msg === 'a request failed' || Number(status) >= 500)).toEqual([]);
  });

  // the library looks at the entry of a client that is not there; `allowedPolicy` can refuse before it does
  test('has no tokens for those who ask about them', async () => {
    const token = String(left.tokens.access_token);
    expect(await post('/token/introspection', 'app', { token })).toEqual({ status: 200, body: { active: false } });
  });
});

describe('many reloads', () => {
  test('ten in a row under requests from all sides: not one of those fails', async () => {
    const { browser, tokens } = await signIn('app', 'in-the-storm');
    let isOver = false;
    const answers: string[] = [];
    const keep = async (ask: () => Promise<string>) => {
      while (!isOver) answers.push(await ask().catch((error: unknown) => `failed: ${String(error)}`));
    };
    const asking = [
      () => fetch(`${world.issuer}/.well-known/openid-configuration`).then(({ status }) => `discovery ${status}`),
      () => authorizes('app').then(({ status }) => `page ${status}`),
      async () => {
        const page = await browser.get((await world.authorize()).url, isOutside);
        return `session ${page.status} ${new URL(String(page.headers.get('location'))).searchParams.has('code')}`;
      },
      () => userinfo(tokens.access_token).then(({ status }) => `userinfo ${status}`),
      () =>
        post('/token', 'other', { grant_type: 'refresh_token', refresh_token: 'x' }).then((r) => `token ${r.status}`),
    ].flatMap((ask) => [keep(ask), keep(ask)]);
    const reloads: unknown[] = [];
    try {
      for (let round = 0; round < 10; round += 1) {
        const before = answers.length;
        reloads.push(await at.reload([{ ...APP, client_name: `App ${round}` }, OTHER]));
        await until('requests between two reloads', () => answers.length > before + 10);
      }
    } finally {
      isOver = true;
      await Promise.all(asking);
    }
    expect(reloads).toEqual(Array(10).fill({ ok: true, added: [], changed: ['app'], removed: [] }));
    expect([...new Set(answers)].sort()).toEqual([
      'discovery 200',
      'page 200',
      'session 303 true',
      'token 400',
      'userinfo 200',
    ]);
  });

  test('those asked for at once run one after another: the last to ask wins, however long the first takes', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const clients = (id: string) => [APP, OTHER, client(id)] as unknown as ClientEntry[];
    const reloads = at.reloadWith(
      () => held.then(() => clients('slow')),
      async () => {
        release();
        return clients('quick');
      },
    );
    setImmediate(release);
    expect(await reloads).toMatchObject([{ added: ['slow'] }, { added: ['quick'], removed: ['slow'] }]);
    expect((await authorizes('slow')).status).toBe(400);
    expect((await authorizes('quick')).status).toBe(200);
  });

  test('nothing of those before stays in memory', async () => {
    const made: WeakRef<Provider>[] = [];
    const { callback } = Provider.prototype;
    Provider.prototype.callback = function (this: Provider) {
      made.push(new WeakRef(this));
      return callback.call(this);
    };
    for (let round = 0; round < 20; round += 1) {
      await at.reload([{ ...APP, client_name: `App ${round}` }, OTHER]);
      await authorizes('app');
    }
    Provider.prototype.callback = callback;
    expect(made).toHaveLength(20);
    const left = () => made.filter((each) => each.deref() !== undefined).length;
    for (let tries = 0; tries < 20 && left() > 4; tries += 1) {
      // a reference that was read holds on until the next turn
      await new Promise((resolve) => setTimeout(resolve, 10));
      collectGarbage();
    }
    // the present one, and what the last requests before it may still hold
    expect(left()).toBeLessThanOrEqual(4);
  });
});
