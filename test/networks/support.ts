// A folder for the files of one test, and a log that can be read back.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../src/login/ports.ts';
import type { LoadedTable, NetworkFiles } from '../../src/networks/load.ts';
import { loadNetworks } from '../../src/networks/load.ts';
import type { NetworkFault } from '../../src/networks/table.ts';

export const NO_FILES: NetworkFiles = { tor: [], vpn: [], hosting: [] };

export async function makeFolder(): Promise<{ path: (name: string) => string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-networks-'));
  return {
    path: (name) => join(folder, name),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export function createFakeLog(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return { log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }, lines };
}

export async function tablesOf(files: Partial<NetworkFiles>): Promise<readonly LoadedTable[]> {
  const loading = await loadNetworks({ ...NO_FILES, ...files });
  if (!loading.ok) throw new Error(`no faults were expected: ${JSON.stringify(loading.faults)}`);
  return loading.tables;
}

export async function faultsOf(files: Partial<NetworkFiles>): Promise<readonly NetworkFault[]> {
  const loading = await loadNetworks({ ...NO_FILES, ...files });
  if (loading.ok) throw new Error('faults were expected');
  return loading.faults;
}
