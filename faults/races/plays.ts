// The races themselves: each plays one round against a pair of processes and says what came of it. What is right and wrong about
// that is for whoever plays it: `test/storage/oidc-races.test.ts`, and `checks.ts` beside this.

import { exportJWK, SignJWT } from 'jose';
import { Browser } from '../../test/storage/fixtures/browser.ts';
import { ISSUER } from '../../test/storage/fixtures/issuer.ts';
import { TAB_SCOPES } from '../../test/storage/fixtures/tab-scopes.ts';
import { authorize, basic, type Pair, type Reply, signer, type Tokens } from './pair.ts';

export const CLIENTS = [1, 2, 3, 4, 5, 6];
const CREDENTIALS = { grant_type: 'client_credentials' };

export const tenTimes = <T>(ask: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: 10 }, (_, index) => ask(index)));
export const successes = (replies: readonly Reply[]) => replies.filter(({ status }) => status === 200);

/** R1: ten uses of one code at once. */
export async function useCodeTenTimes(pair: Pair): Promise<readonly Reply[]> {
  const code = await pair.code(new Browser(), 1);
  return tenTimes((index) => pair.redeem(index, 1, code));
}

/** R2: ten uses of one refresh token at once. */
export async function refreshTenTimes(pair: Pair): Promise<{ token: string; replies: readonly Reply[] }> {
  const { refresh_token: token } = await pair.signIn(1);
  return { token, replies: await tenTimes((index) => pair.refresh(index, 1, token)) };
}

interface SixTabs {
  readonly browser: Browser;
  /** for each client, whether its code gave tokens that can be used */
  readonly working: readonly boolean[];
}

/** each tab has the cookies of the moment it was opened; the browser keeps what comes back last */
async function redeemAll(pair: Pair, codes: readonly string[]): Promise<readonly boolean[]> {
  const replies = await Promise.all(CLIENTS.map((client, i) => pair.redeem(i, client, codes[i] ?? '')));
  return Promise.all(
    replies.map(async ({ status, body }, i) => status === 200 && (await pair.isUsable(i, i + 1, body))),
  );
}

/** R3: six clients at once in a browser with a session. */
export async function signInSixTimes(pair: Pair): Promise<SixTabs> {
  const browser = new Browser();
  await pair.code(browser, 1);
  const codes = await Promise.all(CLIENTS.map((client, i) => pair.code(browser, client, i)));
  return { browser, working: await redeemAll(pair, codes) };
}

/** R3: six logins begun, six resumed at once: each resume replaces the session's id. */
export async function proveSixTimes(pair: Pair): Promise<SixTabs> {
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
}

/** R3: six tabs of one client, which share a grant, ask at once for a scope each. @returns what each got beside `openid` */
export async function askSixScopesAtOnce(pair: Pair): Promise<readonly (string | undefined)[]> {
  const browser = new Browser();
  await pair.code(browser, 1);
  const codes = await Promise.all(TAB_SCOPES.map((scope, i) => pair.code(browser, 1, i, { scope: `openid ${scope}` })));
  const replies = await Promise.all(codes.map((code, i) => pair.redeem(i, 1, code)));
  return replies.map(({ body }) => body.scope?.replace('openid ', ''));
}

/**
 * R4: one revocation among ten refreshes of one grant. @returns what came back, and which tokens can still be used
 *
 * @param options.isThorough uses each token in every way there is; else each is asked about, which reads the same
 */
export async function revokeAmongRefreshes(
  pair: Pair,
  { isThorough = true } = {},
): Promise<{ replies: readonly Reply[]; usable: readonly boolean[] }> {
  const browser = new Browser();
  const families: Tokens[] = [];
  for (let family = 0; family < 10; family += 1) {
    families.push((await pair.redeem(0, 1, await pair.code(browser, 1))).body);
  }
  const refreshes = families.map(({ refresh_token: token }, index) => pair.refresh(index, 1, token));
  await Promise.race(refreshes);
  await pair.post(1, '/token/revocation', { token: families[3]?.access_token ?? '' }, basic(1));
  const replies = await Promise.all(refreshes);
  const tokens = [...families, ...successes(replies).map(({ body }) => body)];
  const isUsable = (each: Tokens, index: number) =>
    isThorough ? pair.isUsable(index, 1, each) : pair.isActive(index, 1, each);
  return { replies, usable: await Promise.all(tokens.map(isUsable)) };
}

/** R5: one client assertion ten times at once. */
export async function assertTenTimes(pair: Pair): Promise<readonly Reply[]> {
  const assertion = await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('signer')
    .setSubject('signer')
    .setAudience(ISSUER)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(signer.privateKey);
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const form = { ...CREDENTIALS, client_assertion_type: type, client_assertion: assertion };
  return tenTimes((index) => pair.post(index, '/token', form));
}

/** R5: one DPoP proof ten times at once. */
export async function proveKeyTenTimes(pair: Pair): Promise<readonly Reply[]> {
  const jwk = await exportJWK(signer.publicKey);
  const proof = await new SignJWT({ jti: crypto.randomUUID(), htm: 'POST', htu: `${ISSUER}/token` })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .setIssuedAt()
    .sign(signer.privateKey);
  return tenTimes((index) => pair.post(index, '/token', CREDENTIALS, { ...basic(7), dpop: proof }));
}
