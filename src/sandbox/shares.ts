/**
 * Sessions handed from one application to another (section 14 of the contract): tokens with a life, for one receiver, who
 * imports a session once. The copy has an id of its own; what it was copied from may be deleted meanwhile.
 */
import { randomBytes } from 'node:crypto';
import type { Application } from './applications.ts';
import type { Sessions } from './sessions.ts';
import type { Settings, StoredSession } from './types.ts';

/** Only these are finished in the sense of sharing. */
export const SHAREABLE: readonly string[] = ['Approved', 'Declined', 'In Review'];

/** Seconds. */
export const SHARE_TTL = { least: 60, most: 86_400, usual: 3600 } as const;

export interface ImportRequest {
  readonly token: string;
  readonly trustReview: boolean;
  readonly workflowId: string;
  readonly vendorData: string | null;
}

export type ImportResult =
  | { readonly kind: 'imported'; readonly session: StoredSession }
  | {
      readonly kind: 'bad_token' | 'expired' | 'not_for_you' | 'already_imported' | 'source_gone' | 'unknown_workflow';
    };

interface Share {
  readonly source: StoredSession;
  /** As it was when it was shared, for when the source is gone. */
  readonly kept: Pick<StoredSession, 'id' | 'status' | 'results' | 'pictures'>;
  readonly receiverId: string;
  readonly expiresAt: number;
}

export type Shares = ReturnType<typeof createShares>;

export function createShares(parts: { settings: Settings; sessions: Sessions; now: () => number }) {
  const { settings, sessions, now } = parts;
  const shares = new Map<string, Share>();
  const imported = new Set<string>();

  return {
    /** A token for the receiver; whether the session may be shared is checked by whoever asks. */
    issue(source: StoredSession, receiver: Application, ttlSeconds: number = SHARE_TTL.usual): string {
      const expiresAt = now() + ttlSeconds;
      const token = tokenFor(source, receiver, expiresAt);
      const { id, status, results, pictures } = source;
      const kept = { id, status, results: structuredClone(results), pictures: new Map(pictures) };
      shares.set(token, { source, kept, receiverId: receiver.id, expiresAt });
      return token;
    },

    redeem(receiver: Application, request: ImportRequest): ImportResult {
      const share = shares.get(request.token);
      if (share === undefined) return { kind: 'bad_token' };
      if (now() >= share.expiresAt) return { kind: 'expired' };
      if (share.receiverId !== receiver.id) return { kind: 'not_for_you' };
      const once = `${share.source.id} ${receiver.id}`;
      if (imported.has(once)) return { kind: 'already_imported' };
      if (share.source.deleted && settings.sharedSourceDeleted === 'not_found') return { kind: 'source_gone' };
      const kind = sessions.kindOf(receiver, request.workflowId);
      if (kind === undefined) return { kind: 'unknown_workflow' };

      imported.add(once);
      const source = share.source.deleted ? share.kept : share.source;
      const session = sessions.copy(source, { application: receiver, kind, vendorData: request.vendorData });
      sessions.move(session, request.trustReview ? source.status : 'In Review', 'import');
      if (session.status === 'Approved') sessions.keepFace(session);
      return { kind: 'imported', session };
    },
  };
}

/** In the form of a JWT, as the vendor's are; nothing here reads it again. */
function tokenFor(source: StoredSession, receiver: Application, expiresAt: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { session_id: source.id, session_kind: 'user', for_application_id: receiver.id, exp: expiresAt };
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}.${randomBytes(32).toString('base64url')}`;
}
