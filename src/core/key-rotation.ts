// How keys come and go without anybody being turned away: a *next* key is accepted before it makes anything, the *current* one makes,
// *previous* ones are accepted until nothing depends on them. A list of keys holds all three, and its order says which makes: the first
// of an algorithm. What the order cannot say, whether a key behind it was ever current, is its past. Pure.

export const KEY_KINDS = ['signing', 'cookie', 'data'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** A key without its secret. */
export interface NamedKey {
  readonly id: string;
  readonly alg: string;
}

/** What a process has, each in the order of its list. */
export type KeysHeld = Readonly<Record<KeyKind, readonly NamedKey[]>>;

/** Epoch seconds. A key that somebody wrote into a list by hand may lack any of these. */
export interface KeyPast {
  /** it was put behind the current one, to be the next */
  readonly addedAt?: number;
  readonly currentAt?: number;
  readonly replacedAt?: number;
}

/** By `pastKey`. */
export type KeyHistory = Readonly<Record<string, KeyPast>>;

export type KeyState = 'current' | 'next' | 'previous';

export interface DescribedKey extends NamedKey {
  readonly state: KeyState;
  /** epoch seconds; undefined where nobody saw it begin */
  readonly since: number | undefined;
}

export function pastKey(kind: KeyKind, id: string): string {
  return `${kind}:${id}`;
}

/** Does a key make what is new? The first of its algorithm does. */
export function isCurrent(keys: readonly NamedKey[], id: string): boolean {
  const index = keys.findIndex((key) => key.id === id);
  const key = keys[index];
  return key !== undefined && keys.findIndex(({ alg }) => alg === key.alg) === index;
}

export function describeKeys(kind: KeyKind, keys: readonly NamedKey[], history: KeyHistory): readonly DescribedKey[] {
  return keys.map(({ id, alg }) => {
    const past = history[pastKey(kind, id)];
    if (isCurrent(keys, id)) return { id, alg, state: 'current', since: past?.currentAt };
    const isNext = past?.addedAt !== undefined && past.currentAt === undefined;
    if (isNext) return { id, alg, state: 'next', since: past.addedAt };
    return { id, alg, state: 'previous', since: past?.replacedAt };
  });
}

/** The past with what a list shows now. @returns the same object when it shows nothing new */
export function noteHeld(history: KeyHistory, held: KeysHeld, now: number): KeyHistory {
  const news = KEY_KINDS.flatMap((kind) =>
    held[kind].flatMap(({ id }) => {
      const past = history[pastKey(kind, id)];
      const noted = isCurrent(held[kind], id) ? notedCurrent(past, now) : notedBehind(past, now);
      return noted === past ? [] : [[pastKey(kind, id), noted] as const];
    }),
  );
  return news.length === 0 ? history : { ...history, ...Object.fromEntries(news) };
}

function notedCurrent(past: KeyPast | undefined, now: number): KeyPast {
  if (past?.currentAt !== undefined && past.replacedAt === undefined) return past;
  return { ...(past?.addedAt === undefined ? {} : { addedAt: past.addedAt }), currentAt: now };
}

/** One that nobody announced as the next may have been in use: it counts as one that was, until now. */
function notedBehind(past: KeyPast | undefined, now: number): KeyPast {
  if (past === undefined) return { replacedAt: now };
  return past.currentAt !== undefined && past.replacedAt === undefined ? { ...past, replacedAt: now } : past;
}

/** The order with fresh keys, each right behind the current one of its algorithm. */
export function withNext(keys: readonly NamedKey[], fresh: readonly NamedKey[]): readonly NamedKey[] {
  return keys.flatMap((key) =>
    isCurrent(keys, key.id) ? [key, ...fresh.filter(({ alg }) => alg === key.alg)] : [key],
  );
}

/** The order with each of these in front of the current one of its algorithm. */
export function withPromoted(keys: readonly NamedKey[], ids: readonly string[]): readonly NamedKey[] {
  const promoted = keys.filter(({ id }) => ids.includes(id));
  const others = keys.filter(({ id }) => !ids.includes(id));
  return others.flatMap((key) =>
    isCurrent(others, key.id) ? [...promoted.filter(({ alg }) => alg === key.alg), key] : [key],
  );
}
