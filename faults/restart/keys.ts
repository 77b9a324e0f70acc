// Signing keys of a deployment, changed by hand as docs/operating.md says: the next one is shown before it signs, the last one as long
// as a token of it lives. Apart from the check, so that whatever changes keys in a better way has one place to go.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSigningKeys } from '../../src/config/dev-secrets.ts';

interface KeySet {
  readonly keys: readonly object[];
}

export type KeyChange = 'stage the next' | 'sign with the next';

/** Takes effect at the next start of each instance. */
export async function changeKeys(folder: string, change: KeyChange): Promise<void> {
  const path = join(folder, 'jwks.json');
  const { keys } = JSON.parse(await readFile(path, 'utf8')) as KeySet;
  const half = keys.length / 2;
  const changed =
    change === 'stage the next'
      ? [...keys, ...(await makeSigningKeys()).keys]
      : [...keys.slice(half), ...keys.slice(0, half)];
  await writeFile(path, JSON.stringify({ keys: changed }), { mode: 0o600 });
}
