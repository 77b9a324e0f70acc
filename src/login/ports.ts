// What a login needs of the world. Products (a vendor, a database, a log) stand behind these; `login/` knows only what
// is written here, and a contract suite under test/contract/ holds every implementation to it.

import type { Anonymising, Coordinates } from '../core/risk.ts';
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
  /**
   * Removes what the vendor keeps of a person beside single verifications: the user entity and its face templates. Safe to repeat.
   *
   * @throws VendorUnavailable | VendorRefused
   */
  forgetSubject(subject: string): Promise<void>;
  /**
   * One page of the vendor's list of verifications that stand like this, for catching what no webhook told. Shorter than `limit`: the
   * last page.
   *
   * @throws VendorUnavailable | VendorRefused
   */
  listVerifications(query: {
    readonly status: VerificationStatus;
    readonly offset: number;
    readonly limit: number;
  }): Promise<readonly { readonly verificationId: string; readonly status: VerificationStatus }[]>;
  /**
   * Takes over a verification that another customer of the vendor shared with us: a copy with an id of its own, under our name for the
   * person. Once a token.
   *
   * @param request.trustReview false leaves the copy in review, whatever the other customer decided
   * @throws VendorUnavailable | VendorRefused | SharedVerificationRefused
   */
  importShared(request: {
    readonly shareToken: string;
    readonly workflowId: string;
    readonly subject: string;
    readonly trustReview: boolean;
  }): Promise<{ readonly verificationId: string }>;
  /** Asks the vendor whether keys, workflows and webhook destination are as configured. */
  inspect(expected: { readonly webhookUrl: string }): Promise<readonly VendorFinding[]>;
}

// --------------------------------------------------------------------------------------------------------- storage

export type Change<T, R> =
  | { readonly kind: 'write'; readonly value: T; readonly ttlSeconds: number; readonly result: R }
  /** another value for a record that is there; it ends when it would have ended */
  | { readonly kind: 'replace'; readonly value: T; readonly result: R }
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
  /**
   * Reads, changes and writes as one step. `change` is pure: it may run more than once.
   *
   * @param hint.isNew there is probably none: an engine across a network then need not look first. It decides nothing
   */
  update<T, R>(
    key: string,
    change: (current: T | undefined) => Change<T, R>,
    hint?: { readonly isNew: boolean },
  ): Promise<R>;
  /** Reads and removes as one step: exactly one caller gets the value. */
  take<T>(key: string): Promise<T | undefined>;
  /** Counts within a fixed window that begins with the first count. @returns the count after this one */
  increment(key: string, windowSeconds: number, by?: number): Promise<number>;
  /** The same for what may have to be taken back. */
  countIn(key: string, windowSeconds: number, by: number): Promise<Counted>;
  /** Takes back what was counted in, unless its window is over: what others count in the next one is theirs. */
  countBack(key: string, by: number, counted: Counted): Promise<void>;
  /** Living keys that begin with `prefix`, in order, after `after`, at most `limit` (1000): for lists that somebody looks through or
   *  that are taken back, never a step of every login. */
  keys(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<readonly string[]>;
}

/** What `countIn` came to, and in which window. */
export interface Counted {
  /** after this one */
  readonly count: number;
  /** epoch seconds */
  readonly windowEndsAt: number;
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
  /**
   * What a handler says of the job that it was handed: done, or to be done again. Does nothing when the job was planned anew, cancelled or
   * handed out again since: a plan that was made meanwhile is never lost.
   */
  giveBack(job: Job, again?: { readonly dueAtMs: number; readonly payload?: unknown }): Promise<void>;
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
  /**
   * HMAC-SHA-256 with the present key, base64url; for index keys and comparisons that reveal nothing. What it gives changes when keys
   * rotate, also between two requests: compare with `keyedHashes`.
   */
  keyedHash(text: string, purpose: string): string;
  /** the same under every key there ever was, the present one first: what another key wrote is still found */
  keyedHashes(text: string, purpose: string): readonly string[];
}

export interface Revoked {
  readonly sessions: number;
  readonly grants: number;
}

/** Ends what a proof allowed: sessions, grants and tokens. Known to `oidc/`, called by the journey. */
export interface Revoker {
  /**
   * @param proofId a verification, or a proof of `login-proof.ts`
   * @param accountId whose login it was, where that was somebody else: what was allowed to clients there counts no more
   */
  revoke(proofId: string, accountId?: string): Promise<Revoked>;
  /** Has it been, so that nothing may be built on it any more? Asked after building, as `revoke` notes it before it ends what was built. */
  isRevoked(proofId: string): Promise<boolean>;
  /** Everywhere, whatever it was proven by. */
  revokeAccount(accountId: string): Promise<Revoked>;
}

// ------------------------------------------------------------------------------------------------ networks and mail

/** What the operator's tables tell of an address; each is undefined where no table was given, or it does not say. */
export interface NetworkFacts {
  /** ISO 3166-1 alpha-2, upper case */
  readonly country?: string;
  readonly place?: Coordinates;
  /** `none`: there are tables, and none of them names it */
  readonly anonymising?: Anonymising;
}

export interface Networks {
  look(address: string): NetworkFacts;
}

export interface Ledger {
  open(line: { verificationId: string; client: string; account: string; reason: string }): Promise<void>;
  settle(verificationId: string, outcome: string): Promise<void>;
  /** A login that a known device was enough for: a verification that was not paid for. */
  skip(): Promise<void>;
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
  /** Money, in the currency of the bill: what the vendor bills, by why it was opened, and what logins without a selfie saved. */
  add(name: 'spent' | 'saved', amount: number, labels?: Record<string, string>): void;
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
