// What each feature of a decision found, out of every shape the vendor documents: plural lists (v3), singular objects (v2
// and its own announcements). Tolerant about which shape it is, strict about what it says: a field out of contract makes
// its check `unknown`, which no login passes, and nothing in here throws.

import type {
  CheckStatus,
  DocumentCheck,
  FaceMatchCheck,
  LivenessCheck,
  LivenessMethod,
  Verdict,
} from '../../core/verdict-types.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { readAnalysis, readIdentity } from './wire-details.ts';

export type Findings = Pick<
  Verdict,
  'liveness' | 'faceMatches' | 'documents' | 'analyses' | 'warnings' | 'portraitUrls' | 'identity'
>;

const LIVENESS = ['liveness_checks', 'liveness'] as const;
const FACE_MATCH = ['face_matches', 'face', 'face_match'] as const;
const DOCUMENT = ['id_verifications', 'id_verification', 'kyc'] as const;
const CHIP = ['nfc_verifications'] as const;
const ANALYSIS = ['ip_analyses', 'ip_analysis'] as const;
/** Features a login does not judge, read for their warnings alone. */
const OTHERS = [
  'poa_verifications',
  'document_ai_documents',
  'phone_verifications',
  'email_verifications',
  'aml_screenings',
  'database_validations',
  'questionnaire_responses',
] as const;

const CHECK_STATUSES: Readonly<Record<string, CheckStatus>> = {
  Approved: 'approved',
  Declined: 'declined',
  'In Review': 'in-review',
  'Not Finished': 'not-finished',
  'Resub Requested': 'resubmit',
};

const METHODS: Readonly<Record<string, LivenessMethod>> = {
  passive: 'passive',
  flashing: 'flashing',
  active: 'active-3d',
  active_3d: 'active-3d',
};

export function readFindings(decision: JsonObject): Findings {
  const liveness = ran(items(decision, LIVENESS));
  const faces = ran(items(decision, FACE_MATCH));
  const documents = ran(items(decision, DOCUMENT));
  const chips = ran(items(decision, CHIP));
  const document = documents.findLast((item) => statusOf(item) === 'approved');
  const identity = isObject(document) ? readIdentity(document) : undefined;
  return {
    liveness: liveness.map(readLiveness),
    faceMatches: faces.map(readFaceMatch),
    documents: [...documents, ...chips].map(readDocument),
    // not one per node: a hand-off to a phone leaves one item for each device
    analyses: items(decision, ANALYSIS).filter(isObject).filter(isFinished).map(readAnalysis),
    warnings: readWarnings(decision),
    portraitUrls: [...pictures(liveness, 'reference_image'), ...pictures(documents, 'portrait_image')],
    ...(identity === undefined ? {} : { identity }),
  };
}

/** Whether the decision says anything about a face or a document: without that it is a thin delivery. */
export function hasFindings(decision: JsonObject): boolean {
  return [LIVENESS, FACE_MATCH, DOCUMENT].some((names) => source(decision, names) !== undefined);
}

/** The features that ask to be done again, for a decision that does not list them itself. */
export function featuresToResubmit(decision: JsonObject): readonly string[] {
  const named = { LIVENESS, FACE_MATCH, ID_VERIFICATION: DOCUMENT, NFC: CHIP };
  return Object.entries(named)
    .filter(([, names]) => ran(items(decision, names)).some((item) => statusOf(item) === 'resubmit'))
    .map(([feature]) => feature);
}

