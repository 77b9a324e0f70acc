// The code flow and what follows it: PKCE, pushed requests, one use of a code, rotation, DPoP, tokens for a resource, revocation.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  calculateJwkThumbprint,
  createRemoteJWKSet,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { ACTIVE, CALLBACK, CLIENTS, type OidcWorld, SELFIE, startOidcWorld } from '../support/oidc-world.ts';
import { CLIENT_SECRET } from '../support/world.ts';

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };
let o: OidcWorld;
let browser: Browser;

beforeAll(async () => {
  const more = {
    redirect_uris: [CALLBACK],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    first_party: true,
  };
  o = await startOidcWorld({
    clients: [
      ...CLIENTS,
      { ...more, client_id: 'par-only', client_secret: CLIENT_SECRET, require_pushed_authorization_requests: true },
      {
        ...more,
        client_id: 'bound',
        client_secret: CLIENT_SECRET,
        token_endpoint_auth_method: 'client_secret_basic',
        dpop_bound_access_tokens: true,
      },
      ...Array.from({ length: 150 }, (_, index) => ({
        ...more,
        client_id: `many-${index}`,
        client_secret: CLIENT_SECRET,
        token_endpoint_auth_method: 'client_secret_basic',
      })),
    ],
  });
  browser = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());

async function codeFor(client = 'app', params: Record<string, string | undefined> = {}) {
  const asked = o.ask(client, params);
  const answer = o.answerOf(await o.go(browser, asked));
  return { asked, answer, code: String(answer.get('code')) };
}

const failed = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.error];

describe('PKCE', () => {
  test('is asked of every client that is not excepted', async () => {
    for (const client of ['app', 'spa', 'third', 'es256']) {
      const page = await o.go(browser, o.ask(client, { code_challenge: undefined, code_challenge_method: undefined }));
      expect(o.answerOf(page).get('error')).toBe('invalid_request');
    }
  });

  test('knows S256 only', async () => {
    const plain = await o.go(
      browser,
      o.ask('basic', { code_challenge_method: 'plain', code_challenge: 'x'.repeat(43) }),
    );
    expect(o.answerOf(plain).get('error')).toBe('invalid_request');
    const unnamed = await o.go(browser, o.ask('basic', { code_challenge_method: undefined }));
    expect(o.answerOf(unnamed).get('error')).toBe('invalid_request');
  });

  test('a confidential client may be excepted, and is then still held to what it sent', async () => {
    const without = await codeFor('basic', { code_challenge: undefined, code_challenge_method: undefined });
    expect((await o.redeem(without.asked, without.code)).status).toBe(200);
    const with_ = await codeFor('basic');
    expect(failed(await o.redeem(with_.asked, with_.code, { code_verifier: undefined }))).toEqual([
      400,
      'invalid_grant',
    ]);
  });

  test('a verifier that does not fit, is missing or was never announced gives no tokens', async () => {
    const wrong = await codeFor('spa');
    expect(failed(await o.redeem(wrong.asked, wrong.code, { code_verifier: 'y'.repeat(43) }))).toEqual([
      400,
      'invalid_grant',
    ]);
    const missing = await codeFor('spa');
    expect(failed(await o.redeem(missing.asked, missing.code, { code_verifier: undefined }))).toEqual([
      400,
      'invalid_grant',
    ]);
    const unannounced = await codeFor('basic', { code_challenge: undefined, code_challenge_method: undefined });
    expect(failed(await o.redeem(unannounced.asked, unannounced.code, { code_verifier: 'z'.repeat(43) }))).toEqual([
      400,
      'invalid_grant',
    ]);
  });
});

