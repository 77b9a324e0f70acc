import { describe, expect, test } from '@jest/globals';
import {
  CLOCK_TOLERANCE_SECONDS,
  conclude,
  courseRank,
  type Expectation,
  type FailedCheck,
  isFinal,
  meaningOf,
  type VerdictRules,
} from '../../src/core/verdict.ts';
import type { CheckStatus, LivenessMethod, Verdict, VerificationStatus } from '../../src/core/verdict-types.ts';

const NOW = 1_800_000_000;

const login: Expectation = {
  verificationId: 'v1',
  subject: 'subject-1',
  workflowId: 'workflow-passive',
  environment: 'live',
  purpose: 'login',
  method: 'passive',
  begunAt: NOW - 30,
  identityMatches: undefined,
};
const enrol: Expectation = { ...login, purpose: 'enrol', workflowId: 'workflow-passive' };
const reEnrol: Expectation = { ...login, purpose: 're-enrol', identityMatches: true };

const good: Verdict = {
  verificationId: 'v1',
  status: 'approved',
  decidedAt: NOW,
  subject: 'subject-1',
  workflowId: 'workflow-passive',
  environment: 'live',
  liveness: [{ status: 'approved', method: 'passive', score: 96 }],
  faceMatches: [{ status: 'approved', score: 95 }],
  documents: [],
  analyses: [],
  warnings: [],
  portraitUrls: [],
  complete: true,
};
const withDocument: Verdict = { ...good, documents: [{ status: 'approved' }] };
const rules: VerdictRules = { refuseWarnings: ['FACE_IN_BLOCKLIST'] };

function failedOf(expected: Expectation, verdict: Verdict, by: VerdictRules = rules): readonly FailedCheck[] {
  const conclusion = conclude(expected, verdict, by);
  return conclusion.kind === 'refused' ? conclusion.failed : [];
}

const NOT_APPROVED: readonly CheckStatus[] = ['declined', 'in-review', 'not-finished', 'resubmit', 'unknown'];
const OTHER_STATUSES: readonly VerificationStatus[] = [
  'not-started',
  'in-progress',
  'awaiting-user',
  'resubmitted',
  'declined',
  'in-review',
  'expired',
  'abandoned',
  'not-finished',
  'kyc-expired',
  'unknown',
];

describe('what is accepted', () => {
  test('a whole verdict of our own session is a proof, with what really happened in it', () => {
    expect(conclude(login, good, rules)).toEqual({
      kind: 'accepted',
      proof: {
        verificationId: 'v1',
        purpose: 'login',
        method: 'passive',
        acr: 'urn:selfie-oidc:acr:selfie',
        amr: ['face'],
        authTime: NOW,
      },
    });
  });

  test('an enrolment and a re-enrolment need an approved document beside the selfie', () => {
    expect(failedOf(enrol, withDocument)).toEqual([]);
    expect(failedOf(reEnrol, withDocument)).toEqual([]);
  });

  test('a verdict that names no environment or workflow is accepted, as older shapes name none', () => {
    expect(failedOf(login, { ...good, environment: null })).toEqual([]);
    expect(failedOf(login, { ...good, workflowId: null })).toEqual([]);
  });

  test.each<[LivenessMethod, string]>([
    ['active-3d', 'urn:selfie-oidc:acr:selfie-active'],
    ['flashing', 'urn:selfie-oidc:acr:selfie-active'],
    ['passive', 'urn:selfie-oidc:acr:selfie'],
  ])('what is said about strength is what happened: %s earns %s', (method, acr) => {
    const conclusion = conclude(login, { ...good, liveness: [{ status: 'approved', method }] }, rules);
    expect(conclusion).toMatchObject({ kind: 'accepted', proof: { acr } });
  });

  test('auth_time is never before the attempt, although the other clock may be', () => {
    const early = conclude(login, { ...good, decidedAt: login.begunAt - CLOCK_TOLERANCE_SECONDS }, rules);
    expect(early).toMatchObject({ kind: 'accepted', proof: { authTime: login.begunAt } });
  });
});

