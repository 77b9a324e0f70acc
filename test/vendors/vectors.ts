// The documented test vectors of Didit's signatures, T1 to T7, as data.

import { readFileSync } from 'node:fs';

export interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly wire: string;
  readonly signature: string;
  readonly v2: string;
  readonly simple: string;
  readonly canonical?: string;
  readonly canonicalBytes?: number;
  readonly canonicalSha256?: string;
  /** signatures that a known mistake would make */
  readonly wrong?: Readonly<Record<string, string>>;
}

/** `X-Timestamp` of every vector. */
export const VECTOR_TIME = 1_767_225_600;

const file = new URL('../vectors/didit-signatures.json', import.meta.url);
export const vectors = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[];