describe('a code', () => {
  test('is good for the client and the address it was made for', async () => {
    const one = await codeFor('app');
    expect(failed(await o.redeem({ ...one.asked, clientId: 'third' }, one.code))).toEqual([400, 'invalid_grant']);
    const two = await codeFor('app');
    expect(failed(await o.redeem(two.asked, two.code, { redirect_uri: `${CALLBACK}/` }))).toEqual([
      400,
      'invalid_grant',
    ]);
  });

  test('used twice takes back all it gave', async () => {
    const { tokens, asked, code } = await o.signIn({ browser, params: OFFLINE });
    expect(failed(await o.redeem(asked, code))).toEqual([400, 'invalid_grant']);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
    expect(failed(await o.refresh('app', tokens.refreshToken))).toEqual([400, 'invalid_grant']);
    // the session itself is not to blame
    expect((await o.signIn({ browser })).faces).toBe(0);
  });
});

describe('pushed requests (RFC 9126)', () => {
  async function push(client: string, params: Record<string, string | undefined> = {}) {
    const asked = o.ask(client, params);
    const answer = await o.post('/request', client, Object.fromEntries(asked.url.searchParams));
    return { asked, answer, uri: String(answer.body.request_uri) };
  }

  test('stand for the request, once', async () => {
    const { asked, answer, uri } = await push('app');
    expect([answer.status, answer.body.expires_in]).toEqual([201, 60]);
    const url = new URL(`${o.issuer}/auth?${new URLSearchParams({ client_id: 'app', request_uri: uri })}`);
    const redirect = o.answerOf(await o.go(browser, { ...asked, url }));
    expect(redirect.get('state')).toBe(asked.state);
    expect((await o.redeem(asked, String(redirect.get('code')))).status).toBe(200);
    const again = await o.go(browser, { ...asked, url });
    expect(again.status).toBe(400);
    expect(again.text).toContain('invalid_request_uri');
  });

  test('lead through a whole login that takes longer than they live', async () => {
    const fresh = new Browser();
    const { asked, uri } = await push('app', { login_hint: 'alice' });
    const url = new URL(`${o.issuer}/auth?${new URLSearchParams({ client_id: 'app', request_uri: uri })}`);
    const answer = o.answerOf(await o.comply(fresh, await o.go(fresh, { ...asked, url }), 'alice'));
    expect((await o.redeem(asked, String(answer.get('code')))).status).toBe(200);
  });

  test('are checked when they are pushed, and belong to who pushed them', async () => {
    expect(failed((await push('app', { redirect_uri: 'https://evil.example.org/cb' })).answer)).toEqual([
      400,
      'invalid_request',
    ]);
    expect(failed((await push('app', { code_challenge: undefined, code_challenge_method: undefined })).answer)).toEqual(
      [400, 'invalid_request'],
    );
    const unproven = await o.post('/request', undefined, { client_id: 'app', response_type: 'code' });
    expect(unproven.status).toBe(401);
    const { uri } = await push('app');
    const foreign = await browser.get(
      `${o.issuer}/auth?${new URLSearchParams({ client_id: 'third', request_uri: uri })}`,
    );
    expect(foreign.status).toBe(400);
  });

  test('are demanded of a client whose entry says so', async () => {
    const page = await o.go(browser, o.ask('par-only'));
    expect(o.answerOf(page).get('error')).toBe('invalid_request');
  });
});

