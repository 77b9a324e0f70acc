/**
 * The hosted sessions, faces and users of the stand-in's one application: creating with the vendor's re-use rule, opening,
 * ageing, finding. No HTTP here, and no webhooks: whoever changes a status tells the world about it.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { CaptureFacts } from './devices.ts';
import { makePicture, type Picture, sha256 } from './pictures.ts';
import { noResults } from './results.ts';
import type { JsonObject, Settings, StoredSession, WorkflowKind } from './types.ts';

/** Sessions in these are handed out again for the same user and workflow. */
export const UNFINISHED: readonly string[] = ['Not Started', 'In Progress', 'Resubmitted', 'Awaiting User'];

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

export interface StoredFace {
  readonly picture: Picture;
  readonly sessionId: string;
}

export interface VendorUser {
  readonly vendorData: string;
  readonly internalId: string;
  status: 'ACTIVE' | 'FLAGGED' | 'BLOCKED';
  readonly createdAt: number;
}

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(parts: {
  settings: Settings;
  workflows: Readonly<Record<WorkflowKind, string>>;
  now: () => number;
  baseUrl: () => string;
}) {
  const { settings, workflows, now, baseUrl } = parts;
  const byId = new Map<string, StoredSession>();
  const idByToken = new Map<string, string>();
  /** The session of a user and workflow that was last unfinished. */
  const newestOf = new Map<string, string>();
  const faces = new Map<string, StoredFace>();
  const users = new Map<string, VendorUser>();

  /** The session as it is now: an unopened one may have expired, an opened one be abandoned. No webhook tells of that. */
  function find(id: string): StoredSession | undefined {
    const session = byId.get(id);
    if (session === undefined || session.deleted) return undefined;
    if (now() >= session.expiresAt) {
      if (session.status === 'Not Started') move(session, 'Expired', 'clock');
      else if (session.status === 'In Progress' || session.status === 'Resubmitted')
        move(session, 'Abandoned', 'clock');
    }
    return session;
  }

  function move(session: StoredSession, status: string, by: string): void {
    session.status = status;
    // A reviewer may reopen an older one; then that is the one to hand out again.
    if (session.vendorData !== null && UNFINISHED.includes(status)) {
      newestOf.set(pairOf(session.workflowId, session.vendorData), session.id);
    }
    session.history.push({ at: now(), status, by });
  }

  /** The unfinished session of this user and workflow, with callback and metadata overwritten, or a new one. */
  function create(request: CreateRequest): StoredSession {
    const reused = request.vendorData === null ? undefined : findUnfinished(request.workflowId, request.vendorData);
    if (reused !== undefined) {
      reused.callback = request.callback;
      reused.metadata = request.metadata;
      return reused;
    }
    const session = newSession(request);
    byId.set(session.id, session);
    idByToken.set(session.token, session.id);
    if (session.vendorData !== null) newestOf.set(pairOf(session.workflowId, session.vendorData), session.id);
    if (session.vendorData !== null && !users.has(session.vendorData)) addUser(session.vendorData);
    return session;
  }

  function findUnfinished(workflowId: string, vendorData: string): StoredSession | undefined {
    const session = find(newestOf.get(pairOf(workflowId, vendorData)) ?? '');
    return session !== undefined && UNFINISHED.includes(session.status) ? session : undefined;
  }

  function newSession(request: CreateRequest): StoredSession {
    const id = randomUUID();
    const token = randomBytes(9).toString('base64url');
    const kind = kindOf(request.workflowId) ?? 'enrol';
    const path = request.language === null ? `/session/${token}` : `/${request.language}/session/${token}`;
    const createdAt = now();
    return {
      id,
      number: byId.size + 1,
      token,
      url: `${baseUrl()}${path}`,
      workflowId: request.workflowId,
      workflowVersion: 1,
      kind,
      vendorData: request.vendorData,
      createdAt,
      language: request.language,
      expectedDetails: request.expectedDetails,
      contactDetails: request.contactDetails,
      callbackMethod: request.callbackMethod,
      reference: kind === 'enrol' ? null : referenceFor(request),
      portraitSent:
        request.portrait === null ? null : { bytes: request.portrait.length, sha256: sha256(request.portrait) },
      callback: request.callback,
      metadata: request.metadata,
      status: 'Not Started',
      expiresAt: createdAt + settings.sessionLifeSeconds,
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

  /** A sent portrait wins over the face stored for the user. */
  function referenceFor(request: CreateRequest): StoredSession['reference'] {
    if (request.portrait !== null) {
      return { picture: { type: 'image/jpeg', bytes: request.portrait }, sessionId: null };
    }
    const face = request.vendorData === null ? undefined : faces.get(request.vendorData);
    return face === undefined ? null : { picture: face.picture, sessionId: face.sessionId };
  }

  function kindOf(workflowId: string): WorkflowKind | undefined {
    return (['enrol', 'passive', 'active'] as const).find((kind) => workflows[kind] === workflowId);
  }

  function addUser(vendorData: string): VendorUser {
    const user: VendorUser = { vendorData, internalId: randomUUID(), status: 'ACTIVE', createdAt: now() };
    users.set(vendorData, user);
    return user;
  }

  return {
    find,
    move,
    create,
    kindOf,
    users,
    faces,
    addUser,
    findUnfinished,
    /** All of them, deleted ones too, newest last. */
    all: (): readonly StoredSession[] => [...byId.values()],
    /** Also a deleted one. */
    any: (id: string): StoredSession | undefined => byId.get(id),
    findByToken: (token: string): StoredSession | undefined => find(idByToken.get(token) ?? ''),
    /** Notes the browser; true when this opening moved the session to In Progress. */
    open(session: StoredSession, device: CaptureFacts): boolean {
      if (!session.devices.some((known) => known.device === device.device)) session.devices.push(device);
      if (session.status !== 'Not Started' && session.status !== 'Resubmitted') return false;
      session.completedBy = null;
      move(session, 'In Progress', 'person');
      return true;
    },
    /** Keeps the selfie of an approved session as its user's face. */
    keepFace(session: StoredSession): void {
      if (session.vendorData === null) return;
      const picture = session.pictures.get('selfie') ?? makePicture('jpeg', session.id);
      if (picture !== null) faces.set(session.vendorData, { picture, sessionId: session.id });
    },
    /** Removes a session with its media; a stored face stays with the user. */
    remove(session: StoredSession): void {
      session.deleted = true;
      session.pictures.clear();
    },
  };
}

function pairOf(workflowId: string, vendorData: string): string {
  return `${workflowId} ${vendorData}`;
}
