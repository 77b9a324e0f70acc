// Discovery tells only the truth: what it names works, and what it does not name does not.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { defaultPolicy } from '../../src/config/policy.ts';
import { ACR_LADDER } from '../../src/core/assurance.ts';
import { Browser } from '../support/browser.ts';
import { CALLBACK, CLIENTS, type OidcWorld, startOidcWorld } from '../support/oidc-world.ts';
import { ADAPTIVE, CLIENT_SECRET } from '../support/world.ts';

const KEY_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'];
const keys = new Map<string, CryptoKey>();
let o: OidcWorld;
let metadata: Record<string, unknown>;
let browser: Browser;

beforeAll(async () => {
  const published = await Promise.all(
    KEY_ALGORITHMS.map(async (alg) => {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      keys.set(alg, privateKey);
      return { ...(await exportJWK(publicKey)), kid: alg, use: 'sig' };
    }),
  );
  const entry = {
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    first_party: true,
  };
  o = await startOidcWorld({
    clients: [
      ...CLIENTS,
      { ...entry, client_id: 'by-key', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: published } },
      { ...entry, client_id: 'by-mac', token_endpoint_auth_method: 'client_secret_jwt', client_secret: CLIENT_SECRET },
    ],
  });
  metadata = await o.discovery();
  browser = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());

const list = (name: string) => metadata[name] as string[];

