// Opaque tokens: what the issuer says of them, and when it cannot be asked.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTokenCheck } from '../../src/resource-server/check.ts';
import { ACTIVE, AUDIENCE, type LocalIssuer, startIssuer } from './issuer.ts';

let issuer: LocalIssuer;
let good: Record<string, unknown>;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());

const NOW = 2_000_000_000;

beforeEach(() => {
  issuer.requests.length = 0;
  issuer.answers.introspectionStatus = 200;
  good = {
    active: true,
    token_type: 'Bearer',
    iss: issuer.url,
    sub: 'alice',
    client_id: 'shop',
    scope: 'payments',
    exp: NOW + 60,
    acr: ACTIVE,
    auth_time: NOW,
  };
});

async function present(told: Record<string, unknown>, need = {}) {
  issuer.opaque.set('opaque', told);
  const introspection = { clientId: 'the api', clientSecret: 'pass:wörd', clients: ['shop'] };
  const check = createTokenCheck({ issuer: issuer.url, audience: AUDIENCE, introspection, now: () => NOW });
  return check('Bearer opaque', need);
}

test('a good one passes, for the need that it meets', async () => {
  const need = { scope: ['payments'], acr: [ACTIVE], maxAgeSeconds: 60 };
  expect(await present(good, need)).toMatchObject({ ok: true, token: { sub: 'alice', scopes: ['payments'] } });
  expect(await present(good, { scope: ['more'] })).toMatchObject({ status: 403 });
});

test('the question carries our credentials as RFC 6749 §2.3.1 encodes them', async () => {
  await present(good);
  const { authorization = '', body } = issuer.requests.at(-1) ?? { body: '' };
  const pair = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
  expect(pair).toBe('the+api:pass%3Aw%C3%B6rd');
  expect(body).toBe('token=opaque&token_type_hint=access_token');
});

test('a JWT is verified here, and the issuer not asked about it', async () => {
  const introspection = { clientId: 'the api', clientSecret: 'secret', clients: ['shop'] };
  const check = createTokenCheck({ issuer: issuer.url, audience: AUDIENCE, introspection });
  expect(await check(`Bearer ${await issuer.sign()}`, {})).toMatchObject({ ok: true });
  expect(issuer.requests.map(({ path }) => path)).not.toContain('/introspect');
});

describe('refused is one', () => {
  test.each<[string, Record<string, unknown>]>([
    ['that is not active', { active: false }],
    ['that is active in words', { active: 'true' }],
    ['that is a refresh token, which has no type', { token_type: undefined }],
    ['that is bound to a key', { token_type: 'DPoP', cnf: { jkt: 'x' } }],
    ['that is bound to a certificate', { cnf: { 'x5t#S256': 'x' } }],
    ['of another issuer', { iss: 'https://elsewhere.test' }],
    ['that has expired', { exp: NOW - 60 }],
    ['for another resource', { aud: 'https://other.test' }],
    ['for no resource, of a client that is not listed', { client_id: 'somebody' }],
    ['of nobody', { sub: undefined }],
  ])('%s', async (_what, told) => {
    expect(await present({ ...good, ...told })).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
  });
});

test('one for our audience passes, of whatever client', async () => {
  expect(await present({ ...good, client_id: 'somebody', aud: [AUDIENCE] })).toMatchObject({ ok: true });
});

test.each([500, 401, 307])('an issuer that answers %i says nothing of the token: 503', async (status) => {
  issuer.answers.introspectionStatus = status;
  const outcome = await present(good);
  expect(outcome).toMatchObject({ ok: false, status: 503 });
  expect(outcome).not.toHaveProperty('wwwAuthenticate');
  // a redirect would carry token and credentials with it
  expect(issuer.requests.map(({ path }) => path)).not.toContain('/elsewhere');
});
