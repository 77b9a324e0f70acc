// The check over HTTP, against an issuer that is not ours.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { UnsecuredJWT } from 'jose';
import { createTokenCheck, type TokenCheckSettings } from '../../src/resource-server/check.ts';
import type { Need } from '../../src/resource-server/need.ts';
import { ACTIVE, AUDIENCE, type LocalIssuer, PASSIVE, readChallenge, startIssuer } from './issuer.ts';
import { type Answer, ask, type Way } from './resource.ts';

let issuer: LocalIssuer;
beforeEach(async () => {
  issuer = await startIssuer();
});
afterEach(() => issuer.close());

const seconds = () => Math.floor(Date.now() / 1000);
const check = (settings: Partial<TokenCheckSettings> = {}) =>
  createTokenCheck({ issuer: issuer.url, audience: AUDIENCE, ...settings });
const askWith = (token: string, need: Need = {}, settings: Partial<TokenCheckSettings> = {}, way: Way = 'koa') =>
  ask(way, check(settings), need, [['authorization', `Bearer ${token}`]]);

function expectRefusal(answer: Answer, status: number, error: string): Record<string, string> {
  expect(answer).toMatchObject({ status, body: { error } });
  const challenge = readChallenge(answer.challenge);
  expect(challenge).toMatchObject({ realm: AUDIENCE, error });
  expect(answer.headers['cache-control']).toBe('no-store');
  return challenge;
}

describe.each<Way>(['koa', 'plain Node'])('what is presented, by %s', (way) => {
  const present = (headers: [string, string][], path?: string) => ask(way, check(), {}, headers, path);

  test('a good token passes, whatever the case of the scheme', async () => {
    const token = await issuer.sign();
    for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
      expect(await present([['authorization', `${scheme} ${token}`]])).toMatchObject({
        status: 200,
        body: { sub: 'alice' },
      });
    }
  });

  test.each<[string, [string, string][], string]>([
    ['nothing', [], '/'],
    ['another scheme', [['authorization', 'Basic YTpi']], '/'],
    ['a DPoP token, which is not offered', [['authorization', 'DPoP e30.e30.']], '/'],
    ['a token in the query only', [], '/?access_token=x'],
  ])('%s is asked for a token, and told no error', async (_what, headers, path) => {
    const answer = await present(headers, path);
    expect(answer).toMatchObject({ status: 401, body: {} });
    expect(readChallenge(answer.challenge)).toEqual({ realm: AUDIENCE });
  });

  test.each(['Bearer', 'Bearer a b', 'Bearer a, Bearer b', 'Bearer "a"', 'Bearer ä'])(
    'the malformed header "%s" is an invalid request',
    async (header) => {
      expectRefusal(await present([['authorization', header]]), 400, 'invalid_request');
    },
  );

  test('more than one credential is an invalid request, good as each may be', async () => {
    const token = await issuer.sign();
    const header: [string, string] = ['authorization', `Bearer ${token}`];
    expectRefusal(await present([header, header]), 400, 'invalid_request');
    expectRefusal(await present([header], `/?access_token=${token}`), 400, 'invalid_request');
    expect(issuer.requests).toEqual([]);
  });

  test('a need that is not met is answered as the specification says', async () => {
    const need = { scope: ['payments'], acr: [ACTIVE], maxAgeSeconds: 300 };
    const weak = await askWith(await issuer.sign({ acr: PASSIVE, auth_time: seconds() }), need, {}, way);
    expectRefusal(weak, 401, 'insufficient_user_authentication');
    const strong = await issuer.sign({ acr: ACTIVE, auth_time: seconds() });
    expectRefusal(await askWith(strong, need, {}, way), 403, 'insufficient_scope');
  });

  test('when the keys cannot be had it is 503 without a challenge, and right again afterwards', async () => {
    const token = await issuer.sign();
    const one = check();
    const once = () => ask(way, one, {}, [['authorization', `Bearer ${token}`]]);
    for (const broken of ['metadata', 'keys'] as const) {
      if (broken === 'metadata') issuer.answers.metadata = undefined;
      else issuer.answers.jwksStatus = 500;
      const answer = await once();
      expect(answer).toMatchObject({ status: 503, challenge: null, body: { error: 'temporarily_unavailable' } });
      expect(answer.headers['retry-after']).toBe('5');
      issuer.answers.metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
    }
    issuer.answers.jwksStatus = 200;
    expect(await once()).toMatchObject({ status: 200 });
  });
});

