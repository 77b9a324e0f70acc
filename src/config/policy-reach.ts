// What the policy file asks for and the rest of the configuration cannot give: an active selfie without its workflow,
// mail without a server, a client that does not exist, a way in that is too weak for its client.

import { ACRS, OTHER_WAYS, STRENGTHS, satisfies } from './acrs.ts';
import type { ClientEntry } from './client-entry.ts';
import { DEMO_CLIENT } from './demo.ts';
import { type Fault, quote } from './faults.ts';
import { nearest } from './nearest.ts';
import { atClient, type Policy, type PolicyReading, type WrittenPolicy } from './policy.ts';
import { LIKE, originOf } from './policy-clients.ts';
import type { RuleSetting } from './risk-rules.ts';

export interface PolicyContext {
  /** whether an active workflow is configured */
  readonly hasActiveWorkflow: boolean;
  /** whether a mail server is configured */
  readonly hasMail: boolean;
  /** the demo has a client of its own */
  readonly demo: boolean;
  /** what could be read of the clients file; undefined when nothing is known of what it might hold */
  readonly clients: readonly Partial<ClientEntry>[] | undefined;
}

interface Findings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** One part of the file that has a policy of its own: the general one, or a client's. */
interface Part {
  /** undefined for the general one */
  readonly id?: string;
  readonly rules: readonly RuleSetting[];
  /** where a name stands; for what a client has from another, where it says so; undefined for what nobody wrote */
  lineOf(path: 'risk.rules' | 'other_ways', below: string): number | undefined;
  readonly entry?: Partial<ClientEntry>;
}

/** Judges what could be read, also beside faults that were told. */
export function judgePolicy({ policy, written }: PolicyReading, context: PolicyContext): Findings {
  const parts = partsOf(policy, written, context.clients);
  const faults = [
    ...parts.flatMap((part) => [
      ...judgeRules(part, written, context),
      ...judgeMail(part, written, context),
      ...judgeWays(part, written, policy),
    ]),
    ...judgeScopes(policy, written, context),
    ...judgeClients(written, context),
  ];
  return { faults, warnings: [...warnOfSoftened(parts, context), ...warnOfDeafness(parts, written)] };
}

function partsOf(policy: Policy, written: WrittenPolicy, entries: PolicyContext['clients']): Part[] {
  const lineOf = (_path: string, below: string) => written.lines.get(below);
  const own = [...written.clients].map(([id, { lines }]): Part => {
    const entry = entries?.find((candidate) => candidate.client_id === id);
    return {
      id,
      rules: policy.clients[id]?.rules ?? [],
      lineOf: (path, below) => {
        const origin = originOf(id, path, written.clients);
        if (origin === undefined || !written.clients.get(origin)?.lines.has(below)) return undefined;
        return origin === id ? lines.get(below) : lines.get(LIKE);
      },
      ...(entry && { entry }),
    };
  });
  return [{ rules: policy.risk.rules, lineOf }, ...own];
}

function at({ id }: Part, { where }: WrittenPolicy, line: number): string {
  return id === undefined ? `${where}:${line}` : atClient(where, line, id);
}

function canBeActive({ entry }: Part, { hasActiveWorkflow }: PolicyContext): boolean {
  return hasActiveWorkflow || entry?.vendor_workflow !== undefined;
}

function judgeRules(part: Part, written: WrittenPolicy, context: PolicyContext): Fault[] {
  if (canBeActive(part, context)) return [];
  return part.rules.flatMap(({ rule, asks }) => {
    const line = part.lineOf('risk.rules', `risk.rules.${rule}.asks`);
    if (asks !== 'active' || line === undefined) return [];
    const problem = `risk.rules: ${rule} asks for an active selfie, for which there is no workflow`;
    return [{ where: at(part, written, line), problem, fix: 'set DIDIT_WORKFLOW_ACTIVE, or write asks: passive' }];
  });
}

