// What most commands begin with: the configuration, or every fault of it, and the storage that it names.

import type { App } from '../app.ts';
import type { Parts } from '../app-parts.ts';
import type { Config } from '../config/config.ts';
import { type Fault, formatFaults } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import { createLogger } from '../telemetry/log.ts';
import { type Call, Failure, MISUSED } from './command.ts';

/** Runs `work` with the configuration; with a faulty one nothing is done. @returns the exit code */
export async function withConfig(
  call: Call,
  work: (config: Config, warnings: readonly string[]) => Promise<number>,
): Promise<number> {
  const reading = await loadConfig(call.env);
  if (reading.ok) return work(reading.config, reading.warnings);
  printFaults(call, reading.faults);
  return MISUSED;
}

export function printFaults(call: Call, faults: readonly Fault[]): void {
  if (call.json) for (const fault of faults) call.out(JSON.stringify({ level: 'fault', ...fault }));
  else call.err(formatFaults(faults));
}

/**
 * Runs `work` on the storage, beside a provider that may be running.
 *
 * @param options.makes the storage may be a new one; else one that nobody has made is refused, and not made
 */
export function withParts(
  call: Call,
  work: (parts: Parts) => Promise<number>,
  options: { readonly makes?: boolean } = {},
): Promise<number> {
  return withConfig(call, async (config) => {
    refuseMemory(config);
    if (options.makes !== true) await assertMade(config);
    const { openParts } = await import('../app-parts.ts');
    const parts = await openParts(config, { log: logTo(call) });
    try {
      return await work(parts);
    } finally {
      await parts.journal.flush();
      await parts.backend.close();
    }
  });
}

/** The same with the whole provider, which does not listen, on a storage that is there. */
export function withApp(call: Call, work: (app: App) => Promise<number>): Promise<number> {
  return withConfig(call, async (config) => {
    refuseMemory(config);
    await assertMade(config);
    const { createApp } = await import('../app.ts');
    const app = await createApp(config, { log: logTo(call) });
    try {
      return await work(app);
    } finally {
      await app.close();
    }
  });
}

/** There is nothing where `STORAGE_URL` leads. */
export class NoStorage extends Failure {}

/** @throws NoStorage | StorageUnavailable */
async function assertMade(config: Config): Promise<void> {
  const nothing = await findNothing(config);
  if (nothing !== undefined) throw new NoStorage(nothing);
}

/** What to say of a storage that nobody has made yet; looks, and makes nothing. @throws StorageUnavailable */
export async function findNothing({ storageUrl }: Config): Promise<string | undefined> {
  const { migrateBackend } = await import('../storage/backends.ts');
  const { from, description } = await migrateBackend(storageUrl, { onlyLook: true });
  if (from > 0) return undefined;
  return `${description}: there is no storage here; see that STORAGE_URL is right. The first start of the provider makes it, or migrate`;
}

/** Standard output is the answer's. */
export function logTo(call: Pick<Call, 'err'>, level: 'warn' | 'silent' = 'warn') {
  return createLogger({ level, destination: { write: (line) => call.err(line.trimEnd()) } });
}

/** @throws Failure what is kept there is in another process */
export function refuseMemory(config: Config): void {
  if (config.storageUrl !== 'memory:') return;
  throw new Failure('STORAGE_URL is memory:, which the process of the provider alone can see');
}
