// What a resource needs beyond a genuine token, and the challenges by which it says so.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ACR_LADDER, type Acr, acrSatisfies, PHISHING_RESISTANT } from '../../src/core/assurance.ts';
import { createTokenCheck } from '../../src/resource-server/check.ts';
import { requireToken } from '../../src/resource-server/koa.ts';
import { atLeast } from '../../src/resource-server/ladder.ts';
import type { Need } from '../../src/resource-server/need.ts';
import { requireNodeToken } from '../../src/resource-server/node.ts';
import { ACTIVE, AUDIENCE, type LocalIssuer, PASSIVE, readChallenge, startIssuer } from './issuer.ts';

const NOW = 2_000_000_000;
let issuer: LocalIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());

async function outcome(claims: Record<string, unknown>, need: Need) {
  const check = createTokenCheck({
    issuer: issuer.url,
    audience: AUDIENCE,
    now: () => NOW,
    clockToleranceSeconds: 10,
  });
  const answer = await check(`Bearer ${await issuer.sign({ iat: NOW, exp: NOW + 600, ...claims })}`, need);
  if (answer.ok) return { status: 200 };
  return { status: answer.status, ...readChallenge(answer.wwwAuthenticate ?? '') };
}

describe('the login behind the token', () => {
  const acr = [ACTIVE, 'urn:other'];

  test.each<[string, Record<string, unknown>, Need, boolean]>([
    ['strong enough', { acr: ACTIVE }, { acr }, true],
    ['strong in the second way', { acr: 'urn:other' }, { acr }, true],
    ['too weak', { acr: PASSIVE }, { acr }, false],
    ['of untold strength', {}, { acr }, false],
    ['of a strength that is no text', { acr: [ACTIVE] }, { acr }, false],
    ['recent enough', { auth_time: NOW - 300 }, { maxAgeSeconds: 300 }, true],
    ['just within the tolerance', { auth_time: NOW - 310 }, { maxAgeSeconds: 300 }, true],
    ['too old', { auth_time: NOW - 311 }, { maxAgeSeconds: 300 }, false],
    ['at an untold time', {}, { maxAgeSeconds: 300 }, false],
    ['at a time in words', { auth_time: 'now' }, { maxAgeSeconds: 300 }, false],
    ['in the future', { auth_time: NOW + 11 }, { maxAgeSeconds: 300 }, false],
    ['strong but old', { acr: ACTIVE, auth_time: NOW - 999 }, { acr, maxAgeSeconds: 300 }, false],
    ['recent but weak', { acr: PASSIVE, auth_time: NOW }, { acr, maxAgeSeconds: 300 }, false],
    ['strong and recent', { acr: ACTIVE, auth_time: NOW }, { acr, maxAgeSeconds: 300 }, true],
  ])('%s', async (_what, claims, need, isEnough) => {
    const answer = await outcome(claims, need);
    if (isEnough) return expect(answer).toEqual({ status: 200 });
    expect(answer).toMatchObject({ status: 401, error: 'insufficient_user_authentication' });
  });

  test('the challenge names all that is needed, in order of preference, not only what was missing', async () => {
    const answer = await outcome({ acr: ACTIVE, auth_time: NOW - 999 }, { acr, maxAgeSeconds: 300 });
    expect(answer).toMatchObject({ acr_values: `${ACTIVE} urn:other`, max_age: '300' });
    expect(answer).not.toHaveProperty('scope');
  });

  test('what is not needed is not named', async () => {
    expect(await outcome({}, { maxAgeSeconds: 60 })).not.toHaveProperty('acr_values');
    expect(await outcome({}, { acr })).not.toHaveProperty('max_age');
  });
});

describe('the scope', () => {
  test('every one is needed, and a part of a name is none', async () => {
    const need = { scope: ['read', 'payments'] };
    expect(await outcome({ scope: 'payments other read' }, need)).toEqual({ status: 200 });
    for (const scope of ['payments', 'payments reader', '', undefined, ['read', 'payments']]) {
      expect(await outcome({ scope }, need)).toEqual({
        status: 403,
        realm: AUDIENCE,
        error: 'insufficient_scope',
        error_description: expect.any(String),
        scope: 'read payments',
      });
    }
  });

  test('lacking together with the login it is named by the one challenge, so that one request mends both', async () => {
    const answer = await outcome({ acr: PASSIVE }, { scope: ['payments'], acr: [ACTIVE] });
    expect(answer).toMatchObject({ status: 401, error: 'insufficient_user_authentication', scope: 'payments' });
  });

  test('a token that is not genuine learns nothing of what is needed', async () => {
    const answer = await outcome({ aud: 'https://other.test' }, { scope: ['payments'], acr: [ACTIVE] });
    expect(answer).toEqual({
      status: 401,
      realm: AUDIENCE,
      error: 'invalid_token',
      error_description: expect.any(String),
    });
  });
});

describe('a need that cannot be meant', () => {
  test.each<[Need]>([
    [{ acr: [] }],
    [{ acr: ['two words'] }],
    [{ scope: ['a"b'] }],
    [{ scope: ['a\r\nset-cookie: x'] }],
    [{ scope: [''] }],
    [{ maxAgeSeconds: 0 }],
    [{ maxAgeSeconds: 1.5 }],
    [{ maxAgeSeconds: Number.NaN }],
  ])('%j throws when the guard is made, not when a person waits', async (need) => {
    const check = createTokenCheck({ issuer: issuer.url, audience: AUDIENCE });
    expect(() => requireToken(check, need)).toThrow(TypeError);
    expect(() => requireNodeToken(check, need)).toThrow(TypeError);
    await expect(check(undefined, need)).rejects.toThrow(TypeError);
  });

  test('nor can an issuer on plain http, or no audience', () => {
    expect(() => createTokenCheck({ issuer: 'http://login.example.test', audience: AUDIENCE })).toThrow(TypeError);
    expect(() => createTokenCheck({ issuer: issuer.url, audience: '' })).toThrow(TypeError);
    const jwksUri = 'http://login.example.test/jwks';
    expect(() => createTokenCheck({ issuer: issuer.url, audience: AUDIENCE, jwksUri })).toThrow(TypeError);
  });
});

test('an audience with quotes and line breaks stays inside its quotes', async () => {
  const audience = 'https://a.test/"\\\r\nset-cookie: x=1';
  const answer = await createTokenCheck({ issuer: issuer.url, audience })(undefined, {});
  const header = answer.ok ? '' : (answer.wwwAuthenticate ?? '');
  expect(header).toBe('Bearer realm="https://a.test/\\"\\\\set-cookie: x=1"');
  expect(readChallenge(header)).toEqual({ realm: 'https://a.test/"\\set-cookie: x=1' });
});

describe('the ladder', () => {
  test('is the one of the provider: whatever satisfies a strength there is let in here', () => {
    const strengths: Acr[] = [...ACR_LADDER, PHISHING_RESISTANT];
    for (const wanted of strengths) {
      const enough = strengths.filter((held) => acrSatisfies(held, wanted));
      expect([...atLeast(wanted)].sort()).toEqual(enough.sort());
      expect(atLeast(wanted)[0]).toBe(wanted);
    }
  });

  test('gives a strength and all above it', () => {
    expect(atLeast('urn:selfie-oidc:acr:selfie-active')).toEqual([
      'urn:selfie-oidc:acr:selfie-active',
      'urn:selfie-oidc:acr:selfie-device',
    ]);
  });

  test('does not know a misspelt one', () => {
    expect(() => atLeast('urn:selfie-oidc:acr:selfie-activ' as never)).toThrow(TypeError);
  });
});
