// Browser sessions, made for several tabs at once (R3). The library keeps one record under the cookie's id and writes it
// whole, so the last of six tabs would erase the sign-ins of the other five. Here a session is two kinds of record:
//
//   oidc:SessionId:<id>    what this cookie has proven: account, time, acr, amr, form state
//   oidc:SessionUid:<uid>  what the browser's cookies share: the account and the clients signed in to, merged
//
// What a cookie has proven never grows by what another tab proves: an old id, taken along by somebody, stays weak (T23). Ids stand in
// the keys as they are: whoever reads them in the storage has no cookie of them, as that is signed.

import { randomBytes } from 'node:crypto';
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider';
import type { Clock, Store } from '../login/ports.ts';

type Authorizations = NonNullable<AdapterPayload['authorizations']>;

interface SessionId {
  /** the library's payload without `authorizations` */
  readonly facts: AdapterPayload;
  /** replaced by a newer id; good for requests under way */
  readonly retired?: true;
}

type SessionUid =
  /** what it was signed in to at that moment */
  | { readonly ended: true; readonly authorizations?: Authorizations | undefined }
  | { readonly ended: false; readonly latest: AdapterPayload; readonly authorizations?: Authorizations | undefined };

/** How long an id still works after a login replaced it: for requests that were on their way with the old cookie. */
const RETIRED_SECONDS = 60;
/** How long an ended session is remembered, so that no request under way writes it anew. */
const ENDED_SECONDS = 86_400;
const LONGEST_LIFE_SECONDS = 31 * 86_400;
/** One that is not new was read by the request that saves it, and is known to the engine by that. */
const ASSUMED_NEW = { isNew: true };

export interface SessionAdapter extends Adapter {
  /** What an ended session was signed in to when it was ended: no request under way has added anything since. */
  endedWith(uid: string): Promise<Authorizations | undefined>;
}

/** @returns the adapter of the library's Session model */
export function createSessionAdapter({ store, clock }: { store: Store; clock: Clock }): SessionAdapter {
  const idKeyOf = (id: string) => `oidc:SessionId:${id}`;
  const uidKeyOf = (uid: string) => `oidc:SessionUid:${uid}`;
  /** What a request read, as JSON, by the very object the library got and hands back: what is gone from it was signed out. */
  const readBefore = new WeakMap<Authorizations, string>();
  /** Form states as read: one that comes back as the same object was not touched by its request. */
  const readStates = new WeakSet<object>();

  function toPayload(facts: AdapterPayload, authorizations: Authorizations | undefined): AdapterPayload {
    if (facts.state !== undefined) readStates.add(facts.state);
    if (authorizations === undefined) return facts;
    readBefore.set(authorizations, JSON.stringify(authorizations));
    return { ...facts, authorizations };
  }

  async function find(id: string): Promise<AdapterPayload | undefined> {
    if (!POSSIBLE_ID.test(id)) return undefined;
    const cookie = await store.get<SessionId>(idKeyOf(id));
    if (cookie?.facts.uid === undefined) return undefined;
    const shared = await store.get<SessionUid>(uidKeyOf(cookie.facts.uid));
    // An id from before the login knows no account: whoever planted it stays outside (T23, fixation).
    if (shared === undefined || shared.ended || shared.latest.accountId !== cookie.facts.accountId) return undefined;
    const facts = cookie.retired ? await replaceRetired(cookie.facts) : cookie.facts;
    return toPayload(facts, shared.authorizations);
  }

  /** A request with an old cookie goes on under a new id that has proven no more, so that its answer mends the cookie. */
  async function replaceRetired(old: AdapterPayload): Promise<AdapterPayload> {
    const jti = randomBytes(16).toString('base64url');
    const facts = { ...old, jti };
    await store.set(idKeyOf(jti), { facts } satisfies SessionId, lifeOf((old.exp ?? 0) - clock.now()));
    return facts;
  }

  /** The library replaces an id by destroying the old one and saving a new one; only the request's session tells that apart. */
  function isReplaced(id: string): boolean {
    const session = Provider.ctx?.oidc?.session as { oldId?: string; jti?: string } | undefined;
    return session?.oldId === id && session.jti !== id;
  }

  async function retire(id: string): Promise<void> {
    await store.update<SessionId, void>(idKeyOf(id), (cookie) => {
      if (cookie === undefined || cookie.retired) return { kind: 'keep', result: undefined };
      const value: SessionId = { facts: cookie.facts, retired: true };
      return { kind: 'write', value, ttlSeconds: RETIRED_SECONDS, result: undefined };
    });
  }

  /** The cookie's record goes last: who ends the session again, as the storage was away in between, finds by it what to end (R7). */
  async function end(id: string): Promise<void> {
    const cookie = await store.get<SessionId>(idKeyOf(id));
    const uid = cookie?.facts.uid;
    if (uid !== undefined) {
      await store.update<SessionUid, void>(uidKeyOf(uid), (stored) => {
        const value: SessionUid = { ended: true, authorizations: stored?.authorizations };
        return { kind: 'write', value, ttlSeconds: ENDED_SECONDS, result: undefined };
      });
    }
    await store.delete(idKeyOf(id));
  }

  return {
    find,
    async findByUid(uid) {
      const shared = POSSIBLE_ID.test(uid) ? await store.get<SessionUid>(uidKeyOf(uid)) : undefined;
      return shared === undefined || shared.ended ? undefined : toPayload(shared.latest, shared.authorizations);
    },
    async upsert(id, payload, expiresIn) {
      const { authorizations: mine, ...facts } = payload;
      const before = mine && readBefore.get(mine);
      const ttlSeconds = lifeOf(expiresIn ?? LONGEST_LIFE_SECONDS);
      // Asked in one turn, so both are in one commit where the engine groups; a lone id would only be an id of nothing.
      await Promise.all([
        store.update<SessionUid, void>(
          uidKeyOf(uidOf(facts)),
          (stored) => {
            const value = mergeSession({ stored, facts, mine, before });
            if (value === undefined) return { kind: 'keep', result: undefined };
            const restSeconds = (value.latest.exp ?? 0) - clock.now();
            return { kind: 'write', value, ttlSeconds: Math.max(ttlSeconds, restSeconds), result: undefined };
          },
          ASSUMED_NEW,
        ),
        store.update<SessionId, void>(
          idKeyOf(id),
          (cookie) => {
            const untouched = facts.state === undefined || readStates.has(facts.state);
            // Else a sign-in in another tab would wipe the secret of the logout form that is on the screen.
            const state = untouched ? (cookie?.facts.state ?? facts.state) : facts.state;
            return { kind: 'write', value: { facts: { ...facts, state } }, ttlSeconds, result: undefined };
          },
          ASSUMED_NEW,
        ),
      ]);
    },
    async destroy(id) {
      if (!POSSIBLE_ID.test(id)) return;
      await (isReplaced(id) ? retire(id) : end(id));
    },
    async endedWith(uid) {
      const shared = await store.get<SessionUid>(uidKeyOf(uid));
      return shared?.ended ? shared.authorizations : undefined;
    },
    consume: async () => {},
    findByUserCode: async () => undefined,
    revokeByGrantId: async () => {},
  };
}

