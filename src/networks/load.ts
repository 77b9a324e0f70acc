// From the files that the policy names to tables that can be asked. At start-up every fault of every file comes back at once,
// and nothing is served by halves; a reload takes one file by itself.

import { type DatabaseKind, readDatabase } from './database.ts';
import { readList } from './list.ts';
import type { NetworkFault, NetworkTable, TableReading } from './table.ts';
import { readTableFile } from './table-file.ts';

/** Absolute paths, as the policy gives them. */
export interface NetworkFiles {
  readonly tor: readonly string[];
  readonly vpn: readonly string[];
  readonly hosting: readonly string[];
  readonly countryDatabase?: string | undefined;
  readonly anonymousDatabase?: string | undefined;
}

type ListKind = 'tor' | 'vpn' | 'hosting';

export interface TableSource {
  readonly path: string;
  readonly kind: ListKind | DatabaseKind;
}

export interface LoadedTable {
  readonly source: TableSource;
  /** of the file it was made from, see `stampOf` */
  readonly stamp: string;
  readonly table: NetworkTable;
}

export type NetworksLoading =
  | { readonly ok: true; readonly tables: readonly LoadedTable[] }
  | { readonly ok: false; readonly faults: readonly NetworkFault[] };

const MIB = 2 ** 20;
const MOST_LIST_BYTES = 64 * MIB;
const MOST_DATABASE_BYTES = 1_024 * MIB;

/** Every table, in the order of `files`; or every fault of every file. No files are no tables, and no fault. */
export async function loadNetworks(files: NetworkFiles): Promise<NetworksLoading> {
  const tables: LoadedTable[] = [];
  const faults: NetworkFault[] = [];
  // one after the other: they are large, and nobody waits yet
  for (const source of sourcesOf(files)) {
    const { stamp, ...reading } = await loadTable(source);
    if (reading.ok) tables.push({ source, stamp, table: reading.table });
    else faults.push(...reading.faults);
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, tables };
}

/** @returns with the stamp of what was read, or of what stands there instead */
export async function loadTable({ path, kind }: TableSource): Promise<TableReading & { readonly stamp: string }> {
  const isDatabase = kind === 'country' || kind === 'anonymous';
  const file = await readTableFile(path, isDatabase ? MOST_DATABASE_BYTES : MOST_LIST_BYTES);
  const { stamp } = file;
  if (!file.ok) return { stamp, ok: false, faults: [{ where: path, problem: file.problem, fix: file.fix }] };
  const reading = isDatabase ? readDatabase(file.bytes, kind, path) : await readList(file.bytes, kind, path);
  return { stamp, ...reading };
}

function sourcesOf(files: NetworkFiles): readonly TableSource[] {
  const named = (paths: readonly (string | undefined)[], kind: TableSource['kind']): TableSource[] =>
    paths.flatMap((path) => (path === undefined ? [] : [{ path, kind }]));
  return [
    ...named(files.tor, 'tor'),
    ...named(files.vpn, 'vpn'),
    ...named(files.hosting, 'hosting'),
    ...named([files.countryDatabase], 'country'),
    ...named([files.anonymousDatabase], 'anonymous'),
  ];
}
