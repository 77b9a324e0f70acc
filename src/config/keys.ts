// The keys alone, read as at the start: a running process takes new ones whatever else in the configuration has changed or has faults
// meanwhile. And where each list of them stands, for what edits it.

import { join, resolve } from 'node:path';
import type { JWK } from 'jose';
import { DEV_SECRETS_FILE, findDevSecrets } from './dev-secrets.ts';
import { readEnvironment } from './environment.ts';
import type { Fault } from './faults.ts';
import { readJwksFile } from './signing-keys.ts';

export interface KeySet {
  readonly jwks: { readonly keys: readonly JWK[] };
  /** the one that signs first */
  readonly cookieKeys: readonly string[];
  /** the one that seals first */
  readonly dataKeys: readonly Uint8Array[];
}

/** `file`: of its own; `made`: in the file of keys that were made outside production; `environment`: in a variable, out of our reach. */
export type KeySource =
  | { readonly kind: 'file' | 'made'; readonly path: string }
  | { readonly kind: 'environment'; readonly variable: 'COOKIE_KEYS' | 'DATA_KEYS' };

export interface KeySources {
  readonly signing: Exclude<KeySource, { kind: 'environment' }>;
  readonly cookie: KeySource;
  readonly data: KeySource;
}

export type KeySetReading =
  | { readonly ok: true; readonly keys: KeySet; readonly sources: KeySources }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export type KeysReader = () => Promise<KeySetReading>;

const OURS = /^(?:COOKIE_KEYS|DATA_KEYS|JWKS_FILE)/;

/** Makes none: what a start has made is there. @param options.cwd what relative paths are relative to */
export async function readKeySet(env: NodeJS.ProcessEnv, options: { cwd?: string } = {}): Promise<KeySetReading> {
  const cwd = options.cwd ?? process.cwd();
  const sources = keySourcesOf(env, cwd);
  const { values, given, faults } = await readEnvironment(env, cwd);
  const mine = faults.filter(({ where }) => OURS.test(where));
  const jwks = values.JWKS_FILE === undefined ? undefined : await readJwksFile(values.JWKS_FILE, cwd);
  const isWhole = given.has('COOKIE_KEYS') && given.has('DATA_KEYS') && jwks !== undefined;
  const made = isWhole ? undefined : await findDevSecrets(resolve(cwd, 'data'));
  if (jwks?.ok === false) mine.push(...jwks.faults);
  if (made?.ok === false) mine.push(...made.faults);
  const secrets = made?.ok ? made.secrets : undefined;
  const cookieKeys = values.COOKIE_KEYS ?? secrets?.cookieKeys;
  const dataKeys = values.DATA_KEYS ?? secrets?.dataKeys;
  const signing = jwks?.ok ? jwks.jwks : secrets?.jwks;
  if (mine.length === 0 && !(cookieKeys && dataKeys && signing)) {
    const where = join('data', DEV_SECRETS_FILE);
    mine.push({ where, problem: 'is not there', fix: 'put it back, or start the provider: it makes new keys' });
  }
  if (mine.length > 0 || !cookieKeys || !dataKeys || !signing) return { ok: false, faults: mine };
  return { ok: true, keys: { jwks: signing, cookieKeys, dataKeys }, sources };
}

/** Where each list stands, whatever is there. */
export function keySourcesOf(env: NodeJS.ProcessEnv, cwd: string = process.cwd()): KeySources {
  const text = (variable: string) => env[variable]?.trim() ?? '';
  const made = { kind: 'made', path: join(resolve(cwd, 'data'), DEV_SECRETS_FILE) } as const;
  const file = (path: string) => ({ kind: 'file', path: resolve(cwd, path) }) as const;
  const sourceOf = (variable: 'COOKIE_KEYS' | 'DATA_KEYS'): KeySource => {
    const path = text(`${variable}_FILE`);
    if (path !== '') return file(path);
    return text(variable) === '' ? made : { kind: 'environment', variable };
  };
  return {
    signing: text('JWKS_FILE') === '' ? made : file(text('JWKS_FILE')),
    cookie: sourceOf('COOKIE_KEYS'),
    data: sourceOf('DATA_KEYS'),
  };
}

/** The files to be watched, each once. */
export function filesOf({ signing, cookie, data }: KeySources): readonly string[] {
  return [
    ...new Set([signing, cookie, data].flatMap((source) => (source.kind === 'environment' ? [] : [source.path]))),
  ];
}
