// From the vendor's JSON to a Verdict, for both ways it comes: asked for (a decision) or told (a webhook, whose envelope
// wraps a decision). The envelope's word counts; a decision that contradicts it proves nothing, so the whole is read as
// "unknown, nobody, nothing found, incomplete": a hold, and a reason to ask again.

import type { Verdict, VerificationStatus } from '../../core/verdict-types.ts';
import { readJson } from './canonical.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { featuresToResubmit, hasFindings, readFindings } from './wire-findings.ts';

const STATUSES: Readonly<Record<string, VerificationStatus>> = {
  'Not Started': 'not-started',
  'In Progress': 'in-progress',
  'Awaiting User': 'awaiting-user',
  Resubmitted: 'resubmitted',
  Approved: 'approved',
  Declined: 'declined',
  'In Review': 'in-review',
  Expired: 'expired',
  Abandoned: 'abandoned',
  'Not Finished': 'not-finished',
  'Kyc Expired': 'kyc-expired',
};

/** What an envelope and its decision both name, and must name alike. */
const SHARED = ['session_id', 'status', 'vendor_data', 'workflow_id', 'environment'] as const;

/** Session ids as the vendor writes them; any other form is not looked up, and never becomes part of a path. */
export function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
}

/** Exact English words only: a translation, another case or a new word is `unknown`, hence no success. */
export function readStatus(value: Json | undefined): VerificationStatus {
  return typeof value === 'string' && Object.hasOwn(STATUSES, value) ? (STATUSES[value] ?? 'unknown') : 'unknown';
}

/** The vendor's word for a status; undefined for `unknown`, which is every word but these. */
export function wordOfStatus(status: VerificationStatus): string | undefined {
  return Object.entries(STATUSES).find(([, known]) => known === status)?.[0];
}

/**
 * Reads the answer to "how does it stand?".
 *
 * @param now epoch seconds: the decision itself carries no time that could be trusted
 * @returns undefined when it is out of contract, or about another verification than the one asked for
 */
export function verdictOfDecision(answer: Json | undefined, verificationId: string, now: number): Verdict | undefined {
  if (!isObject(answer) || answer.session_id !== verificationId || typeof answer.status !== 'string') return undefined;
  return verdict(answer, answer, verificationId, now, true);
}

/** Reads a session event whose origin is proven. @param sentAt the signed `timestamp`, epoch seconds */
export function verdictOfDelivery(body: JsonObject, verificationId: string, sentAt: number): Verdict {
  return { ...readDelivered(body, verificationId, sentAt), toldAt: sentAt };
}

function readDelivered(body: JsonObject, verificationId: string, sentAt: number): Verdict {
  const { decision } = body;
  // no decision: a thin delivery, or the short form with its findings beside the status
  if (decision === undefined || decision === null)
    return verdict(body, body, verificationId, sentAt, hasFindings(body));
  if (!isObject(decision) || contradicts(decision, body)) return nothingProven(verificationId, sentAt);
  const approvedWithoutProof = body.status === 'Approved' && !hasFindings(decision);
  return verdict(withNames(body, decision), decision, verificationId, sentAt, !approvedWithoutProof);
}

/** `metadata` as an object: older pages of the vendor's type it as JSON in a string. Never a source of truth. */
export function readMetadata(value: Json | undefined): JsonObject {
  if (isObject(value)) return value;
  const inner = typeof value === 'string' ? readJson(value) : undefined;
  return inner?.ok && isObject(inner.value) ? inner.value : {};
}

function verdict(
  envelope: JsonObject,
  decision: JsonObject,
  verificationId: string,
  decidedAt: number,
  complete: boolean,
): Verdict {
  const status = readStatus(envelope.status);
  const resubmitSteps = status === 'resubmitted' ? readResubmitSteps(envelope, decision) : [];
  return {
    verificationId,
    status,
    decidedAt,
    subject: typeof envelope.vendor_data === 'string' ? envelope.vendor_data : null,
    // a shape without the name says nothing against ours; an empty name is not the workflow that was asked for
    workflowId: envelope.workflow_id === null ? 'none' : readName(envelope.workflow_id),
    environment: readName(envelope.environment),
    ...readFindings(decision),
    ...(resubmitSteps.length === 0 ? {} : { resubmitSteps }),
    complete,
  };
}

/** The fail-closed reading: no status, no person and no check that a login could be built on. */
function nothingProven(verificationId: string, decidedAt: number): Verdict {
  return { ...verdict({}, {}, verificationId, decidedAt, false), status: 'unknown', subject: null };
}

/**
 * An approval glued onto another person's or workflow's decision: names that differ prove that one of the two is not about
 * this verification. A decision may leave a name out.
 */
function contradicts(decision: JsonObject, envelope: JsonObject): boolean {
  return SHARED.some((name) => {
    const inner = decision[name];
    if (inner === undefined || inner === null) return false;
    const optional = name !== 'session_id' && name !== 'status';
    return !(optional && isUnnamed(envelope, name)) && inner !== envelope[name];
  });
}

/** An environment of null is one that is not named; a null in the place of any other name is a name that nobody has. */
function isUnnamed(envelope: JsonObject, name: string): boolean {
  return envelope[name] === undefined || (name === 'environment' && envelope[name] === null);
}

/** Older envelopes lack names that their decision has; what the envelope says goes first. */
function withNames(envelope: JsonObject, decision: JsonObject): JsonObject {
  const names = SHARED.map((name) => [name, isUnnamed(envelope, name) ? decision[name] : envelope[name]]);
  return { ...Object.fromEntries(names), resubmit_info: envelope.resubmit_info };
}

/** None named is null, which a login lets pass; one that is no text must not, so it reads as a name nobody has. */
function readName(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : 'malformed';
}

function readResubmitSteps(envelope: JsonObject, decision: JsonObject): readonly string[] {
  const info = envelope.resubmit_info;
  const nodes =
    isObject(info) && Array.isArray(info.nodes_to_resubmit) ? (info.nodes_to_resubmit as readonly Json[]) : [];
  const named = nodes
    .map((node) => (isObject(node) ? node.feature : node))
    .filter((feature) => typeof feature === 'string')
    .filter((feature) => /^[A-Z_]{1,40}$/.test(feature));
  return [...new Set(named.length > 0 ? named : featuresToResubmit(decision))];
}
