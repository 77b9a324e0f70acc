// What a verification allowed, and how it is taken back: each session remembers the verifications that proved it, each
// verification the sessions and grants that came of it. A late refusal ends them all (T8).

import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Revoker, Store } from '../login/ports.ts';
import type { LogoutDelivery } from './logout.ts';
import type { LoginInteractionResult } from './policy.ts';

/** Longer than a session (14 days) and a refresh token (30) live. */
const MEMORY_SECONDS = 40 * 86_400;
const MOST_PROOFS = 16;

interface Allowed {
  readonly sessions: readonly string[];
  readonly grants: readonly string[];
}

export interface LibrarySession {
  uid: string;
  accountId?: string;
  authorizations?: Record<string, { sid?: string; grantId?: string; persistsLogout?: boolean }>;
  destroy(): Promise<void>;
}

export interface Revocation extends Revoker {
  /** Middleware around the authorization endpoint: notes what a login allowed before the answer goes out. */
  track(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
  /** Ends one browser session as a logout would: clients are told, what does not outlive a logout is revoked. */
  endSession(session: LibrarySession, options?: { everything?: boolean }): Promise<number>;
}

export function createRevocation(parts: { provider: Provider; store: Store; logout: LogoutDelivery }): Revocation {
  const { provider, store, logout } = parts;
  const proofKey = (sessionUid: string) => `proof:${sessionUid}`;
  const allowedKey = (verificationId: string) => `allowed:${verificationId}`;
  const revokedKey = (verificationId: string) => `revoked:${verificationId}`;

  async function revokeGrant(grantId: string): Promise<void> {
    // one tombstone stands for every token of the grant
    await provider.AccessToken.revokeByGrantId(grantId);
    await (provider.Grant as unknown as { adapter: { destroy(id: string): Promise<void> } }).adapter.destroy(grantId);
  }

  async function note(verificationId: string, sessionUid: string, grantId: string | undefined): Promise<void> {
    await store.update<Allowed, void>(allowedKey(verificationId), (current = { sessions: [], grants: [] }) => {
      const sessions = [...new Set([...current.sessions, sessionUid])];
      const grants = grantId ? [...new Set([...current.grants, grantId])] : current.grants;
      if (sessions.length === current.sessions.length && grants.length === current.grants.length) {
        return { kind: 'keep', result: undefined };
      }
      return { kind: 'write', value: { sessions, grants }, ttlSeconds: MEMORY_SECONDS, result: undefined };
    });
  }

  /** A refusal that came while the browser was on its way from the finish to its code found nothing to revoke then. */
  async function revokeIfRefused(verificationId: string): Promise<void> {
    if (await store.get(revokedKey(verificationId))) await revocation.revoke(verificationId);
  }

  const revocation: Revocation = {
    async track(ctx, next) {
      await next();
      const { oidc } = ctx;
      const isAuthorization = oidc?.route === 'authorization' || oidc?.route === 'resume';
      if (!isAuthorization || !oidc.session?.accountId) return;
      const login = (oidc.result as LoginInteractionResult | undefined)?.login;
      const sessionUid = oidc.session.uid;
      const code = oidc.entities.AuthorizationCode;
      if (login?.verificationIds) {
        const made = login.verificationIds;
        await store.update<readonly string[], void>(proofKey(sessionUid), (proofs = []) => ({
          kind: 'write',
          value: [...new Set([...proofs, ...made])].slice(-MOST_PROOFS),
          ttlSeconds: MEMORY_SECONDS,
          result: undefined,
        }));
        await Promise.all(made.map((proof) => note(proof, sessionUid, code?.grantId)));
        await Promise.all(made.map(revokeIfRefused));
      } else if (code) {
        const proofs = (await store.get<readonly string[]>(proofKey(sessionUid))) ?? [];
        await Promise.all(proofs.map((proof) => note(proof, sessionUid, code.grantId)));
        await Promise.all(proofs.map(revokeIfRefused));
      }
    },

    async endSession(session, options = {}) {
      const entries = Object.entries(session.authorizations ?? {});
      let revoked = 0;
      for (const [clientId, { sid, grantId, persistsLogout }] of entries) {
        const client = await provider.Client.find(clientId).catch(() => undefined);
        if (client?.backchannelLogoutUri && session.accountId && sid)
          await logout.schedule(clientId, session.accountId, sid);
        if (grantId && (options.everything || !persistsLogout)) {
          await revokeGrant(grantId);
          revoked += 1;
        }
      }
      await session.destroy();
      return revoked;
    },

    async revoke(verificationId) {
      // written before the list is read, and read after the list was written: one of the two sees the other
      await store.set(revokedKey(verificationId), true, MEMORY_SECONDS);
      const allowed = await store.get<Allowed>(allowedKey(verificationId));
      if (!allowed) return { sessions: 0, grants: 0 };
      await Promise.all(allowed.grants.map(revokeGrant));
      let sessions = 0;
      let grants = allowed.grants.length;
      for (const uid of allowed.sessions) {
        const session = (await provider.Session.findByUid(uid)) as LibrarySession | undefined;
        if (!session) continue;
        grants += await revocation.endSession(session, { everything: true });
        sessions += 1;
      }
      return { sessions, grants };
    },
  };
  return revocation;
}
