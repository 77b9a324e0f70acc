// R1–R5 over HTTP on every engine: two processes with an oidc-provider each, the same records, ten requests at once. The
// textbook adapter runs through the same rounds as the control: where it does not fail, these tests would show nothing. RACE_ROUNDS
// sets how often, on engines with a server too.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { authorize, basic, callback, type Pair, type Reply, startPair } from '../../faults/races/pair.ts';
import {
  askSixScopesAtOnce,
  assertTenTimes,
  CLIENTS,
  proveKeyTenTimes,
  proveSixTimes,
  refreshTenTimes,
  revokeAmongRefreshes,
  signInSixTimes,
  successes,
  tenTimes,
  useCodeTenTimes,
} from '../../faults/races/plays.ts';
import { describeOn } from '../support/describe-on.ts';
import { ENGINES, type Engine, makeRoom, type Room } from '../support/servers.ts';
import { Browser } from './fixtures/browser.ts';
import { TAB_SCOPES } from './fixtures/tab-scopes.ts';

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
    await Promise.all([ours?.stop(), textbook?.stop()]);
    for (const room of rooms ?? []) await room.remove();
  });

  async function rounds<T>(play: () => Promise<T>, count = times): Promise<T[]> {
    const results: T[] = [];
    for (let round = 0; round < count; round += 1) results.push(await play());
    return results;
  }

  /** A control fails by chance: it is played until it does. */
  async function everFails<T>(play: () => Promise<T>, fails: (result: T) => boolean): Promise<boolean> {
    for (let round = 0; round < 25; round += 1) if (fails(await play())) return true;
    return false;
  }

  describe('R1: ten uses of one code at once', () => {
    const play = useCodeTenTimes;

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
      expect(
        await everFails(
          () => play(textbook),
          (replies) => successes(replies).length > 1,
        ),
      ).toBe(true);
    });
  });

  describe('R2: ten uses of one refresh token at once', () => {
    const play = refreshTenTimes;

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
      expect(
        await everFails(
          () => play(textbook),
          ({ replies }) => successes(replies).length > 1,
        ),
      ).toBe(true);
    });
  });

  describe('R3: six sign-ins of six clients at once in one browser', () => {
    const all = CLIENTS.map(() => true);
    const everybody = CLIENTS.map((client) => `client-${client}.test`);

    test.each([
      ['with a session', signInSixTimes],
      ['each with a login of its own', proveSixTimes],
    ])('%s: all codes work, and all six are told at logout', async (_name, play) => {
      for (const { browser, working } of await rounds(() => play(ours), someTimes)) {
        expect(working).toEqual(all);
        expect(await ours.logOut(browser)).toEqual(everybody);
      }
    });

    test('control: with the textbook adapter some codes are refused', async () => {
      expect(
        await everFails(
          () => signInSixTimes(textbook),
          ({ working }) => working.includes(false),
        ),
      ).toBe(true);
    });

    test('six tabs of one client that ask for a scope each: every one gets its own', async () => {
      for (const scopes of await rounds(() => askSixScopesAtOnce(ours), someTimes)) expect(scopes).toEqual(TAB_SCOPES);
    });

    test('control: with the textbook adapter some tabs lose what they asked for', async () => {
      expect(
        await everFails(
          () => askSixScopesAtOnce(textbook),
          (scopes) => scopes.some((scope, i) => scope !== TAB_SCOPES[i]),
        ),
      ).toBe(true);
    });

    test('after logout no tab is signed in, whatever cookie it still has', async () => {
      const { browser } = await signInSixTimes(ours);
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
      const { replies, usable } = await revokeAmongRefreshes(pair);
      expectRefused(replies, 'invalid_grant');
      return usable;
    };

    test('nothing is usable afterwards: user info, introspection, refresh', async () => {
      for (const usable of await rounds(() => play(ours), fewTimes)) expect(usable).not.toContain(true);
    });

    test('control: with the textbook adapter something survives', async () => {
      expect(
        await everFails(
          () => play(textbook),
          (usable) => usable.includes(true),
        ),
      ).toBe(true);
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
    test('one client assertion is accepted, the rest are invalid_client', async () => {
      for (const replies of await rounds(() => assertTenTimes(ours))) {
        expect(successes(replies)).toHaveLength(1);
        expectRefused(replies, 'invalid_client', [401]);
      }
    });

    test('control: the textbook adapter accepts more than one', async () => {
      expect(
        await everFails(
          () => assertTenTimes(textbook),
          (replies) => successes(replies).length > 1,
        ),
      ).toBe(true);
    });

    test('one DPoP proof is accepted, the rest are invalid_grant', async () => {
      for (const replies of await rounds(() => proveKeyTenTimes(ours))) {
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
