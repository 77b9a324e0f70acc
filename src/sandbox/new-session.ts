/** What a session looks like when nobody has opened it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from './pictures.ts';
import { noResults } from './results.ts';
import type { JsonObject, StoredSession, WorkflowKind } from './types.ts';

/** A create request that passed validation. */
export interface CreateRequest {
  readonly workflowId: string;
  readonly vendorData: string | null;
  readonly callback: string | null;
  readonly callbackMethod: 'initiator' | 'completer' | 'both';
  readonly metadata: unknown;
  readonly language: string | null;
  readonly expectedDetails: JsonObject | null;
  readonly contactDetails: JsonObject | null;
  readonly portrait: Buffer | null;
  readonly scenario: string | null;
}

/** A request that says no more than whose session it is, and which workflow it runs. */
export function plainRequest(workflowId: string, vendorData: string | null): CreateRequest {
  return {
    workflowId,
    vendorData,
    callback: null,
    callbackMethod: 'initiator',
    metadata: null,
    language: null,
    expectedDetails: null,
    contactDetails: null,
    portrait: null,
    scenario: null,
  };
}

export interface Surroundings {
  readonly applicationId: string;
  readonly number: number;
  readonly kind: WorkflowKind;
  readonly reference: StoredSession['reference'];
  readonly baseUrl: string;
  /** Epoch seconds. */
  readonly createdAt: number;
  readonly lifeSeconds: number;
}

export function newSession(request: CreateRequest, around: Surroundings): StoredSession {
  const token = randomBytes(9).toString('base64url');
  const path = request.language === null ? `/session/${token}` : `/${request.language}/session/${token}`;
  const { applicationId, number, kind, reference, createdAt } = around;
  return {
    id: randomUUID(),
    applicationId,
    sharedFrom: null,
    number,
    token,
    url: `${around.baseUrl}${path}`,
    workflowId: request.workflowId,
    workflowVersion: 1,
    kind,
    vendorData: request.vendorData,
    createdAt,
    language: request.language,
    expectedDetails: request.expectedDetails,
    contactDetails: request.contactDetails,
    callbackMethod: request.callbackMethod,
    reference,
    portraitSent:
      request.portrait === null ? null : { bytes: request.portrait.length, sha256: sha256(request.portrait) },
    callback: request.callback,
    metadata: request.metadata,
    status: 'Not Started',
    expiresAt: createdAt + around.lifeSeconds,
    scenario: request.scenario,
    devices: [],
    completedBy: null,
    results: noResults(),
    overrides: {},
    removed: new Set(),
    mutate: null,
    pictures: new Map(),
    resubmitInfo: null,
    history: [{ at: createdAt, status: 'Not Started', by: 'api' }],
    reviews: [],
    deleted: false,
  };
}
