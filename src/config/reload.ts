// Reading the configuration again while the process runs, and noticing that there is reason to. Of what is read only the clients are
// taken, and only when everything on disk would start: so a reload tells beforehand what the next start would stumble over. A policy
// counts from a start on: a client whose own has changed since is not let in under the one before.

import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ClientEntry } from './client-entry.ts';
import type { Config } from './config.ts';
import type { Fault } from './faults.ts';
import { loadConfig } from './load.ts';
import { policyFor } from './policy.ts';
import { errorCode } from './text-file.ts';

export type ClientsRereading =
  | { readonly ok: true; readonly clients: readonly ClientEntry[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** @param before the clients that are served now */
export type ClientsReader = (before: readonly ClientEntry[]) => Promise<ClientsRereading>;

/**
 * Gives what reads the clients again: by the same rules and from the same place as at the start.
 *
 * @param start.env      as the process got it; files it names are read again
 * @param start.cwd      what relative paths are relative to; the process's own of now by default
 * @param start.config   what the process was started with
 * @param start.warnings what has been told already
 */
export function createClientsReader(start: {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly config: Config;
  readonly warnings: readonly string[];
}): ClientsReader {
  const { env, cwd = process.cwd() } = start;
  const { policy, policyFile } = start.config;
  const since = 'has changed since the start, and counts only from the next one on';
  let told = start.warnings;
  return async (before) => {
    const reading = await loadConfig(env, { cwd });
    if (!reading.ok) return reading;
    const { clients, policy: written } = reading.config;
    const { added, changed } = compareClients(before, clients);
    const faults = [...added, ...changed]
      .filter((id) => !isDeepStrictEqual(policyFor(policy, id), policyFor(written, id)))
      .map((id) => ({
        where: `${policyFile} (client ${JSON.stringify(id)})`,
        problem: 'what it says of this client has changed since the start, and counts only from a start on',
        fix: 'start the process anew: client and policy then count together, and no login is lost',
      }));
    if (faults.length > 0) return { ok: false, faults };
    const news = reading.warnings.filter((warning) => !told.includes(warning));
    told = reading.warnings;
    // each time: whoever asks for a reload must not take it for one of these
    const left = FROM_THE_START.filter(([, read]) => !isDeepStrictEqual(read(start.config), read(reading.config)));
    const warnings = [...(isDeepStrictEqual(policy, written) ? [] : [policyFile]), ...left.map(([name]) => name)];
    return { ok: true, clients, warnings: [...news, ...warnings.map((what) => `${what}: ${since}`)] };
  };
}

/** What may lie in a file of its own and is read once, by its setting. Keys are taken over (`config/keys.ts`). */
const FROM_THE_START: readonly (readonly [name: string, read: (config: Config) => unknown])[] = [
  ['DIDIT_API_KEY', ({ didit }) => didit.apiKey],
  ['DIDIT_WEBHOOK_SECRETS', ({ didit }) => didit.webhookSecrets],
  ['METRICS_TOKEN', ({ metricsToken }) => metricsToken],
  ['SMTP_URL', ({ smtp }) => smtp?.url],
  ['STORAGE_URL', ({ storageUrl }) => storageUrl],
];

/** Client ids, each in the order of the list it stands in. */
export interface ClientChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export function compareClients(before: readonly ClientEntry[], after: readonly ClientEntry[]): ClientChanges {
  const earlier = new Map(before.map((client) => [client.client_id, client]));
  const later = new Set(after.map((client) => client.client_id));
  const ids = (clients: readonly ClientEntry[]) => clients.map((client) => client.client_id);
  return {
    added: ids(after.filter(({ client_id: id }) => !earlier.has(id))),
    changed: ids(after.filter((client) => isOther(earlier.get(client.client_id), client))),
    removed: ids(before.filter(({ client_id: id }) => !later.has(id))),
  };
}

function isOther(before: ClientEntry | undefined, after: ClientEntry): boolean {
  return before !== undefined && !isDeepStrictEqual(before, after);
}

const LOOK_EVERY_MS = 2_000;

/** Calls `work` every so often until the returned function is called. */
export type Every = (ms: number, work: () => Promise<void>) => () => void;

/** What tells one state of a file from another; links are followed, as Kubernetes puts new ones in their place. */
export async function fingerprintOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return errorCode(error);
  }
}

/**
 * Calls `onChange` when a file is another than it was, and has been the same for two looks: half of it may be written at the first.
 *
 * @param options.since what `fingerprintOf` gave when it was last read
 * @returns what ends the watch, and what tells it that the file is being read for another reason: what it is now is no change then
 */
export function watchFile(
  path: string,
  onChange: () => void,
  options: { readonly since: string; readonly every?: Every },
): { readonly stop: () => void; readonly noteRead: () => Promise<void> } {
  let acted = options.since;
  let seen = options.since;
  let isLooking = false;

  async function look(): Promise<void> {
    // a file system that hangs gets one question, not one every two seconds
    if (isLooking) return;
    isLooking = true;
    const now = await fingerprintOf(path);
    isLooking = false;
    const isSettled = now === seen;
    seen = now;
    if (now === acted || !isSettled) return;
    acted = now;
    onChange();
  }
  return {
    stop: (options.every ?? everyInterval)(LOOK_EVERY_MS, look),
    async noteRead() {
      acted = await fingerprintOf(path);
    },
  };
}

/** `Every` by the process's timers, which keep no process alive. */
export function everyInterval(ms: number, work: () => Promise<void>): () => void {
  const timer = setInterval(() => void work(), ms);
  timer.unref();
  return () => clearInterval(timer);
}
