// The map below `clients`: what holds for one client and no other. A client may be `like` another, and so on; what it
// says itself wins over that, and what nobody says is the general policy.

import { text } from './client-values.ts';
import { quote } from './faults.ts';
import { nearest } from './nearest.ts';
import { OVERRIDABLE_KEYS, type OverridablePath, type OverridableValues } from './overridable-keys.ts';
import { readTree } from './policy-tree.ts';
import type { PolicyReader, Reporter } from './policy-values.ts';
import { type LocatedEntry, toValue } from './yaml-file.ts';

/** One client's part of the policy file, as it was written. */
export interface WrittenClient {
  readonly line: number;
  /** where its names stand, and those below them (`other_ways.email`) */
  readonly lines: ReadonlyMap<string, number>;
  readonly like?: string;
  readonly values: Partial<OverridableValues>;
}
export type WrittenClients = ReadonlyMap<string, WrittenClient>;

const CLIENT_ID = text(/^[\x21-\x7e]{1,200}$/, 'a client_id');
export const LIKE = 'like';
const KEYS = {
  ...OVERRIDABLE_KEYS,
  [LIKE]: {
    read: (value, { name, line }, { refuse }) => {
      const id = CLIENT_ID(toValue(value));
      if (id.ok) return { value: String(id.value) };
      refuse(line, `${name} ${id.problem}`, id.fix);
      return undefined;
    },
  } as { read: PolicyReader<string> },
};

export const readPolicyClients: PolicyReader<WrittenClients> = (value, { name, line }, report) => {
  if (value.kind !== 'map') {
    const fix = 'write each client_id with its keys: my-app: { other_ways: [] }';
    report.refuse(line, `${name} is not a map of clients`, fix);
    return undefined;
  }
  const clients = new Map<string, WrittenClient>();
  for (const entry of value.entries) {
    if (CLIENT_ID(entry.key).ok) clients.set(entry.key, readClient(entry, report.ofClient(entry.key)));
    else {
      const problem = `${name}: ${quote(entry.key)} is not a client_id`;
      report.refuse(entry.line, problem, 'write it as it stands in the clients file');
    }
  }
  judgeLikes(clients, report);
  return { value: clients };
};

function readClient({ line, value }: LocatedEntry, report: Reporter): WrittenClient {
  const lines = new Map<string, number>();
  if (value.kind === 'scalar' && value.value === null) return { line, lines, values: {} };
  if (value.kind !== 'map') {
    report.refuse(line, 'is not a map of policy keys', 'begin like this: cross_device: off');
    return { line, lines, values: {} };
  }
  const note = (name: string, at: number) => void lines.set(name, at);
  const { [LIKE]: like, ...values } = readTree(
    value,
    { keys: KEYS, blanks: false, explainUnknown },
    { ...report, note },
  );
  return { line, lines, values, ...(typeof like === 'string' && { like }) };
}

function explainUnknown(path: string): { problem: string; fix: string } {
  const names = Object.keys(KEYS);
  const meant = nearest(path, names) ?? names.find((known) => known.endsWith(`.${path}`));
  const problem = `${quote(path)} is not a policy key that one client may have`;
  return {
    problem,
    fix: meant ? `did you mean ${meant}?` : `remove it, or write it for all; here may stand ${names.join(', ')}`,
  };
}

function judgeLikes(clients: WrittenClients, report: Reporter): void {
  const told = new Set<string>();
  for (const [id, { like, line, lines }] of clients) {
    if (like === undefined) continue;
    const { refuse } = report.ofClient(id);
    const at = lines.get(LIKE) ?? line;
    if (!clients.has(like)) {
      const others = [...clients.keys()].filter((other) => other !== id);
      const meant = nearest(like, others);
      const fix = meant ? `did you mean ${meant}?` : 'name a client that has an entry here, or remove it';
      refuse(at, `like names ${quote(like)}, which has no entry here`, fix);
      continue;
    }
    const chain = chainOf(id, clients);
    if (clients.get(chain.at(-1) ?? id)?.like !== id || told.has(id)) continue;
    for (const member of chain) told.add(member);
    refuse(at, `like leads back to itself: ${[...chain, id].join(' → ')}`, 'let one of them stand without like');
  }
}

/** The client, whom it is like, whom that one is like …, each once. */
function chainOf(id: string, clients: WrittenClients): string[] {
  const chain: string[] = [];
  let next: string | undefined = id;
  while (next !== undefined && clients.has(next) && !chain.includes(next)) {
    chain.push(next);
    next = clients.get(next)?.like;
  }
  return chain;
}

/** Whose word holds for a client: itself, or the nearest of those it is like who says something. */
export function originOf(id: string, path: OverridablePath, clients: WrittenClients): string | undefined {
  return chainOf(id, clients).find((member) => clients.get(member)?.lines.has(path));
}

/** A client's own values and those it has from others. */
export function inheritedValues(id: string, clients: WrittenClients): Partial<OverridableValues> {
  return Object.assign(
    {},
    ...chainOf(id, clients)
      .toReversed()
      .map((member) => clients.get(member)?.values),
  );
}