function judgeMail(part: Part, written: WrittenPolicy, { hasMail }: PolicyContext): Fault[] {
  // What a client has from another is told there.
  const lines = part.id === undefined ? written.lines : written.clients.get(part.id)?.lines;
  const line = lines?.get('other_ways.email');
  if (hasMail || line === undefined) return [];
  const problem = 'other_ways has email, and there is no mail server';
  return [{ where: at(part, written, line), problem, fix: 'set SMTP_URL and MAIL_FROM, or remove it' }];
}

/** A way in that was meant for this client, and that this client would never accept. */
function judgeWays(part: Part, written: WrittenPolicy, policy: Policy): Fault[] {
  const minimum = STRENGTHS.find((strength) => strength === part.entry?.minimum_acr);
  if (part.id === undefined || minimum === undefined) return [];
  return (policy.clients[part.id]?.otherWays ?? []).flatMap((way) => {
    const line = part.lineOf('other_ways', `other_ways.${way}`);
    if (line === undefined || satisfies(OTHER_WAYS[way], minimum)) return [];
    const less = satisfies(minimum, OTHER_WAYS[way]) ? "weaker than the client's" : "not enough for the client's";
    const problem = `other_ways has ${way} (${OTHER_WAYS[way]}), which is ${less} minimum_acr ${minimum}`;
    return [
      { where: at(part, written, line), problem, fix: 'remove it here, or change minimum_acr in the clients file' },
    ];
  });
}

function judgeScopes(
  { scopes }: Policy,
  { where, lines }: WrittenPolicy,
  { hasActiveWorkflow }: PolicyContext,
): Fault[] {
  if (hasActiveWorkflow) return [];
  return Object.entries(scopes).flatMap(([scope, acr]) => {
    if (acr !== ACRS.selfieActive) return [];
    const problem = `scopes: ${scope} requires an active selfie, for which there is no workflow`;
    const fix = `set DIDIT_WORKFLOW_ACTIVE, or write ${ACRS.selfie}`;
    return [{ where: `${where}:${lines.get(`scopes.${scope}`)}`, problem, fix }];
  });
}

function judgeClients({ where, clients }: WrittenPolicy, { clients: entries, demo }: PolicyContext): Fault[] {
  if (entries === undefined) return [];
  const ids = [...entries.flatMap(({ client_id: id }) => id ?? []), ...(demo ? [DEMO_CLIENT] : [])];
  return [...clients].flatMap(([id, { line }]) => {
    if (ids.includes(id)) return [];
    const meant = nearest(id, ids);
    const fix = meant ? `did you mean ${meant}?` : 'remove it, or add the client to the clients file';
    return [{ where: `${where}:${line}`, problem: `clients: ${quote(id)} is not in the clients file`, fix }];
  });
}

/** Nobody asked for these in so many words: a start without an active workflow is fine, and is told once. */
function warnOfSoftened(parts: readonly Part[], context: PolicyContext): string[] {
  const rules = parts.flatMap((part) => (canBeActive(part, context) ? [] : part.rules));
  const active = new Set(rules.flatMap(({ rule, asks }) => (asks === 'active' ? [rule] : [])));
  if (active.size === 0) return [];
  const names = [...active].join(', ');
  return [`DIDIT_WORKFLOW_ACTIVE: is not set, so ${names} asks for a passive selfie instead of an active one`];
}

/** A rule that lets in and ends the asking silences every guard below it. */
function warnOfDeafness(parts: readonly Part[], written: WrittenPolicy): string[] {
  return parts.flatMap((part) => {
    const index = part.rules.findIndex(({ asks, final }) => asks === 'skip' && final);
    const rule = part.rules[index]?.rule;
    const line = rule && part.lineOf('risk.rules', `risk.rules.${rule}`);
    if (line === undefined || index === part.rules.length - 1) return [];
    const below = part.rules.slice(index + 1).map(({ rule }) => rule);
    return [
      `${at(part, written, line)}: risk.rules: ${rule} is final and asks for nothing, so where it speaks these are not asked: ${below.join(', ')}`,
    ];
  });
}
