// Scope consent: what a person has allowed a client, kept beside the grants so that a returning person is not asked again. An
// operator's own clients (`first_party`) are allowed by the operator.

import { setTimeout } from 'node:timers/promises';
import type Provider from 'oidc-provider';
import type { Client, Grant, KoaContextWithOIDC } from 'oidc-provider';
import { isDeviceProof } from '../login/login-proof.ts';
import type { Store } from '../login/ports.ts';
import { newId } from '../login/tokens.ts';
import type { LoginInteractionResult } from './policy.ts';
import { isRevoked } from './revoked.ts';

/** Longer than what is issued under it. A grant that is added to is saved without its end, and begins this life anew. */
export const GRANT_SECONDS = 31 * 86_400;
const CONSENT_SECONDS = 365 * 86_400;

export interface ConsentRecord {
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  /** scopes of resources (RFC 8707), by resource */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  readonly at: number;
}

/** What was allowed in one session, or in several that rest on the same. */
interface Given extends ConsentRecord {
  readonly proofs: readonly string[];
}

/** As it is kept: all together, as an earlier version did and reads, and each. */
type Kept = ConsentRecord & { readonly given?: readonly Given[] };

/** Longer than the tabs of a browser that comes back take. */
const SHARED_SECONDS = 30;
const SHARED_LOOKS = 20;
const SHARED_LOOK_MS = 25;

/** The oldest is asked for again. */
const MOST_GIVEN = 12;

/** As the library has it. */
export interface GrantedSession {
  readonly uid: string;
  readonly accountId?: string | undefined;
  grantIdFor(clientId: string): string | undefined;
}

export interface Consents {
  /** The grant a request is answered from: the session's, one made of an earlier consent, or one of the operator's. */
  loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined>;
  /** The grant that a session has with a client, or is to have: the same for all of its tabs (R3). A new one is not saved yet. */
  openGrant(provider: Provider, session: GrantedSession, client: Client): Promise<Grant>;
  find(accountId: string, clientId: string): Promise<ConsentRecord | undefined>;
  /** @param proofs what the session rests on in which it was allowed: taken back with them */
  record(accountId: string, clientId: string, allowed: ConsentRecord, proofs: readonly string[]): Promise<void>;
  /** What an account has allowed, by client. */
  list(accountId: string): Promise<readonly (ConsentRecord & { readonly clientId: string })[]>;
  /** The client is asked about anew. Grants are ended elsewhere. @returns false when nothing was allowed */
  withdraw(accountId: string, clientId: string): Promise<boolean>;
  /**
   * What was allowed in a login that was somebody else's (T8, T14). Safe to repeat.
   *
   * @param end ends what a client was given to which nothing else allows all of it
   */
  takeBack(accountId: string, proofId: string, end: (clientId: string) => Promise<void>): Promise<void>;
  /** Every consent of an account that is removed. @returns how many there were */
  forget(accountId: string): Promise<number>;
}

