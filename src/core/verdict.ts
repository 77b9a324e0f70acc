// Judges a verdict against the verification it belongs to (invariant 4). Every rule has a name; the audit journal records
// the names of those that failed, and a test breaks each one alone.

import { acrOf, amrOf, isAtLeast, methodReached, type SelfieMethod } from './assurance.ts';
import type { CheckStatus, Verdict, VerificationStatus } from './verdict-types.ts';

/** `enrol`: a document and a selfie of somebody new; `re-enrol`: the same of somebody known; `login`: one selfie. */
export type VerificationPurpose = 'enrol' | 'login' | 're-enrol';

export interface Expectation {
  readonly verificationId: string;
  readonly subject: string;
  readonly workflowId: string;
  readonly environment: 'live' | 'sandbox';
  readonly purpose: VerificationPurpose;
  readonly method: SelfieMethod;
  /** epoch seconds; a verdict from before it belongs to something else (T13) */
  readonly begunAt: number;
  /** for `re-enrol`: does the document name the person who enrolled? Decided outside, as it needs a keyed hash. */
  readonly identityMatches: boolean | undefined;
}

export interface VerdictRules {
  readonly refuseWarnings: readonly string[];
  readonly minFaceScore?: number;
  readonly minLivenessScore?: number;
}

export type FailedCheck =
  | 'not-approved'
  | 'verification-id'
  | 'subject'
  | 'workflow'
  | 'environment'
  | 'decided-before-attempt'
  | 'liveness-missing'
  | 'liveness-not-approved'
  | 'liveness-method'
  | 'liveness-score'
  | 'face-match-missing'
  | 'face-match-not-approved'
  | 'face-match-score'
  | 'document-missing'
  | 'document-not-approved'
  | 'identity-differs'
  | 'warning-refused'
  | 'captured-elsewhere';

/** What an accepted verdict is worth. */
export interface Proof {
  readonly verificationId: string;
  readonly purpose: VerificationPurpose;
  readonly method: SelfieMethod;
  readonly acr: string;
  readonly amr: readonly string[];
  /** `auth_time`, epoch seconds */
  readonly authTime: number;
}

export type Conclusion =
  | { readonly kind: 'accepted'; readonly proof: Proof }
  | { readonly kind: 'refused'; readonly failed: readonly FailedCheck[] };

/** Clocks of two machines may differ by this much, in seconds, before a verdict counts as older than its attempt. */
export const CLOCK_TOLERANCE_SECONDS = 15;

export function conclude(expected: Expectation, verdict: Verdict, rules: VerdictRules): Conclusion {
  const failed = [
    ...ownershipFaults(expected, verdict),
    ...livenessFaults(expected, verdict, rules),
    ...faceMatchFaults(verdict, rules),
    ...documentFaults(expected, verdict),
    ...(verdict.warnings.some((warning) => rules.refuseWarnings.includes(warning))
      ? (['warning-refused'] as const)
      : []),
  ];
  const method = reached(verdict);
  if (failed.length > 0 || method === undefined) return { kind: 'refused', failed };
  return {
    kind: 'accepted',
    proof: {
      verificationId: verdict.verificationId,
      purpose: expected.purpose,
      method,
      acr: acrOf(method),
      amr: amrOf(method),
      authTime: Math.max(verdict.decidedAt, expected.begunAt),
    },
  };
}

/** T10: a verdict of another session, account, workflow or environment, or of another time, is not ours. */
function ownershipFaults(expected: Expectation, verdict: Verdict): FailedCheck[] {
  const failed: FailedCheck[] = [];
  if (verdict.status !== 'approved') failed.push('not-approved');
  if (verdict.verificationId !== expected.verificationId) failed.push('verification-id');
  if (verdict.subject !== expected.subject) failed.push('subject');
  if (verdict.workflowId !== null && verdict.workflowId !== expected.workflowId) failed.push('workflow');
  if (verdict.environment !== null && verdict.environment !== expected.environment) failed.push('environment');
  if (verdict.decidedAt < expected.begunAt - CLOCK_TOLERANCE_SECONDS) failed.push('decided-before-attempt');
  return failed;
}