describe('one thing wrong at a time', () => {
  const active: Expectation = { ...login, method: 'active' };
  const cases: [string, Expectation, Verdict, VerdictRules, FailedCheck][] = [
    ['another session (T10)', login, { ...good, verificationId: 'v2' }, rules, 'verification-id'],
    ['another vendor_data (T10)', login, { ...good, subject: 'subject-2' }, rules, 'subject'],
    ['no vendor_data (T10)', login, { ...good, subject: null }, rules, 'subject'],
    ['an empty vendor_data (T10)', login, { ...good, subject: '' }, rules, 'subject'],
    ['another workflow (T10)', login, { ...good, workflowId: 'workflow-enrol' }, rules, 'workflow'],
    ['an empty workflow (T10)', login, { ...good, workflowId: '' }, rules, 'workflow'],
    ['another environment (T29)', login, { ...good, environment: 'sandbox' }, rules, 'environment'],
    ['an environment nobody knows (T29)', login, { ...good, environment: 'Live' }, rules, 'environment'],
    [
      'decided before the attempt (T13)',
      login,
      { ...good, decidedAt: login.begunAt - CLOCK_TOLERANCE_SECONDS - 1 },
      rules,
      'decided-before-attempt',
    ],
    ['no liveness', login, { ...good, liveness: [] }, rules, 'liveness-missing'],
    ['no face match (T9)', login, { ...good, faceMatches: [] }, rules, 'face-match-missing'],
    [
      'a passive selfie where an active one is owed (T16)',
      active,
      { ...good, liveness: [{ status: 'approved', method: 'passive' }] },
      rules,
      'liveness-method',
    ],
    [
      'a method nobody knows, which proves nothing (T16)',
      login,
      { ...good, liveness: [{ status: 'approved', method: 'unknown' }] },
      rules,
      'liveness-method',
    ],
    [
      'a warning that policy refuses (T28)',
      login,
      { ...good, warnings: ['FACE_IN_BLOCKLIST'] },
      rules,
      'warning-refused',
    ],
    ['a liveness score below the floor', login, good, { ...rules, minLivenessScore: 96.1 }, 'liveness-score'],
    [
      'a floor for liveness and no score',
      login,
      { ...good, liveness: [{ status: 'approved', method: 'passive' }] },
      { ...rules, minLivenessScore: 0 },
      'liveness-score',
    ],
    ['a face match score below the floor', login, good, { ...rules, minFaceScore: 95.1 }, 'face-match-score'],
    [
      'a floor for the face match and no score',
      login,
      { ...good, faceMatches: [{ status: 'approved' }] },
      { ...rules, minFaceScore: 0 },
      'face-match-score',
    ],
    ['an enrolment without a document', enrol, good, rules, 'document-missing'],
    ['a re-enrolment without a document', reEnrol, good, rules, 'document-missing'],
    [
      'a re-enrolment by another person (T14)',
      { ...reEnrol, identityMatches: false },
      withDocument,
      rules,
      'identity-differs',
    ],
    [
      'a re-enrolment whose person was not compared (T14)',
      { ...reEnrol, identityMatches: undefined },
      withDocument,
      rules,
      'identity-differs',
    ],
  ];
  test.each(cases)('%s is refused, and named', (_name, expected, verdict, by, failed) => {
    expect(failedOf(expected, verdict, by)).toEqual([failed]);
  });

  test.each(OTHER_STATUSES)('status %s is no approval', (status) => {
    expect(failedOf(login, { ...good, status })).toEqual(['not-approved']);
  });

  test.each(NOT_APPROVED)('a liveness check that is %s is none', (status) => {
    expect(failedOf(login, { ...good, liveness: [{ status, method: 'passive', score: 96 }] })).toEqual([
      'liveness-not-approved',
    ]);
  });

  test.each(NOT_APPROVED)('a face match that is %s is none (T9)', (status) => {
    expect(failedOf(login, { ...good, faceMatches: [{ status, score: 95 }] })).toEqual(['face-match-not-approved']);
  });

  test.each(NOT_APPROVED)('a document that is %s enrols nobody', (status) => {
    expect(failedOf(enrol, { ...good, documents: [{ status }] })).toEqual(['document-not-approved']);
  });

  test('one good check beside a bad one of the same kind does not help', () => {
    const match = good.faceMatches[0];
    const liveness = good.liveness[0];
    if (!match || !liveness) throw new Error('the good verdict has both');
    expect(failedOf(login, { ...good, faceMatches: [match, { status: 'declined', score: 12 }] })).toEqual([
      'face-match-not-approved',
    ]);
    expect(failedOf(login, { ...good, liveness: [{ status: 'declined', method: 'passive' }, liveness] })).toEqual([
      'liveness-not-approved',
    ]);
    expect(failedOf(enrol, { ...good, documents: [{ status: 'approved' }, { status: 'declined' }] })).toEqual([
      'document-not-approved',
    ]);
  });

  test('a declined active check does not make a passive approval an active one', () => {
    const liveness = [
      { status: 'declined', method: 'active-3d' },
      { status: 'approved', method: 'passive' },
    ] as const;
    expect(failedOf(active, { ...good, liveness })).toEqual(['liveness-not-approved', 'liveness-method']);
  });

  test('everything that is wrong is named at once', () => {
    const wrong = { ...good, subject: null, faceMatches: [], environment: 'sandbox' };
    expect(failedOf(login, wrong)).toEqual(['subject', 'environment', 'face-match-missing']);
  });
});

describe('what a status means (design section 4)', () => {
  test.each<[VerificationStatus, string, boolean]>([
    ['not-started', 'waiting', false],
    ['in-progress', 'waiting', false],
    ['unknown', 'waiting', false],
    ['approved', 'judge', true],
    ['declined', 'try-again', true],
    ['in-review', 'held', false],
    ['awaiting-user', 'held', false],
    ['resubmitted', 'resume-capture', false],
    ['expired', 'try-again', true],
    ['abandoned', 'try-again', true],
    ['not-finished', 'try-again', true],
    ['kyc-expired', 're-enrol', true],
  ])('%s: %s', (status, meaning, final) => {
    expect(meaningOf(status)).toBe(meaning);
    expect(isFinal(status)).toBe(final);
  });

  test('the course goes from opened to ended, and every end is its last step (T8)', () => {
    const course: VerificationStatus[] = [
      'not-started',
      'in-progress',
      'unknown',
      'in-review',
      'resubmitted',
      'approved',
    ];
    expect(course.map(courseRank)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(courseRank('declined')).toBe(courseRank('approved'));
  });
});