test('names exactly what there is', () => {
  const { issuer } = o;
  expect(metadata).toEqual({
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/me`,
    jwks_uri: `${issuer}/jwks`,
    pushed_authorization_request_endpoint: `${issuer}/request`,
    introspection_endpoint: `${issuer}/token/introspection`,
    revocation_endpoint: `${issuer}/token/revocation`,
    end_session_endpoint: `${issuer}/session/end`,
    acr_values_supported: ['urn:selfie-oidc:acr:selfie', 'urn:selfie-oidc:acr:selfie-active'],
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    claim_types_supported: ['normal'],
    claims_parameter_supported: true,
    claims_supported: expect.arrayContaining(['sub', 'acr', 'amr', 'auth_time', 'name', 'preferred_username']),
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    request_uri_parameter_supported: false,
    response_modes_supported: ['form_post', 'fragment', 'query'],
    response_types_supported: ['code'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    subject_types_supported: ['public', 'pairwise'],
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'none',
    ],
    introspection_endpoint_auth_methods_supported: list('token_endpoint_auth_methods_supported'),
    revocation_endpoint_auth_methods_supported: list('token_endpoint_auth_methods_supported'),
    token_endpoint_auth_signing_alg_values_supported: ['HS256', ...KEY_ALGORITHMS],
  });
});

test('without a second workflow no active selfie is promised', async () => {
  const other = await startOidcWorld({ clients: CLIENTS.filter(({ client_id }) => client_id === 'app') });
  const { didit } = other.world.config;
  await other.restart({
    didit: { ...didit, workflows: { enrol: didit.workflows.enrol, passive: didit.workflows.passive } },
  });
  expect((await other.discovery()).acr_values_supported).toEqual(['urn:selfie-oidc:acr:selfie']);
  await other.close();
});

test('every strength that policy and clients allow is promised, and every scope that requires one', async () => {
  const { passkeys, otherWays } = defaultPolicy({ production: false });
  const other = await startOidcWorld({ policy: { passkeys, otherWays, risk: ADAPTIVE, scopes: { payments: 'phr' } } });
  expect(await other.discovery()).toMatchObject({
    acr_values_supported: [...ACR_LADDER, 'phr'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access', 'payments'],
  });
  await other.close();
});

test('every claim named can be had, and none that is not', async () => {
  const { tokens, faces } = await o.signIn({
    browser,
    params: {
      scope: 'openid profile email',
      claims: JSON.stringify({
        id_token: { sid: null, iss: null },
        userinfo: { email: { essential: true }, phone_number: null },
      }),
    },
  });
  const { body } = await o.userinfo(tokens.accessToken);
  // an address is told once it was proven; test/flows/other-ways.test.ts does so
  const ofMail = ['email', 'email_verified'];
  const others = list('claims_supported').filter((claim) => !ofMail.includes(claim));
  expect(Object.keys({ ...tokens.claims, ...body })).toEqual(expect.arrayContaining(others));
  expect(list('claims_supported')).toEqual(expect.arrayContaining(ofMail));
  expect(Object.keys(body).sort()).toEqual(
    ['birthdate', 'family_name', 'gender', 'given_name', 'name', 'preferred_username', 'sub', 'updated_at'].sort(),
  );
  expect(faces).toBe(0);
});

test('signing keys are published without their private half, and every algorithm named has one', async () => {
  const response = await fetch(`${o.issuer}/jwks`);
  const { keys: published } = (await response.json()) as { keys: Record<string, string>[] };
  expect(published.map(({ alg }) => alg)).toEqual(list('id_token_signing_alg_values_supported'));
  for (const key of published) {
    expect(key).toMatchObject({ use: 'sig', kid: expect.any(String) });
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(key).not.toHaveProperty(name);
  }
  const set = createLocalJWKSet({ keys: published } as never);
  for (const [client, alg] of [
    ['app', 'RS256'],
    ['es256', 'ES256'],
  ] as const) {
    const { tokens } = await o.signIn({ browser, client });
    const { protectedHeader } = await jwtVerify(tokens.idToken, set, { issuer: o.issuer, audience: client });
    expect(protectedHeader.alg).toBe(alg);
  }
});

describe('a client proves who it is', () => {
  async function assertion(
    client: string,
    alg: string,
    key: CryptoKey | Uint8Array,
    change: Record<string, unknown> = {},
  ) {
    const claims = { iss: client, sub: client, aud: o.issuer, jti: crypto.randomUUID(), ...change };
    return new SignJWT(claims).setProtectedHeader({ alg }).setIssuedAt().setExpirationTime('1m').sign(key);
  }
  const form = (jwt: string) => ({
    client_assertion: jwt,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });

  async function redeemBy(client: string, jwt: string) {
    const asked = o.ask(client);
    const answer = o.answerOf(await o.go(browser, asked));
    return o.redeem(asked, String(answer.get('code')), form(jwt));
  }

  test.each(KEY_ALGORITHMS)('by a key of its own: %s', async (alg) => {
    const jwt = await assertion('by-key', alg, keys.get(alg) as CryptoKey);
    expect((await redeemBy('by-key', jwt)).status).toBe(200);
    // R5: the same assertion again
    const again = await redeemBy('by-key', jwt);
    expect([again.status, again.body.error]).toEqual([401, 'invalid_client']);
  });

  test('by a MAC with its secret', async () => {
    const jwt = await assertion('by-mac', 'HS256', new TextEncoder().encode(CLIENT_SECRET));
    expect((await redeemBy('by-mac', jwt)).status).toBe(200);
  });

  test('ten times at once with one assertion: one is accepted (R5)', async () => {
    const jwt = await assertion('by-key', 'ES256', keys.get('ES256') as CryptoKey);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => o.post('/token/introspection', 'by-key', { token: 'x', ...form(jwt) })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 401)]);
  });

  test('and nobody does by a wrong secret', async () => {
    const bad = await o.post(
      '/token',
      undefined,
      { grant_type: 'refresh_token', refresh_token: 'x' },
      { authorization: o.basic('app', 'wrong') },
    );
    expect([bad.status, bad.body.error]).toEqual([401, 'invalid_client']);
    expect(bad.headers.get('www-authenticate')).toMatch(/^Basic/);
  });
});

describe('nothing else works', () => {
  test.each([
    'password',
    'client_credentials',
    'implicit',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:openid:params:grant-type:ciba',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ])('grant %s', async (grant) => {
    const answer = await o.token('app', { grant_type: grant, username: 'alice', password: 'x', device_code: 'x' });
    expect([answer.status, answer.body.error]).toEqual([400, 'unsupported_grant_type']);
  });

  test.each(['token', 'id_token', 'id_token token', 'code id_token', 'code token', 'none', 'urn:x'])(
    'response type %s',
    async (type) => {
      const page = await o.go(browser, o.ask('app', { response_type: type }));
      const location = new URL(String(page.headers.get('location')));
      const answer = new URLSearchParams(location.hash ? location.hash.slice(1) : location.search);
      expect(answer.get('error')).toBe('unsupported_response_type');
    },
  );

  test.each(['query.jwt', 'jwt', 'web_message'])('response mode %s', async (mode) => {
    expect(o.answerOf(await o.go(browser, o.ask('app', { response_mode: mode }))).get('error')).toBe(
      'unsupported_response_mode',
    );
  });

  test.each(['create', 'LOGIN', 'none login', 'x'])('prompt %s', async (prompt) => {
    expect(o.answerOf(await o.go(browser, o.ask('app', { prompt }))).get('error')).toBe('invalid_request');
  });

  test.each([
    ['request', 'eyJhbGciOiJub25lIn0.e30.', 'request_not_supported'],
    ['request_uri', 'https://rp.example.org/request.jwt', 'request_uri_not_supported'],
    ['registration', '{}', 'registration_not_supported'],
  ])('parameter %s', async (name, value, error) => {
    expect(o.answerOf(await o.go(browser, o.ask('app', { [name]: value }))).get('error')).toBe(error);
  });

  test.each([
    '/reg',
    '/reg/app',
    '/device',
    '/device/auth',
    '/backchannel',
    '/credential',
    '/challenge',
    '/interaction',
    '/.well-known/openid-credential-issuer',
  ])('endpoint %s', async (path) => {
    for (const method of ['GET', 'POST']) {
      const { status } = await fetch(`${o.issuer}${path}`, { method, redirect: 'manual' });
      expect([404, 405]).toContain(status);
    }
  });
});

test.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'])(
  'the prepared answer of %s says what the library says to an origin',
  async (path) => {
    const read = async (headers: Record<string, string>) => {
      const answer = await fetch(`${o.issuer}${path}`, { headers });
      return { type: answer.headers.get('content-type'), vary: answer.headers.get('vary'), body: await answer.json() };
    };
    const fresh = await read({ origin: 'https://app.example' });
    await read({});
    expect(await read({})).toEqual(fresh);
  },
);

test('response modes: the fragment, and a form that posts itself or by a button', async () => {
  const fragment = await o.go(browser, o.ask('app', { response_mode: 'fragment' }));
  expect(new URLSearchParams(new URL(String(fragment.headers.get('location'))).hash.slice(1)).get('iss')).toBe(
    o.issuer,
  );
  const page = await o.go(browser, o.ask('app', { response_mode: 'form_post', state: '"><script>x</script>' }));
  expect(page.status).toBe(200);
  expect(page.headers.get('cache-control')).toContain('no-store');
  expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self' 'sha256-/);
  expect(page.text).not.toContain('<script>x');
  expect(page.text).toMatch(/name="code"[\s\S]*name="iss"[\s\S]*<button[^>]*type="submit"/);
});
