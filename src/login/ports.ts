// What a login needs of the world. Products (a vendor, a database, a log) stand behind these; `login/` knows only what
// is written here, and a contract suite under test/contract/ holds every implementation to it.

import type { Account } from '../core/account.ts';
import type { LoginAttempt, Step } from '../core/attempt.ts';
import type { Claim, Contest } from '../core/claim.ts';
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

/** One account on a device: a browser that showed this account's face, or its key. */
export interface DeviceUse {
  readonly accountId: string;
  readonly firstUsedAt: number;
  readonly lastUsedAt: number;
  /** "Firefox on Windows" */
  readonly browser: string;
  /** prefixes from which a selfie was accepted here, latest first */
  readonly networks: readonly { readonly prefix: string; readonly at: number }[];
  /** the last selfie accepted here */
  readonly selfie?: DeviceSelfie;
  /** interactions of the logins that ended here, latest first; no more than a person is shown */
  readonly logins: readonly string[];
}

/** What a login tells of the device it happened on. */
export interface DeviceVisit {
  readonly at: number;
  readonly browser: string;
  readonly prefix: string;
  /** the interaction */
  readonly uid: string;
  /** present when a face was shown: only then the network becomes a known one */
  readonly selfie?: DeviceSelfie;
}

/** What makes a device known: taken back are the verifications, or the login they were for, and all that rests on them. */
export interface DeviceSelfie {
  /** epoch seconds: when it was shown */
  readonly at: number;
  readonly verificationIds: readonly string[];
  /** the login as a proof of its own */
  readonly login: string;
}

/** Browsers that have signed in before, each with its accounts, the latest first. Kept by hash of the device cookie, sealed. */
export interface DeviceStore {
  accountsOf(deviceHash: string): Promise<readonly string[]>;
  find(deviceHash: string, accountId: string): Promise<DeviceUse | undefined>;
  /** @param from the device's earlier cookie: what it knew of other accounts moves along, and it is good no longer */
  remember(deviceHash: string, accountId: string, visit: DeviceVisit, from?: string): Promise<void>;
  forget(deviceHash: string): Promise<void>;
  /** The device no longer counts as known to this account. */
  drop(deviceHash: string, accountId: string): Promise<void>;
  /** Every device of an account, by hash. */
  list(accountId: string): Promise<readonly (DeviceUse & { readonly device: string })[]>;
}

/** One sign-in as its person may look it up. */
export interface SignIn {
  readonly at: number;
  readonly uid: string;
  readonly clientId: string;
  readonly acr: string;
  readonly browser: string;
  readonly address: string;
  /** why this much was asked */
  readonly reasons: readonly string[];
  /** the person said "this was not me" */
  readonly deniedAt?: number;
}

/** What the rules of risk and the person's own page need of the past. Sealed. */
export interface Activity {
  /** latest first */
  readonly signIns: readonly SignIn[];
  /** epoch seconds of refused selfies, latest first */
  readonly declines: readonly number[];
  readonly last?: { readonly at: number; readonly place: Coordinates };
}

export interface ActivityStore {
  find(accountId: string): Promise<Activity>;
  noteSignIn(accountId: string, signIn: SignIn, place?: Coordinates): Promise<void>;
  noteDecline(accountId: string, at: number): Promise<void>;
  noteDenial(accountId: string, uid: string, at: number): Promise<void>;
  forget(accountId: string): Promise<void>;
}

/** A WebAuthn credential, made after a selfie. Sealed with its account's list. */
export interface Passkey {
  /** base64url */
  readonly id: string;
  /** COSE key, base64url */
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
  /** may leave the device it was made on (WebAuthn "backup eligible"), by its own word: nobody vouches for it */
  readonly isSynced: boolean;
  /** WebAuthn user handle, base64url: random, and one for all passkeys of an account */
  readonly userHandle: string;
  /** "Firefox on Windows, 21 November 2026": what the person knows it by */
  readonly name: string;
  readonly createdAt: number;
  readonly lastUsedAt?: number;
  /** the login after which it was made */
  readonly madeIn: string;
  /** the verifications of that login: what a late refusal of them takes back includes what the passkey opened */
  readonly rests: readonly string[];
  /** its counter went back then: there are two of it, and neither is good any more */
  readonly copiedAt?: number;
}

export interface PasskeyStore {
  list(accountId: string): Promise<readonly Passkey[]>;
  /** `full`: the account has as many as it may; `taken`: the credential is somebody's already */
  add(accountId: string, passkey: Passkey): Promise<'added' | 'full' | 'taken'>;
  /** @returns the account that a credential belongs to */
  ownerOf(credentialId: string): Promise<string | undefined>;
  /**
   * Notes a use. `copied`: the counter did not go on (WebAuthn §6.1.1), now or ever before; `gone`: removed meanwhile.
   *
   * @param counter as the authenticator signed it; many do not count and always say 0
   */
  use(accountId: string, credentialId: string, counter: number, at: number): Promise<'used' | 'copied' | 'gone'>;
  remove(accountId: string, credentialId: string): Promise<boolean>;
  /** Takes back what was registered in one login. */
  removeAddedBy(accountId: string, uid: string): Promise<void>;
  forget(accountId: string): Promise<void>;
}

