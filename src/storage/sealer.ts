// Encryption at rest of what is personal: faces, identity data, hosted URLs. AES-256-GCM with a key id, so that keys rotate
// without re-encrypting first: the first key seals, any configured key opens. Each configured key yields two by HKDF, one
// to encrypt and one to hash with, as one key should do one job. Keys are looked at with each call, so a process takes new ones
// while it runs; the hash keys of data keys that are gone stay (hash-keys.ts), as what they hashed is kept nowhere.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { SealedUnreadable } from '../core/errors.ts';
import type { Sealer } from '../login/ports.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** `v1.<key id>.<nonce>.<ciphertext and tag>`, the last two base64url; this is all before the ciphertext. */
const SEALED = /^v1\.([0-9a-f]{8})\.([\w-]{16})\.(?=[\w-]{22})/;

/** Key objects, made once: with bare bytes each call would cost Node three to five times as much. */
interface Keys {
  readonly id: string;
  readonly encrypt: KeyObject;
  readonly hash: KeyObject;
}

/** What a data key hashes with, by the data key's id. */
export interface HashKey {
  readonly id: string;
  readonly hash: Uint8Array;
}

export interface RotatingSealer extends Sealer {
  /** of the key that seals */
  readonly currentId: string;
  /** of every key that opens, the one that seals first */
  readonly ids: readonly string[];
  /** Other keys from now on. @throws RangeError as `createSealer`; those before stay in use then */
  useKeys(keys: readonly Uint8Array[]): void;
  hashKeys(): readonly HashKey[];
  /** Hashes are looked up under these too from now on, behind those of the data keys. */
  keepHashKeys(kept: readonly HashKey[]): void;
}

/**
 * @param keys 32 bytes each, the one that seals first; at least one
 * @throws RangeError a key is missing or of the wrong length
 */
export function createSealer(keys: readonly Uint8Array[]): RotatingSealer {
  let ring = createRing(keys);
  let kept: readonly Pick<Keys, 'id' | 'hash'>[] = [];
  const hashing = () => [...ring.all, ...kept.filter(({ id }) => !ring.byId.has(id))];

  function open(sealed: string, context: string): Buffer {
    const [prefix = '', id = '', nonce = ''] = SEALED.exec(sealed) ?? [];
    const key = ring.byId.get(id);
    if (key === undefined) throw new SealedUnreadable(id === '' ? 'not a sealed text' : `no key ${id} is configured`);
    const bytes = decode(sealed.slice(prefix.length));
    if (bytes === undefined) throw new SealedUnreadable('not a sealed text');
    const decipher = createDecipheriv('aes-256-gcm', key.encrypt, Buffer.from(nonce, 'base64url'), {
      authTagLength: TAG_BYTES,
    });
    try {
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new SealedUnreadable('altered, or sealed for another place', { cause });
    }
  }

  return {
    get currentId() {
      return ring.current.id;
    },
    get ids() {
      return ring.all.map(({ id }) => id);
    },
    useKeys(next) {
      ring = createRing(next);
    },
    hashKeys: () => ring.all.map(({ id, hash }) => ({ id, hash: new Uint8Array(hash.export()) })),
    keepHashKeys(next) {
      kept = next.map(({ id, hash }) => ({ id, hash: createSecretKey(hash) }));
    },
    seal(plain, context) {
      const { current } = ring;
      // A random nonce is safe for about 2^32 texts a key (NIST SP 800-38D section 8.3); a key is rotated long before.
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.encrypt, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `v1.${current.id}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
    },
    open,
    openText: (sealed, context) => open(sealed, context).toString('utf8'),
    keyedHash: (text, purpose) => keyedHash(ring.current, text, purpose),
    keyedHashes: (text, purpose) => hashing().map((key) => keyedHash(key, text, purpose)),
  };
}

/** base64url, every character of it: Node's own reader passes over what it does not know. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text.length % 4 !== 1 && bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined;
}

function createRing(keys: readonly Uint8Array[]) {
  const [current, ...others] = keys.map(deriveKeys);
  if (current === undefined) throw new RangeError('a sealer needs at least one key');
  const all = [current, ...others];
  return { current, all, byId: new Map(all.map((key) => [key.id, key])) };
}

/** The name of a data key, as it stands in front of what was sealed with it; tells nothing of the key. */
export function dataKeyId(key: Uint8Array): string {
  return createHash('sha256').update(key).update('selfie-oidc data key id').digest('hex').slice(0, 8);
}

function deriveKeys(key: Uint8Array): Keys {
  if (key.length !== 32) throw new RangeError(`a data key has 32 bytes, not ${key.length}`);
  return {
    id: dataKeyId(key),
    encrypt: createSecretKey(new Uint8Array(hkdfSync('sha256', key, '', 'selfie-oidc v1 encrypt', 32))),
    hash: createSecretKey(new Uint8Array(hkdfSync('sha256', key, '', 'selfie-oidc v1 hash', 32))),
  };
}

/** The purpose's length goes first, so that no text can pass for another purpose's. */
function keyedHash({ hash }: Pick<Keys, 'hash'>, text: string, purpose: string): string {
  return createHmac('sha256', hash).update(`${purpose.length}:${purpose}:${text}`).digest('base64url');
}
