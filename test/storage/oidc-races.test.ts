// R1–R5 over HTTP on every engine: two processes with an oidc-provider each, the same records, ten requests at once. The
// textbook adapter runs through the same rounds as the control: where it does not fail, these tests would show nothing. RACE_ROUNDS
// sets how often, on engines with a server too.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describeOn, ENGINES, type Engine, makeRoom, type Room } from '../support/servers.ts';
import { Browser, FORWARDED } from './fixtures/browser.ts';
import { ISSUER } from './fixtures/issuer.ts';
import type { ProviderSetup } from './fixtures/provider-process.ts';

const CLIENTS = [1, 2, 3, 4, 5, 6];

interface Tokens {
  access_token: string;
  refresh_token: string;
  error?: string;
}

interface Reply {
  readonly status: number;
  readonly body: Tokens;
}

const signer = await generateKeyPair('ES256', { extractable: true });

async function startPair(adapter: ProviderSetup['adapter'], storageUrl: string): Promise<Pair> {
  const keys = await generateKeyPair('ES256', { extractable: true });
  const setup: ProviderSetup = {
    storageUrl,
    adapter,
    jwks: { keys: [{ ...(await exportJWK(keys.privateKey)), alg: 'ES256', use: 'sig' }] } as ProviderSetup['jwks'],
    signerJwks: { keys: [{ ...(await exportJWK(signer.publicKey)), alg: 'ES256' }] } as ProviderSetup['jwks'],
  };
  const children = [0, 1].map(() =>
    fork(join(import.meta.dirname, 'fixtures/provider-process.ts'), [JSON.stringify(setup)], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  const ports = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0] as number));
  return new Pair(
    children,
    ports.map((port) => `http://127.0.0.1:${port}`),
  );
}

/** Two processes and what a client asks of them. */
class Pair {
  readonly #children: readonly ChildProcess[];
  readonly origins: readonly string[];

  constructor(children: readonly ChildProcess[], origins: readonly string[]) {
    this.#children = children;
    this.origins = origins;
  }

  at(index: number): string {
    return this.origins[index % this.origins.length] as string;
  }

