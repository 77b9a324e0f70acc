/**
 * The result lists of an approved session, as section 4 of the contract describes them. A scenario starts from these and
 * takes away or spoils what it is about. Pictures stand as `media:<name>` until a decision is asked for.
 */
import { type CaptureFacts, ipAnalysis } from './devices.ts';
import type { Person } from './people.ts';
import type { JsonObject, StoredSession, WorkflowKind } from './types.ts';

/** The plural lists of a v3 decision; each is null until its feature ran. */
export const RESULT_LISTS = [
  'id_verifications',
  'nfc_verifications',
  'liveness_checks',
  'face_matches',
  'poa_verifications',
  'document_ai_documents',
  'phone_verifications',
  'email_verifications',
  'aml_screenings',
  'ip_analyses',
  'database_validations',
  'questionnaire_responses',
] as const;

/** Feature names of a workflow, in running order. */
export const FEATURES: Readonly<Record<WorkflowKind, readonly string[]>> = {
  enrol: ['ID_VERIFICATION', 'LIVENESS', 'FACE_MATCH', 'IP_ANALYSIS'],
  passive: ['LIVENESS', 'FACE_MATCH', 'IP_ANALYSIS'],
  active: ['LIVENESS', 'FACE_MATCH', 'IP_ANALYSIS'],
};

export interface ResultOptions {
  readonly person: Person;
  /** Devices that opened the page; empty means that no analysis ran. */
  readonly captures: readonly CaptureFacts[];
  /** 0 to 100 */
  readonly livenessScore: number;
  /** 0 to 100 */
  readonly matchScore: number;
  /** Today, YYYY-MM-DD, for the person's age. */
  readonly today: string;
}

/** Nothing ran yet. */
export function noResults(): JsonObject {
  return Object.fromEntries(RESULT_LISTS.map((name) => [name, null]));
}

/** Everything the workflow holds ran and is Approved. Without a face to compare with, no match ran. */
export function approvedResults(session: StoredSession, options: ResultOptions): JsonObject {
  const results = noResults();
  if (session.kind === 'enrol') results.id_verifications = [documentCheck(options.person, options.today)];
  results.liveness_checks = [liveness(session.kind, options.livenessScore)];
  if (session.kind === 'enrol' || session.reference !== null) {
    results.face_matches = [faceMatch(session, options.matchScore)];
  }
  if (options.captures.length > 0) results.ip_analyses = options.captures.map(ipAnalysis);
  return results;
}

/** One entry of a `warnings` list; `level` is the documented `log_type`. */
export function warning(feature: string, risk: string, level: 'information' | 'warning' | 'error'): JsonObject {
  const words = risk.toLowerCase().replaceAll('_', ' ');
  return {
    feature,
    risk,
    additional_data: null,
    log_type: level,
    short_description: words,
    long_description: `Stand-in: ${words}`,
    node_id: `feature_${feature.toLowerCase()}`,
  };
}

function liveness(kind: WorkflowKind, score: number): JsonObject {
  return {
    node_id: 'feature_liveness',
    status: 'Approved',
    method: kind === 'active' ? 'ACTIVE_3D' : 'PASSIVE',
    score,
    reference_image: 'media:selfie',
    video_url: kind === 'active' ? 'media:video' : null,
    age_estimation: 34.2,
    matches: [],
    warnings: [],
    face_quality: null,
    face_luminance: null,
  };
}

function faceMatch(session: StoredSession, score: number): JsonObject {
  return {
    node_id: 'feature_face_match',
    status: 'Approved',
    score,
    source_image: session.kind === 'enrol' ? 'media:portrait' : 'media:reference',
    target_image: 'media:selfie',
    source_image_session_id: session.reference?.sessionId ?? null,
    warnings: [],
  };
}

function documentCheck(person: Person, today: string): JsonObject {
  return {
    node_id: 'feature_id_verification',
    status: 'Approved',
    document_type: person.documentType,
    document_subtype: null,
    document_number: person.documentNumber,
    personal_number: null,
    portrait_image: 'media:portrait',
    front_image: 'media:front',
    back_image: null,
    full_front_image: 'media:front',
    full_back_image: null,
    front_video: null,
    back_video: null,
    date_of_birth: person.dateOfBirth,
    age: yearsBetween(person.dateOfBirth, today),
    expiration_date: `${Number(today.slice(0, 4)) + 5}-06-30`,
    date_of_issue: `${Number(today.slice(0, 4)) - 5}-07-01`,
    issuing_state: person.issuingState,
    issuing_state_name: person.issuingStateName,
    first_name: person.firstName,
    last_name: person.lastName,
    full_name: `${person.firstName} ${person.lastName}`,
    gender: person.gender,
    address: null,
    formatted_address: null,
    parsed_address: null,
    place_of_birth: null,
    marital_status: null,
    nationality: person.nationality ?? person.issuingState,
    mrz: null,
    extra_fields: null,
    extra_files: null,
    front_image_quality_score: null,
    back_image_quality_score: null,
    matches: [],
    warnings: [],
    document_liveness: null,
    verification_method: 'document',
    assurance: 'documentary',
    wallet_provider: null,
    fallback_from: null,
    id_lookup: null,
    wallet_verification: null,
  };
}

function yearsBetween(from: string, to: string): number {
  const years = Number(to.slice(0, 4)) - Number(from.slice(0, 4));
  return to.slice(5) < from.slice(5) ? years - 1 : years;
}
