// Where a demo keeps its state. Two demos must not share a file: each has a stand-in of its own, and would ask it about the other's
// sessions, hear that they do not exist, and end the other's logins.

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';

const STARTING_MS = 10_000;
const ANSWER_MS = 500;

/**
 * The usual file, unless another demo works on it now: then one beside it, named for this demo's port. An operator's own
 * `STORAGE_URL` is left alone.
 */
export async function demoStorage(config: Config, issuer: string): Promise<string> {
  const usual = join(config.dataDir, 'selfie-oidc.sqlite');
  if (config.storageUrl !== `sqlite:${usual}`) return config.storageUrl;
  // on another port than it wished: whoever has that one is probably a demo
  const isFree = issuer === config.issuer && (await takeOver(`${usual}.demo`, issuer));
  return isFree ? config.storageUrl : `sqlite:${join(config.dataDir, `selfie-oidc-${new URL(issuer).port}.sqlite`)}`;
}

/** Notes who works on the file. A note is only as good as its writer's life, so nobody has to remove it. */
async function takeOver(note: string, issuer: string): Promise<boolean> {
  const mine = JSON.stringify({ issuer, pid: process.pid });
  await mkdir(dirname(note), { recursive: true, mode: 0o700 });
  try {
    await writeFile(note, mine, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (await isAtWork(note)) return false;
  await writeFile(note, mine);
  return true;
}

async function isAtWork(note: string): Promise<boolean> {
  let writer: { issuer?: unknown; pid?: unknown };
  try {
    writer = JSON.parse(await readFile(note, 'utf8'));
  } catch {
    return false;
  }
  if (writer.pid === process.pid) return false;
  const isYoung = Date.now() - (await stat(note)).mtimeMs < STARTING_MS;
  if (isYoung) return isRunning(Number(writer.pid));
  try {
    return (await fetch(`${writer.issuer}/livez`, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