export function createConsents(parts: { store: Store }): Consents {
  const { store } = parts;
  const key = (accountId: string, clientId: string) => `consent:${accountId}:${clientId}`;

  /** @returns whether something was allowed by nothing else */
  function withoutProof(recordKey: string, proofId: string): Promise<boolean> {
    return store.update<Kept, boolean>(recordKey, (kept) => {
      const all = kept ? givenIn(kept) : [];
      const given = all.filter(({ proofs }) => !proofs.includes(proofId));
      if (given.length === all.length) return { kind: 'keep', result: false };
      const result = isLess(given, all);
      return given.length === 0 ? { kind: 'remove', result } : { kind: 'replace', value: keptOf(given), result };
    });
  }

  async function dependsOn(recordKey: string, proofId: string): Promise<boolean> {
    const kept = await store.get<Kept>(recordKey);
    const all = kept ? givenIn(kept) : [];
    return isLess(
      all.filter(({ proofs }) => !proofs.includes(proofId)),
      all,
    );
  }

  /**
   * Tabs that come to a client for the first time at once share one grant: their session keeps one, and the code of another would be refused
   * (R3).
   *
   * @returns the grant of whoever was first, or the id that this one is to have
   */
  async function shareGrant(provider: Provider, sessionUid: string, clientId: string): Promise<Grant | string> {
    const own = newId();
    const sharedKey = `grant-of:${sessionUid}:${clientId}`;
    if (await store.putIfAbsent(sharedKey, own, SHARED_SECONDS)) return own;
    const first = await store.get<string>(sharedKey);
    for (let looks = 0; first !== undefined && looks < SHARED_LOOKS; looks += 1) {
      const grant = await provider.Grant.find(first);
      if (grant) return grant;
      await setTimeout(SHARED_LOOK_MS);
    }
    return own;
  }

  const consents: Consents = {
    find: (accountId, clientId) => store.get<ConsentRecord>(key(accountId, clientId)),

    async record(accountId, clientId, allowed, sessionProofs) {
      const recordKey = key(accountId, clientId);
      // a browser that is forgotten takes back no permission: it was the person who gave it
      const proofs = sessionProofs.filter((proof) => !isDeviceProof(proof)).toSorted();
      await store.update<Kept, void>(recordKey, (kept) => {
        const all = kept ? givenIn(kept) : [];
        const isSame = (each: Given) => each.proofs.join() === proofs.join();
        const { at } = allowed;
        const one = { ...unionOf([...all.filter(isSame), { ...allowed, proofs }]), at, proofs } as Given;
        const given = [one, ...all.filter((each) => !isSame(each))].slice(0, MOST_GIVEN);
        return { kind: 'write', value: keptOf(given), ttlSeconds: CONSENT_SECONDS, result: undefined };
      });
      // taken back meanwhile: one of the two sees the other
      const isTakenBack = await Promise.all(proofs.map((proof) => isRevoked(store, proof)));
      for (const [index, proof] of proofs.entries()) if (isTakenBack[index]) await withoutProof(recordKey, proof);
    },

    async list(accountId) {
      const prefix = key(accountId, '');
      const found = await Promise.all(
        (await store.keys(prefix)).map(async (each) => {
          const clientId = each.slice(prefix.length);
          const record = await consents.find(accountId, clientId);
          return record ? [{ ...record, clientId }] : [];
        }),
      );
      return found.flat();
    },

    async takeBack(accountId, proofId, end) {
      const prefix = key(accountId, '');
      for (const each of await store.keys(prefix)) {
        const clientId = each.slice(prefix.length);
        // before: where this stops half-way, whoever repeats it still finds the client by what was allowed
        if (await dependsOn(each, proofId)) await end(clientId);
        // and after: what was given in between
        if (await withoutProof(each, proofId)) await end(clientId);
      }
    },

    withdraw: async (accountId, clientId) => (await store.take<Kept>(key(accountId, clientId))) !== undefined,

    async forget(accountId) {
      const keys = await store.keys(key(accountId, ''));
      for (const each of keys) await store.delete(each);
      return keys.length;
    },

    async openGrant(provider, session, client) {
      const { uid, accountId = '' } = session;
      const { clientId } = client;
      // as where it is loaded: a grant of which nothing is allowed any more counts no more, and is not added to
      const isAllowed = client.first_party === true || (await consents.find(accountId, clientId)) !== undefined;
      const grantId = isAllowed ? session.grantIdFor(clientId) : undefined;
      const current = grantId ? await provider.Grant.find(grantId) : undefined;
      const shared = current ?? (await shareGrant(provider, uid, clientId));
      return typeof shared === 'string' ? newGrant(provider, accountId, clientId, shared) : shared;
    },

    async loadGrant(ctx) {
      const { account, client, provider, session, result } = ctx.oidc;
      if (!account || !client || !session) return undefined;
      const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
      const isOurs = client.first_party === true;
      const [grant, allowed] = await Promise.all([
        grantId ? provider.Grant.find(grantId) : undefined,
        isOurs ? undefined : consents.find(account.accountId, client.clientId),
      ]);
      const current = grant && grant.accountId === account.accountId ? grant : undefined;
      // withdrawn: what a grant holds that is still about counts no more
      if (!isOurs && !allowed) return undefined;
      if (current && !isOurs) return current;
      // a login that was just finished is one tab's
      const isAlone = (result as Partial<LoginInteractionResult> | undefined)?.login?.proofIds !== undefined;
      const shared = current ?? (isAlone ? undefined : await shareGrant(provider, session.uid, client.clientId));
      return extend(provider, ctx, shared, allowed ?? requested(ctx));
    },
  };
  return consents;
}