/** What is known of a passkey when it is made. Nothing is proven by that: only a use proves who has it. */
export type MadePasskey = Pick<Passkey, 'id' | 'publicKey' | 'counter' | 'transports' | 'isSynced'>;

export type KeyReading<T> =
  | ({ readonly kind: 'right' } & T)
  /** `problem` is for the log: it may hold what the browser sent */
  | { readonly kind: 'refused'; readonly problem: string };

/** What a browser is handed to make or to use a passkey. */
export interface KeyCeremony {
  /** JSON, as `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` read it */
  readonly options: string;
  /** base64url; good for one answer */
  readonly challenge: string;
}

/**
 * WebAuthn, without any memory: whoever asks keeps the challenge and takes it away before the answer is judged. Answers are what
 * `PublicKeyCredential.toJSON` gives, as text from a form: anything may stand in them. Only `registration` and `authentication` throw.
 */
export interface KeyCeremonies {
  /**
   * @param of.name     how the person is called here, for the list that the device shows
   * @param of.existing no second one is made beside these on the same device
   */
  registration(of: {
    readonly name: string;
    readonly userHandle: string;
    readonly existing: readonly Pick<Passkey, 'id' | 'transports'>[];
  }): Promise<KeyCeremony>;
  verifyRegistration(answer: string, challenge: string): Promise<KeyReading<MadePasskey>>;
  /** Names no credential: what is asked is the same for every account, and for none (T26). */
  authentication(of: { readonly mustVerify: boolean }): Promise<KeyCeremony>;
  /** Which credential an answer claims to come from. Proves nothing. */
  credentialOf(answer: string): string | undefined;
  /** Does not judge the counter: `PasskeyStore.use` does, in one step with noting it. */
  verifyAuthentication(
    answer: string,
    asked: { readonly challenge: string; readonly mustVerify: boolean },
    passkey: Passkey,
  ): Promise<KeyReading<{ readonly counter: number; readonly verified: boolean }>>;
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
  /** a login after which its selfie is the face to compare with */
  readonly bringsFace?: true;
  /** the verdict has turned, and what it allowed is being taken back */
  readonly refused?: true;
}

export interface Revoked {
  readonly sessions: number;
  readonly grants: number;
}

/** Ends what a proof allowed: sessions, grants and tokens. Known to `oidc/`, called by the journey. */
export interface Revoker {
  /** @param proofId a verification, or `login:<uid>` for one login alone */
  revoke(proofId: string): Promise<Revoked>;
  /** Everywhere, whatever it was proven by. */
  revokeAccount(accountId: string): Promise<Revoked>;
}

/** A code that an operator made for somebody who cannot sign in, with the reason. Kept by the hash of the code. */
export interface RecoveryCode {
  readonly accountId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** why, in the operator's words */
  readonly reason: string;
  /** who made it */
  readonly by: string;
  /** policy asks for a second operator: without one it opens nothing */
  readonly needsApproval: boolean;
  readonly approvedBy?: string;
  readonly usedAt?: number;
}

export interface RecoveryStore {
  /** @returns the short name under which an operator can approve or withdraw it; tells nothing of the code */
  create(code: string, record: RecoveryCode): Promise<string>;
  /** @returns true for exactly one caller, and only if the code is this account's, approved where needed, unused and in time */
  use(accountId: string, code: string): Promise<boolean>;
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

/** When, where and in which browser something was done, as people are told. */
export interface Circumstances {
  /** how the client is called; undefined where there was none */
  readonly client?: string;
  /** "Firefox on Windows" */
  readonly browser: string;
  /** an address, with its country where known */
  readonly place: string;
  /** epoch seconds */
  readonly at: number;
}

/** What a person can be told by mail. Links are absolute, one-time, and change nothing before a button is pressed. */
export type Mail =
  /** proves the address of somebody who enrols */
  | { readonly kind: 'enrolment-code'; readonly code: string; readonly minutes: number; readonly where: Circumstances }
  /** signs in, in the browser that asked */
  | {
      readonly kind: 'sign-in-code';
      readonly code: string;
      readonly link: string;
      readonly minutes: number;
      readonly where: Circumstances;
    }
  | { readonly kind: 'new-device'; readonly where: Circumstances; readonly denyLink: string }
  /** the face was shown on another device and the number confirmed */
  | { readonly kind: 'hand-off'; readonly where: Circumstances; readonly denyLink: string }
  /** signed in without a selfie: by mail or recovery code */
  | {
      readonly kind: 'weak-sign-in';
      readonly way: 'email' | 'recovery_code';
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  /** a new face waits until `dueAt` before it counts */
  | {
      readonly kind: 'renewal-waiting';
      readonly dueAt: number;
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  | {
      readonly kind: 'face-replaced';
      readonly by: 'document' | 'review';
      readonly where: Circumstances;
      readonly denyLink: string;
    }
  | { readonly kind: 'passkey-added'; readonly name: string; readonly where: Circumstances; readonly denyLink: string }
  | { readonly kind: 'account-deleted'; readonly at: number };

export interface Mailer {
  /** Is this one plain address that mail can be sent to? */
  accepts(to: string): boolean;
  /** Resolves when the mail is stored for sending; it goes out in the background, again and again until it is taken. */
  send(to: string, mail: Mail): Promise<void>;
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
