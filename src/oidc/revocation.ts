// What a proof allowed, and how it is taken back: each session remembers the proofs behind it (verifications, and the login itself), each
// proof the sessions and grants that came of it. A late refusal ends them all (T8); so does the person who says "this was not me".

import type Provider from 'oidc-provider';
import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import { standsOnlyOn } from '../core/account.ts';
import { ALLOWED_SECONDS } from '../login/allowances.ts';
import { keyPages } from '../login/key-pages.ts';
import type { Clock, Revoked, Revoker, Store } from '../login/ports.ts';
import type { AccountStore, DeviceStore, PasskeyStore } from '../login/stores.ts';
import type { Consents } from './consents.ts';
import type { LogoutDelivery } from './logout.ts';
import type { LoginInteractionResult } from './policy.ts';
import { isRevoked, markRevoked } from './revoked.ts';

const DAY = 86_400;
const MOST_PROOFS = 24;
/** Of one account, the latest: as many as a person can look through. */
const MOST_SESSIONS = 200;
/** Notes that this process need not look up: of a thousand people who come back within the day. */
const MOST_REMEMBERED = 4_000;
/** Ended at once: whoever signs in by a script all day must not make the end of it too much for the storage. */
const ENDED_AT_ONCE = 32;

/** `key` of its record; undefined where it stands in a list with others. */
type Noted = Allowed & { readonly key: string | undefined };

/** A record of its own for each, so that noting one more costs the same however many there are. */
interface Allowed {
  readonly sessionUid: string;
  /** '' where a session was made and no code */
  readonly grantId: string;
}

type Login = LoginInteractionResult['login'];

interface Authorization {
  readonly sid?: string;
  readonly grantId?: string;
  readonly persistsLogout?: boolean;
}

export interface LibrarySession {
  uid: string;
  accountId?: string;
  authorizations?: Record<string, Authorization>;
  destroy(): Promise<void>;
}

