// The clients file: a YAML list of clients, read with all faults at once, each naming file, line and client.

import { CLIENT_DEFAULTS, type ClientEntry } from './client-entry.ts';
import { CLIENT_KEYS, UNSUPPORTED_CLIENT_KEYS } from './client-keys.ts';
import { type ClientContext, judgeClient } from './client-rules.ts';
import { type Fault, quote } from './faults.ts';
import { nearest } from './nearest.ts';
import { byLine, type Located, type LocatedEntry, readYaml, toValue } from './yaml-file.ts';

export interface ClientsReading {
  /** whole only when there is no fault */
  readonly clients: readonly ClientEntry[];
  /** what could be read of each, faulty ones too; undefined when nothing is known of what the file might hold */
  readonly drafts: readonly Partial<ClientEntry>[] | undefined;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** @param where the file's name, as faults are to show it */
export function readClients(text: string, where: string, context: ClientContext): ClientsReading {
  const yaml = readYaml(text, where);
  if (yaml.root === undefined) {
    const warnings = yaml.faults.length > 0 ? [] : [`${where}: names no client`];
    return { clients: [], drafts: yaml.faults.length > 0 ? undefined : [], faults: yaml.faults, warnings };
  }
  if (yaml.root.kind !== 'list') {
    const fault = {
      where: `${where}:${yaml.root.line}`,
      problem: 'is not a list of clients',
      fix: 'begin each client with a dash: - client_id: my-app',
    };
    return { clients: [], drafts: undefined, faults: [...yaml.faults, fault], warnings: [] };
  }
  const readings = yaml.root.items.map((item, index) => readClient(item, index, where, context));
  const faults = [
    ...yaml.faults,
    ...readings.flatMap((reading) => reading.faults),
    ...findDuplicates(yaml.root.items, where),
  ];
  return {
    clients: readings.flatMap(({ client }) => (client ? [client] : [])),
    drafts: readings.map(({ draft }) => draft),
    faults: byLine(faults, where),
    warnings: readings.length === 0 ? [`${where}: names no client`] : readings.flatMap(({ warnings }) => warnings),
  };
}

interface ClientReading {
  readonly client?: ClientEntry;
  readonly draft: Partial<ClientEntry>;
  readonly faults: Fault[];
  readonly warnings: string[];
}

function readClient(item: Located, index: number, where: string, context: ClientContext): ClientReading {
  const faults: Fault[] = [];
  const warnings: string[] = [];
  const label = `client ${idOf(item) ?? index + 1}`;
  const at = (line: number) => `${where}:${line}, ${label}`;
  if (item.kind !== 'map') {
    const fix = 'write names and values: client_id: my-app';
    return { draft: {}, faults: [{ where: at(item.line), problem: 'is not a client', fix }], warnings };
  }

  const places = new Map(item.entries.map((entry) => [entry.key, entry]));
  const readable: Record<string, unknown> = {};
  for (const { key, line, value } of item.entries) {
    const known = Object.hasOwn(CLIENT_KEYS, key) ? CLIENT_KEYS[key] : undefined;
    if (known === undefined) {
      faults.push({ where: at(line), ...explainUnknown(key) });
      continue;
    }
    const reading = known.read(toValue(value));
    if (reading.ok) readable[key] = reading.value;
    else if ('items' in reading) {
      for (const { index, problem, fix } of reading.items) {
        faults.push({ where: at(lineOf(places.get(key), index) ?? line), problem: `${key}[${index}] ${problem}`, fix });
      }
    } else faults.push({ where: at(line), problem: `${key} ${reading.problem}`, fix: reading.fix });
    if (reading.ok && reading.warning !== undefined) warnings.push(`${at(line)}: ${key} ${reading.warning}`);
  }
  if (!places.has('client_id'))
    faults.push({ where: at(item.line), problem: 'client_id is missing', fix: 'add client_id: my-app' });

  const written = new Set(places.keys());
  const values: Record<string, unknown> = { ...CLIENT_DEFAULTS, ...readable };
  // A name whose value could not be read is not replaced by its default: rules about it stay silent.
  for (const key of written) if (!Object.hasOwn(readable, key)) delete values[key];
  const draft = values as Partial<ClientEntry>;
  judgeClient(draft, written, context, {
    fault: (key, problem, fix, position) => {
      const name = position === undefined ? key : `${key}[${position}]`;
      faults.push({ where: at(lineOf(places.get(key), position) ?? item.line), problem: `${name} ${problem}`, fix });
    },
    warning: (key, text) => warnings.push(`${at(lineOf(places.get(key)) ?? item.line)}: ${key} ${text}`),
  });
  return { draft, faults, warnings, ...(faults.length === 0 && { client: draft as ClientEntry }) };
}

function lineOf(entry: LocatedEntry | undefined, position?: number): number | undefined {
  if (position === undefined || entry?.value.kind !== 'list') return entry?.line;
  return entry.value.items[position]?.line ?? entry.line;
}

function explainUnknown(key: string): { problem: string; fix: string } {
  if (UNSUPPORTED_CLIENT_KEYS.has(key)) return { problem: `${key} is not supported by this version`, fix: 'remove it' };
  const meant = nearest(key, Object.keys(CLIENT_KEYS));
  const shown = /^[\w.-]{1,60}$/.test(key) ? key : quote(key);
  return { problem: `${shown} is not a client setting`, fix: meant ? `did you mean ${meant}?` : 'remove it' };
}

function idOf(item: Located): string | undefined {
  const entry = item.kind === 'map' ? item.entries.find(({ key }) => key === 'client_id') : undefined;
  return entry?.value.kind === 'scalar' && typeof entry.value.value === 'string' ? quote(entry.value.value) : undefined;
}

function findDuplicates(items: readonly Located[], where: string): Fault[] {
  const lines = new Map<string, number>();
  return items.flatMap((item) => {
    const id = idOf(item);
    const entry = item.kind === 'map' ? item.entries.find(({ key }) => key === 'client_id') : undefined;
    if (id === undefined || entry === undefined) return [];
    const earlier = lines.get(id);
    if (earlier === undefined) lines.set(id, entry.line);
    return earlier === undefined
      ? []
      : [
          {
            where: `${where}:${entry.line}, client ${id}`,
            problem: `client_id stood in line ${earlier} before`,
            fix: 'give each client its own',
          },
        ];
  });
}
