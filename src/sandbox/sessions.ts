/**
 * The hosted sessions of all applications, and their users: creating with the vendor's re-use rule, opening, ageing,
 * finding, copying. No HTTP here, and no webhooks: whoever changes a status tells the world about it.
 */
import type { Application } from './applications.ts';
import type { CaptureFacts } from './devices.ts';
import { type CreateRequest, newSession, plainRequest } from './new-session.ts';
import { makePicture } from './pictures.ts';
import type { Settings, StoredSession, WorkflowKind } from './types.ts';
import { createUsers, type Users } from './users.ts';

/** Sessions in these are handed out again for the same user and workflow. */
export const UNFINISHED: readonly string[] = ['Not Started', 'In Progress', 'Resubmitted', 'Awaiting User'];

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(parts: { settings: Settings; now: () => number; baseUrl: () => string }) {
  const { settings, now, baseUrl } = parts;
  const byId = new Map<string, StoredSession>();
  const idByToken = new Map<string, string>();
  /** The session of a user and workflow that was last unfinished. */
  const newestOf = new Map<string, string>();
  const usersOf = new Map<string, Users>();

  function users(applicationId: string): Users {
    const known = usersOf.get(applicationId) ?? createUsers(now);
    usersOf.set(applicationId, known);
    return known;
  }

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
      newestOf.set(pairOf(session.applicationId, session.workflowId, session.vendorData), session.id);
    }
    session.history.push({ at: now(), status, by });
  }

  /** The unfinished session of this user and workflow, with callback and metadata overwritten, or a new one. */
  function create(request: CreateRequest, application: Application): StoredSession {
    const { workflowId, vendorData } = request;
    const mayReuse = vendorData !== null && settings.reuseUnfinished;
    const reused = mayReuse ? findUnfinished(application, workflowId, vendorData) : undefined;
    if (reused !== undefined) {
      reused.callback = request.callback;
      reused.metadata = request.metadata;
      return reused;
    }
    const kind = kindOf(application, workflowId) ?? 'enrol';
    const reference = kind === 'enrol' ? null : referenceFor(request, users(application.id));
    const session = add(request, application, kind, reference);
    if (vendorData !== null) newestOf.set(pairOf(application.id, workflowId, vendorData), session.id);
    return session;
  }

  function add(
    request: CreateRequest,
    application: Application,
    kind: WorkflowKind,
    reference: StoredSession['reference'],
  ): StoredSession {
    const session = newSession(request, {
      applicationId: application.id,
      number: byId.size + 1,
      kind,
      reference,
      baseUrl: baseUrl(),
      createdAt: now(),
      lifeSeconds: settings.sessionLifeSeconds,
    });
    byId.set(session.id, session);
    idByToken.set(session.token, session.id);
    if (session.vendorData !== null) users(application.id).ensure(session.vendorData);
    return session;
  }

  function findUnfinished(application: Application, workflowId: string, vendorData: string): StoredSession | undefined {
    const session = find(newestOf.get(pairOf(application.id, workflowId, vendorData)) ?? '');
    return session !== undefined && UNFINISHED.includes(session.status) ? session : undefined;
  }

  function kindOf(application: Application, workflowId: string): WorkflowKind | undefined {
    return (['enrol', 'passive', 'active'] as const).find((kind) => application.workflows[kind] === workflowId);
  }

  /** Keeps the selfie of an approved session as its user's face. */
  function keepFace(session: StoredSession): void {
    if (session.vendorData === null) return;
    const picture = session.pictures.get('selfie') ?? makePicture('jpeg', session.id);
    if (picture !== null)
      users(session.applicationId).faces.set(session.vendorData, { picture, sessionId: session.id });
  }

  return {
    find,
    move,
    create,
    kindOf,
    users,
    findUnfinished,
    keepFace,
    /** A session with the results and pictures of another, for whom and in which workflow is said; nobody opened it. */
    copy(
      source: Pick<StoredSession, 'id' | 'results' | 'pictures'>,
      into: { application: Application; kind: WorkflowKind; vendorData: string | null },
    ): StoredSession {
      const { application, kind, vendorData } = into;
      const session = add(plainRequest(application.workflows[kind], vendorData), application, kind, null);
      session.sharedFrom = source.id;
      session.results = structuredClone(source.results);
      for (const [name, picture] of source.pictures) session.pictures.set(name, picture);
      return session;
    },
    /** Deleted ones too, newest last; of one application, or of all. */
    all: (applicationId?: string): readonly StoredSession[] =>
      [...byId.values()].filter((one) => applicationId === undefined || one.applicationId === applicationId),
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
    /** Removes a session with its media; a stored face stays with the user. */
    remove(session: StoredSession): void {
      session.deleted = true;
      session.pictures.clear();
    },
  };
}

/** A sent portrait wins over the face stored for the user. */
function referenceFor(request: CreateRequest, users: Users): StoredSession['reference'] {
  if (request.portrait !== null) {
    return { picture: { type: 'image/jpeg', bytes: request.portrait }, sessionId: null };
  }
  const face = request.vendorData === null ? undefined : users.faces.get(request.vendorData);
  return face === undefined ? null : { picture: face.picture, sessionId: face.sessionId };
}

function pairOf(applicationId: string, workflowId: string, vendorData: string): string {
  return `${applicationId} ${workflowId} ${vendorData}`;
}
