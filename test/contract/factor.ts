// What every implementation of `KeyCeremonies` must do: believe an answer only if it is what was asked for, from this place, by the key
// of that account, with the person there and, where it matters, verified.

import { beforeEach, describe, expect, test } from '@jest/globals';
import type { KeyCeremonies } from '../../src/login/keys.ts';
import type { Passkey } from '../../src/login/stores.ts';
import { type Authenticator, createAuthenticator, type Lies } from '../factors/authenticator.ts';

export const ISSUER = 'https://login.example';
const USER_HANDLE = Buffer.from('sixteen random b').toString('base64url');

export function keyCeremoniesContract(name: string, create: (parts: { issuer: string }) => KeyCeremonies): void {
  describe(`KeyCeremonies by ${name}`, () => {
    const ceremonies = create({ issuer: ISSUER });
    let device: Authenticator;
    let passkey: Passkey;

    const register = () => ceremonies.registration({ name: 'ada', userHandle: USER_HANDLE, existing: [] });
    const passkeyOf = async (authenticator: Authenticator): Promise<Passkey> => {
      const { options, challenge } = await register();
      const reading = await ceremonies.verifyRegistration(authenticator.create(options), challenge);
      if (reading.kind === 'refused') throw new Error(reading.problem);
      const { kind: _right, ...made } = reading;
      return { ...made, userHandle: USER_HANDLE, name: 'a key', createdAt: 1, madeIn: 'u', rests: [] };
    };
    /** Asks, lets the device answer, and judges. */
    const use = async (lies: Lies = {}, mustVerify = true, by: Authenticator = device) => {
      const { options, challenge } = await ceremonies.authentication({ mustVerify });
      return ceremonies.verifyAuthentication(by.get(options, lies), { challenge, mustVerify }, passkey);
    };

    beforeEach(async () => {
      device = createAuthenticator(ISSUER);
      passkey = await passkeyOf(device);
    });

    test('what is asked of a new key: discoverable, verified, no attestation, no second one beside those there', async () => {
      const existing = [{ id: passkey.id, transports: ['usb'] }];
      const { options, challenge } = await ceremonies.registration({ name: 'ada', userHandle: USER_HANDLE, existing });
      expect(JSON.parse(options)).toMatchObject({
        challenge,
        rp: { id: 'login.example' },
        user: { id: USER_HANDLE, name: 'ada' },
        attestation: 'none',
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        excludeCredentials: [{ id: passkey.id, type: 'public-key' }],
      });
      expect(
        JSON.parse(options)
          .pubKeyCredParams.map(({ alg }: { alg: number }) => alg)
          .sort(),
      ).toEqual([-257, -7, -8]);
      expect(() => device.create(options)).toThrow('InvalidStateError');
    });

    test('what is asked of a use names no credential and no account (T26)', async () => {
      const { options, challenge } = await ceremonies.authentication({ mustVerify: true });
      const asked = JSON.parse(options);
      expect(asked).toMatchObject({ challenge, rpId: 'login.example', userVerification: 'required' });
      expect(asked.allowCredentials ?? []).toEqual([]);
      const wish = JSON.parse((await ceremonies.authentication({ mustVerify: false })).options);
      expect(wish.userVerification).toBe('preferred');
    });

    test('challenges are random, and long enough not to be guessed', async () => {
      const made = await Promise.all(Array.from({ length: 20 }, () => ceremonies.authentication({ mustVerify: true })));
      expect(new Set(made.map(({ challenge }) => challenge)).size).toBe(20);
      expect(Buffer.from(made[0]?.challenge ?? '', 'base64url').length).toBeGreaterThanOrEqual(16);
    });

    test('a key that was made is described as it is', async () => {
      expect(passkey).toMatchObject({ isSynced: false, counter: 1, transports: ['internal'] });
      expect((await passkeyOf(createAuthenticator(ISSUER, { isSynced: true }))).isSynced).toBe(true);
    });

    test('a right answer is believed, with its counter and whether the person was verified', async () => {
      expect(await use()).toEqual({ kind: 'right', counter: 2, verified: true });
      expect(await use({ isVerified: false }, false)).toEqual({ kind: 'right', counter: 3, verified: false });
    });

    test('the counter is not judged here: that is one step with noting it', async () => {
      expect(await use({ counter: 1 })).toMatchObject({ kind: 'right', counter: 1 });
    });

    test.each<[string, Lies]>([
      ['a challenge of another page', { challenge: Buffer.from('some other challenge').toString('base64url') }],
      ['a look-alike origin', { origin: 'https://login.example.evil.example' }],
      ['another port of the same host', { origin: `${ISSUER}:8443` }],
      ['plain http', { origin: 'http://login.example' }],
      ['a key of another site', { rpId: 'evil.example' }],
      ['a key of the domain above', { rpId: 'example' }],
      ['the answer to a registration', { type: 'webauthn.create' }],
      ['a page of ours in a foreign frame', { crossOrigin: true }],
      ['nobody there', { isPresent: false }],
      ['a person who was not verified, where that is needed', { isVerified: false }],
      ['the user handle of another account', { userHandle: Buffer.from('another sixteen!').toString('base64url') }],
      ['no user handle at all', { userHandle: undefined }],
      ['a signature by another key', { forged: true }],
      ['a key that could not leave its device and now can', { isSynced: true }],
    ])('a use is refused: %s', async (_what, lies) => {
      expect(await use(lies)).toMatchObject({ kind: 'refused', problem: expect.any(String) });
    });

    test.each<[string, Lies]>([
      ['a challenge of another page', { challenge: Buffer.from('some other challenge').toString('base64url') }],
      ['a look-alike origin', { origin: 'https://login.example.evil.example' }],
      ['a key of another site', { rpId: 'evil.example' }],
      ['the answer to a use', { type: 'webauthn.get' }],
      ['a page of ours in a foreign frame', { crossOrigin: true }],
      ['nobody there', { isPresent: false }],
      ['a person who was not verified', { isVerified: false }],
    ])('a new key is refused: %s', async (_what, lies) => {
      const { options, challenge } = await register();
      const reading = await ceremonies.verifyRegistration(device.create(options, lies), challenge);
      expect(reading).toMatchObject({ kind: 'refused', problem: expect.any(String) });
    });

    test('an attestation that comes uninvited is left out unread', async () => {
      const { options, challenge } = await register();
      const answer = device.create(options, { attestation: 'packed' });
      const reading = await ceremonies.verifyRegistration(answer, challenge);
      if (reading.kind === 'refused') throw new Error(reading.problem);
      passkey = { ...passkey, ...reading };
      expect(await use()).toMatchObject({ kind: 'right' });
    });

    test("another account's key does not pass for this one", async () => {
      const theirs = createAuthenticator(ISSUER);
      await passkeyOf(theirs);
      expect(await use({}, true, theirs)).toMatchObject({ kind: 'refused' });
    });

    test('an answer says which credential it claims to be of', async () => {
      const { options } = await ceremonies.authentication({ mustVerify: true });
      expect(ceremonies.credentialOf(device.get(options))).toBe(passkey.id);
    });

    test.each([
      '',
      'no JSON',
      'null',
      '[]',
      '{}',
      '{"id":1,"response":{}}',
      '{"id":"a","response":null}',
      '{"id":"a","response":{"clientDataJSON":5}}',
      '{"id":"a","rawId":"a","type":"public-key","response":{"clientDataJSON":"e30"}}',
      '{"id":"a","rawId":"a","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AA","authenticatorData":"AA","signature":"AA"}}',
      '{"__proto__":{"id":"a"},"id":"a","response":{"clientDataJSON":"bm8"}}',
    ])('anything else is refused and never throws: %s', async (answer) => {
      const own = ceremonies.credentialOf(answer);
      expect(own === undefined || own === 'a').toBe(true);
      expect(await ceremonies.verifyRegistration(answer, 'c')).toMatchObject({ kind: 'refused' });
      const asked = { challenge: 'c', mustVerify: true };
      expect(await ceremonies.verifyAuthentication(answer, asked, { ...passkey, id: 'a' })).toMatchObject({
        kind: 'refused',
      });
    });
  });
}
