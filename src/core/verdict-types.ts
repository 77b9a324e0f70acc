// What an identity vendor found, in words that no vendor owns. `vendors/*` translate into these, `core/verdict.ts`
// judges them, the attempt keeps the small part that matters afterwards.

/** Where a verification stands. `unknown` is anything the vendor said that the contract does not name: a hold, never a success. */
export type VerificationStatus =
  | 'not-started'
  | 'in-progress'
  | 'awaiting-user'
  | 'resubmitted'
  | 'approved'
  | 'declined'
  | 'in-review'
  | 'expired'
  | 'abandoned'
  | 'not-finished'
  | 'kyc-expired'
  | 'unknown';

/** Where one check inside a verification stands; anything but `approved` is not a success. */
export type CheckStatus = 'approved' | 'declined' | 'in-review' | 'not-finished' | 'resubmit' | 'unknown';

/** How it was found out that somebody is alive: one still picture, or a challenge that moves or flashes. */
export type LivenessMethod = 'passive' | 'flashing' | 'active-3d' | 'unknown';

export interface LivenessCheck {
  readonly status: CheckStatus;
  readonly method: LivenessMethod;
  /** 0 to 100 */
  readonly score?: number;
}

export interface FaceMatchCheck {
  readonly status: CheckStatus;
  /** 0 to 100 */
  readonly score?: number;
}

export interface DocumentCheck {
  readonly status: CheckStatus;
}

/** What the vendor saw of the device that did the capture. Every field may be missing. */
export interface CaptureAnalysis {
  readonly address?: string;
  /** ISO 3166-1 alpha-2, upper case */
  readonly country?: string;
  readonly platform?: 'mobile' | 'tablet' | 'desktop';
  /** as the vendor names it: "Chrome Mobile", "Mobile Safari" … */
  readonly browserFamily?: string;
  readonly anonymising?: boolean;
  readonly dataCentre?: boolean;
}

/** Personal data from the document. Sealed wherever it is stored, never logged. */
export interface Identity {
  readonly givenName?: string;
  readonly familyName?: string;
  readonly fullName?: string;
  /** YYYY-MM-DD */
  readonly birthDate?: string;
  readonly gender?: string;
  readonly documentNumber?: string;
  /** ISO 3166-1 alpha-3 */
  readonly documentIssuer?: string;
  /** ISO 3166-1 alpha-3, as the document has it */
  readonly nationality?: string;
}

export interface Verdict {
  readonly verificationId: string;
  readonly status: VerificationStatus;
  /** epoch seconds: the signed webhook's time, or when our poll first read it */
  readonly decidedAt: number;
  /** the same, where a delivery told it: by the vendor's clock, which may differ from ours by minutes; absent on what we read */
  readonly toldAt?: number;
  /** the vendor's name for the person: our `vendorData` sent at opening; null when it named none */
  readonly subject: string | null;
  readonly workflowId: string | null;
  /** null when the vendor named none */
  readonly environment: string | null;
  readonly liveness: readonly LivenessCheck[];
  readonly faceMatches: readonly FaceMatchCheck[];
  readonly documents: readonly DocumentCheck[];
  readonly analyses: readonly CaptureAnalysis[];
  /** vendor risk codes: FACE_IN_BLOCKLIST, LOW_LIVENESS_SCORE … */
  readonly warnings: readonly string[];
  /** short-lived addresses of pictures of the face, best first: a liveness selfie, then a document's portrait */
  readonly portraitUrls: readonly string[];
  readonly identity?: Identity;
  /** for `resubmitted`: the steps to be done again, as the vendor names the features */
  readonly resubmitSteps?: readonly string[];
  /** false for a status without a decision (a thin delivery): it says that something changed, not what was found */
  readonly complete: boolean;
}
