/**
 * The decision of a session as the API answers it and as a delivery carries it, in the newest shape or in one of the
 * older ones a client has to put up with (section 4 of the contract).
 */
import { FEATURES, RESULT_LISTS } from './results.ts';
import type { JsonObject, Settings, StoredSession } from './types.ts';

export interface DecisionContext {
  readonly settings: Settings;
  readonly environment: 'live' | 'sandbox';
  /** Turns `media:<name>` of a session into an address, or null. */
  readonly addressOf: (session: StoredSession, name: string) => string | null;
}

/** The decision in the shape that is switched on, after the session's own mutation. */
export function presentDecision(session: StoredSession, context: DecisionContext, withEvents = false): JsonObject {
  let decision = fullDecision(session, context);
  if (withEvents) decision = addEvents(session, decision);
  decision = replaceMedia(decision, (name) => context.addressOf(session, name)) as JsonObject;
  if (session.mutate !== null) decision = session.mutate(decision);
  return reshape(decision, context.settings.decisionShape);
}

/** Metadata as sent, or as a JSON string where the older pages are followed. */
export function presentMetadata(session: StoredSession, settings: Settings): unknown {
  if (settings.metadataShape === 'as_sent' || session.metadata === null) return session.metadata;
  return typeof session.metadata === 'string' ? session.metadata : JSON.stringify(session.metadata);
}

/** Top-level truths of a session after its scenario's lies; the envelope of a delivery uses the same. */
export function spokenFields(session: StoredSession, environment: 'live' | 'sandbox'): JsonObject {
  const other = environment === 'live' ? 'sandbox' : 'live';
  const lies = { ...session.overrides };
  if (lies.environment === 'other') lies.environment = other;
  return { environment, workflow_id: session.workflowId, vendor_data: session.vendorData, ...lies };
}

function fullDecision(session: StoredSession, { settings, environment }: DecisionContext): JsonObject {
  const decision: JsonObject = {
    session_id: session.id,
    session_kind: 'user',
    session_number: session.number,
    session_url: session.url,
    status: session.status,
    features: [...FEATURES[session.kind]],
    metadata: presentMetadata(session, settings),
    expected_details: session.expectedDetails,
    contact_details: session.contactDetails,
    callback: session.callback,
    reviews: session.reviews,
    created_at: iso(session.createdAt),
    expires_at: iso(session.expiresAt),
    ...structuredClone(session.results),
    ...spokenFields(session, environment),
  };
  for (const name of session.removed) delete decision[name];
  return decision;
}

function addEvents(session: StoredSession, decision: JsonObject): JsonObject {
  const { session_kind: _dropped, ...rest } = decision;
  return {
    ...rest,
    features: FEATURES[session.kind].map((feature) => ({ feature, node_id: `feature_${feature.toLowerCase()}` })),
    events: session.history.map(({ at, status, by }) => ({ created_at: iso(at), status, actor: by })),
    activity_reviews: [],
    blocklisted: null,
    cost_breakdown: null,
    workflow_type: session.kind === 'enrol' ? 'kyc' : 'biometric_authentication',
    workflow_version: session.workflowVersion,
    workflow_version_id: null,
    workflow_terminal_node_id: null,
    api_service: null,
    session_type: 'API',
    has_device_nfc_support: null,
  };
}

function reshape(decision: JsonObject, shape: Settings['decisionShape']): JsonObject {
  if (shape === 'v3') return decision;
  const liveness = firstOf(decision, 'liveness_checks');
  const match = firstOf(decision, 'face_matches');
  if (shape === 'v2') {
    const rest = Object.fromEntries(Object.entries(decision).filter(([name]) => !isList(name)));
    const document = firstOf(decision, 'id_verifications');
    return {
      ...rest,
      id_verification: document,
      liveness,
      face_match: match,
      ip_analysis: firstOf(decision, 'ip_analyses'),
    };
  }
  const { session_id, vendor_data, status } = decision;
  const short: JsonObject = { session_id, vendor_data, status };
  if (shape === 'blog') {
    if (liveness !== null) short.liveness = { status: liveness.status };
    if (match !== null) short.face_match = { status: match.status };
    return short;
  }
  if (liveness !== null) {
    short.liveness = { status: liveness.status, method: liveness.method, score: liveness.score };
  }
  if (match !== null) short.face = { status: match.status, similarity_score: asFraction(match.score) };
  return short;
}

function asFraction(score: unknown): number | null {
  return typeof score === 'number' ? Math.round(score * 100) / 10_000 : null;
}

function isList(name: string): boolean {
  return (RESULT_LISTS as readonly string[]).includes(name);
}

function firstOf(decision: JsonObject, list: string): JsonObject | null {
  const items = decision[list];
  return Array.isArray(items) ? ((items[0] as JsonObject | undefined) ?? null) : null;
}

function replaceMedia(value: unknown, addressOf: (name: string) => string | null): unknown {
  if (typeof value === 'string') return value.startsWith('media:') ? addressOf(value.slice(6)) : value;
  if (Array.isArray(value)) return value.map((item) => replaceMedia(item, addressOf));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaceMedia(item, addressOf)]));
}

/** Epoch seconds as ISO 8601. */
export function iso(at: number): string {
  return new Date(at * 1000).toISOString();
}
