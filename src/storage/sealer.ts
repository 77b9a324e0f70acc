// Encryption at rest of what is personal: faces, identity data, hosted URLs. AES-256-GCM with a key id, so that keys rotate
// without re-encrypting first: the newest key seals, any configured key opens. Each configured key yields two by HKDF, one
// to encrypt and one to hash with, as one key should do one job.

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

/**
 * @param keys 32 bytes each, newest first; at least one
 * @throws RangeError a key is missing or of the wrong length
 */
export function createSealer(keys: readonly Uint8Array[]): Sealer {
  const [newest, ...older] = keys.map(deriveKeys);
  if (newest === undefined) throw new RangeError('a sealer needs at least one key');
  const all = [newest, ...older];
  const byId = new Map(all.map((key) => [key.id, key]));

  function open(sealed: string, context: string): Buffer {
    const [prefix = '', id = '', nonce = ''] = SEALED.exec(sealed) ?? [];
    const key = byId.get(id);
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
    seal(plain, context) {
      // A random nonce is safe for about 2^32 texts a key (NIST SP 800-38D section 8.3); a key is rotated long before.
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', newest.encrypt, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `v1.${newest.id}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
    },
    open,
    openText: (sealed, context) => open(sealed, context).toString('utf8'),
    keyedHash: (text, purpose) => keyedHash(newest, text, purpose),
    keyedHashes: (text, purpose) => all.map((key) => keyedHash(key, text, purpose)),
  };
}

/** base64url, every character of it: Node's own reader passes over what it does not know. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text.length % 4 !== 1 && bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined;
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
function keyedHash({ hash }: Keys, text: string, purpose: string): string {
  return createHmac('sha256', hash).update(`${purpose.length}:${purpose}:${text}`).digest('base64url');
}
