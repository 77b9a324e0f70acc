// R7: whatever write of a request fails, it is answered by 503, and whoever asks again as that tells them to goes on from where they were:
// a code, a refresh token and an approval are not used up by what failed. And each still gives one answer, and no more.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { Browser, type Page } from '../support/browser.ts';
import { type Loss, loseWrite } from '../support/lost-writes.ts';
import { type Asked, type OidcWorld, startOidcWorld, type Tokens } from '../support/oidc-world.ts';

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };
const LOSSES = ['refused', 'answer lost'] as const;

let o: OidcWorld;
let browser: Browser;
beforeAll(async () => {
  o = await startOidcWorld({ storage: 'sqlite' });
  browser = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());

/** Plays until a round is through before its turn to fail comes. @returns what failed, in order */
async function losingEach<T>(
  loss: Loss,
  prepare: () => Promise<T>,
  play: (with_: T, nth: () => string | undefined) => Promise<void>,
) {
  const failed: string[] = [];
  for (let nth = 1; nth < 40; nth += 1) {
    const prepared = await prepare();
    const end = loseWrite(o.world.app.parts.store, nth, loss);
    let lost: string | undefined;
    await play(prepared, () => {
      lost = end();
      return lost;
    }).finally(end);
    if (lost === undefined) return failed;
    failed.push(lost);
  }
  throw new Error('there is no end of writes');
}

const freshCode = async (params = {}): Promise<{ asked: Asked; code: string }> => {
  const asked = o.ask('app', params);
  return { asked, code: String(o.answerOf(await o.go(browser, asked)).get('code')) };
};

const expectRefused = ({ status, body, headers }: Tokens) => {
  expect([status, body.error]).toEqual([503, 'temporarily_unavailable']);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
};

describe.each(LOSSES)('a write that fails (%s)', (loss) => {
  test('loses no refresh token, and ends no family', async () => {
    const failed = await losingEach(
      loss,
      async () => (await o.signIn({ browser, params: OFFLINE })).tokens,
      async ({ refreshToken }, end) => {
        const first = await o.refresh('app', refreshToken);
        if (end() === undefined) return expect(first.status).toBe(200) as unknown as void;
        expectRefused(first);
        const again = await o.refresh('app', refreshToken);
        expect(again.body).toMatchObject({ access_token: expect.any(String) });
        const next = await o.refresh('app', again.refreshToken);
        expect(next.status).toBe(200);
        // and it was used once: a replay ends the family as ever (R2)
        expect((await o.refresh('app', refreshToken)).body.error).toBe('invalid_grant');
        expect((await o.userinfo(next.accessToken)).status).toBe(401);
      },
    );
    expect(failed).toEqual(['set oidc:RefreshToken', 'set oidc:AccessToken', 'update oidc:RefreshToken']);
  });

  test('loses no code', async () => {
    const failed = await losingEach(
      loss,
      () => freshCode(OFFLINE),
      async ({ asked, code }, end) => {
        const first = await o.redeem(asked, code);
        if (end() === undefined) return expect(first.status).toBe(200) as unknown as void;
        expectRefused(first);
        const again = await o.redeem(asked, code);
        expect(again.status).toBe(200);
        expect((await o.redeem(asked, code)).body.error).toBe('invalid_grant');
        expect((await o.userinfo(again.accessToken)).status).toBe(401);
      },
    );
    expect(failed).toEqual(['set oidc:AccessToken', 'set oidc:RefreshToken', 'update oidc:AuthorizationCode']);
  });

  test('loses no pushed request', async () => {
    const failed = await losingEach(
      loss,
      async () => {
        await freshCode();
        const asked = o.ask('app');
        const { body } = await o.post('/request', 'app', Object.fromEntries(asked.url.searchParams));
        const url = new URL(`${o.issuer}/auth`);
        url.search = new URLSearchParams({ client_id: 'app', request_uri: String(body.request_uri) }).toString();
        return { ...asked, url };
      },
      async (asked, end) => {
        const first = await o.go(browser, asked);
        if (end() === undefined) return expect(o.answerOf(first).has('code')).toBe(true) as unknown as void;
        expect(first.status).toBe(503);
        expect(o.answerOf(await o.go(browser, asked)).has('code')).toBe(true);
        expect((await o.go(browser, asked)).headers.get('location') ?? '').not.toContain('code=');
      },
    );
    expect(failed).toContain('update oidc:PushedAuthorizationRequest');
    expect(failed).toContain('set oidc:AuthorizationCode');
  });

  /** Up to the redirect by which the approval is resumed. */
  async function approved(who: string, jar: Browser, client: string) {
    const asked = o.ask(client);
    let resume = '';
    const isResume = (location: string) => {
      if (location.startsWith(`${o.issuer}/auth/`)) resume = location;
      return resume !== '' || o.isOutside(location);
    };
    jar.follow = (page) => Browser.prototype.follow.call(jar, page, isResume);
    await o.comply(jar, await o.go(jar, asked), who);
    jar.follow = Browser.prototype.follow;
    return { jar, asked, resume };
  }

  const codesOf = (pages: readonly Page[]) =>
    pages.flatMap(({ headers }) => new URL(headers.get('location') ?? 'none:').searchParams.getAll('code'));

  test.each([
    ['approval', 'app', false],
    ['consent', 'third', true],
  ])('loses no %s: a reload goes on with it, without another selfie, and once', async (_what, client, isSignedIn) => {
    let faces = 0;
    let round = 0;
    const failed = await losingEach(
      loss,
      async () => {
        const who = `${client}-${loss.length}-${round++}`;
        const jar = isSignedIn ? (await o.signIn({ who })).browser : new Browser();
        const ready = await approved(who, jar, client);
        faces = o.sandbox.sessions().length;
        return ready;
      },
      async ({ jar, asked, resume }, end) => {
        const first = await jar.request(resume);
        const lost = end();
        if (lost === undefined) return expect(codesOf([first])).toHaveLength(1) as unknown as void;
        expect([lost, first.status]).toEqual([lost, 503]);
        const codes = codesOf(await Promise.all(Array.from({ length: 5 }, () => jar.request(resume))));
        expect([lost, codes.length]).toEqual([lost, 1]);
        expect((await o.redeem(asked, String(codes[0]))).status).toBe(200);
        expect(codesOf([await jar.request(resume)])).toEqual([]);
        expect(o.sandbox.sessions()).toHaveLength(faces);
      },
    );
    expect(failed).toContain('update oidc:Interaction');
    expect(failed).toContain('set oidc:AuthorizationCode');
    expect(failed.length).toBeGreaterThan(5);
  });
});

test('R4: a revocation that could not be noted is done by the next try, and not told as done before', async () => {
  const { tokens } = await o.signIn({ browser, params: OFFLINE });
  const revoke = () => o.post('/token/revocation', 'app', { token: tokens.refreshToken });
  const away = () => Promise.reject(new StorageUnavailable('gone for the test'));
  const spy = jest.spyOn(o.world.app.parts.store, 'set').mockImplementation(away);
  expect((await revoke()).status).toBe(503);
  spy.mockRestore();
  expect((await revoke()).status).toBe(200);
  expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
  expect((await o.refresh('app', tokens.refreshToken)).body.error).toBe('invalid_grant');
});
