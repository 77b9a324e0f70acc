// What a login remembers, and of whom: attempts, accounts, devices, passkeys, invitations, codes. Each is kept by `storage/`, over the
// primitives of `ports.ts`; what is personal is sealed there.

import type { Account } from '../core/account.ts';
import type { LoginAttempt, Step } from '../core/attempt.ts';
import type { Claim, Contest } from '../core/claim.ts';
import type { Coordinates } from '../core/risk.ts';
import type { VerificationStatus } from '../core/verdict-types.ts';

export interface Ownership {
  readonly isOurs: boolean;
  /** whose it was until now, where that is somebody else */
  readonly taken?: string;
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
  /** Makes an attempt the one owner of a verification, for ever; a foreign id is burnt by asking. */
  own(verificationId: string, uid: string): Promise<Ownership>;
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
  /** each login here carries one of them as a proof (`deviceProof`); more than one only where two made it known at once */
  readonly marks: readonly string[];
}

/** What a login tells of the device it happened on. */
export interface DeviceVisit {
  readonly at: number;
  readonly browser: string;
  readonly prefix: string;
  /** the interaction */
  readonly uid: string;
  /** as the login carries it */
  readonly mark: string;
  /** present when a face was shown: only then the network becomes a known one */
  readonly selfie?: DeviceSelfie;
}

/** What makes a device known: taken back are the verifications, or the login they were for, and all that rests on them. */
export interface DeviceSelfie {
  /** epoch seconds: when it was shown */
  readonly at: number;
  readonly verificationIds: readonly string[];
  /** what the face stood on that it was compared with */
  readonly faces?: readonly string[];
  /** the login as a proof of its own */
  readonly login: string;
}

/** Browsers that have signed in before, each with its accounts, the latest first. Kept by hash of the device cookie, sealed. */
export interface DeviceStore {
  accountsOf(deviceHash: string): Promise<readonly string[]>;
  usesOf(deviceHash: string): Promise<readonly DeviceUse[]>;
  find(deviceHash: string, accountId: string): Promise<DeviceUse | undefined>;
  /** @param from the device's earlier cookie: what it knew of other accounts moves along, and it is good no longer */
  remember(deviceHash: string, accountId: string, visit: DeviceVisit, from?: string): Promise<void>;
  /** Notes the visit where the account is known there. @returns false where it is not, any more: nothing becomes known by it */
  revisit(deviceHash: string, accountId: string, visit: DeviceVisit): Promise<boolean>;
  forget(deviceHash: string): Promise<void>;
  /** The device no longer counts as known to this account. @returns what was known of the two, to the last */
  drop(deviceHash: string, accountId: string): Promise<DeviceUse | undefined>;
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

/** What the rules of risk need of the past. Sealed. */
export interface Activity {
  /** epoch seconds of refused selfies, latest first */
  readonly declines: readonly number[];
  readonly last?: { readonly at: number; readonly place: Coordinates };
}

export interface ActivityStore {
  find(accountId: string): Promise<Activity>;
  /** @returns the latest fifty, the latest first */
  signIns(accountId: string): Promise<readonly SignIn[]>;
  findSignIn(accountId: string, uid: string): Promise<SignIn | undefined>;
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
  /** what the face stood on that was shown in it */
  readonly faces?: readonly string[];
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
  /** Takes back what was registered in one login, or by a face that stood on one of these verifications. */
  removeAddedBy(accountId: string, uid: string, verificationIds?: readonly string[]): Promise<void>;
  forget(accountId: string): Promise<void>;
}

/** What is known of a passkey when it is made. Nothing is proven by that: only a use proves who has it. */
export type MadePasskey = Pick<Passkey, 'id' | 'publicKey' | 'counter' | 'transports' | 'isSynced'>;

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
  /** a passkey was made on the strength of it */
  readonly bringsKey?: true;
  /** the verdict has turned, and what it allowed is being taken back */
  readonly refused?: true;
  /** and has been: what a finish that was under way builds on it all the same is found by this */
  readonly takenBack?: true;
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
  /**
   * Safe to repeat: a crash right after it must not cost the person their code (R6).
   *
   * @param uid the interaction it is used in
   * @returns when it was made; for exactly one interaction, and only if it is this account's, approved where needed, unused and in time
   */
  use(accountId: string, code: string, uid: string): Promise<number | undefined>;
}
