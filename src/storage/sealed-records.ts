// Every kind of record that holds something sealed: the one list, by which all of it is encrypted anew when data keys rotate. A kind
// that is missing here keeps its data key from being retired (`countSealedUnder` looks at everything), and fails a test that seals
// through every store. What lies in the queue of work is not in it: deliveries, which wait less than a minute while a provider runs, and
// are counted where a key is to go; and mails, of which none waits longer than six hours.

import type { Store } from '../login/ports.ts';
import type { Bulk } from './bulk.ts';
import { HASH_KEYS } from './hash-keys.ts';
import type { RotatingSealer } from './sealer.ts';

interface SealedKind {
  /** of the keys of such records */
  readonly prefix: string;
  /** sealed members, with what stands behind the record's key in their context; none: the whole value is sealed, for its key */
  readonly members?: Readonly<Record<string, string>>;
}

export const SEALED_RECORDS: readonly SealedKind[] = [
  { prefix: HASH_KEYS },
  { prefix: 'pairwise-salt' },
  { prefix: 'account:' },
  { prefix: 'activity:' },
  {
    prefix: 'attempt:',
    members: { sealed: ':person', sealedVerification: ':verification', sealedPlaces: ':places' },
  },
  { prefix: 'erasure:', members: { sealed: '' } },
  { prefix: 'invitation:' },
  { prefix: 'known-device:' },
  { prefix: 'oidc:Interaction:', members: { sealed: '' } },
  { prefix: 'oidc:PushedAuthorizationRequest:', members: { sealed: '' } },
  { prefix: 'oidc:UserCode:' },
  { prefix: 'passkeys:' },
  { prefix: 'portrait:' },
  { prefix: 'recovery:' },
  { prefix: 'shared-copy:' },
  { prefix: 'sign-in:' },
];

/** How far a pass over all of them is: the kind, by its place in the list, and the last key seen of it. */
export interface PassPosition {
  readonly kind: number;
  readonly after: string;
}

export const PASS_BEGIN: PassPosition = { kind: 0, after: '' };

export interface PassStep {
  /** records that were looked at */
  readonly looked: number;
  /** undefined: that was all */
  readonly next: PassPosition | undefined;
  readonly resealed: number;
  /** keys of records that no configured key opens, or that were altered */
  readonly unreadable: readonly string[];
}

type Parts = { readonly store: Store; readonly sealer: RotatingSealer };

/** Seals the next few records under the present key, each as one step with a look at what it is by then. Safe to repeat. */
export async function resealStep(parts: Parts, from: PassPosition, limit: number): Promise<PassStep> {
  let step: PassStep = { next: from, looked: 0, resealed: 0, unreadable: [] };
  while (step.next !== undefined && step.looked < limit) {
    const { next, looked, resealed, unreadable } = await resealKind(parts, step.next, limit - step.looked);
    step = {
      next,
      looked: step.looked + looked,
      resealed: step.resealed + resealed,
      unreadable: [...step.unreadable, ...unreadable],
    };
  }
  return step;
}

async function resealKind(parts: Parts, position: PassPosition, limit: number): Promise<PassStep> {
  const kind = SEALED_RECORDS[position.kind];
  if (kind === undefined) return { next: undefined, looked: 0, resealed: 0, unreadable: [] };
  const { after } = position;
  const keys = await parts.store.keys(kind.prefix, { limit, ...(after === '' ? {} : { after }) });
  let resealed = 0;
  const unreadable: string[] = [];
  for (const key of keys) {
    try {
      if (await resealRecord(parts, kind, key)) resealed += 1;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'sealed_unreadable') throw error;
      unreadable.push(key);
    }
  }
  const last = keys.at(-1);
  const next =
    last === undefined || keys.length < limit
      ? { kind: position.kind + 1, after: '' }
      : { kind: position.kind, after: last };
  const hasMore = SEALED_RECORDS[next.kind] !== undefined;
  return { next: hasMore ? next : undefined, looked: keys.length, resealed, unreadable };
}

async function resealRecord({ store, sealer }: Parts, kind: SealedKind, key: string): Promise<boolean> {
  // most are looked at only: an update waits for others, and they for it
  if (resealed(sealer, kind, key, await store.get<unknown>(key)) === undefined) return false;
  return store.update<unknown, boolean>(key, (current) => {
    const value = resealed(sealer, kind, key, current);
    return value === undefined ? { kind: 'keep', result: false } : { kind: 'replace', value, result: true };
  });
}

/** @returns undefined where all is under the present key, or nothing is there any more */
function resealed(sealer: RotatingSealer, { members }: SealedKind, key: string, value: unknown): unknown {
  const again = (text: unknown, context: string): string | undefined =>
    typeof text === 'string' && !text.startsWith(`v1.${sealer.currentId}.`)
      ? sealer.seal(sealer.open(text, context), context)
      : undefined;
  if (members === undefined) return again(value, key);
  if (typeof value !== 'object' || value === null) return undefined;
  const changed = Object.entries(members).flatMap(([name, behind]) => {
    const text = again((value as Record<string, unknown>)[name], `${key}${behind}`);
    return text === undefined ? [] : [[name, text] as const];
  });
  return changed.length === 0 ? undefined : { ...value, ...Object.fromEntries(changed) };
}

/** Read at once: others wait for the same connections. */
const LOOK_AT = 50;

/** How many records, of whatever kind, hold something that a data key has sealed. Looks at everything there is. */
export async function countSealedUnder(store: Store, keyId: string): Promise<number> {
  const mark = `"v1.${keyId}.`;
  let count = 0;
  let after = '';
  for (;;) {
    const keys = await store.keys('', { limit: LOOK_AT, ...(after === '' ? {} : { after }) });
    const values = await Promise.all(keys.map((key) => store.get(key)));
    count += values.filter((value) => JSON.stringify(value ?? null).includes(mark)).length;
    const last = keys.at(-1);
    if (last === undefined || keys.length < LOOK_AT) return count;
    after = last;
  }
}

/** How many jobs of a kind wait with something that a data key has sealed: nothing seals them anew, they end by being done. */
export async function countJobsSealedUnder(bulk: Pick<Bulk, 'jobs'>, kind: string, keyId: string): Promise<number> {
  const mark = `"v1.${keyId}.`;
  let count = 0;
  for await (const page of bulk.jobs()) {
    count += page.filter((job) => job.kind === kind && job.payloadText.includes(mark)).length;
  }
  return count;
}