describe('a genuine token', () => {
  test.each(['RS256', 'ES256', 'EdDSA'])('signed with %s passes', async (alg) => {
    expect(await askWith(await issuer.sign({}, { alg }))).toMatchObject({ status: 200 });
  });

  test('of an issuer that is gone passes while its keys are known', async () => {
    const one = check();
    const token = await issuer.sign();
    const good = () => ask('koa', one, {}, [['authorization', `Bearer ${token}`]]);
    expect(await good()).toMatchObject({ status: 200 });
    await issuer.close();
    expect(await good()).toMatchObject({ status: 200 });
    expect(issuer.requests.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('may be for several audiences, with a typ in full', async () => {
    const token = await issuer.sign({ aud: ['https://other.test', AUDIENCE] }, { typ: 'application/at+jwt' });
    expect(await askWith(token, {}, { jwksUri: `${issuer.url}/jwks` })).toMatchObject({ status: 200 });
    expect(issuer.requests.map(({ path }) => path)).toEqual(['/jwks']);
  });

  test('tells the handler whose it is, of which client, with which scopes and proof', async () => {
    const token = await issuer.sign({ scope: 'a  b', acr: ACTIVE, auth_time: 1_700_000_000 });
    const outcome = await check()(`Bearer ${token}`, { scope: ['b', 'a'] });
    expect(outcome).toMatchObject({
      ok: true,
      token: { sub: 'alice', clientId: 'shop', scopes: ['a', 'b'], acr: ACTIVE, authTime: 1_700_000_000 },
    });
  });
});

describe('a token that is not genuine, not for us or not in time', () => {
  const HOUR = 3600;
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['of another issuer', { iss: 'https://elsewhere.test' }, {}],
    ['for another resource', { aud: 'https://other.test' }, {}],
    ['for no resource', { aud: undefined }, {}],
    ['that has expired', { exp: seconds() - HOUR }, {}],
    ['that never expires', { exp: undefined }, {}],
    ['that expires in words', { exp: 'never' }, {}],
    ['not valid before later', { nbf: seconds() + HOUR }, {}],
    ['issued in the future', { iat: seconds() + HOUR }, {}],
    ['issued at no time', { iat: undefined }, {}],
    ['of no client', { client_id: undefined }, {}],
    ['of nobody', { sub: undefined }, {}],
    ['of a number', { sub: 7 }, {}],
    ['that is an ID token', {}, { typ: 'JWT' }],
    ['that is a logout token', {}, { typ: 'logout+jwt' }],
    ['without a type', {}, { typ: undefined }],
    ['signed by a strange key', {}, { kid: 'strange' }],
    ['signed with another key of the issuer', {}, { kid: 'ES256' }],
    ['with an algorithm that is not listed', {}, { alg: 'PS256' }],
    ['with an extension that must be understood', {}, { crit: ['strange'], strange: 1 }],
    ['bound to a DPoP key, shown as a bearer token', { cnf: { jkt: 'x'.repeat(43) } }, {}],
    ['bound to a certificate', { cnf: { 'x5t#S256': 'x'.repeat(43) } }, {}],
  ])('%s is refused', async (_what, claims, header) => {
    expectRefusal(await askWith(await issuer.sign(claims, header)), 401, 'invalid_token');
  });

  test('unsigned is refused (alg none)', async () => {
    const now = seconds();
    const payload = { iss: issuer.url, aud: AUDIENCE, sub: 'alice', client_id: 'shop', iat: now, exp: now + 600 };
    const [, body] = new UnsecuredJWT(payload).encode().split('.');
    for (const alg of ['none', 'None', 'RS256']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: 'RS256' })).toString('base64url');
      expectRefusal(await askWith(`${header}.${body}.`), 401, 'invalid_token');
    }
  });

  test('signed with the public key as a secret is refused (alg HS256)', async () => {
    expectRefusal(await askWith(await issuer.sign({}, { alg: 'HS256' })), 401, 'invalid_token');
  });

  test('with its own key in the header is refused, and that key not fetched', async () => {
    const token = await issuer.sign({}, { kid: 'mine', jwk: issuer.publicKey('RS256'), jku: `${issuer.url}/mine` });
    expectRefusal(await askWith(token), 401, 'invalid_token');
    expect(issuer.requests.map(({ path }) => path)).not.toContain('/mine');
  });

  test('altered is refused', async () => {
    const [header, , signature] = (await issuer.sign()).split('.');
    const [, other] = (await issuer.sign({ sub: 'mallory' })).split('.');
    expectRefusal(await askWith(`${header}.${other}.${signature}`), 401, 'invalid_token');
  });

  test('that is no JWT is refused, and nobody asked about it', async () => {
    expectRefusal(await askWith('opaque'), 401, 'invalid_token');
    expect(issuer.requests).toEqual([]);
  });

  test('clocks may differ by the tolerance, and no more', async () => {
    const now = 2_000_000_000;
    const at = (claims: Record<string, unknown>) => issuer.sign({ iat: now, exp: now + 600, ...claims });
    const settings = { now: () => now, clockToleranceSeconds: 10 };
    for (const claims of [{ iat: now + 10 }, { nbf: now + 10 }, { exp: now - 9 }]) {
      expect(await askWith(await at(claims), {}, settings)).toMatchObject({ status: 200 });
    }
    for (const claims of [{ iat: now + 11 }, { nbf: now + 11 }, { exp: now - 10 }]) {
      expectRefusal(await askWith(await at(claims), {}, settings), 401, 'invalid_token');
    }
  });

  test('metadata of another issuer, or with keys on plain http, are not believed', async () => {
    const token = await issuer.sign();
    const { metadata } = issuer.answers;
    // reaches this machine, and does not say so
    const plain = `http://0.0.0.0:${new URL(issuer.url).port}/jwks`;
    for (const wrong of [{ issuer: 'https://elsewhere.test' }, { jwks_uri: plain }]) {
      issuer.answers.metadata = { ...metadata, ...wrong };
      expect(await askWith(token)).toMatchObject({ status: 503 });
    }
    expect(issuer.requests.map(({ path }) => path)).not.toContain('/jwks');
  });
});
