// What the tests of the configuration share: a folder of its own with the files an operator would write, an
// environment that production accepts, and a marker that must never come out again.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { makeSigningKeys } from '../../src/config/dev-secrets.ts';
import { formatFaults } from '../../src/config/faults.ts';
import { type ConfigReading, loadConfig } from '../../src/config/load.ts';

/** Part of every secret in these tests. */
export const CANARY = 'Zq3-canary';

export const strongCookieKey = `${CANARY}-cookie-key-of-more-than-32-characters`;
export const dataKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64url');
export const otherDataKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 99)).toString('base64url');

export const CLIENT = `- client_id: shop
  client_secret: ${CANARY}-client-secret-of-more-than-32-characters
  redirect_uris: [https://shop.example/cb]
`;

const made: string[] = [];
afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder with these files in it (name → text). */
export async function folderWith(files: Record<string, string> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-config-'));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

let keys: Promise<string> | undefined;
export function signingKeys(): Promise<string> {
  keys ??= makeSigningKeys().then((set) => JSON.stringify(set));
  return keys;
}

/** Everything production needs, nothing else. */
export const PRODUCTION: Readonly<Record<string, string>> = {
  NODE_ENV: 'production',
  ISSUER: 'https://login.example',
  COOKIE_KEYS: strongCookieKey,
  DATA_KEYS: dataKey,
  JWKS_FILE: 'jwks.json',
  DIDIT_API_KEY: `${CANARY}-api-key`,
  DIDIT_WEBHOOK_SECRETS: `${CANARY}-webhook-secret`,
  DIDIT_WORKFLOW_ENROL: '11111111-1111-4111-8111-111111111111',
  DIDIT_WORKFLOW_PASSIVE: '22222222-2222-4222-8222-222222222222',
  TRUST_PROXY: '1',
};

/** Outside production, with the real vendor. */
export const DEVELOPMENT: Readonly<Record<string, string>> = {
  DIDIT_API_KEY: `${CANARY}-api-key`,
  DIDIT_WEBHOOK_SECRETS: `${CANARY}-webhook-secret`,
  DIDIT_WORKFLOW_ENROL: '11111111-1111-4111-8111-111111111111',
  DIDIT_WORKFLOW_PASSIVE: '22222222-2222-4222-8222-222222222222',
};

/** Loads in a fresh folder with one client and keys, unless `files` says otherwise (an empty text: no such file). */
export async function load(
  env: Record<string, string | undefined>,
  files: Record<string, string> = {},
): Promise<ConfigReading & { folder: string }> {
  const all = { 'config/clients.yaml': CLIENT, 'jwks.json': await signingKeys(), ...files };
  const folder = await folderWith(Object.fromEntries(Object.entries(all).filter(([, text]) => text !== '')));
  return { ...(await loadConfig(env, { cwd: folder })), folder };
}

/** The faults as one text, which must not hold any secret; fails when there are none. */
export async function faultsOf(
  env: Record<string, string | undefined>,
  files?: Record<string, string>,
): Promise<string> {
  const reading = await load(env, files);
  if (reading.ok) throw new Error('expected faults, and the configuration was accepted');
  const text = formatFaults(reading.faults);
  if (text.includes(CANARY)) throw new Error('a fault holds a secret');
  return text;
}

export async function configOf(env: Record<string, string | undefined>, files?: Record<string, string>) {
  const reading = await load(env, files);
  if (!reading.ok) throw new Error(formatFaults(reading.faults));
  return { config: reading.config, warnings: reading.warnings, folder: reading.folder };
}
