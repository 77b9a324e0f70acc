// Passkeys: WebAuthn Level 3 behind the port `KeyCeremonies`, on @simplewebauthn/server. What is decided here: which keys are accepted,
// and what an answer must say about place, purpose and person. Whose key it is and what it is worth is decided in `login/`.
//
// No attestation is asked for and none is read: it would tell the make of somebody's device, and a statement that comes uninvited has
// certificates in it that a verifier would follow to addresses of the sender's choice. So what a key says of itself ("I cannot be
// copied") is its own word.
//
// The library is loaded with the first ceremony, and not with the process: it brings hundreds of files, nearly all of them for
// certificates, and where nobody uses passkeys it is never needed.

import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { KeyCeremonies, KeyReading } from '../login/keys.ts';
import { readAnswer, refuseFramed, withoutAttestation } from './passkey-answer.ts';

/** EdDSA, ES256 and RS256 by their COSE numbers, in the order of preference; what a browser makes is one of them. */
const ALGORITHMS = [-8, -7, -257];
/** Five minutes, as WebAuthn §15.1 recommends where the person is verified: time to look for a key. */
const TIMEOUT_MS = 300_000;
/** WebAuthn §7.1. */
const LONGEST_ID_BYTES = 1023;
const TRANSPORTS = ['usb', 'nfc', 'ble', 'smart-card', 'hybrid', 'internal'] as const;
type Transport = (typeof TRANSPORTS)[number];

/**
 * @param issuer its origin is the only one that answers may come from, and its host the only one that keys are made for: a key made at
 *               a look-alike does not fit here (that is what makes it `phr`)
 */
export function createKeyCeremonies({ issuer }: { issuer: string }): KeyCeremonies {
  const { hostname: rpID, origin: expectedOrigin } = new URL(issuer);

  return {
    async registration({ name, userHandle, existing }) {
      const { generateRegistrationOptions } = await loadLibrary();
      const options = await generateRegistrationOptions({
        rpName: rpID,
        rpID,
        userID: new Uint8Array(Buffer.from(userHandle, 'base64url')),
        userName: name,
        userDisplayName: name,
        timeout: TIMEOUT_MS,
        attestationType: 'none',
        excludeCredentials: existing.map(({ id, transports }) => ({ id, transports: transports.filter(isTransport) })),
        // found on the device without being named, and never without PIN, finger or face: each can be the only proof one day
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        supportedAlgorithmIDs: ALGORITHMS,
      });
      return { options: JSON.stringify(options), challenge: options.challenge };
    },

    verifyRegistration: (text, expectedChallenge) =>
      judge(async () => {
        const { verifyRegistrationResponse } = await loadLibrary();
        const answer = readAnswer<RegistrationResponseJSON>(text);
        await refuseFramed(answer);
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          response: await withoutAttestation(answer),
          expectedChallenge,
          expectedOrigin,
          expectedRPID: rpID,
          requireUserVerification: true,
          supportedAlgorithmIDs: ALGORITHMS,
        });
        if (!verified) throw new Error('not verified');
        const { credential, credentialDeviceType } = registrationInfo;
        if (Buffer.from(credential.id, 'base64url').length > LONGEST_ID_BYTES)
          throw new Error('credential id too long');
        const { transports } = answer.response;
        return {
          id: credential.id,
          publicKey: Buffer.from(credential.publicKey).toString('base64url'),
          counter: credential.counter,
          transports: Array.isArray(transports) ? transports.filter(isTransport) : [],
          isSynced: credentialDeviceType === 'multiDevice',
        };
      }),

    async authentication({ mustVerify }) {
      const { generateAuthenticationOptions } = await loadLibrary();
      const options = await generateAuthenticationOptions({
        rpID,
        allowCredentials: [],
        userVerification: mustVerify ? 'required' : 'preferred',
        timeout: TIMEOUT_MS,
      });
      return { options: JSON.stringify(options), challenge: options.challenge };
    },

    credentialOf(text) {
      try {
        return readAnswer<AuthenticationResponseJSON>(text).id;
      } catch {
        return undefined;
      }
    },

    verifyAuthentication: (text, { challenge, mustVerify }, passkey) =>
      judge(async () => {
        const { verifyAuthenticationResponse } = await loadLibrary();
        const answer = readAnswer<AuthenticationResponseJSON>(text);
        await refuseFramed(answer);
        if (answer.id !== passkey.id) throw new Error('another credential');
        // a key that was found without being named says whose it is (§7.2)
        if (answer.response.userHandle !== passkey.userHandle) throw new Error('another user handle');
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          response: answer,
          expectedChallenge: challenge,
          expectedOrigin,
          expectedRPID: rpID,
          requireUserVerification: mustVerify,
          credential: {
            id: passkey.id,
            publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
            // not judged here: in one step with noting it, or two uses at once would both pass
            counter: 0,
          },
        });
        if (!verified) throw new Error('wrong signature');
        const { credentialDeviceType, newCounter, userVerified } = authenticationInfo;
        // what a key is cannot change after it was made (§7.2)
        if ((credentialDeviceType === 'multiDevice') !== passkey.isSynced) throw new Error('other backup eligibility');
        return { counter: newCounter, verified: userVerified };
      }),
  };
}

/** From disk once; after that it is at hand. */
const loadLibrary = () => import('@simplewebauthn/server');

/** Anything that goes wrong with what a browser sent is a refusal, never a failure of ours. */
async function judge<T extends object>(verify: () => Promise<T>): Promise<KeyReading<T>> {
  try {
    return { kind: 'right', ...(await verify()) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'refused', problem: message.slice(0, 300) };
  }
}

function isTransport(value: unknown): value is Transport {
  return (TRANSPORTS as readonly unknown[]).includes(value);
}
