// T18, a thief of the database: whoever reads all of the storage, without its keys, finds nothing there that lets them in and nobody's
// name. One whole login, read over at each step, as what matters may lie there for a moment only.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keyPages } from '../../src/login/key-pages.ts';
import { Browser } from '../support/browser.ts';
import { type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';
import { returnUrlOf } from '../support/world.ts';

const IDENTIFIER = 'quokka.winterbottom@example.org';
const HINT = 'numbat.summerfield@example.org';

/** All keys, values and jobs, and of each text that may be base64url what it says. */
async function readAll({ world }: OidcWorld): Promise<string> {
  const { store, backend } = world.app.parts;
  const texts: string[] = [];
  for await (const keys of keyPages(store, ''))
    for (const key of keys) texts.push(`${key} ${JSON.stringify(await store.get(key))}`);
  for await (const jobs of backend.bulk.jobs()) texts.push(JSON.stringify(jobs));
  const all = texts.join('\n');
  const decoded = [...all.matchAll(/[\w-]{16,}/g)].map(([run]) => Buffer.from(run, 'base64url').toString('latin1'));
  return `${all}\n${decoded.join('\n')}`;
}

describe.each(['memory', 'sqlite'] as const)('%s', (storage) => {
  let o: OidcWorld;
  let everything = '';
  const secrets: Record<string, string> = { identifier: IDENTIFIER, login_hint: HINT };

  beforeAll(async () => {
    o = await startOidcWorld({ storage });
    const look = async () => {
      everything += await readAll(o);
    };
    const browser = new Browser();
    const params = { scope: 'openid profile offline_access', prompt: 'consent', login_hint: HINT };
    const asked = o.ask('app', params);
    const pushed = await o.post('/request', 'app', Object.fromEntries(asked.url.searchParams));
    secrets.request_uri = String(pushed.body.request_uri).replace(/^.*:/, '');
    await look();
    const query = new URLSearchParams({ client_id: 'app', request_uri: String(pushed.body.request_uri) });
    const first = await o.go(browser, { ...asked, url: new URL(`${o.issuer}/auth?${query}`) });
    await look();
    const answer = o.answerOf(await o.comply(browser, first, IDENTIFIER));
    secrets.code = String(answer.get('code'));
    const [session] = o.sandbox.sessions();
    secrets['return token'] = new URL(returnUrlOf(session ?? {})).pathname.replace(/^.*\//, '');
    await look();
    const tokens = await o.redeem(asked, secrets.code);
    secrets['access token'] = tokens.accessToken;
    secrets['refresh token'] = String(tokens.refreshToken);
    await look();
    const rotated = await o.refresh('app', tokens.refreshToken);
    secrets['second access token'] = rotated.accessToken;
    secrets['second refresh token'] = String(rotated.refreshToken);
    const used = [(await o.userinfo(rotated.accessToken)).status, (await o.introspect(rotated.accessToken)).active];
    expect(used).toEqual([200, true]);
    secrets.id_token_hint = rotated.idToken;
    await o.go(browser, o.ask('app', { prompt: 'login', id_token_hint: rotated.idToken }));
    await look();
  });
  afterAll(() => o.close());

  test.each([
    ...['identifier', 'login_hint', 'id_token_hint', 'request_uri', 'code', 'return token'],
    ...['access token', 'refresh token', 'second access token', 'second refresh token'],
  ])('the %s is nowhere', (name) => {
    const secret = secrets[name] ?? '';
    expect(secret.length).toBeGreaterThan(20);
    // a boolean: a failure would print all there is
    expect(everything.toLowerCase().includes(secret.toLowerCase())).toBe(false);
  });

  test('and all of it was looked at', () => {
    const models = ['PushedAuthorizationRequest', 'Interaction', 'AuthorizationCode', 'AccessToken', 'RefreshToken'];
    for (const model of models) expect(everything).toContain(`oidc:${model}:`);
    // what a grant is for stands there readably
    expect(everything).toContain('offline_access');
  });
});