function livenessFaults(expected: Expectation, verdict: Verdict, rules: VerdictRules): FailedCheck[] {
  if (verdict.liveness.length === 0) return ['liveness-missing'];
  const failed: FailedCheck[] = [];
  if (!allApproved(verdict.liveness)) failed.push('liveness-not-approved');
  const someApproved = verdict.liveness.some((check) => check.status === 'approved');
  if (someApproved && !isAtLeast(reached(verdict), expected.method)) failed.push('liveness-method');
  if (isBelow(verdict.liveness, rules.minLivenessScore)) failed.push('liveness-score');
  return failed;
}

/** T9: an approval without a face match proves only that somebody is alive. */
function faceMatchFaults(verdict: Verdict, rules: VerdictRules): FailedCheck[] {
  if (verdict.faceMatches.length === 0) return ['face-match-missing'];
  const failed: FailedCheck[] = [];
  if (!allApproved(verdict.faceMatches)) failed.push('face-match-not-approved');
  if (isBelow(verdict.faceMatches, rules.minFaceScore)) failed.push('face-match-score');
  return failed;
}

/** Whoever enrols does so by a document; whoever enrols again, by a document of the same person (T14). */
function documentFaults(expected: Expectation, verdict: Verdict): FailedCheck[] {
  if (expected.purpose === 'login') return [];
  if (verdict.documents.length === 0) return ['document-missing'];
  const failed: FailedCheck[] = [];
  if (!allApproved(verdict.documents)) failed.push('document-not-approved');
  if (expected.purpose === 're-enrol' && expected.identityMatches !== true) failed.push('identity-differs');
  return failed;
}

function allApproved(checks: readonly { readonly status: CheckStatus }[]): boolean {
  return checks.every((check) => check.status === 'approved');
}

/** A floor that is set is not met by a check that gives no score. */
function isBelow(checks: readonly { readonly score?: number }[], floor: number | undefined): boolean {
  return floor !== undefined && checks.some((check) => check.score === undefined || check.score < floor);
}

/** The strongest method among the approved checks; undefined when none of them names one. */
function reached(verdict: Verdict): SelfieMethod | undefined {
  const methods = verdict.liveness
    .filter((check) => check.status === 'approved')
    .map((check) => methodReached(check.method));
  return methods.find((method) => method === 'active') ?? methods.find((method) => method === 'passive');
}

/** What a status means for the person (design section 4). The one table; a status missing here does not compile. */
export type StatusMeaning =
  | 'waiting'
  /** ended well, if the checks pass */
  | 'judge'
  /** a person is looking: the attempt waits longer */
  | 'held'
  /** go back to the same hosted page */
  | 'resume-capture'
  /** this try is over */
  | 'try-again'
  /** a document check is needed */
  | 're-enrol';

const MEANING = {
  'not-started': 'waiting',
  'in-progress': 'waiting',
  'awaiting-user': 'held',
  resubmitted: 'resume-capture',
  approved: 'judge',
  declined: 'try-again',
  'in-review': 'held',
  expired: 'try-again',
  abandoned: 'try-again',
  'not-finished': 'try-again',
  'kyc-expired': 're-enrol',
  unknown: 'waiting',
} as const satisfies Record<VerificationStatus, StatusMeaning>;

export function meaningOf(status: VerificationStatus): StatusMeaning {
  return MEANING[status];
}

/** Is the vendor done with it? Nothing that comes later makes such a verification count again. */
export function isFinal(status: VerificationStatus): boolean {
  const meaning = meaningOf(status);
  return meaning === 'judge' || meaning === 'try-again' || meaning === 're-enrol';
}

/** Orders statuses that carry the same second: the later in the vendor's own course wins (T8). */
export function courseRank(status: VerificationStatus): number {
  if (status === 'not-started') return 0;
  if (status === 'in-progress') return 1;
  if (status === 'in-review') return 3;
  // a reviewer asks for it in the second of the review sooner than somebody shows the face again in one
  if (status === 'resubmitted') return 4;
  return isFinal(status) ? 5 : 2;
}