describe('refresh tokens', () => {
  test('need the scope and the consent', async () => {
    expect(
      (await o.signIn({ browser, params: { scope: 'openid offline_access' } })).tokens.refreshToken,
    ).toBeUndefined();
    expect((await o.signIn({ browser, params: { prompt: 'consent' } })).tokens.refreshToken).toBeUndefined();
    expect((await o.signIn({ browser, params: OFFLINE })).tokens.refreshToken).toEqual(expect.any(String));
  });

  test('rotate; the old one again ends the family', async () => {
    const { tokens } = await o.signIn({ browser, params: OFFLINE });
    const second = await o.refresh('app', tokens.refreshToken);
    expect(second.status).toBe(200);
    expect(second.refreshToken).not.toBe(tokens.refreshToken);
    // who and how strong do not change by refreshing
    for (const name of ['sub', 'acr', 'amr', 'auth_time', 'iss', 'aud'])
      expect(second.claims[name]).toEqual(tokens.claims[name]);
    const third = await o.refresh('app', second.refreshToken);
    expect(failed(await o.refresh('app', tokens.refreshToken))).toEqual([400, 'invalid_grant']);
    expect(failed(await o.refresh('app', third.refreshToken))).toEqual([400, 'invalid_grant']);
    for (const token of [tokens, second, third]) expect((await o.userinfo(token.accessToken)).status).toBe(401);
  });

  test('belong to their client, and give no more scope than they have', async () => {
    const { tokens } = await o.signIn({ browser, params: OFFLINE });
    expect(failed(await o.refresh('third', tokens.refreshToken))).toEqual([400, 'invalid_grant']);
    expect(failed(await o.refresh('app', tokens.refreshToken, { scope: 'openid profile' }))).toEqual([
      400,
      'invalid_scope',
    ]);
    const narrowed = await o.refresh('app', tokens.refreshToken, { scope: 'openid' });
    expect([narrowed.status, narrowed.body.scope]).toEqual([200, 'openid']);
  });
});

describe('introspection and revocation', () => {
  test('tell of a token who, for whom, how strong, until when', async () => {
    const { tokens } = await o.signIn({ browser, params: OFFLINE });
    const strength = { acr: SELFIE, amr: ['face'], auth_time: tokens.claims.auth_time };
    const about = {
      active: true,
      client_id: 'app',
      sub: tokens.claims.sub,
      iss: o.issuer,
      scope: 'openid offline_access',
      ...strength,
    };
    expect(await o.introspect(tokens.accessToken)).toMatchObject({ ...about, token_type: 'Bearer' });
    expect(await o.introspect(String(tokens.refreshToken))).toMatchObject(about);
    expect(await o.introspect('nothing')).toEqual({ active: false });
    // a public client learns of its own tokens only
    expect(await o.introspect(tokens.accessToken, 'spa')).toEqual({ active: false });
    const own = await o.signIn({ browser, client: 'spa' });
    expect(await o.introspect(own.tokens.accessToken, 'spa')).toMatchObject({ active: true });
    expect((await o.post('/token/introspection', undefined, { token: tokens.accessToken })).status).toBe(400);
  });

  test('a revoked token ends with all that was given beside it', async () => {
    const { tokens } = await o.signIn({ browser, params: OFFLINE });
    const foreign = await o.post('/token/revocation', 'third', { token: tokens.refreshToken });
    expect(foreign.status).toBe(400);
    expect((await o.post('/token/revocation', 'spa', { token: tokens.refreshToken })).status).toBe(200);
    expect(await o.introspect(tokens.accessToken)).toMatchObject({ active: true });
    expect((await o.post('/token/revocation', 'app', { token: tokens.refreshToken })).status).toBe(200);
    expect(await o.introspect(tokens.accessToken)).toEqual({ active: false });
    expect(await o.introspect(String(tokens.refreshToken))).toEqual({ active: false });
    const empty = await o.post('/token/revocation', 'app', { token: 'nothing' });
    expect(empty.status).toBe(200);
    // libraries that are told of a type read the body, and fail
    expect(empty.headers.get('content-type')).toBeNull();
  });

  test('revocation in the middle of ten refreshes leaves nothing usable (R4)', async () => {
    const { tokens } = await o.signIn({ browser, params: OFFLINE });
    const { tokens: other } = await o.signIn({ browser, params: OFFLINE });
    const [refreshed] = await Promise.all([
      o.refresh('app', tokens.refreshToken),
      o.post('/token/revocation', 'app', { token: other.refreshToken }),
      ...Array.from({ length: 8 }, () => o.refresh('app', tokens.refreshToken)),
    ]);
    for (const token of [tokens, other, refreshed]) {
      expect((await o.userinfo(token?.accessToken ?? '')).status).toBe(401);
      if (token?.refreshToken) expect(await o.introspect(token.refreshToken)).toEqual({ active: false });
    }
  });
});

