// What a storage engine must offer, and what it gets for free. An engine (`memory.ts`, `sqlite.ts`, `redis.ts`,
// `postgres.ts`) implements `Rows`, a `JobQueue` and a `Bus` with its own primitives; JSON, lives, key rules and the Keyv face are
// shared (`store.ts`, `keyv-face.ts`). Nothing here knows what a login is.

import type Keyv from 'keyv';
import type { Bus, JobQueue, Store } from '../login/ports.ts';
import type { Bulk } from './bulk.ts';

/** An opened storage engine: all that the rest of the program sees of it. */
export interface Backend {
  readonly store: Store;
  readonly jobs: JobQueue;
  readonly bus: Bus;
  /** all of it, for backups and moves */
  readonly bulk: Bulk;
  /** the same records as plain key and value; lives in milliseconds, always given */
  readonly keyv: Keyv;
  /** Proves that a write can be committed now. @throws StorageUnavailable */
  ping(): Promise<void>;
  /** Removes expired records in small steps that leave room for others. @returns how many went */
  sweepExpired(): Promise<number>;
  /** Finishes what is under way, then lets go. Whatever is asked later throws StorageUnavailable. */
  close(): Promise<void>;
  /** engine and place, for logs; no secrets */
  readonly description: string;
  /** which file it is, of an engine that has one: a path may name another one later */
  readonly file?: string | undefined;
}

/** What a decision about one row leads to. */
export type RowChange<R> =
  | { readonly kind: 'write'; readonly text: string; readonly expiresAt: number; readonly result: R }
  | { readonly kind: 'remove'; readonly result: R }
  | { readonly kind: 'keep'; readonly result: R };

/** @param expiresAt the end of the row that has this text; 0 where there is none */
export type Decide<R> = (text: string | undefined, expiresAt: number) => RowChange<R>;

export interface Sum {
  readonly sum: number;
  readonly expiresAt: number;
}

/** `isNew`: there is probably no row, so one may be made before anybody has looked. */
export interface ChangeHint {
  readonly isNew: boolean;
}

/**
 * Texts by key, each with an end. A row is there while `expiresAt > now`, whatever the engine has removed so far: `now`
 * comes from the caller's clock with every call, so that no engine's own clock decides whether a code is still good.
 * Every method is one atomic step across processes; a failed one has changed nothing.
 */
export interface Rows {
  read(key: string, now: number): Promise<string | undefined>;
  write(key: string, text: string, expiresAt: number): Promise<void>;
  /** @returns whether a row was there */
  remove(key: string, now: number): Promise<boolean>;
  /** @returns true for exactly one of any number of callers */
  insert(key: string, text: string, expiresAt: number, now: number): Promise<boolean>;
  /** `decide` is pure and may run more than once; what it throws reaches the caller and changes nothing */
  change<R>(key: string, now: number, decide: Decide<R>, hint?: ChangeHint): Promise<R>;
  take(key: string, now: number): Promise<string | undefined>;
  /** Adds to a number; a missing or expired one begins at 0 and ends at `expiresAt`. @returns the sum, and when it ends */
  add(key: string, by: number, expiresAt: number, now: number): Promise<Sum>;
  /** @returns living keys that begin with `prefix`, in byte order, after `after`, at most `limit` */
  list(prefix: string, after: string, limit: number, now: number): Promise<readonly string[]>;
  /** @returns how many went, at most `limit` */
  removeExpired(now: number, limit: number): Promise<number>;
}
