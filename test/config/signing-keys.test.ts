// The JWK set of JWKS_FILE: each rule, by a key that breaks it and nothing else.

import { beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { readJwks, readJwksFile } from '../../src/config/signing-keys.ts';
import { CANARY, folderWith } from './support.ts';

let rsa: JWK;
let otherRsa: JWK;
let ec: JWK;
let ed: JWK;

async function make(alg: string, kid: string, options = {}): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
  return { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' };
}

beforeAll(async () => {
  [rsa, otherRsa, ec, ed] = await Promise.all([
    make('RS256', 'r'),
    make('RS256', 's'),
    make('ES256', 'e'),
    make('EdDSA', 'd'),
  ]);
});

function problems(keys: unknown): string[] {
  const reading = readJwks(JSON.stringify({ keys }), 'jwks');
  return reading.ok ? [] : reading.faults.map((fault) => `${fault.where}: ${fault.problem}`);
}

test('RS256, ES256 and EdDSA keys stand beside each other, in their order', () => {
  expect(readJwks(JSON.stringify({ keys: [ec, rsa, otherRsa, ed] }), 'jwks')).toMatchObject({
    ok: true,
    jwks: { keys: [{ kid: 'e' }, { kid: 'r' }, { kid: 's' }, { kid: 'd' }] },
  });
});

describe('a set is refused', () => {
  test.each<[string, () => unknown[], RegExp]>([
    ['without RS256', () => [ec], /has no RS256 key/],
    ['with no key', () => [], /not a JWK set/],
    ['with something else in it', () => [rsa, 'x'], /keys\[1\]: is not a JWK/],
    ['with one kid twice', () => [rsa, { ...ec, kid: 'r' }], /keys\[1\] \(kid "r"\): has the kid of an earlier key/],
    ['without kid', () => [rsa, { ...ec, kid: undefined }], /keys\[1\]: has no kid/],
    ['without alg', () => [rsa, { ...ec, alg: undefined }], /has no alg/],
    ['with another alg', () => [rsa, { ...otherRsa, alg: 'PS256' }], /alg that is not one of/],
    ['with an alg named like a built-in', () => [rsa, { ...otherRsa, alg: 'constructor' }], /alg that is not one of/],
    ['without use', () => [rsa, { ...ec, use: undefined }], /does not say use "sig"/],
    ['for encryption', () => [rsa, { ...ec, use: 'enc' }], /does not say use "sig"/],
    ['when alg and key differ', () => [rsa, { ...ec, alg: 'EdDSA' }], /is no OKP Ed25519 key/],
    ['with another curve', () => [rsa, { ...ec, crv: 'P-384' }], /is no EC P-256 key/],
    ['with a public key', () => [rsa, { ...ec, d: undefined }], /has no private members/],
    ['with a broken key', () => [rsa, { ...ec, d: CANARY }], /cannot be read|does not belong/],
    ['with halves of two keys', () => [{ ...rsa, n: otherRsa.n }], /cannot be read|does not belong/],
    ['with halves of two curves points', () => [rsa, { ...ec, d: ec.x }], /cannot be read|does not belong/],
  ])('%s', (_why, keys, problem) => {
    const found = problems(keys());
    expect(found).toEqual([expect.stringMatching(problem)]);
    expect(found.join()).not.toContain(CANARY);
  });

  test('with an RSA key of 1024 bits', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' });
    expect(problems([{ ...weak, kid: 'w', alg: 'RS256', use: 'sig' }])).toEqual([
      expect.stringMatching(/fewer than 2048 bits/),
    ]);
  });

  test('with all its faults at once', () => {
    expect(problems([{ ...ec, kid: '', use: 'x' }, 1])).toHaveLength(4);
  });

  test.each([CANARY, `{"keys": "${CANARY}"}`, '[]', 'null', `{"keys":[${CANARY}]}`])('that is not one: %s', (text) => {
    const reading = readJwks(text, 'jwks');
    expect(reading).toMatchObject({ ok: false, faults: [{ where: 'jwks' }] });
    expect(JSON.stringify(reading)).not.toContain(CANARY);
  });

  test('that is not there', async () => {
    expect(await readJwksFile('missing.json', await folderWith())).toMatchObject({
      faults: [{ where: 'JWKS_FILE missing.json', problem: 'does not exist' }],
    });
  });
});
