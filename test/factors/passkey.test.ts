import { expect, test } from '@jest/globals';
import { createKeyCeremonies } from '../../src/factors/passkey.ts';
import { keyCeremoniesContract } from '../contract/factor.ts';
import { createAuthenticator } from './authenticator.ts';

keyCeremoniesContract('@simplewebauthn/server', createKeyCeremonies);

test('on another port, a key is asked for and believed at the whole origin of the issuer', async () => {
  const issuer = 'http://localhost:3000';
  const ceremonies = createKeyCeremonies({ issuer });
  const device = createAuthenticator(issuer);
  const { options, challenge } = await ceremonies.registration({ name: 'ada', userHandle: 'AAAA', existing: [] });
  expect(JSON.parse(options).rp.id).toBe('localhost');
  expect(await ceremonies.verifyRegistration(device.create(options), challenge)).toMatchObject({ kind: 'right' });
  const lies = { origin: 'http://localhost:3001' };
  expect(await ceremonies.verifyRegistration(device.create(options, lies), challenge)).toMatchObject({
    kind: 'refused',
  });
});