/**
 * Adds to a grant what is allowed and asked for; saves only when something was missing.
 *
 * @param before the grant there is, or the id of a new one
 */
async function extend(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  before: Grant | string | undefined,
  allowed: Pick<ConsentRecord, 'scopes' | 'claims' | 'resources'>,
): Promise<Grant> {
  const { account, client } = ctx.oidc as { account: { accountId: string }; client: { clientId: string } };
  const current = typeof before === 'string' ? undefined : before;
  const id = typeof before === 'string' ? before : undefined;
  const grant = current ?? newGrant(provider, account.accountId, client.clientId, id);
  const earlierScopes = grant.getOIDCScopeEncountered().split(' ');
  const earlierClaims = grant.getOIDCClaimsEncountered();
  const scopes = allowed.scopes.filter((scope) => !earlierScopes.includes(scope));
  const claims = allowed.claims.filter((claim) => !earlierClaims.includes(claim));
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  if (claims.length > 0) grant.addOIDCClaims([...claims]);
  let isResourceAdded = false;
  for (const [resource, wanted] of Object.entries(allowed.resources ?? {})) {
    const encountered = grant.getResourceScopeEncountered(resource).split(' ');
    const missing = wanted.filter((scope) => !encountered.includes(scope));
    if (missing.length === 0) continue;
    grant.addResourceScope(resource, missing.join(' '));
    isResourceAdded = true;
  }
  if (current && scopes.length === 0 && claims.length === 0 && !isResourceAdded) return current;
  grant.exp = undefined;
  await grant.save();
  return grant;
}

function newGrant(provider: Provider, accountId: string, clientId: string, id: string | undefined): Grant {
  const grant = new provider.Grant({ accountId, clientId });
  if (id !== undefined) grant.jti = id;
  return grant;
}

function requested(ctx: KoaContextWithOIDC): Pick<ConsentRecord, 'scopes' | 'claims' | 'resources'> {
  const { requestParamOIDCScopes, requestParamClaims, requestParamScopes, resourceServers = {} } = ctx.oidc;
  const resources = Object.fromEntries(
    Object.entries(resourceServers).map(([resource, server]) => [
      resource,
      [...requestParamScopes].filter((scope) => server.scopes.has(scope)),
    ]),
  );
  return { scopes: [...requestParamOIDCScopes], claims: [...requestParamClaims], resources };
}

const givenIn = (kept: Kept): readonly Given[] => kept.given ?? [{ ...kept, proofs: [] }];

const keptOf = (given: readonly Given[]): Kept => ({ ...(unionOf(given) as ConsentRecord), given });

/** The latest first. @returns undefined when nothing was given */
function unionOf(given: readonly ConsentRecord[]): ConsentRecord | undefined {
  const [first, ...others] = given;
  if (!first) return undefined;
  return others.reduce<ConsentRecord>(
    (all, each) => ({
      scopes: union(all.scopes, each.scopes),
      claims: union(all.claims, each.claims),
      resources: unionOfResources(all.resources, each.resources),
      at: Math.max(all.at, each.at),
    }),
    { scopes: first.scopes, claims: first.claims, resources: first.resources ?? {}, at: first.at },
  );
}

/** Does a part of what was allowed allow less than all of it? */
function isLess(part: readonly Given[], all: readonly Given[]): boolean {
  const lacks = (some: readonly string[] = [], wanted: readonly string[]) =>
    wanted.some((each) => !some.includes(each));
  const [some, every] = [unionOf(part), unionOf(all)];
  if (!some || !every) return every !== undefined;
  return (
    lacks(some.scopes, every.scopes) ||
    lacks(some.claims, every.claims) ||
    Object.entries(every.resources ?? {}).some(([name, scopes]) => lacks(some.resources?.[name], scopes))
  );
}

function unionOfResources(
  earlier: ConsentRecord['resources'] = {},
  later: ConsentRecord['resources'] = {},
): Readonly<Record<string, readonly string[]>> {
  const names = Object.keys({ ...earlier, ...later });
  return Object.fromEntries(names.map((name) => [name, union(earlier[name], later[name] ?? [])]));
}

function union(earlier: readonly string[] = [], later: readonly string[]): string[] {
  return [...new Set([...earlier, ...later])];
}
