// Outside production nobody should have to make keys: they are made once and kept in `data/`, so that sessions and
// sealed records outlive a restart. One file, readable by its owner only, that appears whole or not at all: two
// processes starting at once end up with the same keys.

import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Fault } from './faults.ts';
import { readDataKeys } from './secret-readers.ts';
import { readJwks } from './signing-keys.ts';
import { errorCode, readTextFile } from './text-file.ts';

export interface DevSecrets {
  readonly cookieKeys: string[];
  readonly dataKeys: Uint8Array[];
  readonly jwks: { keys: JWK[] };
}

export type DevSecretsReading =
  | { readonly ok: true; readonly secrets: DevSecrets | undefined }
  | { readonly ok: false; readonly faults: Fault[] };

export const DEV_SECRETS_FILE = 'dev-secrets.json';

/** What was made before; `undefined` when nothing was yet. */
export async function findDevSecrets(dataDir: string): Promise<DevSecretsReading> {
  const where = join(dataDir, DEV_SECRETS_FILE);
  const file = await readTextFile(where, dataDir);
  if (!file.ok && 'missing' in file) return { ok: true, secrets: undefined };
  if (!file.ok) return { ok: false, faults: [{ where, problem: file.problem, fix: file.fix }] };
  const secrets = parse(file.value);
  if (secrets !== undefined) return { ok: true, secrets };
  const fix = 'delete it to have new keys made (what was encrypted under the old ones is then lost)';
  return { ok: false, faults: [{ where, problem: 'is not what was once written here', fix }] };
}

/** Gives what is kept, making it first where it is not. Safe to call from any number of processes at once. */
export async function loadDevSecrets(dataDir: string): Promise<DevSecrets> {
  const kept = await findDevSecrets(dataDir);
  if (kept.ok && kept.secrets) return kept.secrets;
  if (kept.ok) await writeOnce(dataDir, JSON.stringify(await makeSecrets(), null, 2));
  const made = await findDevSecrets(dataDir);
  if (made.ok && made.secrets) return made.secrets;
  throw new Error(`${join(dataDir, DEV_SECRETS_FILE)} could not be made`);
}

/** A fresh RS256 and ES256 key pair. */
export async function makeSigningKeys(): Promise<{ keys: JWK[] }> {
  return { keys: [await makeSigningKey('RS256'), await makeSigningKey('ES256')] };
}

/**
 * A fresh key pair, `kid` being the RFC 7638 thumbprint.
 *
 * @param bits of an RSA key; 2048 unless said
 */
export async function makeSigningKey(alg: string, bits = 2048): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: bits });
  const jwk = await exportJWK(privateKey);
  return { kid: await calculateJwkThumbprint(jwk), alg, use: 'sig', ...jwk };
}

export function makeCookieKey(): string {
  return randomBytes(48).toString('base64url');
}

/** 32 bytes, base64url. */
export function makeDataKey(): string {
  return randomBytes(32).toString('base64url');
}

async function makeSecrets(): Promise<object> {
  return { cookie_keys: [makeCookieKey()], data_keys: [makeDataKey()], jwks: await makeSigningKeys() };
}

/** Writes aside and links into place: the first one wins, and nobody ever reads half a file. */
async function writeOnce(dataDir: string, text: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const aside = join(dataDir, `.${DEV_SECRETS_FILE}.${randomBytes(6).toString('hex')}`);
  try {
    {
      await using file = await open(aside, 'wx', 0o600);
      await file.writeFile(`${text}\n`);
      await file.sync();
    }
    await link(aside, join(dataDir, DEV_SECRETS_FILE));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

function parse(text: string): DevSecrets | undefined {
  try {
    const kept = JSON.parse(text) as { cookie_keys?: unknown; data_keys?: unknown; jwks?: unknown };
    const cookieKeys = Array.isArray(kept.cookie_keys) ? kept.cookie_keys : [];
    const dataKeys = readDataKeys(Array.isArray(kept.data_keys) ? kept.data_keys.join(',') : '', { production: false });
    const jwks = readJwks(JSON.stringify(kept.jwks ?? null), DEV_SECRETS_FILE);
    if (!dataKeys.ok || !jwks.ok || cookieKeys.length === 0) return undefined;
    if (!cookieKeys.every((key) => typeof key === 'string' && key.length >= 32)) return undefined;
    return { cookieKeys, dataKeys: dataKeys.value, jwks: jwks.jwks };
  } catch {
    return undefined;
  }
}