/** The first of the names that is there; the vendor sends null until a feature ran. */
function source(decision: JsonObject, names: readonly string[]): Json | undefined {
  for (const name of names) {
    const value = decision[name];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

/** A plural name holds a list, a singular one an object; anything else becomes one item that no check can read. */
function items(decision: JsonObject, names: readonly string[]): readonly Json[] {
  const found = source(decision, names);
  if (found === undefined) return [];
  const plural = names[0] !== undefined && decision[names[0]] === found;
  if (plural) return Array.isArray(found) ? found : [null];
  return [isObject(found) ? found : null];
}

/**
 * The items that count: of each node the last that was finished, since a person may try a step again. An item without a
 * node stands for itself. When nothing was finished, one unfinished item remains to tell so.
 */
function ran(list: readonly Json[]): readonly Json[] {
  const finished = list.filter((item) => !isObject(item) || isFinished(item));
  if (finished.length === 0) return list.slice(-1);
  const lastOfNode = new Map(finished.map((item, index) => [nodeOf(item), index]));
  return finished.filter((item, index) => nodeOf(item) === undefined || lastOfNode.get(nodeOf(item)) === index);
}

function nodeOf(item: Json): string | undefined {
  return isObject(item) && typeof item.node_id === 'string' ? item.node_id : undefined;
}

function isFinished(item: JsonObject): boolean {
  return item.status !== 'Not Finished';
}

/** Exact English words only: a translated or misspelt approval is no approval. */
function statusOf(item: Json): CheckStatus {
  if (!isObject(item) || typeof item.status !== 'string' || risksOf(item) === undefined) return 'unknown';
  return Object.hasOwn(CHECK_STATUSES, item.status) ? (CHECK_STATUSES[item.status] ?? 'unknown') : 'unknown';
}

function readLiveness(item: Json): LivenessCheck {
  const score = isObject(item) ? readScore(item.score) : undefined;
  const word = isObject(item) && typeof item.method === 'string' ? item.method.toLowerCase() : '';
  const method = Object.hasOwn(METHODS, word) ? (METHODS[word] ?? 'unknown') : 'unknown';
  if (score === 'malformed') return { status: 'unknown', method };
  return { status: statusOf(item), method, ...(score === undefined ? {} : { score }) };
}

/** `similarity_score` runs from 0 to 1, `score` from 0 to 100: told apart by name, never by size. The lower one counts. */
function readFaceMatch(item: Json): FaceMatchCheck {
  const score = isObject(item) ? readScore(item.score) : undefined;
  const similarity = isObject(item) ? readScore(item.similarity_score, 1) : undefined;
  if (score === 'malformed' || similarity === 'malformed') return { status: 'unknown' };
  const scores = [score, similarity].filter((value) => value !== undefined);
  return { status: statusOf(item), ...(scores.length === 0 ? {} : { score: Math.min(...scores) }) };
}

function readDocument(item: Json): DocumentCheck {
  return { status: statusOf(item) };
}

/** @returns 0 to 100, undefined when there is none */
function readScore(value: Json | undefined, top = 100): number | 'malformed' | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value <= top)) return 'malformed';
  return Math.round(value * (100 / top) * 1e6) / 1e6;
}

/** Every risk of every try: that a blocklisted face showed up once matters even when a later try went well. */
function readWarnings(decision: JsonObject): readonly string[] {
  const features: (readonly string[])[] = [
    LIVENESS,
    FACE_MATCH,
    DOCUMENT,
    CHIP,
    ANALYSIS,
    ...OTHERS.map((name) => [name]),
  ];
  const risks = features.flatMap((names) => items(decision, names)).flatMap((item) => risksOf(item) ?? []);
  return [...new Set(risks)];
}

/** @returns undefined when the list cannot be read: what it warned of is then not known, and the check not passed */
function risksOf(item: Json): readonly string[] | undefined {
  if (!isObject(item) || item.warnings === undefined || item.warnings === null) return [];
  if (!Array.isArray(item.warnings)) return undefined;
  const risks: string[] = [];
  for (const warning of item.warnings as readonly Json[]) {
    const risk = isObject(warning) ? warning.risk : undefined;
    if (typeof risk !== 'string' || !/^[A-Za-z0-9_]{1,80}$/.test(risk)) return undefined;
    risks.push(risk.toUpperCase());
  }
  return risks;
}

function pictures(list: readonly Json[], field: string): readonly string[] {
  return list
    .map((item) => (isObject(item) ? item[field] : undefined))
    .filter((url) => typeof url === 'string')
    .filter((url) => url.length <= 8192 && /^https?:\/\//.test(url) && URL.canParse(url));
}
