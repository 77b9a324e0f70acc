// The demo client's own sessions, in memory, by a random cookie: gone with the process. They are no sessions of the
// provider; ending those is what logout is for.

import { randomBytes } from 'node:crypto';
import type { Errand } from './errands.ts';
import type { LogoutNotice } from './logout-token.ts';
import type { PendingSignIn, SignInFault, SignInOptions, Tokens } from './relying-party.ts';

const LIMIT = 1000;
const IDLE_MS = 12 * 60 * 60 * 1000;
/** tabs of one browser that sign in at the same time */
const PENDING_LIMIT = 10;

/** A visit to the provider that this browser has not come back from. */
export interface PendingVisit extends PendingSignIn {
  /** what goes on when it does; without one it signs the person in */
  readonly errand?: Errand;
}

export interface SignedIn {
  readonly asked: SignInOptions;
  tokens: Tokens;
  userInfo?: Readonly<Record<string, unknown>>;
  introspection?: Readonly<Record<string, unknown>>;
  /** what went wrong with the last thing the person tried here */
  fault?: SignInFault & { readonly attempted: string };
  /** for the API, and for nothing else */
  apiTokens?: Tokens;
  /** the last one */
  errand?: Errand;
  refreshes: number;
  /** one refresh at a time: a rotated token used twice is taken for theft, and ends them all */
  refreshing?: Promise<void>;
}

export interface BrowserSession {
  readonly id: string;
  readonly pending: Map<string, PendingVisit>;
  signedIn?: SignedIn | undefined;
  /** sent along with a logout, expected back */
  logoutState?: string | undefined;
  /** shown once on the home page */
  notice?: string | undefined;
  usedAtMs: number;
}

export interface SessionStore {
  find(id: string | undefined): BrowserSession | undefined;
  create(): BrowserSession;
  /** The same session under a new name, so that a cookie known before signing in is worth nothing after it (T23). */
  renew(session: BrowserSession): BrowserSession;
  remember(session: BrowserSession, pending: PendingVisit): void;
  /** @returns how many were signed in and are no longer */
  forget(notice: LogoutNotice): number;
}

export function createSessionStore(): SessionStore {
  const sessions = new Map<string, BrowserSession>();

  function add(session: Omit<BrowserSession, 'id'>): BrowserSession {
    for (const [id, { usedAtMs }] of sessions) {
      if (sessions.size < LIMIT && Date.now() - usedAtMs < IDLE_MS) break;
      sessions.delete(id);
    }
    const added = { ...session, id: randomBytes(32).toString('base64url') };
    sessions.set(added.id, added);
    return added;
  }

  return {
    find(id) {
      const session = id === undefined ? undefined : sessions.get(id);
      if (!session) return undefined;
      sessions.delete(session.id);
      if (Date.now() - session.usedAtMs >= IDLE_MS) return undefined;
      session.usedAtMs = Date.now();
      sessions.set(session.id, session);
      return session;
    },
    create() {
      return add({ pending: new Map(), usedAtMs: Date.now() });
    },
    renew(session) {
      sessions.delete(session.id);
      return add({ ...session, usedAtMs: Date.now() });
    },
    remember(session, pending) {
      session.pending.set(pending.state, pending);
      const oldest = session.pending.keys().next();
      if (session.pending.size > PENDING_LIMIT && !oldest.done) session.pending.delete(oldest.value);
    },
    forget(notice) {
      let forgotten = 0;
      for (const session of sessions.values()) {
        const claims = session.signedIn?.tokens.claims;
        if (!claims || (notice.sub !== undefined && claims.sub !== notice.sub)) continue;
        if (notice.kind === 'session' && claims.sid !== notice.sid) continue;
        session.signedIn = undefined;
        session.notice = 'You were signed out at the provider, and it told this client.';
        forgotten++;
      }
      return forgotten;
    },
  };
}