export interface Revocation extends Revoker {
  /** Middleware around the authorization endpoint: notes what a login allowed before the answer goes out. */
  track(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void>;
  /** Ends one browser session as a logout would: clients are told, what does not outlive a logout is revoked. */
  endSession(session: LibrarySession, options?: { everything?: boolean }): Promise<number>;
  /**
   * As `revoke`, for a person who goes on here: everything but this one session, which rests on the proof no more.
   */
  revokeElsewhere(proofId: string, sessionUid: string): Promise<Revoked>;
  /** What a session rests on. */
  proofsOf(sessionUid: string): Promise<readonly string[]>;
  /** Where an account is signed in now, the latest first: the clients of each session and the proofs behind it. */
  sessionsOf(accountId: string): Promise<readonly SignedIn[]>;
  /** @returns false when there is no such session of this account */
  endSessionOf(accountId: string, sessionUid: string): Promise<boolean>;
  /** Ends what one client was granted by this account, and tells it. @returns how many grants */
  revokeClient(accountId: string, clientId: string): Promise<number>;
}

export interface SignedIn {
  readonly uid: string;
  readonly clients: readonly string[];
  readonly proofs: readonly string[];
}

export interface RevocationParts {
  readonly provider: Provider;
  readonly accounts: Pick<AccountStore, 'change' | 'find'>;
  readonly devices: Pick<DeviceStore, 'find'>;
  readonly passkeys: Pick<PasskeyStore, 'ownerOf'>;
  readonly consents: Pick<Consents, 'find' | 'takeBack'>;
  readonly store: Store;
  readonly logout: LogoutDelivery;
  readonly clock: Clock;
}

export function createRevocation(parts: RevocationParts): Revocation {
  const { provider, accounts, devices, passkeys, consents, store, logout, clock } = parts;
  const proofKey = (sessionUid: string) => `proof:${sessionUid}`;
  /** ids of sessions and grants hold no colon */
  const allowedKey = (proofId: string, { sessionUid, grantId }: Allowed) =>
    `allowed:${proofId}:${sessionUid}:${grantId}`;
  /** of a list that an earlier version kept */
  const listKey = (proofId: string) => `allowed:${proofId}`;

  /** when, by key */
  const notedHere = new Map<string, number>();

  const { adapter: sessionAdapter } = provider.Session as unknown as {
    adapter: { endedWith(uid: string): Promise<LibrarySession['authorizations']> };
  };

  async function revokeGrant(grantId: string): Promise<void> {
    // one tombstone stands for every token of the grant
    await provider.AccessToken.revokeByGrantId(grantId);
    await (provider.Grant as unknown as { adapter: { destroy(id: string): Promise<void> } }).adapter.destroy(grantId);
  }

  async function note(proofId: string, allowed: Allowed, options: { isNew: boolean }): Promise<void> {
    const key = allowedKey(proofId, allowed);
    const now = clock.now();
    // whoever takes a note away ends its session and grant first, so what this process knows to be noted need not be looked up
    let notedAt = notedHere.get(key);
    if (notedAt === undefined && !options.isNew) notedAt = await store.get<number>(key);
    // begun anew with further codes of a grant, which may live as long again
    if (notedAt === undefined || now - notedAt >= DAY) {
      await store.set(key, now, ALLOWED_SECONDS);
      notedAt = now;
    }
    if (notedHere.size >= MOST_REMEMBERED) notedHere.clear();
    notedHere.set(key, notedAt);
  }

  /** What a proof allowed, a page at a time. */
  async function* allowedBy(proofId: string): AsyncGenerator<readonly Noted[]> {
    const prefix = `allowed:${proofId}:`;
    yield* earlierAllowedBy(proofId);
    for await (const keys of keyPages(store, prefix)) {
      yield keys.map((key) => {
        const [sessionUid = '', grantId = ''] = key.slice(prefix.length).split(':');
        return { key, sessionUid, grantId };
      });
    }
  }

  /** One list of all, as it was kept before each had a record of its own: what it names may live for weeks. */
  async function* earlierAllowedBy(proofId: string): AsyncGenerator<readonly Noted[]> {
    const list = await store.get<{ readonly sessions: readonly string[]; readonly grants: readonly string[] }>(
      listKey(proofId),
    );
    if (list === undefined) return;
    yield [
      ...list.sessions.map((sessionUid) => ({ key: undefined, sessionUid, grantId: '' })),
      ...list.grants.map((grantId) => ({ key: undefined, sessionUid: '', grantId })),
    ];
  }

  /** A refusal that came while the browser was on its way from the finish to its code found nothing to revoke then. */
  async function revokeIfRefused(verificationId: string): Promise<void> {
    if (await revocation.isRevoked(verificationId)) await revocation.revoke(verificationId);
  }

  /** Sessions before grants, a few at a time, and each noted as done: whatever fails half-way goes on from there when it is repeated. */
  async function endAllowed(proofId: string, keep = ''): Promise<Revoked> {
    const ended = { sessions: 0, grants: 0 };
    const seen = new Set<string>();
    const unseen = (ids: readonly string[]) => {
      const found = [...new Set(ids)].filter((id) => id !== '' && !seen.has(id));
      for (const id of found) seen.add(id);
      return found;
    };
    for await (const page of allowedBy(proofId)) {
      for (let first = 0; first < page.length; first += ENDED_AT_ONCE) {
        const some = page
          .slice(first, first + ENDED_AT_ONCE)
          .filter(({ sessionUid }) => keep === '' || sessionUid !== keep);
        for (const uid of unseen(some.map(({ sessionUid }) => sessionUid))) {
          const session = await findSession(uid);
          if (!session) continue;
          ended.grants += await revocation.endSession(session, { everything: true });
          ended.sessions += 1;
        }
        const grantIds = unseen(some.map(({ grantId }) => grantId));
        await Promise.all(grantIds.map(revokeGrant));
        ended.grants += grantIds.length;
        await Promise.all(some.map(({ key }) => (key === undefined ? undefined : store.delete(key))));
      }
    }
    await store.delete(listKey(proofId));
    return ended;
  }

  async function look(accountId: string, uid: string): Promise<readonly SignedIn[]> {
    const session = await findSession(uid);
    if (session?.accountId !== accountId) return [];
    const proofs = await revocation.proofsOf(uid);
    return [{ uid, clients: Object.keys(session.authorizations ?? {}), proofs }];
  }

  /**
   * Finished before "sign out everywhere", before the account was removed or is to be proven anew, before what was shown was given up (T14,
   * T17): and followed to its end only after.
   */
  async function isOvertaken(accountId: string, { signOuts = 0, needs = {} }: Login): Promise<boolean> {
    const [account, isKnown, owner] = await Promise.all([
      accounts.find(accountId),
      needs.device === undefined || devices.find(needs.device, accountId),
      needs.passkey === undefined ? accountId : passkeys.ownerOf(needs.passkey),
    ]);
    if (account?.standing !== 'good' || (account.signOuts ?? 0) !== signOuts) return true;
    if (needs.faces && !standsOnlyOn(account, needs.faces)) return true;
    return !isKnown || owner !== accountId;
  }

  /** A permission that was withdrawn while a code was made under it (T14). */
  async function isWithdrawn(accountId: string, client: Client | undefined): Promise<boolean> {
    if (!client || client.first_party === true) return false;
    return (await consents.find(accountId, client.clientId)) === undefined;
  }

  const findSession = async (uid: string) =>
    (await provider.Session.findByUid(uid)) as unknown as LibrarySession | undefined;

  const revocation: Revocation = {
    async track(ctx, next) {
      await next();
      const { oidc } = ctx;
      const isAuthorization = oidc?.route === 'authorization' || oidc?.route === 'resume';
      if (!isAuthorization || !oidc.session?.accountId) return;
      const login = (oidc.result as LoginInteractionResult | undefined)?.login;
      const sessionUid = oidc.session.uid;
      const code = oidc.entities.AuthorizationCode;
      const { accountId } = oidc.session;
      if (login?.proofIds) {
        const made = login.proofIds;
        const ids = [...made, accountProof(accountId)];
        await Promise.all([
          store.update<readonly string[], void>(
            proofKey(sessionUid),
            // the oldest goes: what this login rests on as others did before it, a document, a device, is the newest again
            (proofs = []) => ({
              kind: 'write',
              value: [...proofs.filter((proof) => !made.includes(proof)), ...made].slice(-MOST_PROOFS),
              ttlSeconds: ALLOWED_SECONDS,
              result: undefined,
            }),
            { isNew: true },
          ),
          ...ids.map((proof) => note(proof, { sessionUid, grantId: code?.grantId ?? '' }, { isNew: true })),
        ]);
        const [isOver, isNotAllowed, session] = await Promise.all([
          isOvertaken(accountId, login),
          code !== undefined && isWithdrawn(accountId, oidc.client),
          findSession(sessionUid),
          ...made.map(revokeIfRefused),
        ]);
        // the login was added to a session that somebody ended meanwhile
        if ((!session || isNotAllowed) && code?.grantId) await revokeGrant(code.grantId);
        // by itself alone: what it rests on may be a key, which other logins rest on too
        if (isOver && login.own) await revocation.revoke(login.own);
      } else if (code) {
        const proofs = await revocation.proofsOf(sessionUid);
        const ids = [...proofs, accountProof(accountId)];
        const allowed = { sessionUid, grantId: code.grantId ?? '' };
        await Promise.all(ids.map((proof) => note(proof, allowed, { isNew: false })));
        const [session, isNotAllowed] = await Promise.all([
          findSession(sessionUid),
          isWithdrawn(accountId, oidc.client),
          ...proofs.map(revokeIfRefused),
        ]);
        // whoever ended it while the code was made could not know of its grant yet
        if ((!session || isNotAllowed) && code.grantId) await revokeGrant(code.grantId);
      }
    },

    async endSession(session, options = {}) {
      const { uid, accountId, authorizations = {} } = session;
      let revoked = 0;
      const end = async (clientId: string, { sid, grantId, persistsLogout }: Authorization) => {
        const client = await provider.Client.find(clientId).catch(() => undefined);
        // one that is not known here may be known to another process, which has read the clients again
        const mayBeTold = client === undefined || client.backchannelLogoutUri !== undefined;
        if (mayBeTold && accountId && sid) await logout.schedule(clientId, accountId, sid);
        if (grantId && (options.everything || !persistsLogout)) {
          await revokeGrant(grantId);
          revoked += 1;
        }
      };
      for (const [clientId, authorization] of Object.entries(authorizations)) await end(clientId, authorization);
      await session.destroy();
      // a code that was made meanwhile was added before the end, and is in here; or after it, and finds that the session is over (R4)
      const atTheEnd = (await sessionAdapter.endedWith(uid)) ?? {};
      for (const [clientId, authorization] of Object.entries(atTheEnd)) {
        const { sid, grantId } = authorizations[clientId] ?? {};
        if (sid !== authorization.sid || grantId !== authorization.grantId) await end(clientId, authorization);
      }
      return revoked;
    },

    async revoke(proofId, accountId) {
      // written before the list is read, and read after the list was written: one of the two sees the other
      await markRevoked(store, proofId);
      const ended = await endAllowed(proofId);
      if (accountId === undefined) return ended;
      let { grants } = ended;
      // what was allowed there alone counts nowhere, also not in what the person was given under it without being asked
      await consents.takeBack(accountId, proofId, async (clientId) => {
        grants += await revocation.revokeClient(accountId, clientId);
      });
      return { ...ended, grants };
    },

    async revokeElsewhere(proofId, sessionUid) {
      await store.update<readonly string[], void>(proofKey(sessionUid), (proofs) => {
        if (!proofs?.includes(proofId)) return { kind: 'keep', result: undefined };
        const value = proofs.filter((each) => each !== proofId);
        return { kind: 'replace', value, result: undefined };
      });
      await markRevoked(store, proofId);
      return endAllowed(proofId, sessionUid);
    },

    proofsOf: async (sessionUid) => (await store.get<readonly string[]>(proofKey(sessionUid))) ?? [],

    isRevoked: (proofId) => isRevoked(store, proofId),

    // a login that comes after this is none of what is ended here: counted, as the clocks of two processes differ
    async revokeAccount(accountId) {
      await accounts.change(accountId, (account) => ({ ...account, signOuts: (account.signOuts ?? 0) + 1 }));
      return endAllowed(accountProof(accountId));
    },

    async sessionsOf(accountId) {
      const notedAt = new Map<string, number>();
      for await (const page of allowedBy(accountProof(accountId))) {
        const times = await Promise.all(page.map(({ key }) => (key === undefined ? 0 : store.get<number>(key))));
        for (const [index, { sessionUid }] of page.entries())
          if (sessionUid !== '') notedAt.set(sessionUid, Math.max(notedAt.get(sessionUid) ?? 0, times[index] ?? 0));
      }
      const latest = [...notedAt].sort(([, a], [, b]) => b - a).map(([uid]) => uid);
      const living: SignedIn[] = [];
      // those that have ended are passed over: however many came later, they hide none that goes on
      for (let first = 0; first < latest.length && living.length < MOST_SESSIONS; first += MOST_SESSIONS)
        living.push(
          ...(await Promise.all(latest.slice(first, first + MOST_SESSIONS).map((uid) => look(accountId, uid)))).flat(),
        );
      return living.slice(0, MOST_SESSIONS);
    },

    async endSessionOf(accountId, uid) {
      const session = await findSession(uid);
      if (session?.accountId !== accountId) return false;
      await revocation.endSession(session, { everything: true });
      return true;
    },

    async revokeClient(accountId, clientId) {
      const sessionUids = new Set<string>();
      const grantIds = new Set<string>();
      for await (const page of allowedBy(accountProof(accountId))) {
        for (const { sessionUid } of page) if (sessionUid !== '') sessionUids.add(sessionUid);
        for (const { grantId } of page) if (grantId !== '') grantIds.add(grantId);
      }
      let revoked = 0;
      for (const grantId of grantIds) {
        const grant = await provider.Grant.find(grantId);
        if (grant?.clientId !== clientId || grant.accountId !== accountId) continue;
        await revokeGrant(grantId);
        revoked += 1;
      }
      const client = await provider.Client.find(clientId).catch(() => undefined);
      if (!client?.backchannelLogoutUri) return revoked;
      for (const uid of sessionUids) {
        const session = await findSession(uid);
        const sid = session?.accountId === accountId ? session.authorizations?.[clientId]?.sid : undefined;
        if (sid) await logout.schedule(clientId, accountId, sid);
      }
      return revoked;
    },
  };
  return revocation;
}

/** All that an account is signed in to, as a thing to be ended. */
function accountProof(accountId: string): string {
  return `account:${accountId}`;
}