describe('a token for a resource (RFC 8707, RFC 9068)', () => {
  const RESOURCE = 'https://api.example.org/orders';

  test.each([
    ['app', 'RS256'],
    ['es256', 'ES256'],
  ])('is a signed JWT: %s, %s', async (client, alg) => {
    const { tokens } = await o.signIn({ browser, client, params: { resource: RESOURCE, ...OFFLINE } });
    const jwks = createRemoteJWKSet(new URL(`${o.issuer}/jwks`));
    const { payload, protectedHeader } = await jwtVerify(tokens.accessToken, jwks, {
      issuer: o.issuer,
      audience: RESOURCE,
    });
    expect(protectedHeader).toMatchObject({ typ: 'at+jwt', alg, kid: expect.any(String) });
    expect(payload).toMatchObject({
      sub: tokens.claims.sub,
      client_id: client,
      acr: SELFIE,
      amr: ['face'],
      auth_time: tokens.claims.auth_time,
      jti: expect.any(String),
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(600);
    // refreshing without naming it again gives the same kind
    const next = await o.refresh(client, tokens.refreshToken);
    expect(decodeJwt(next.accessToken)).toMatchObject({
      aud: RESOURCE,
      acr: SELFIE,
      auth_time: tokens.claims.auth_time,
    });
    // it is for the resource, not for us
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
  });

  test('may be named at the token endpoint only if it was asked for before', async () => {
    const { asked, code } = await codeFor('app');
    expect(failed(await o.redeem(asked, code, { resource: RESOURCE }))).toEqual([400, 'invalid_target']);
  });

  test.each(['api', 'https://api.example.org/#x', 'http://api.example.org', 'urn:x:y', ''])(
    '%j is none',
    async (resource) => {
      const answer = o.answerOf(await o.go(browser, o.ask('app', { resource })));
      if (resource === '') expect(answer.has('code')).toBe(true);
      else expect(answer.get('error')).toBe('invalid_target');
    },
  );

  test('without one the token is opaque', async () => {
    const { tokens } = await o.signIn({ browser });
    expect(tokens.accessToken).toMatch(/^[\w-]{43}$/);
  });
});

describe('DPoP (RFC 9449)', () => {
  async function prover(alg: string) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    return {
      jkt: await calculateJwkThumbprint(jwk),
      proof: (htm: string, path: string, more: Record<string, unknown> = {}) =>
        new SignJWT({ htm, htu: `${o.issuer}${path}`, jti: crypto.randomUUID(), ...more })
          .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk })
          .setIssuedAt()
          .sign(privateKey),
    };
  }
  const ath = (token: string) => createHash('sha256').update(token).digest('base64url');

  test.each(['ES256', 'Ed25519', 'EdDSA'])('binds tokens to a key: %s', async (alg) => {
    const key = await prover(alg);
    const { asked, code } = await codeFor('app', { ...OFFLINE });
    const tokens = await o.redeem(asked, code, {}, { dpop: await key.proof('POST', '/token') });
    expect([tokens.status, tokens.body.token_type]).toEqual([200, 'DPoP']);
    expect(await o.introspect(tokens.accessToken)).toMatchObject({ cnf: { jkt: key.jkt }, token_type: 'DPoP' });
    const proof = await key.proof('GET', '/me', { ath: ath(tokens.accessToken) });
    const headers = { authorization: `DPoP ${tokens.accessToken}`, dpop: proof };
    expect((await o.userinfo(tokens.accessToken, headers)).status).toBe(200);
    // the proof again, none, or another key's
    expect((await o.userinfo(tokens.accessToken, headers)).status).toBe(401);
    expect((await o.userinfo(tokens.accessToken)).status).toBe(401);
    const thief = await prover('ES256');
    const stolen = {
      authorization: `DPoP ${tokens.accessToken}`,
      dpop: await thief.proof('GET', '/me', { ath: ath(tokens.accessToken) }),
    };
    expect((await o.userinfo(tokens.accessToken, stolen)).status).toBe(401);
  });

  test('one proof ten times at once is good once (R5)', async () => {
    const key = await prover('ES256');
    const { asked, code } = await codeFor('app');
    const tokens = await o.redeem(asked, code, {}, { dpop: await key.proof('POST', '/token') });
    const headers = {
      authorization: `DPoP ${tokens.accessToken}`,
      dpop: await key.proof('GET', '/me', { ath: ath(tokens.accessToken) }),
    };
    const answers = await Promise.all(Array.from({ length: 10 }, () => o.userinfo(tokens.accessToken, headers)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
  });

  test('is demanded of a client whose entry says so, and a code bound to a key of that key', async () => {
    const plain = await codeFor('bound');
    expect(failed(await o.redeem(plain.asked, plain.code))).toEqual([400, 'invalid_grant']);
    const [mine, other] = [await prover('ES256'), await prover('ES256')];
    const bound = await codeFor('app', { dpop_jkt: mine.jkt });
    expect((await o.redeem(bound.asked, bound.code, {}, { dpop: await other.proof('POST', '/token') })).status).toBe(
      400,
    );
  });

  test('a public client refreshes with the same key only', async () => {
    const key = await prover('ES256');
    const { asked, code } = await codeFor('spa', OFFLINE);
    const tokens = await o.redeem(asked, code, {}, { dpop: await key.proof('POST', '/token') });
    expect(failed(await o.refresh('spa', tokens.refreshToken))).toEqual([400, 'invalid_grant']);
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refreshToken };
    expect((await o.token('spa', form, { dpop: await key.proof('POST', '/token') })).status).toBe(200);
  });

  test('an unmodified library does all of it', async () => {
    const client = await oidc.discovery(
      new URL(o.issuer),
      'app',
      CLIENT_SECRET,
      oidc.ClientSecretBasic(CLIENT_SECRET),
      {
        execute: [oidc.allowInsecureRequests],
      },
    );
    const DPoP = oidc.getDPoPHandle(client, await oidc.randomDPoPKeyPair());
    const verifier = oidc.randomPKCECodeVerifier();
    const url = await oidc.buildAuthorizationUrlWithPAR(
      client,
      {
        redirect_uri: CALLBACK,
        scope: 'openid profile',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      },
      { DPoP },
    );
    const page = await browser.get(url, o.isOutside);
    const callback = new URL(String(page.headers.get('location')));
    const tokens = await oidc.authorizationCodeGrant(client, callback, { pkceCodeVerifier: verifier }, undefined, {
      DPoP,
    });
    expect(tokens.token_type).toBe('dpop');
    const claims = await oidc.fetchUserInfo(client, tokens.access_token, String(tokens.claims()?.sub), { DPoP });
    expect(claims.preferred_username).toBe('alice');
  });
});

test('every answer names the issuer (RFC 9207), errors too', async () => {
  expect((await codeFor('app')).answer.get('iss')).toBe(o.issuer);
  const wrong = o.answerOf(await o.go(browser, o.ask('app', { prompt: 'x' })));
  expect([wrong.get('iss'), wrong.get('error')]).toEqual([o.issuer, 'invalid_request']);
});

test('more clients than the library keeps in mind: each works', async () => {
  for (const index of [0, 1, 99, 100, 101, 149]) {
    const { asked, code } = await codeFor(`many-${index}`);
    expect((await o.redeem(asked, code)).status).toBe(200);
  }
});

test('the strength of a voluntary request stands in all kinds of tokens alike', async () => {
  const { tokens, faces } = await o.signIn({
    browser: new Browser(),
    who: 'alice',
    params: { acr_values: ACTIVE, ...OFFLINE },
  });
  expect(faces).toBe(1);
  expect(tokens.claims.acr).toBe(ACTIVE);
  expect(await o.introspect(tokens.accessToken)).toMatchObject({ acr: ACTIVE, amr: ['face'] });
});
