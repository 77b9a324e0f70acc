// Who is told what: scopes, the claims parameter, pairwise subjects.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/browser.ts';
import { CALLBACK, CLIENTS, type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';
import { CLIENT_SECRET } from '../support/world.ts';

const PROFILE = ['birthdate', 'family_name', 'gender', 'given_name', 'name', 'preferred_username', 'updated_at'];
let o: OidcWorld;
let browser: Browser;
beforeAll(async () => {
  const same = {
    client_secret: CLIENT_SECRET,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    first_party: true,
  };
  o = await startOidcWorld({
    clients: [
      ...CLIENTS,
      { ...same, client_id: 'narrow', redirect_uris: [CALLBACK], scope: 'openid' },
      { ...same, client_id: 'pairwise-a2', redirect_uris: [`${CALLBACK}/2`], subject_type: 'pairwise' },
    ],
  });
  browser = (await o.signIn({ who: 'Alice@Example.org', params: { scope: 'openid profile email' } })).browser;
});
afterAll(() => o.close());

async function told(params: Record<string, string>, client = 'app') {
  const { tokens } = await o.signIn({ browser, client, params });
  return { idToken: tokens.claims, userinfo: (await o.userinfo(tokens.accessToken)).body, tokens };
}

test('the profile is what the document shows; a name that was typed is no e-mail address', async () => {
  const { userinfo, idToken } = await told({ scope: 'openid profile email' });
  expect(Object.keys(userinfo).sort()).toEqual([...PROFILE, 'sub'].sort());
  expect(userinfo.preferred_username).toBe('alice@example.org');
  expect(userinfo.birthdate).toMatch(/^\d{4}-\d\d-\d\d$/);
  const session = o.sandbox.sessions()[0];
  const [document] = o.sandbox.decision(String(session?.id)).id_verifications as Record<string, string>[];
  expect(userinfo).toMatchObject({
    given_name: document?.first_name,
    family_name: document?.last_name,
    birthdate: document?.date_of_birth,
  });
  // what user info tells is not repeated in the ID token (Core §5.4)
  expect(Object.keys(idToken).sort()).toEqual(['acr', 'amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'nonce', 'sub']);
});

test('openid alone tells who, and no more', async () => {
  expect((await told({ scope: 'openid' })).userinfo).toEqual({ sub: expect.any(String) });
});

describe('the claims parameter', () => {
  test('asks for single ones, in either place, in every form a request for one may have', async () => {
    const claims = JSON.stringify({
      id_token: { given_name: null, family_name: { essential: true }, sid: null },
      userinfo: {
        name: { value: 'somebody else' },
        birthdate: { values: ['1900-01-01', '1900-01-02'] },
        unheard_of: null,
      },
    });
    const { idToken, userinfo } = await told({ scope: 'openid', claims });
    expect(idToken).toMatchObject({
      given_name: expect.any(String),
      family_name: expect.any(String),
      sid: expect.any(String),
    });
    expect(Object.keys(userinfo).sort()).toEqual(['birthdate', 'name', 'sub']);
  });

  test('members that are no request for a claim ask for nothing, and break nothing', async () => {
    for (const member of ['["a"]', '"text"', '7', 'true']) {
      const { userinfo, idToken } = await told({
        scope: 'openid',
        claims: `{"userinfo":{"name":${member}},"id_token":{"name":${member}}}`,
      });
      expect(userinfo).toEqual({ sub: expect.any(String) });
      expect(idToken).not.toHaveProperty('name');
    }
  });

  test('names that every object has are names like others', async () => {
    const claims =
      '{"userinfo":{"__proto__":null,"constructor":null,"toString":{"essential":true}},"id_token":{"__proto__":{"acr":null}}}';
    expect((await told({ scope: 'openid', claims })).userinfo).toEqual({ sub: expect.any(String) });
  });

  test('gives nothing in refreshed tokens that was not given first', async () => {
    const { tokens } = await told({
      scope: 'openid offline_access',
      prompt: 'consent',
      claims: JSON.stringify({ userinfo: { name: null }, id_token: { given_name: null } }),
    });
    const next = await o.refresh('app', tokens.refreshToken);
    expect(next.claims.given_name).toBe(tokens.claims.given_name);
    expect(Object.keys((await o.userinfo(next.accessToken)).body).sort()).toEqual(['name', 'sub']);
  });
});

test('a scope that an entry does not allow is refused', async () => {
  expect(o.answerOf(await o.go(browser, o.ask('narrow', { scope: 'openid profile' }))).get('error')).toBe(
    'invalid_scope',
  );
});

describe('sub', () => {
  test('is random, stable, and tells nothing of the person', async () => {
    const { idToken, userinfo, tokens } = await told({ scope: 'openid' });
    expect(idToken.sub).toMatch(/^[\w-]{20,64}$/);
    expect(userinfo.sub).toBe(idToken.sub);
    expect(await o.introspect(tokens.accessToken)).toMatchObject({ sub: idToken.sub });
    const elsewhere = await o.signIn({ who: 'alice@example.org' });
    expect(elsewhere.tokens.claims.sub).toBe(idToken.sub);
    // never the name that the vendor knows the person by
    expect(o.sandbox.sessions().map(({ vendorData }) => vendorData)).not.toContain(idToken.sub);
  });

  test('pairwise: another for each sector, the same within one, everywhere it is told', async () => {
    const open = (await told({ scope: 'openid' })).idToken.sub;
    const [a, a2, b] = [await told({}, 'pairwise-a'), await told({}, 'pairwise-a2'), await told({}, 'pairwise-b')];
    expect(new Set([open, a.idToken.sub, b.idToken.sub]).size).toBe(3);
    expect(a2.idToken.sub).toBe(a.idToken.sub);
    for (const { idToken, userinfo, tokens } of [a, b]) {
      expect(userinfo.sub).toBe(idToken.sub);
      expect(await o.introspect(tokens.accessToken)).toMatchObject({ sub: idToken.sub });
    }
    const { tokens } = await o.signIn({
      browser,
      client: 'pairwise-a',
      params: { resource: 'https://api.example.org' },
    });
    expect(JSON.parse(Buffer.from(String(tokens.accessToken.split('.')[1]), 'base64url').toString()).sub).toBe(
      a.idToken.sub,
    );
    const elsewhere = await o.signIn({ browser: new Browser(), who: 'alice@example.org', client: 'pairwise-a' });
    expect(elsewhere.tokens.claims.sub).toBe(a.idToken.sub);
  });

  test('pairwise: outlives a restart and new keys', async () => {
    const other = await startOidcWorld({ storage: 'sqlite' });
    const before = await other.signIn({ who: 'carol', client: 'pairwise-a' });
    const { dataKeys, cookieKeys } = other.world.config;
    await other.restart({
      dataKeys: [new Uint8Array(32).fill(7), ...dataKeys],
      cookieKeys: ['k'.repeat(48), ...cookieKeys],
    });
    const after = await other.signIn({ browser: before.browser, client: 'pairwise-a' });
    expect([after.faces, after.tokens.claims.sub]).toEqual([0, before.tokens.claims.sub]);
    await other.close();
  });
});
