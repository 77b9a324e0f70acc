// What a login needs of the world. Products (a vendor, a database, a log) stand behind these; `login/` knows only what
// is written here, and a contract suite under test/contract/ holds every implementation to it.

import type { Account } from '../core/account.ts';
import type { LoginAttempt, Step } from '../core/attempt.ts';
import type { Claim, Contest } from '../core/claim.ts';
import type { Verdict, VerificationStatus } from '../core/verdict-types.ts';

/** Epoch seconds, whole. The one source of time outside `core/`, which is handed the value. */
export interface Clock {
  now(): number;
}

// ---------------------------------------------------------------------------------------------------------- vendor

export interface VerificationRequest {
  readonly workflowId: string;
  /** our name for the person at the vendor; never the `sub` */
  readonly subject: string;
  /** absolute, below `/interaction/:uid/return/` */
  readonly returnUrl: string;
  /** the pinned face, JPEG of at most 1 MB, to compare with; undefined lets the vendor use the one it keeps */
  readonly portrait?: Uint8Array;
  /** `ui_locales` in the person's order; the vendor takes the first it knows */
  readonly locales?: readonly string[];
  /** echoed by the vendor; no personal data, and never a source of truth for us */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OpenedVerification {
  readonly verificationId: string;
  /** the hosted page: a bearer secret, kept out of logs and sealed at rest */
  readonly url: string;
  readonly status: VerificationStatus;
}

export interface RawDelivery {
  /** header names in lower case */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** What a delivery told, once its origin is proven. `other` is believed and of no concern to a login. */
export type VendorEvent =
  | { readonly kind: 'verification'; readonly verdict: Verdict }
  | { readonly kind: 'other'; readonly type: string };

export type DeliveryReading =
  /** `eventKey` is the same for every copy of one event */
  | { readonly kind: 'believed'; readonly eventKey: string; readonly event: VendorEvent }
  /** 401 unsigned, badly signed, stale; 400 not the JSON it should be; 413 too large; 415 wrong type or encoding.
   *  `lookAt` is set when it was well signed but stale: one look at the decision is worth it. */
  | {
      readonly kind: 'refused';
      readonly status: 400 | 401 | 413 | 415;
      /** a short code fit for a metric label: unsigned, bad-signature, stale, syntax … */
      readonly reason: string;
      readonly lookAt?: string;
    };

export type PortraitReading =
  | { readonly kind: 'jpeg'; readonly bytes: Uint8Array }
  | { readonly kind: 'unusable'; readonly reason: string };

/** One line of `check --vendor`. */
export interface VendorFinding {
  readonly level: 'ok' | 'warning' | 'fault';
  readonly subject: string;
  readonly message: string;
}

export interface IdentityVendor {
  /** as people are told who looks at their face */
  readonly about: { readonly name: string; readonly privacyUri?: string };
  /**
   * Opens a verification and says where to send the browser. May return one that already existed (the vendor hands an
   * unfinished one of the same subject and workflow out again): the caller must claim the id before trusting it.
   *
   * @throws VendorUnavailable | VendorRefused | VendorPortraitMissing | VendorSubjectBlocked
   */
  openVerification(request: VerificationRequest): Promise<OpenedVerification>;
  /**
   * Asks how a verification stands. `undefined`: the vendor does not know it (deleted, expired away).
   *
   * @param options.patient nobody is at the screen: leave part of the shared budget to those who are
   * @throws VendorUnavailable also when the shared budget has no room now; `retryAfterSeconds` says when it will
   * @throws VendorRefused
   */
  readVerification(verificationId: string, options?: { readonly patient?: boolean }): Promise<Verdict | undefined>;
  /** Safe to repeat. @throws VendorUnavailable | VendorRefused */
  deleteVerification(verificationId: string): Promise<void>;
  /** Downloads a picture named by a verdict: no redirects, no private addresses, 1 MB at most, JPEG only. Never throws. */
  fetchPortrait(url: string): Promise<PortraitReading>;
  /** Proves where a webhook came from and reads it. Pure but for the clock; never throws. */
  readDelivery(delivery: RawDelivery): DeliveryReading;
  /** Asks the vendor whether keys, workflows and webhook destination are as configured. */
  inspect(expected: { readonly webhookUrl: string }): Promise<readonly VendorFinding[]>;
}

// --------------------------------------------------------------------------------------------------------- storage

export type Change<T, R> =
  | { readonly kind: 'write'; readonly value: T; readonly ttlSeconds: number; readonly result: R }
  | { readonly kind: 'remove'; readonly result: R }
  | { readonly kind: 'keep'; readonly result: R };

/**
 * Records by key, with what Keyv cannot do: all-or-nothing changes across processes. Values are JSON. Everything throws
 * `StorageUnavailable` when the backend does not answer within two seconds; "missing" and "could not read" never look alike.
 */
export interface Store {
  get<T>(key: string): Promise<T | undefined>;
  /** @param ttlSeconds at least 1; there is no "for ever" by accident: pass `FOREVER` */
  set<T>(key: string, value: T, ttlSeconds: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** @returns true for exactly one of any number of callers */
  putIfAbsent<T>(key: string, value: T, ttlSeconds: number): Promise<boolean>;
  /** Reads, changes and writes as one step. `change` is pure: it may run more than once. */
  update<T, R>(key: string, change: (current: T | undefined) => Change<T, R>): Promise<R>;
  /** Reads and removes as one step: exactly one caller gets the value. */
  take<T>(key: string): Promise<T | undefined>;
  /** Counts within a fixed window that begins with the first count. @returns the count after this one */
  increment(key: string, windowSeconds: number, by?: number): Promise<number>;
  /** Living keys that begin with `prefix`, in order, after `after`, at most `limit` (1000): for operators' lists, never in a login. */
  keys(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<readonly string[]>;
}

/** A ttl for what must not expire by itself, in seconds (a hundred years). */
export const FOREVER = 3_155_760_000;

/** Work that must happen even after a crash. At least once: a handler must be idempotent. */
export interface Job {
  readonly kind: string;
  /** unique within the kind: scheduling again replaces the due time and payload */
  readonly id: string;
  /** epoch milliseconds */
  readonly dueAtMs: number;
  /** how often it was handed out before */
  readonly attempts: number;
  readonly payload: unknown;
}

export interface JobQueue {
  schedule(job: { kind: string; id: string; dueAtMs: number; payload?: unknown }): Promise<void>;
  /** Hands out what is due, earliest first, each to one caller: for `leaseMs` nobody else gets it. */
  claimDue(options: { nowMs: number; limit: number; leaseMs: number }): Promise<readonly Job[]>;
  cancel(kind: string, id: string): Promise<void>;
  /** Makes every job of a kind due now (after a restart). */
  hasten(kind: string, nowMs: number): Promise<void>;
  /** When the next job is due; undefined when there is none. */
  nextDueAtMs(): Promise<number | undefined>;
}

/** Wakes live pages. A lost message costs a delay, never a login. */
export interface Bus {
  publish(channel: string): Promise<void>;
  /** @returns stops listening */
  subscribe(channel: string, listener: () => void): () => void;
}

/** Encrypts what is personal (AES-256-GCM with a key id). `context` binds a sealed text to its place: elsewhere it will not open. */
export interface Sealer {
  seal(plain: string | Uint8Array, context: string): string;
  /** @throws SealedUnreadable */
  open(sealed: string, context: string): Uint8Array;
  openText(sealed: string, context: string): string;
  /** HMAC-SHA-256 with the newest key, base64url; for index keys and comparisons that reveal nothing */
  keyedHash(text: string, purpose: string): string;
  /** the same under every configured key, newest first: what an older key once wrote is still found */
  keyedHashes(text: string, purpose: string): readonly string[];
}

export interface AttemptStore {
  find(uid: string): Promise<LoginAttempt | undefined>;
  /** @returns false when the interaction has an attempt already */
  create(attempt: LoginAttempt): Promise<boolean>;
  /** The one way a stored attempt changes: all or nothing. `undefined`: there is no such attempt. */
  change(uid: string, step: (attempt: LoginAttempt) => Step): Promise<Step | undefined>;
  /** Takes the claim, or says who holds it; atomic. */
  claim(key: string, challenger: Claim, contestedAfterSeconds: number): Promise<Contest>;
  /** Gives a claim back, if it is still this attempt's: to nobody, or to whom it was taken from. */
  release(key: string, uid: string, backTo?: Claim): Promise<void>;
  /** Makes an attempt the one owner of a verification, for ever. @returns whether it is; a foreign id is burnt by asking */
  own(verificationId: string, uid: string): Promise<boolean>;
  /** The attempt whose verdict this is; undefined when nobody's, or when it ever had two owners (T1). */
  ownerOf(verificationId: string): Promise<string | undefined>;
  /** What waits for a person at the vendor: for `attempts --held`. */
  hold(verificationId: string, held: HeldReview): Promise<void>;
  letGo(verificationId: string): Promise<void>;
  held(): Promise<readonly HeldReview[]>;
}

/** A review that a person at the vendor has to end. No personal data. */
export interface HeldReview {
  readonly verificationId: string;
  readonly uid: string;
  readonly clientId: string;
  readonly status: VerificationStatus;
  readonly since: number;
  readonly waitsUntil: number;
}

export interface AccountStore {
  find(id: string): Promise<Account | undefined>;
  findByIdentifier(identifier: string): Promise<Account | undefined>;
  /**
   * Safe to repeat, and completes what a crash left undone; a record that is there stays as it is.
   *
   * @returns false when the identifier is taken: exactly one of any number of callers wins it
   */
  create(account: Account): Promise<boolean>;
  change(id: string, change: (account: Account) => Account): Promise<Account | undefined>;
  list(): Promise<readonly string[]>;
  /** Keeps a face for a while, until an account pins it. @returns its reference and SHA-256 */
  keepPortrait(jpeg: Uint8Array): Promise<{ readonly ref: string; readonly sha256: string }>;
  pinPortrait(ref: string): Promise<void>;
  /** @returns undefined when it is gone, or is not the picture with that hash (T14) */
  loadPortrait(ref: string, sha256: string): Promise<Uint8Array | undefined>;
  dropPortrait(ref: string): Promise<void>;
}

/** A browser that has signed in before: which accounts, the latest first. Kept by hash of its cookie. */
export interface DeviceStore {
  accountsOf(deviceHash: string): Promise<readonly string[]>;
  remember(deviceHash: string, accountId: string): Promise<void>;
  forget(deviceHash: string): Promise<void>;
  /** The device no longer counts as known to this account. */
  drop(deviceHash: string, accountId: string): Promise<void>;
}

export interface Invitation {
  readonly createdAt: number;
  readonly expiresAt: number;
  /** normalised; when set, the invitation is for this identifier only */
  readonly identifier?: string;
  /** the account that was made with it */
  readonly usedBy?: string;
}

/** Invitations by the hash of their token. */
export interface InvitationStore {
  create(hash: string, invitation: Invitation): Promise<void>;
  /** Only one that can still be used. */
  find(hash: string): Promise<Invitation | undefined>;
  /** @returns true for exactly one account, as often as it asks */
  use(hash: string, accountId: string): Promise<boolean>;
}

/** What an accepted verification allowed, so that it can be taken back when the verdict turns (T8). */
export interface Allowance {
  readonly accountId: string;
  readonly acceptedAt: number;
  readonly purpose: 'enrol' | 'login' | 're-enrol';
  /** hash of the device cookie that was made by it */
  readonly device?: string;
}

/** Ends what a verification allowed: sessions, grants and tokens. Known to `oidc/`, called by the journey. */
export interface Revoker {
  revoke(verificationId: string): Promise<{ readonly sessions: number; readonly grants: number }>;
}

export interface Ledger {
  open(line: { verificationId: string; client: string; account: string; reason: string }): Promise<void>;
  settle(verificationId: string, outcome: string): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------- telemetry

/** One audit event. No personal data: ids, codes and counts only. */
export interface JournalEntry {
  readonly event: string;
  readonly attempt?: string;
  readonly reasons?: readonly string[];
  readonly [detail: string]: string | number | boolean | readonly string[] | undefined;
}

export interface Journal {
  record(entry: JournalEntry): Promise<void>;
}

/** Counters and histograms by their published names, without the prefix. */
export interface Meter {
  count(
    name: 'logins' | 'verifications' | 'webhooks' | 'vendor_requests' | 'skips' | 'reviews_held',
    labels?: Record<string, string>,
  ): void;
  observe(
    name: 'decision_to_redirect' | 'webhook_acknowledged' | 'vendor_request',
    seconds: number,
    labels?: Record<string, string>,
  ): void;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
