// Recovery codes: of each account the one that can be used, and those before it for whoever asks later who made them and why. Kept by
// keyed hash, in one sealed record an account, so that a use, an approval and a new code never pass each other.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { keyPages } from '../login/key-pages.ts';
import type { Clock, Sealer, Store } from '../login/ports.ts';
import type { RecoveryCode, RecoveryStore } from '../login/stores.ts';

/** As an operator sees it: everything but the code. */
export interface KeptRecoveryCode extends RecoveryCode {
  readonly name: string;
  readonly state: 'waiting' | 'usable' | 'used' | 'expired' | 'withdrawn' | 'replaced';
}

export type RecoveryChange =
  | { readonly kind: 'done'; readonly code: KeptRecoveryCode }
  /** it is used, expired, withdrawn or replaced */
  | { readonly kind: 'over'; readonly code: KeptRecoveryCode }
  /** whoever made it cannot approve it */
  | { readonly kind: 'same-operator' }
  /** it waits for nobody */
  | { readonly kind: 'unneeded' }
  | { readonly kind: 'unknown' };

export interface KeptRecovery extends RecoveryStore {
  approve(name: string, by: string): Promise<RecoveryChange>;
  withdraw(name: string): Promise<RecoveryChange>;
  /** Of every account, the newest first; the past of 400 days. */
  list(): Promise<readonly KeptRecoveryCode[]>;
  forget(accountId: string): Promise<void>;
}

interface Stored extends RecoveryCode {
  readonly name: string;
  readonly hash: string;
  readonly ended?: 'withdrawn' | 'replaced';
  /** the interaction it was used in */
  readonly usedBy?: string;
}

const KEPT_SECONDS = 400 * 86_400;
const KEPT_CODES = 20;
const PURPOSE = 'recovery-code';
const PREFIX = 'recovery:';

export function createRecoveryStore(parts: { store: Store; sealer: Sealer; clock: Clock }): KeptRecovery {
  const { store, sealer, clock } = parts;
  const key = (accountId: string) => `${PREFIX}${accountId}`;
  const open = (accountId: string, sealed: string | undefined): readonly Stored[] =>
    sealed === undefined ? [] : JSON.parse(sealer.openText(sealed, key(accountId)));

  /** `next` gives the codes as they are to be, newest first, or undefined to leave them. */
  function change<R>(
    accountId: string,
    next: (codes: readonly Stored[]) => { readonly codes?: readonly Stored[]; readonly result: R },
  ): Promise<R> {
    return store.update<string, R>(key(accountId), (sealed) => {
      const { codes, result } = next(open(accountId, sealed));
      if (codes === undefined) return { kind: 'keep', result };
      const value = sealer.seal(JSON.stringify(codes.slice(0, KEPT_CODES)), key(accountId));
      return { kind: 'write', value, ttlSeconds: KEPT_SECONDS, result };
    });
  }

  async function all(): Promise<KeptRecoveryCode[]> {
    const found: KeptRecoveryCode[] = [];
    for await (const keys of keyPages(store, PREFIX)) {
      for (const each of keys) {
        const codes = open(each.slice(PREFIX.length), await store.get<string>(each));
        found.push(...codes.map((code) => describe(code, clock.now())));
      }
    }
    return found;
  }

  async function changeOne(
    name: string,
    next: (code: Stored) => Stored | Exclude<RecoveryChange, { kind: 'done' | 'over' }>,
  ): Promise<RecoveryChange> {
    const found = (await all()).find((code) => code.name === name);
    if (!found) return { kind: 'unknown' };
    return change<RecoveryChange>(found.accountId, (codes) => {
      const code = codes.find((each) => each.name === name);
      if (!code) return { result: { kind: 'unknown' } };
      const now = clock.now();
      const { state } = describe(code, now);
      if (state !== 'waiting' && state !== 'usable') return { result: { kind: 'over', code: describe(code, now) } };
      const changed = next(code);
      if ('kind' in changed) return { result: changed };
      return {
        codes: codes.map((each) => (each.name === name ? changed : each)),
        result: { kind: 'done', code: describe(changed, now) },
      };
    });
  }

  return {
    create(code, record) {
      const name = newName();
      const hash = sealer.keyedHash(textOf(record.accountId, code), PURPOSE);
      return change(record.accountId, (codes) => ({
        codes: [{ ...record, name, hash }, ...codes.map((each) => replace(each, clock.now()))],
        result: name,
      }));
    },

    use(accountId, code, uid) {
      const hashes = sealer.keyedHashes(textOf(accountId, code), PURPOSE);
      return change<number | undefined>(accountId, (codes) => {
        const now = clock.now();
        // every hash is compared, whatever an earlier one said
        const shown = codes.filter((each) => hashes.map((hash) => isSame(hash, each.hash)).includes(true));
        const found = shown.find((each) => describe(each, now).state === 'usable');
        if (!found) return { result: shown.find(({ usedBy }) => usedBy === uid)?.createdAt };
        const used = { ...found, usedAt: now, usedBy: uid };
        return { codes: codes.map((each) => (each === found ? used : each)), result: found.createdAt };
      });
    },

    approve: (name, by) =>
      changeOne(name, (code) => {
        if (!code.needsApproval || code.approvedBy !== undefined) return { kind: 'unneeded' };
        return isSamePerson(code.by, by) ? { kind: 'same-operator' } : { ...code, approvedBy: by };
      }),

    withdraw: (name) => changeOne(name, (code) => ({ ...code, ended: 'withdrawn' })),

    list: async () => (await all()).toSorted((one, other) => other.createdAt - one.createdAt),

    forget: (accountId) => store.delete(key(accountId)),
  };
}

function describe(stored: Stored, now: number): KeptRecoveryCode {
  const { hash, ended, usedBy, ...told } = stored;
  return { ...told, state: stateOf(stored, now) };
}

function stateOf(code: Stored, now: number): KeptRecoveryCode['state'] {
  if (code.usedAt !== undefined) return 'used';
  if (code.ended) return code.ended;
  if (code.expiresAt <= now) return 'expired';
  return code.needsApproval && code.approvedBy === undefined ? 'waiting' : 'usable';
}

/** One that could still be used is not, beside a newer one. */
function replace(code: Stored, now: number): Stored {
  const state = stateOf(code, now);
  return state === 'waiting' || state === 'usable' ? { ...code, ended: 'replaced' } : code;
}

/** As people type it: in any case, with or without dashes and spaces, and with letters that look like the digits they mean. */
function textOf(accountId: string, code: string): string {
  const plain = code
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replace(/[IL]/g, '1')
    .replace(/O/g, '0');
  return `${accountId}:${plain}`;
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function isSamePerson(one: string, other: string): boolean {
  const fold = (name: string) => name.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
  return fold(one) === fold(other);
}

/** 32 bits, without a letter that could make a word or be taken for a digit. */
function newName(): string {
  return Array.from(randomBytes(8), (byte) => '23456789bcdfghjk'[byte & 15]).join('');
}
