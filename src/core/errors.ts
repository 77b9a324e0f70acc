// Every failure nobody may ignore, one class a cause. Expected outcomes (a declined selfie, a wrong number, a repeated
// webhook) are values, not errors. `http/errors.ts` is the one table from `code` to status and page.

export type AppErrorCode =
  | 'vendor_unavailable'
  | 'vendor_refused'
  | 'vendor_portrait_missing'
  | 'vendor_subject_blocked'
  | 'shared_verification_refused'
  | 'storage_unavailable'
  | 'sealed_unreadable';

export abstract class AppError extends Error {
  abstract readonly code: AppErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The vendor gave no usable answer in time: network, 429, 5xx, or an answer out of contract, after the retries. */
export class VendorUnavailable extends AppError {
  readonly code = 'vendor_unavailable';
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options?: { cause?: unknown; retryAfterSeconds?: number }) {
    super(message, options);
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}

/** The vendor will not serve us: key, scope, credit or workflow. The operator's fault, never retried. */
export class VendorRefused extends AppError {
  readonly code = 'vendor_refused';
}

/** The vendor has no face to compare with, and none was sent: the person must enrol again. */
export class VendorPortraitMissing extends AppError {
  readonly code = 'vendor_portrait_missing';
}

/** The vendor blocks this person: a refusal without retry. */
export class VendorSubjectBlocked extends AppError {
  readonly code = 'vendor_subject_blocked';
}

/** The vendor does not hand over a shared verification: the token is wrong, expired, used, or meant for somebody else. */
export class SharedVerificationRefused extends AppError {
  readonly code = 'shared_verification_refused';
}

/** The store could not be read or written in time. Never the same as "not there". */
export class StorageUnavailable extends AppError {
  readonly code = 'storage_unavailable';
}

/** Something encrypted at rest cannot be opened: its key is not configured, or it was altered. */
export class SealedUnreadable extends AppError {
  readonly code = 'sealed_unreadable';
}
