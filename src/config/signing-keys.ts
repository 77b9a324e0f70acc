// The private signing keys from `JWKS_FILE` (RFC 7517), each judged by itself and all together. Messages name a key by
// its place and `kid`; no member of a key is ever repeated, and neither is what a JSON parser says, as it quotes.

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { JWK } from 'jose';
import { type Fault, quote } from './faults.ts';
import { readTextFile } from './text-file.ts';

/** What each algorithm asks of a key. RS256 must be there: it is the default of every client. */
const ALGORITHMS: Record<string, { kty: string; crv?: string; digest: string | null }> = {
  RS256: { kty: 'RSA', digest: 'sha256' },
  ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', digest: null },
};
export const SIGNING_ALGORITHMS = Object.keys(ALGORITHMS);
const LEAST_RSA_BITS = 2048;

export type KeysReading =
  | { readonly ok: true; readonly jwks: { keys: JWK[] }; readonly warning?: string }
  | { readonly ok: false; readonly faults: Fault[] };

/** Reads and judges the file that `JWKS_FILE` names. */
export async function readJwksFile(path: string, cwd: string): Promise<KeysReading> {
  const file = await readTextFile(path, cwd);
  if (!file.ok) return { ok: false, faults: [{ where: `JWKS_FILE ${path}`, problem: file.problem, fix: file.fix }] };
  const reading = readJwks(file.value, `JWKS_FILE ${path}`);
  if (!reading.ok || file.warning === undefined) return reading;
  return { ...reading, warning: `JWKS_FILE ${path}: ${file.warning}` };
}

/** @param where how faults name the source */
export function readJwks(text: string, where: string): KeysReading {
  const refuse = (problem: string, fix: string): KeysReading => ({ ok: false, faults: [{ where, problem, fix }] });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refuse('is not JSON', 'write a JWK set: {"keys": [ … ]}');
  }
  const keys = isRecord(parsed) ? parsed.keys : undefined;
  if (!Array.isArray(keys) || keys.length === 0)
    return refuse('is not a JWK set with keys in it', 'write a JWK set: {"keys": [ … ]}');

  const faults: Fault[] = [];
  const kids = new Set<unknown>();
  for (const [index, key] of keys.entries()) {
    const name =
      isRecord(key) && typeof key.kid === 'string' ? `keys[${index}] (kid ${quote(key.kid)})` : `keys[${index}]`;
    const problems = isRecord(key) ? judgeKey(key) : [{ problem: 'is not a JWK', fix: 'write a JSON object' }];
    if (isRecord(key) && kids.has(key.kid) && key.kid !== undefined)
      problems.push({
        problem: 'has the kid of an earlier key',
        fix: 'give each key its own, its RFC 7638 thumbprint for one',
      });
    if (isRecord(key)) kids.add(key.kid);
    faults.push(...problems.map((problem) => ({ where: `${where} ${name}`, ...problem })));
  }
  if (!keys.some((key) => isRecord(key) && key.alg === 'RS256')) {
    faults.push({
      where,
      problem: 'has no RS256 key, which every client may expect',
      fix: 'add an RSA key of 2048 bits or more with alg RS256',
    });
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, jwks: { keys: keys as JWK[] } };
}

function judgeKey(key: Record<string, unknown>): { problem: string; fix: string }[] {
  const problems: { problem: string; fix: string }[] = [];
  const say = (problem: string, fix: string) => problems.push({ problem, fix });
  if (typeof key.kid !== 'string' || key.kid === '') say('has no kid', 'give it one, its RFC 7638 thumbprint for one');
  if (key.use !== 'sig') say('does not say use "sig"', 'add "use": "sig"');
  const algorithm = typeof key.alg === 'string' ? ALGORITHMS[key.alg] : undefined;
  if (algorithm === undefined || !Object.hasOwn(ALGORITHMS, String(key.alg))) {
    say(
      key.alg === undefined ? 'has no alg' : `has an alg that is not one of ${SIGNING_ALGORITHMS.join(', ')}`,
      `write one of ${SIGNING_ALGORITHMS.join(', ')}`,
    );
    return problems;
  }
  if (key.kty !== algorithm.kty || (algorithm.crv !== undefined && key.crv !== algorithm.crv)) {
    say(
      `is no ${[algorithm.kty, algorithm.crv].filter(Boolean).join(' ')} key, as ${key.alg} needs`,
      'make alg and key fit',
    );
    return problems;
  }
  if (key.d === undefined) {
    say('has no private members', 'this file holds private keys: add the whole key pair');
    return problems;
  }
  const pair = importPair(key);
  if (pair === undefined) say('cannot be read as a key', 'make it anew: a member is missing or malformed');
  else if ((pair.privateKey.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS) < LEAST_RSA_BITS)
    say(`is an RSA key of fewer than ${LEAST_RSA_BITS} bits`, `make one of ${LEAST_RSA_BITS} bits or more`);
  else if (!belongTogether(pair, algorithm.digest))
    say('has a private half that does not belong to its public half', 'make it anew');
  return problems;
}

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function importPair(key: Record<string, unknown>): Pair | undefined {
  try {
    const { kty, n, e, crv, x, y } = key;
    const publicHalf = Object.fromEntries(
      Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined),
    );
    return {
      privateKey: createPrivateKey({ key, format: 'jwk' }),
      publicKey: createPublicKey({ key: publicHalf, format: 'jwk' }),
    };
  } catch {
    return undefined;
  }
}

function belongTogether({ privateKey, publicKey }: Pair, digest: string | null): boolean {
  const probe = Buffer.from('selfie-oidc');
  try {
    return verify(digest, probe, publicKey, sign(digest, probe, privateKey));
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