  async post(index: number, path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
    const response = await fetch(`${this.at(index)}${path}`, {
      method: 'POST',
      headers: { ...FORWARDED, ...headers },
      body: new URLSearchParams(form),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Tokens } satisfies Reply;
  }

  redeem = (index: number, client: number, code: string) =>
    this.post(
      index,
      '/token',
      { grant_type: 'authorization_code', code, redirect_uri: callback(client) },
      basic(client),
    );

  refresh = (index: number, client: number, token: string) =>
    this.post(index, '/token', { grant_type: 'refresh_token', refresh_token: token }, basic(client));

  async isUsable(index: number, client: number, { access_token: access, refresh_token: refresh }: Tokens) {
    const me = await fetch(`${this.at(index)}/me`, { headers: { ...FORWARDED, authorization: `Bearer ${access}` } });
    const asked = await Promise.all(
      [access, refresh].map((token) => this.post(index, '/token/introspection', { token }, basic(client))),
    );
    const active = asked.some(({ body }) => (body as unknown as { active: boolean }).active);
    return me.status === 200 || active || (await this.refresh(index + 1, client, refresh)).status === 200;
  }

  /** signs in, or is signed in already. @returns a code */
  async code(browser: Browser, client: number, index = client, more: Record<string, string> = {}): Promise<string> {
    const { location, status, text } = await browser.follow(this.at(index), authorize(client, more));
    const code = location?.searchParams.get('code');
    if (!code) throw new Error(`no code for client ${client}: ${status} ${location} ${text.slice(0, 200)}`);
    return code;
  }

  async signIn(client: number): Promise<Tokens> {
    const { status, body } = await this.redeem(client, client, await this.code(new Browser(), client));
    if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** the clients that this logout is delivered to */
  async logOut(browser: Browser): Promise<readonly string[]> {
    const page = await browser.go(this.at(0), '/session/end');
    const xsrf = /name="xsrf" value="(\w+)"/.exec(page.text)?.[1] ?? '';
    const before = await this.told();
    await browser.go(this.at(1), '/session/end/confirm', { xsrf, logout: 'yes' });
    return (await this.told()).slice(before.length).toSorted();
  }

  async told(): Promise<string[]> {
    return JSON.parse((await new Browser().go(this.at(1), '/told')).text) as string[];
  }

  async stop(): Promise<void> {
    const ends = this.#children.map((child) => once(child, 'exit'));
    for (const child of this.#children) child.disconnect();
    await Promise.all(ends);
  }
}

const callback = (client: number) => `https://client-${client}.test/cb`;
const basic = (client: number) => ({ authorization: `Basic ${btoa(`client-${client}:secret-${client}`)}` });
const authorize = (client: number, more: Record<string, string>) =>
  `/auth?${new URLSearchParams({ client_id: `client-${client}`, response_type: 'code', redirect_uri: callback(client), scope: 'openid', ...more })}`;
const tenTimes = <T>(ask: (index: number) => Promise<T>) => Promise.all(Array.from({ length: 10 }, (_, i) => ask(i)));
const successes = (replies: readonly Reply[]) => replies.filter(({ status }) => status === 200);

/** every reply that is not the one success says `error`, and none is a 5xx */
function expectRefused(replies: readonly Reply[], error: string, statuses: readonly number[] = [400]): void {
  for (const { status, body } of replies) {
    if (status === 200) continue;
    expect(statuses).toContain(status);
    expect(body.error).toBe(error);
  }
}

for (const engine of ENGINES) describeOn(engine, () => racesOn(engine));

function racesOn(engine: Engine): void {
  const times = Number(process.env.RACE_ROUNDS ?? (engine === 'sqlite' ? 6 : 2));
  const someTimes = Math.ceil(times / 2);
  const fewTimes = Math.ceil(times / 4);
  jest.setTimeout(Math.max(20_000, times * 1500));
  let rooms: Room[];
  let ours: Pair;
  let textbook: Pair;

  beforeAll(async () => {
    rooms = await Promise.all([makeRoom(engine), makeRoom(engine)]);
    const [room, other] = rooms as [Room, Room];
    [ours, textbook] = await Promise.all([startPair('ours', room.url), startPair('textbook', other.url)]);
  });

  afterAll(async () => {
    await Promise.all([ours.stop(), textbook.stop()]);
    for (const room of rooms) await room.remove();
  });

  async function rounds<T>(play: () => Promise<T>, count = times): Promise<T[]> {
    const results: T[] = [];
    for (let round = 0; round < count; round += 1) results.push(await play());
    return results;
  }

  describe('R1: ten uses of one code at once', () => {
    const play = async (pair: Pair) => {
      const code = await pair.code(new Browser(), 1);
      return tenTimes((index) => pair.redeem(index, 1, code));
    };

    test('exactly one succeeds, the rest are invalid_grant, and what it gave is revoked', async () => {
      for (const replies of await rounds(() => play(ours))) {
        expectRefused(replies, 'invalid_grant');
        const [first, ...others] = successes(replies);
        expect([first?.status, others.length]).toEqual([200, 0]);
        expect(await ours.isUsable(0, 1, (first as Reply).body)).toBe(false);
      }
    });

    test('used twice, one after the other: the second fails and ends what the first gave', async () => {
      const code = await ours.code(new Browser(), 1);
      const { body } = await ours.redeem(0, 1, code);
      expect(await ours.post(1, '/token/introspection', { token: body.access_token }, basic(1))).toMatchObject({
        body: { active: true },
      });
      expect(await ours.redeem(1, 1, code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
      expect(await ours.isUsable(0, 1, body)).toBe(false);
    });

    test('control: the textbook adapter gives more than one', async () => {
      const results = await rounds(() => play(textbook));
      expect(results.filter((replies) => successes(replies).length > 1).length).toBeGreaterThan(0);
    });
  });

  describe('R2: ten uses of one refresh token at once', () => {
    const play = async (pair: Pair) => {
      const { refresh_token: token } = await pair.signIn(1);
      return { token, replies: await tenTimes((index) => pair.refresh(index, 1, token)) };
    };

    test('exactly one succeeds, the rest are invalid_grant, and the family has ended', async () => {
      for (const { token, replies } of await rounds(() => play(ours))) {
        expectRefused(replies, 'invalid_grant');
        expect(successes(replies)).toHaveLength(1);
        expect((await ours.refresh(0, 1, token)).body.error).toBe('invalid_grant');
        expect(await ours.isUsable(0, 1, (successes(replies)[0] as Reply).body)).toBe(false);
      }
    });

    test('rotated in order each works, and a replay of the first ends the last', async () => {
      const first = await ours.signIn(1);
      const { body: second } = await ours.refresh(0, 1, first.refresh_token);
      const { status, body: third } = await ours.refresh(1, 1, second.refresh_token);
      expect(status).toBe(200);
      expect((await ours.refresh(0, 1, first.refresh_token)).body.error).toBe('invalid_grant');
      expect(await ours.isUsable(1, 1, third)).toBe(false);
    });

    test('control: the textbook adapter gives more than one', async () => {
      const results = await rounds(() => play(textbook));
      expect(results.filter(({ replies }) => successes(replies).length > 1).length).toBeGreaterThan(0);
    });
  });

  describe('R3: six sign-ins of six clients at once in one browser', () => {
    /** each tab has the cookies of the moment it was opened; the browser keeps what comes back last */
    async function redeemAll(pair: Pair, codes: readonly string[]): Promise<readonly boolean[]> {
      const replies = await Promise.all(CLIENTS.map((client, i) => pair.redeem(i, client, codes[i] ?? '')));
      const usable = replies.map(
        async ({ status, body }, i) => status === 200 && (await pair.isUsable(i, i + 1, body)),
      );
      return Promise.all(usable);
    }

    const signedInAlready = async (pair: Pair) => {
      const browser = new Browser();
      await pair.code(browser, 1);
      const codes = await Promise.all(CLIENTS.map((client, i) => pair.code(browser, client, i)));
      return { browser, working: await redeemAll(pair, codes) };
    };

    /** six logins begun, six resumed at once: each resume replaces the session's id */
    const eachProvenAnew = async (pair: Pair) => {
      const browser = new Browser();
      await pair.code(browser, 1);
      const resumes = await Promise.all(
        CLIENTS.map(async (client, i) => {
          const begun = await browser.go(pair.at(i), authorize(client, { prompt: 'login' }));
          return (await browser.go(pair.at(i), begun.location ?? '')).location ?? '';
        }),
      );
      const ends = await Promise.all(resumes.map((resume, i) => browser.go(pair.at(i + 1), resume)));
      const codes = ends.map(({ location }) => location?.searchParams.get('code') ?? '');
      return { browser, working: await redeemAll(pair, codes) };
    };

    const all = CLIENTS.map(() => true);
    const everybody = CLIENTS.map((client) => `client-${client}.test`);

    test.each([
      ['with a session', signedInAlready],
      ['each with a login of its own', eachProvenAnew],
    ])('%s: all codes work, and all six are told at logout', async (_name, play) => {
      for (const { browser, working } of await rounds(() => play(ours), someTimes)) {
        expect(working).toEqual(all);
        expect(await ours.logOut(browser)).toEqual(everybody);
      }
    });

    test('control: with the textbook adapter some codes are refused', async () => {
      const results = await rounds(() => signedInAlready(textbook), someTimes);
      expect(results.filter(({ working }) => working.includes(false)).length).toBeGreaterThan(0);
    });

    test('after logout no tab is signed in, whatever cookie it still has', async () => {
      const { browser } = await signedInAlready(ours);
      const tab = browser.copy();
      await ours.logOut(browser);
      const { location } = await tab.follow(ours.at(0), authorize(1, { prompt: 'none' }));
      expect(location?.searchParams.get('error')).toBe('login_required');
    });

    test('signing out of one client among five sign-ins ends that one and no other', async () => {
      for (const told of await rounds(async () => {
        const browser = new Browser();
        await ours.code(browser, 1);
        const page = await browser.go(ours.at(0), '/session/end?client_id=client-1');
        const xsrf = /name="xsrf" value="(\w+)"/.exec(page.text)?.[1] ?? '';
        await Promise.all([
          browser.go(ours.at(1), '/session/end/confirm', { xsrf }),
          ...[2, 3, 4, 5, 6].map((client) => ours.code(browser, client)),
        ]);
        return ours.logOut(browser);
      }, someTimes)) {
        expect(told).toEqual(everybody.slice(1));
      }
    });

    test('T23: a cookie planted before a login is worth nothing after it', async () => {
      const attacker = new Browser();
      await attacker.go(ours.at(0), '/session/end');
      const victim = attacker.copy();
      await ours.code(victim, 1);
      const { location } = await attacker.follow(ours.at(1), authorize(1, { prompt: 'none' }));
      expect(location?.searchParams.get('error')).toBe('login_required');
    });

    test('a logout among six sign-ins: afterwards nobody is signed in by that session', async () => {
      await rounds(async () => {
        const browser = new Browser();
        await ours.code(browser, 1);
        const tabs = CLIENTS.map(() => browser.copy());
        const [, ...answers] = await Promise.all([
          ours.logOut(browser),
          ...tabs.map((tab, i) => tab.go(ours.at(i), authorize(i + 1, { prompt: 'none' }))),
        ]);
        expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
        for (const tab of tabs) {
          const { location } = await tab.follow(ours.at(0), authorize(1, { prompt: 'none' }));
          expect(location?.searchParams.get('error')).toBe('login_required');
        }
      }, someTimes);
    });

    test('T13: one login resumed ten times at once gives one code', async () => {
      for (const answers of await rounds(async () => {
        const browser = new Browser();
        const begun = await browser.go(ours.at(0), authorize(1, {}));
        const { location: resume } = await browser.go(ours.at(0), begun.location ?? '');
        return tenTimes((index) => browser.copy().go(ours.at(index), resume ?? ''));
      }, someTimes)) {
        expect(answers.filter(({ location }) => location?.searchParams.has('code'))).toHaveLength(1);
        expect(answers.filter(({ status }) => status === 400)).toHaveLength(9);
      }
    });
  });

  describe('R4: a revocation among ten refreshes', () => {
    const play = async (pair: Pair) => {
      const browser = new Browser();
      const families = await rounds(async () => {
        const { body } = await pair.redeem(0, 1, await pair.code(browser, 1));
        return body;
      }, 10);
      const refreshes = families.map(({ refresh_token: token }, index) => pair.refresh(index, 1, token));
      await Promise.race(refreshes);
      await pair.post(1, '/token/revocation', { token: families[3]?.access_token ?? '' }, basic(1));
      const replies = await Promise.all(refreshes);
      expectRefused(replies, 'invalid_grant');
      const tokens = [...families, ...successes(replies).map(({ body }) => body)];
      return Promise.all(tokens.map((each, index) => pair.isUsable(index, 1, each)));
    };

    test('nothing is usable afterwards: user info, introspection, refresh', async () => {
      for (const usable of await rounds(() => play(ours), fewTimes)) expect(usable).not.toContain(true);
    });

    test('control: with the textbook adapter something survives', async () => {
      const results = await rounds(() => play(textbook), fewTimes);
      expect(results.filter((usable) => usable.includes(true)).length).toBeGreaterThan(0);
    });

    test('whoever signs in again after a revoked access token gets tokens that work', async () => {
      const browser = new Browser();
      const first = (await ours.redeem(0, 1, await ours.code(browser, 1))).body;
      await ours.post(0, '/token/revocation', { token: first.access_token }, basic(1));
      const second = (await ours.redeem(1, 1, await ours.code(browser, 1))).body;
      expect(await ours.isUsable(0, 1, second)).toBe(true);
    });
  });

  describe('R5: ten uses of one jti at once', () => {
    const credentials = { grant_type: 'client_credentials' };

    const playAssertion = async (pair: Pair) => {
      const assertion = await new SignJWT({ jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer('signer')
        .setSubject('signer')
        .setAudience(ISSUER)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(signer.privateKey);
      const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const form = { ...credentials, client_assertion_type: type, client_assertion: assertion };
      return tenTimes((index) => pair.post(index, '/token', form));
    };

    test('one client assertion is accepted, the rest are invalid_client', async () => {
      for (const replies of await rounds(() => playAssertion(ours))) {
        expect(successes(replies)).toHaveLength(1);
        expectRefused(replies, 'invalid_client', [401]);
      }
    });

    test('control: the textbook adapter accepts more than one', async () => {
      const results = await rounds(() => playAssertion(textbook));
      expect(results.filter((replies) => successes(replies).length > 1).length).toBeGreaterThan(0);
    });

    test('one DPoP proof is accepted, the rest are invalid_grant', async () => {
      const jwk = await exportJWK(signer.publicKey);
      for (const replies of await rounds(async () => {
        const proof = await new SignJWT({ jti: crypto.randomUUID(), htm: 'POST', htu: `${ISSUER}/token` })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
          .setIssuedAt()
          .sign(signer.privateKey);
        return tenTimes((index) => ours.post(index, '/token', credentials, { ...basic(7), dpop: proof }));
      })) {
        expect(successes(replies)).toHaveLength(1);
        expectRefused(replies, 'invalid_grant');
      }
    });
  });

  describe('a pushed request', () => {
    test('used ten times at once gives one code, and the rest are invalid_request_uri', async () => {
      const browser = new Browser();
      await ours.code(browser, 1);
      for (const answers of await rounds(async () => {
        const form = { client_id: 'client-1', response_type: 'code', redirect_uri: callback(1), scope: 'openid' };
        const { body } = await ours.post(0, '/request', form, basic(1));
        const { request_uri: uri } = body as unknown as { request_uri: string };
        const target = `/auth?${new URLSearchParams({ client_id: 'client-1', request_uri: uri })}`;
        return tenTimes((index) => browser.copy().go(ours.at(index), target));
      }, someTimes)) {
        expect(answers.filter(({ location }) => location?.searchParams.has('code'))).toHaveLength(1);
        const errors = answers.map(
          (a) => a.location?.searchParams.get('error') ?? /invalid_request_uri/.exec(a.text)?.[0],
        );
        expect(errors.filter((error) => error === 'invalid_request_uri')).toHaveLength(9);
        expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
      }
    });
  });
}