const POSSIBLE_ID = /^[\w-]{1,128}$/;

/**
 * @returns what the tabs share after this request, or undefined to leave it: an ended session is not written anew, and
 *          two accounts are never mixed
 */
function mergeSession(options: {
  stored: SessionUid | undefined;
  facts: AdapterPayload;
  mine: Authorizations | undefined;
  before: string | undefined;
}): Extract<SessionUid, { ended: false }> | undefined {
  const { stored, facts, mine, before } = options;
  if (stored === undefined) return { ended: false, latest: facts, authorizations: mine };
  if (stored.ended) return undefined;
  const { accountId, loginTs = 0, exp = 0 } = stored.latest;
  if (accountId !== undefined && accountId !== facts.accountId) return undefined;
  const newer = loginTs > (facts.loginTs ?? 0) ? stored.latest : facts;
  return {
    ended: false,
    latest: { ...newer, jti: facts.jti, exp: Math.max(exp, facts.exp ?? 0) },
    authorizations: mergeAuthorizations(stored.authorizations, mine, before),
  };
}

/** Three-way: what this request changed or removed against what it read, on top of what others wrote meanwhile. */
function mergeAuthorizations(
  stored: Authorizations | undefined,
  mine: Authorizations | undefined,
  before: string | undefined,
): Authorizations | undefined {
  if (stored === undefined || mine === undefined) return mine ?? stored;
  if (JSON.stringify(stored) === before) return mine;
  const read = (before === undefined ? {} : JSON.parse(before)) as Authorizations;
  const merged = new Map(Object.entries(stored));
  for (const [clientId, authorization] of Object.entries(mine)) {
    if (JSON.stringify(authorization) !== JSON.stringify(read[clientId])) merged.set(clientId, authorization);
  }
  for (const clientId of Object.keys(read)) {
    if (!Object.hasOwn(mine, clientId)) merged.delete(clientId);
  }
  return Object.fromEntries(merged);
}

function uidOf({ uid }: AdapterPayload): string {
  if (uid === undefined) throw new TypeError('a session has a uid');
  return uid;
}

function lifeOf(seconds: number): number {
  return Math.max(1, Math.ceil(seconds));
}
