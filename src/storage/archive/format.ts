// An archive as a file: one line of JSON that says what it is, and chunks. A chunk is compressed, then encrypted with AES-256-GCM under
// a key of this file alone, made from a data key and the first line; its number is bound to it. So none can be altered, swapped, left
// out or brought from another file, and without the last one, which holds the counts, the archive is not whole.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { StoredJob, StoredRow } from '../bulk.ts';
import { dataKeyId } from '../sealer.ts';
import type { Tally } from './tally.ts';

export const FORMAT = 'selfie-oidc archive';
export const FORMAT_VERSION = 1;
/** Longer is no first line of ours. */
export const LONGEST_HEADER = 4096;

export interface Header {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** of this archive, random */
  readonly id: string;
  /** the program's version */
  readonly program: string;
  /** epoch seconds: when it was begun */
  readonly createdAt: number;
  /** `move`: the storage it is from is served no more */
  readonly kind: 'backup' | 'move';
  /** keyed hash of where it is from */
  readonly source: string;
  /** the data keys that what is inside was made with, newest first; the first encrypts the archive */
  readonly keys: readonly string[];
}

export type Chunk =
  | { readonly kind: 'rows'; readonly rows: readonly StoredRow[] }
  | { readonly kind: 'jobs'; readonly jobs: readonly StoredJob[] }
  | { readonly kind: 'end'; readonly tally: Tally };

export type ArchiveFaultCode =
  | 'unreadable'
  | 'not-an-archive'
  | 'newer-format'
  | 'key-missing'
  | 'altered'
  | 'truncated'
  /** nothing of it is left */
  | 'not-begun'
  | 'not-written'
  | 'different'
  | 'overtaken';

/** An archive that cannot be used, or not be written. Its message is for the operator. */
export class ArchiveFault extends Error {
  readonly code: ArchiveFaultCode;

  constructor(code: ArchiveFaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ArchiveFault';
    this.code = code;
  }
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Length of what follows, in front of each chunk. */
export const LENGTH_BYTES = 4;
/** A page is about a megabyte and may end with a face of two; much more is not ours. */
export const LARGEST_CHUNK = 64 << 20;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

export interface ChunkCipher {
  /** @returns the chunk as it lies in the file, with its length in front */
  seal(number: number, chunk: Chunk): Promise<Buffer>;
  /** @param body without the length @throws ArchiveFault altered */
  open(number: number, body: Buffer): Promise<Chunk>;
}

/**
 * @param line the first line, without its end
 * @param dataKeys as configured
 * @throws ArchiveFault key-missing, naming every key that is wanted and not there
 */
export function createChunkCipher(header: Header, line: string, dataKeys: readonly Uint8Array[]): ChunkCipher {
  const byId = new Map(dataKeys.map((key) => [dataKeyId(key), key]));
  const missing = header.keys.filter((id) => !byId.has(id));
  const dataKey = byId.get(header.keys[0] ?? '');
  if (dataKey === undefined || missing.length > 0) {
    const wanted = missing.join(', ');
    throw new ArchiveFault(
      'key-missing',
      `DATA_KEYS lacks ${wanted}, which this archive was made with: put it behind yours`,
    );
  }
  const salt = createHash('sha256').update(line).digest();
  const key = new Uint8Array(hkdfSync('sha256', dataKey, salt, 'selfie-oidc v1 archive', 32));

  return {
    async seal(number, chunk) {
      // random, as a chunk that a crash cut off is written again with other contents
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(numbered(number));
      const packed = await deflate(JSON.stringify(chunk), { level: 1 });
      const parts = [nonce, cipher.update(packed), cipher.final(), cipher.getAuthTag()];
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
      return Buffer.concat([length, ...parts]);
    },
    async open(number, body) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(numbered(number));
        decipher.setAuthTag(body.subarray(-TAG_BYTES));
        const packed = Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
        return JSON.parse((await inflate(packed)).toString('utf8')) as Chunk;
      } catch (cause) {
        throw new ArchiveFault('altered', `chunk ${number + 1} was altered, or is not of this archive`, { cause });
      }
    },
  };
}

function numbered(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}
