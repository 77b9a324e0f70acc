// A WebAuthn authenticator and the browser around it, in software: makes real ES256 credentials and signs real assertions, from the
// specification (WebAuthn Level 3 §6, CTAP canonical CBOR) and not from the library under test. Each thing a page or a thief could get
// wrong can be set.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface CreationOptions {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string; readonly name: string };
  readonly excludeCredentials: readonly { readonly id: string }[];
}

export interface RequestOptions {
  readonly challenge: string;
  readonly rpId: string;
  readonly userVerification: string;
  readonly allowCredentials?: readonly unknown[];
}

interface Credential {
  readonly id: Buffer;
  readonly rpId: string;
  readonly userHandle: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: { readonly x: string; readonly y: string };
}

/** What is said in place of the truth. */
export interface Lies {
  readonly challenge?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly userHandle?: string | undefined;
  readonly crossOrigin?: boolean;
  readonly isVerified?: boolean;
  readonly isPresent?: boolean;
  readonly isSynced?: boolean;
  readonly counter?: number;
  /** the attestation statement's format; "none" by default */
  readonly attestation?: 'packed';
  /** signs with another key */
  readonly forged?: boolean;
}

export interface Authenticator {
  /** As `navigator.credentials.create` and `toJSON`. @throws when it has one of the excluded already */
  create(options: CreationOptions | string, lies?: Lies): string;
  /** As `navigator.credentials.get`: the newest for that place. */
  get(options: RequestOptions | string, lies?: Lies): string;
  /** the same keys, in other hands */
  copy(): Authenticator;
}

const UP = 0x01;
const UV = 0x04;
const BE = 0x08;
const BS = 0x10;
const AT = 0x40;

/** @param how.counts a hardware key counts its signatures; one that is synchronised says 0 */
export function createAuthenticator(
  origin: string,
  how: { readonly isSynced?: boolean; readonly counts?: boolean; readonly canVerify?: boolean } = {},
  from: { readonly credentials: Credential[]; counter: number } = { credentials: [], counter: 0 },
): Authenticator {
  const { isSynced = false, counts = !isSynced, canVerify = true } = how;
  const { credentials } = from;
  let { counter } = from;

  function flagsOf(lies: Lies): number {
    const synced = lies.isSynced ?? isSynced;
    return (
      ((lies.isPresent ?? true) ? UP : 0) |
      ((lies.isVerified ?? canVerify) ? UV : 0) |
      (synced ? BE : 0) |
      (synced ? BS : 0)
    );
  }

  function authenticatorData(rpId: string, flags: number, lies: Lies, attested = Buffer.alloc(0)): Buffer {
    if (counts) counter += 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(lies.counter ?? (counts ? counter : 0));
    return Buffer.concat([sha256(lies.rpId ?? rpId), Buffer.from([flags]), count, attested]);
  }

  function clientData(type: string, challenge: string, lies: Lies): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? origin,
        crossOrigin: lies.crossOrigin ?? false,
      }),
    );
  }

  return {
    create(given, lies = {}) {
      const options: CreationOptions = typeof given === 'string' ? JSON.parse(given) : given;
      if (options.excludeCredentials.some(({ id }) => credentials.some((each) => text(each.id) === id))) {
        throw new Error('InvalidStateError');
      }
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
      const credential: Credential = {
        id: randomBytes(32),
        rpId: options.rp.id,
        userHandle: options.user.id,
        privateKey,
        publicJwk: { x, y },
      };
      credentials.push(credential);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(credential.id.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, credential.id, coseKey(credential.publicJwk)]);
      const data = authenticatorData(options.rp.id, flagsOf(lies) | AT, lies, attested);
      const clientDataJSON = clientData('webauthn.create', options.challenge, lies);
      const statement =
        lies.attestation === undefined
          ? new Map()
          : new Map<string, unknown>([
              ['alg', -7],
              ['sig', sign('sha256', Buffer.concat([data, sha256(clientDataJSON)]), privateKey)],
              ['x5c', [Buffer.from('a certificate that names an address to ask')]],
            ]);
      const attestationObject = cbor(
        new Map<string, unknown>([
          ['fmt', lies.attestation ?? 'none'],
          ['attStmt', statement],
          ['authData', data],
        ]),
      );
      return answerOf(credential, {
        clientDataJSON: text(clientDataJSON),
        attestationObject: text(attestationObject),
        transports: ['internal', 'made-up'],
      });
    },

    get(given, lies = {}) {
      const options: RequestOptions = typeof given === 'string' ? JSON.parse(given) : given;
      const credential = credentials.findLast(({ rpId }) => rpId === options.rpId);
      if (!credential) throw new Error('NotAllowedError');
      const data = authenticatorData(options.rpId, flagsOf(lies), lies);
      const clientDataJSON = clientData('webauthn.get', options.challenge, lies);
      const key = lies.forged ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : credential.privateKey;
      const userHandle = 'userHandle' in lies ? lies.userHandle : credential.userHandle;
      return answerOf(credential, {
        clientDataJSON: text(clientDataJSON),
        authenticatorData: text(data),
        signature: text(sign('sha256', Buffer.concat([data, sha256(clientDataJSON)]), key)),
        ...(userHandle === undefined ? {} : { userHandle }),
      });
    },

    copy: () => createAuthenticator(origin, how, { credentials: [...credentials], counter }),
  };
}

function answerOf({ id }: Credential, response: object): string {
  return JSON.stringify({ id: text(id), rawId: text(id), type: 'public-key', clientExtensionResults: {}, response });
}

/** RFC 9053: kty EC2, alg ES256, crv P-256, x, y */
function coseKey({ x, y }: Credential['publicJwk']): Buffer {
  return cbor(
    new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]),
  );
}

/** As much of RFC 8949 as is needed here. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  if (value instanceof Map) {
    return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, each]) => [cbor(key), cbor(each)])]);
  }
  throw new Error(`no CBOR for ${typeof value}`);
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff]);
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

function text(bytes: Buffer): string {
  return bytes.toString('base64url');
}
