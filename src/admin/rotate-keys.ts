// Rotating keys, step by step: a next key is added, and becomes the current one only when every running process has it; a previous one
// goes when nothing depends on it. Lists of keys are known here by names and order alone.

import {
  type DescribedKey,
  describeKeys,
  isCurrent,
  type KeyHistory,
  type KeyKind,
  type KeysHeld,
  type NamedKey,
  withNext,
  withPromoted,
} from '../core/key-rotation.ts';
import type { Clock, Journal } from '../login/ports.ts';

/** One list of keys, wherever it stands. */
export interface KeyList {
  readonly kind: KeyKind;
  readonly keys: readonly NamedKey[];
  /** false: what is written is only told, and counts when the operator has put it where the processes read */
  readonly isInPlace: boolean;
  /** A fresh key, of as much strength as the one it is made after. */
  make(like: NamedKey): Promise<NamedKey>;
  /** Puts these in the place of what is there, all or nothing. @throws when that may not be done, or when somebody else has changed it */
  write(keys: readonly NamedKey[]): Promise<void>;
}

export interface Running {
  readonly id: string;
  readonly startedAt: number;
  readonly keys: KeysHeld;
}

export interface RotationParts {
  readonly instances: { list(): Promise<readonly Running[]> };
  readonly history: {
    read(): Promise<KeyHistory>;
    noteHeld(held: KeysHeld): Promise<KeyHistory>;
    noteAdded(kind: KeyKind, ids: readonly string[]): Promise<void>;
    forget(kind: KeyKind, ids: readonly string[]): Promise<void>;
  };
  readonly journal: Journal;
  readonly clock: Clock;
}

export type RotationStep =
  | { readonly kind: 'added'; readonly ids: readonly string[] }
  | { readonly kind: 'promoted'; readonly ids: readonly string[] }
  /** nothing was changed: these processes would not accept what the next key makes */
  | { readonly kind: 'not-yet'; readonly ids: readonly string[]; readonly lacking: readonly Running[] };

const ONLY: KeysHeld = { signing: [], cookie: [], data: [] };

/** Keys that stand in the list, with what is known of their past; what the list shows is noted. */
export async function describeList(
  { history }: Pick<RotationParts, 'history'>,
  { kind, keys }: Pick<KeyList, 'kind' | 'keys'>,
): Promise<readonly DescribedKey[]> {
  return describeKeys(kind, keys, await history.noteHeld({ ...ONLY, [kind]: keys }));
}

/** Which of the running processes lack one of these keys? */
export async function lacking(
  { instances }: Pick<RotationParts, 'instances'>,
  kind: KeyKind,
  ids: readonly string[],
): Promise<readonly Running[]> {
  const has = ({ keys }: Running, id: string) => keys[kind].some((key) => key.id === id);
  return (await instances.list()).filter((each) => !ids.every((id) => has(each, id)));
}

/** One step: adds a next key where an algorithm has none, or else makes the next ones current. */
export async function rotateKeys(parts: RotationParts, list: KeyList): Promise<RotationStep> {
  const { kind, keys } = list;
  const described = await describeList(parts, list);
  const nexts = described.filter(({ state }) => state === 'next');
  const without = described.filter(({ state, alg }) => state === 'current' && !nexts.some((next) => next.alg === alg));
  if (without.length > 0) {
    const fresh = await Promise.all(without.map((key) => list.make(key)));
    const ids = fresh.map(({ id }) => id);
    // the past before the list: read the other way round, a key nobody announced would count as one that was in use
    await parts.history.noteAdded(kind, ids);
    await list.write(withNext(keys, fresh));
    await parts.journal.record({ event: 'keys.added', reasons: [kind], keys: ids });
    return { kind: 'added', ids };
  }
  const ids = nexts.map(({ id }) => id);
  const behind = await lacking(parts, kind, ids);
  if (behind.length > 0) return { kind: 'not-yet', ids, lacking: behind };
  const promoted = withPromoted(keys, ids);
  await list.write(promoted);
  if (!list.isInPlace) return { kind: 'promoted', ids };
  await parts.history.noteHeld({ ...ONLY, [kind]: promoted });
  await parts.journal.record({ event: 'keys.promoted', reasons: [kind], keys: ids });
  return { kind: 'promoted', ids };
}

/** Why a previous key has to stay. */
export type Dependence =
  /** something it made may still be shown to us until then */
  | { readonly kind: 'until'; readonly at: number }
  /** processes that still make with it */
  | { readonly kind: 'in-use'; readonly by: readonly Running[] }
  /** records that only it can open */
  | { readonly kind: 'records'; readonly count: number };

export interface Retirement {
  readonly retired: readonly string[];
  readonly kept: readonly { readonly id: string; readonly why: Dependence }[];
}

/** How long after its last use something that a key made may come back. Data keys: mails that wait, which are not encrypted anew. */
export const OUTLIVES_SECONDS: Readonly<Record<KeyKind, number>> = {
  // ID tokens are good for ten minutes, but as hints for a logout for as long as a session
  signing: 14 * 86_400,
  cookie: 14 * 86_400,
  data: 6 * 3600,
};

/**
 * Drops the previous keys that nothing depends on.
 *
 * @param options.force    does not wait for what a key made to end; never drops a key that records or processes need
 * @param options.countOf  records that a data key has encrypted
 */
export async function retireKeys(
  parts: RotationParts,
  list: KeyList,
  options: { readonly force: boolean; readonly countOf: (id: string) => Promise<number> },
): Promise<Retirement> {
  const { kind, keys } = list;
  const previous = (await describeList(parts, list)).filter(({ state }) => state === 'previous');
  const running = await parts.instances.list();
  const now = parts.clock.now();

  async function dependenceOf({ id, since }: DescribedKey): Promise<Dependence | undefined> {
    const by = running.filter((each) => isCurrent(each.keys[kind], id));
    if (by.length > 0) return { kind: 'in-use', by };
    const at = (since ?? now) + OUTLIVES_SECONDS[kind];
    if (at > now && !options.force) return { kind: 'until', at };
    const count = kind === 'data' ? await options.countOf(id) : 0;
    return count > 0 ? { kind: 'records', count } : undefined;
  }

  const judged = [];
  for (const key of previous) judged.push({ id: key.id, why: await dependenceOf(key) });
  const retired = judged.filter(({ why }) => why === undefined).map(({ id }) => id);
  if (retired.length > 0) {
    await list.write(keys.filter(({ id }) => !retired.includes(id)));
  }
  if (retired.length > 0 && list.isInPlace) {
    await parts.history.forget(kind, retired);
    await parts.journal.record({ event: 'keys.retired', reasons: [kind], keys: retired, forced: options.force });
  }
  return { retired, kept: judged.flatMap(({ id, why }) => (why === undefined ? [] : [{ id, why }])) };
}
