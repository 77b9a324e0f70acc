// Keys of a deployment whose instances share their files, rotated with the command line while the instances run, as docs/operating.md
// says: a next key is added, and becomes the current one when every instance has read it.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCookieKey, makeDataKey } from '../../src/config/dev-secrets.ts';

const CLI = new URL('../../src/cli/cli.ts', import.meta.url).pathname;
const COMMAND_MS = 30_000;
/** Instances read a file again within seconds of its change. */
const PROMOTED_WITHIN_MS = 20_000;
const AGAIN_MS = 200;

export const KEY_KINDS = ['signing', 'cookie', 'data'] as const;

/** Cookie and data keys in files, as only those can be rotated. @returns the settings that name them */
export async function putKeysInFiles(folder: string): Promise<Readonly<Record<string, string>>> {
  const [cookies, data] = [join(folder, 'cookie-keys'), join(folder, 'data-keys')];
  await writeFile(cookies, makeCookieKey(), { mode: 0o600 });
  await writeFile(data, makeDataKey(), { mode: 0o600 });
  return { COOKIE_KEYS: '', COOKIE_KEYS_FILE: cookies, DATA_KEYS: '', DATA_KEYS_FILE: data };
}

export interface Rotation {
  /** a next key of each kind; nothing is made with it yet */
  add(): Promise<void>;
  /** The next keys become the current ones, as soon as every instance has them. @returns how often it was too early */
  promote(): Promise<number>;
}

/** @param environment an instance's */
export function createRotation(environment: Readonly<Record<string, string>>): Rotation {
  return {
    async add() {
      const { code, said } = await rotate(environment, 'all');
      if (code !== 0) throw new Error(`no keys were added: ${said}`);
    },
    async promote() {
      let early = 0;
      const giveUpAtMs = performance.now() + PROMOTED_WITHIN_MS;
      // one by one: asked again for all, a kind that is done would be given another next key
      for (const kind of KEY_KINDS) {
        for (;;) {
          const { code, said } = await rotate(environment, kind);
          if (code === 0) break;
          if (!said.includes('not yet') || performance.now() > giveUpAtMs) throw new Error(`no ${kind} key: ${said}`);
          early += 1;
          await delay(AGAIN_MS);
        }
      }
      return early;
    },
  };
}

function rotate(
  environment: Readonly<Record<string, string>>,
  what: (typeof KEY_KINDS)[number] | 'all',
): Promise<{ readonly code: number; readonly said: string }> {
  const flags = ['--disable-warning=ExperimentalWarning'];
  const env = { PATH: process.env.PATH ?? '', ...environment };
  return new Promise((done) => {
    execFile(
      process.execPath,
      [...flags, CLI, 'keys', 'rotate', what],
      { env, timeout: COMMAND_MS },
      (error, out, err) => done({ code: error === null ? 0 : Number(error.code ?? 1), said: `${out}${err}`.trim() }),
    );
  });
}
