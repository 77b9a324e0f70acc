// The lists of keys where an operator keeps them: files of their own, the file of keys made outside production, or variables that only
// the operator can change. For those, and where a file may not be replaced, the new content can be printed instead.

import type { JWK } from 'jose';
import type { KeyList } from '../admin/rotate-keys.ts';
import { makeCookieKey, makeDataKey, makeSigningKey } from '../config/dev-secrets.ts';
import type { KeySet, KeySource, KeysReader } from '../config/keys.ts';
import { replaceFile } from '../config/replace-file.ts';
import { readTextFile } from '../config/text-file.ts';
import type { KeyKind } from '../core/key-rotation.ts';
import { namesOf } from '../storage/key-names.ts';
import { Failure } from './command.ts';

/** Their names in a message, and in the file of made keys. */
const PLACES = {
  signing: { variable: 'JWKS_FILE', member: 'jwks' },
  cookie: { variable: 'COOKIE_KEYS', member: 'cookie_keys' },
  data: { variable: 'DATA_KEYS', member: 'data_keys' },
} as const;

/** A key as it stands in its list: a JWK, or a text. */
type Secret = JWK | string;

/**
 * @param place.read  what the provider would have: it is asked after the file was looked at, so that nothing written in between is lost
 * @param print       takes the new content in the place of the file
 * @throws Failure the keys have faults, or are in a variable and there is no `print`
 */
export async function openKeyList(
  kind: KeyKind,
  place: { readonly read: KeysReader; readonly source: KeySource },
  print: ((text: string) => void) | undefined,
): Promise<KeyList> {
  const { source } = place;
  if (source.kind === 'environment' && !print) throw new Failure(inVariable(source.variable));
  const before = source.kind === 'environment' ? undefined : await load(source.path);
  const reading = await place.read();
  if (!reading.ok) throw new Failure(reading.faults.map(({ where, problem }) => `${where} ${problem}`).join('; '));
  const names = namesOf(reading.keys)[kind];
  const secrets = new Map<string, Secret>();
  for (const [index, secret] of secretsOf(kind, reading.keys).entries()) secrets.set(names[index]?.id ?? '', secret);

  return {
    kind,
    keys: names,
    isInPlace: print === undefined,
    async make(like) {
      const secret = await makeLike(kind, secrets.get(like.id), like.alg);
      const [name] = namesOf({ jwks: { keys: [] }, cookieKeys: [], dataKeys: [], ...asKeySet(kind, secret) })[kind];
      if (name === undefined) throw new Error('a key was made and has no name');
      secrets.set(name.id, secret);
      return name;
    },
    async write(order) {
      const all = order.map(({ id }) => secrets.get(id)).filter((secret) => secret !== undefined);
      if (print) return print(contentOf(kind, all));
      if (source.kind === 'environment') return;
      const now = await load(source.path);
      if (now !== before)
        throw new Failure(
          `${source.path} was changed meanwhile by somebody else: nothing was done; look, and try again`,
        );
      await replace(kind, source.path, source.kind === 'made' ? withMade(kind, now, all) : contentOf(kind, all));
    },
  };
}

function secretsOf(kind: KeyKind, { jwks, cookieKeys, dataKeys }: KeySet): readonly Secret[] {
  if (kind === 'signing') return jwks.keys;
  return kind === 'cookie' ? cookieKeys : dataKeys.map((key) => Buffer.from(key).toString('base64url'));
}

function asKeySet(kind: KeyKind, secret: Secret): Partial<KeySet> {
  if (typeof secret !== 'string') return { jwks: { keys: [secret] } };
  return kind === 'cookie'
    ? { cookieKeys: [secret] }
    : { dataKeys: [new Uint8Array(Buffer.from(secret, 'base64url'))] };
}

function makeLike(kind: KeyKind, like: Secret | undefined, alg: string): Promise<Secret> | Secret {
  if (kind === 'cookie') return makeCookieKey();
  if (kind === 'data') return makeDataKey();
  const modulus = typeof like === 'object' ? like.n : undefined;
  return makeSigningKey(alg, modulus === undefined ? undefined : Buffer.from(modulus, 'base64url').length * 8);
}

/** As a file of its own holds it, and as a variable does. */
function contentOf(kind: KeyKind, secrets: readonly Secret[]): string {
  return kind === 'signing' ? `${JSON.stringify({ keys: secrets }, null, 2)}\n` : `${secrets.join(',')}\n`;
}

function withMade(kind: KeyKind, text: string, secrets: readonly Secret[]): string {
  const made: Record<string, unknown> = JSON.parse(text);
  made[PLACES[kind].member] = kind === 'signing' ? { keys: secrets } : secrets;
  return `${JSON.stringify(made, null, 2)}\n`;
}

async function load(path: string): Promise<string> {
  const file = await readTextFile(path, '/');
  if (!file.ok) throw new Failure(`${path} ${file.problem}: ${file.fix}`);
  return file.value;
}

async function replace(kind: KeyKind, path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^(?:EACCES|EPERM|EROFS|EBUSY)$/.test(code)) throw error;
    throw new Failure(
      `${path} may not be replaced by this process (${code}); nothing was changed. Run it where the file is kept, or put what ` +
        `\`keys … ${kind} --print\` prints into your secret store`,
    );
  }
}

function inVariable(variable: string): string {
  return `${variable} is set in the environment, which nobody can change from here: move it to a file and name that in ${variable}_FILE, or use --print`;
}

export function placeOf(kind: KeyKind, source: KeySource): string {
  return source.kind === 'environment' ? PLACES[kind].variable : source.path;
}
