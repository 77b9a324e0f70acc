// oidc-provider's Adapter over the `Store` port. The library reads, decides and writes in separate steps; wherever two
// requests may come between (a code used twice, one `jti` ten times, tokens issued while their grant is revoked) the step
// that counts is made atomic here. Sessions have a file of their own (`oidc-sessions.ts`), as has what several tabs add to one grant
// (`oidc-grants.ts`).
//
// An id that is itself what is presented (a token, a code, a `request_uri`) is stored nowhere: the key is its hash, and the payload
// gets it back from whoever asks with it. What a client sends of a person (`login_hint`, `id_token_hint`) is sealed. (T18)

import Provider, { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Clock, Sealer, Store } from '../login/ports.ts';
import { hashToken } from '../login/tokens.ts';
import { createGrantReadings, mergeGrant } from './oidc-grants.ts';
import { createSessionAdapter } from './oidc-sessions.ts';
import { seeThrough } from './request-patience.ts';
import { createUsedUp, type Use, type UsedUp } from './used-up.ts';

export interface OidcAdapterOptions {
  readonly store: Store;
  readonly sealer: Pick<Sealer, 'seal' | 'openText'>;
  readonly clock: Clock;
  /** longest life of any token; revocations are remembered for this long, and what comes without a life gets it */
  readonly longestLifeSeconds?: number;
  /** without it nothing is given back when a request fails */
  readonly usedUp?: UsedUp;
}

/** 30 days of refresh token, and a day for clocks and requests under way. */
const LONGEST_LIFE_SECONDS = 31 * 86_400;
/** What a request under way still saves begins its life after the revocation, and must not outlive it. */
const LATE_SECONDS = 3600;
/** How long a `jti` is kept at least: DPoP proofs are good for 300 s. */
const REPLAY_SECONDS = 600;

/** What ends when its grant is revoked. */
const GRANT_BOUND: ReadonlySet<string> = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
]);

/**
 * Of all models the ones whose ids open nothing by themselves, and are found in other records: an interaction's is good with its signed
 * cookie only, as is a session's (`oidc-sessions.ts`), and a grant's is never presented. Of a replayed assertion the library hashes
 * the `jti` itself. Every other model's id is a credential, or may be one in a later version.
 */
const NO_CREDENTIAL: ReadonlySet<string> = new Set(['Interaction', 'Grant']);

/** Hold an authorization request as it came. Of what is left outside nothing is of a person. */
const HOLDS_REQUEST: ReadonlySet<string> = new Set(['Interaction', 'PushedAuthorizationRequest']);

/** A payload as it is stored: without `jti`. */
type Stored = AdapterPayload & {
  readonly sealed?: string;
  /** the request that used it up: if it fails, it takes back this use and no other */
  readonly usedBy?: string;
};

/** The library's ids are URL-safe and short; whatever else a request brings cannot be one, and is not looked up. */
const POSSIBLE_ID = /^[\w-]{1,128}$/;

/**
 * @returns the `adapter` setting of a Provider: one adapter a model. Every failure to read throws StorageUnavailable, as
 *          "not found" on a security read would be an answer (R7).
 */
export function createOidcAdapter(options: OidcAdapterOptions): (name: string) => Adapter {
  const stillGood: StillGood = new WeakMap();
  // An arrow function, not a class: the library calls what has no prototype and constructs what has one.
  return (name) => {
    switch (name) {
      case 'Client':
        return createClientAdapter();
      case 'Session':
        return createSessionAdapter(options);
      case 'ReplayDetection':
        return createReplayAdapter(options);
      default:
        return createModelAdapter(name, options, stillGood);
    }
  };
}

/** Grants by the request that has found them not revoked. What it saves is dead on arrival all the same, if one is revoked meanwhile (R4). */
type StillGood = WeakMap<object, Set<string>>;

function createModelAdapter(
  model: string,
  { store, sealer, clock, longestLifeSeconds, usedUp = createUsedUp() }: OidcAdapterOptions,
  stillGood: StillGood,
): Adapter {
  const keyOf = (id: string) => `oidc:${model}:${NO_CREDENTIAL.has(model) ? id : hashToken(id)}`;
  // only for the device flow, which is off: the code is typed by somebody who is signed in, and does nothing without them
  const userCodeKeyOf = (userCode: string) => `oidc:UserCode:${userCode}`;
  const revokedKeyOf = (grantId: string) => `oidc:revoked:${grantId}`;
  const longest = longestLifeSeconds ?? LONGEST_LIFE_SECONDS;
  const grantReadings = createGrantReadings();

  /** A tombstone a grant, so that what a request under way still saves is dead on arrival (R4). */
  async function revoke(grantId: string): Promise<void> {
    await store.set(revokedKeyOf(grantId), clock.now(), longest + LATE_SECONDS);
  }

  /**
   * A token is destroyed when its grant is revoked, and the library does that first: if the storage fails in between, whoever repeats the
   * revocation finds no token, is told 200, and what else the grant gave stays good (R4, RFC 7009 §2.2).
   */
  async function revokeGrantOf(key: string): Promise<void> {
    const grantId = (await store.get<Stored>(key))?.grantId;
    if (grantId !== undefined) await revoke(grantId);
  }

  async function isRevoked(id: string, payload: AdapterPayload): Promise<boolean> {
    // The Grant too: else a later sign-in would issue tokens under it that are dead from the start.
    const grantId = model === 'Grant' ? id : GRANT_BOUND.has(model) ? payload.grantId : undefined;
    if (grantId === undefined) return false;
    // a token and its grant are looked up by one request: it is told the same of both
    const request = Provider.ctx;
    const found = request && stillGood.get(request);
    if (found?.has(grantId)) return false;
    const isGood = (await store.get(revokedKeyOf(grantId))) === undefined;
    if (isGood && request) stillGood.set(request, (found ?? new Set()).add(grantId));
    return !isGood;
  }

  function toStored(key: string, { jti: _jti, ...payload }: AdapterPayload): Stored {
    if (!HOLDS_REQUEST.has(model)) return payload;
    const { exp, consumed } = payload;
    return {
      sealed: sealer.seal(JSON.stringify(payload), key),
      ...(exp === undefined ? {} : { exp }),
      ...(consumed === undefined ? {} : { consumed }),
    };
  }

  /** @returns undefined for a request that an earlier version wrote, which is over */
  function toPayload(key: string, id: string, { usedBy, ...stored }: Stored): AdapterPayload | undefined {
    if (!HOLDS_REQUEST.has(model)) return { ...stored, jti: id };
    if (model === 'Interaction' && usedBy !== undefined) return undefined;
    const { sealed, ...outside } = stored;
    return sealed === undefined ? undefined : { ...JSON.parse(sealer.openText(sealed, key)), ...outside, jti: id };
  }

  async function find(id: string): Promise<AdapterPayload | undefined> {
    if (!POSSIBLE_ID.test(id)) return undefined;
    const key = keyOf(id);
    await usedUp.settle(key);
    const stored = await store.get<Stored>(key);
    const payload = stored && toPayload(key, id, stored);
    // The tombstone is read after the record: a revocation in between is seen.
    if (payload === undefined || (await isRevoked(id, payload))) return undefined;
    if (model === 'Grant') grantReadings.note(payload);
    return payload;
  }

  /**
   * The first caller wins, for the rest of the record's life (R1, R2). Every other caller fails, and takes the whole
   * grant with it: of two uses at the same moment nobody can say which was the thief's, so the loser of a race is a
   * replay like one that comes a minute later, which the library answers the same way when it reads `consumed`.
   *
   * @see RFC 6749 §4.1.2, RFC 9700 §4.14.2
   */
  function consumptionOf(key: string): Use {
    return {
      key,
      async mark(owner) {
        const outcome = await store.update<Stored, Consumption>(key, (stored) => {
          if (stored === undefined) return { kind: 'keep', result: { won: false } };
          if (stored.consumed !== undefined) return { kind: 'keep', result: { won: false, grantId: stored.grantId } };
          const now = clock.now();
          const ttlSeconds = lifeOf(stored.exp === undefined ? undefined : stored.exp - now, longest);
          const value = { ...stored, consumed: now, usedBy: owner };
          return { kind: 'write', value, ttlSeconds, result: { won: true } };
        });
        if (outcome.won) return seeThrough();
        if (outcome.grantId !== undefined) await revoke(outcome.grantId);
        if (model === 'PushedAuthorizationRequest') {
          throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used');
        }
        throw new errors.InvalidGrant(`${model} already consumed`);
      },
      unmark: (owner) => unmark(key, owner),
    };
  }

  /**
   * An interaction is destroyed when it is resumed: of two resumes at once one goes on, else one selfie would give two
   * codes (T13). The other hears what it would have heard a moment later. The record stays until the answer is out: an
   * approval is not lost because what follows it could not be stored.
   */
  function resumptionOf(key: string): Use {
    return {
      key,
      async mark(owner) {
        const won = await store.update<Stored, boolean>(key, (stored) =>
          stored === undefined || stored.usedBy !== undefined
            ? { kind: 'keep', result: false }
            : { kind: 'replace', value: { ...stored, usedBy: owner }, result: true },
        );
        if (!won) throw new errors.SessionNotFound('interaction session not found');
      },
      unmark: (owner) => unmark(key, owner),
      forget: () => store.delete(key),
    };
  }

  function unmark(key: string, owner: string): Promise<boolean> {
    return store.update<Stored, boolean>(key, (marked) => {
      if (marked?.usedBy !== owner) return { kind: 'keep', result: false };
      const { consumed: _consumed, usedBy: _usedBy, ...value } = marked;
      return { kind: 'replace', value, result: true };
    });
  }

  return {
    find,
    async upsert(id, payload, expiresIn) {
      const ttlSeconds = lifeOf(expiresIn, longest);
      const key = keyOf(id);
      const record = toStored(key, payload);
      if (payload.userCode !== undefined) {
        const userCodeKey = userCodeKeyOf(payload.userCode);
        await store.set(userCodeKey, sealer.seal(id, userCodeKey), ttlSeconds);
      }
      // An answer to an interaction that was resumed meanwhile would bring it back, and one selfie would give two codes (T13).
      if (model === 'Interaction' && payload.result !== undefined) {
        return store.update<Stored, void>(key, (stored) =>
          stored === undefined || stored.usedBy !== undefined
            ? { kind: 'keep', result: undefined }
            : { kind: 'write', value: record, ttlSeconds, result: undefined },
        );
      }
      if (model === 'Grant') {
        const before = grantReadings.before(payload);
        const isNew = Object.keys(before).length === 0;
        await store.update<Stored, void>(
          key,
          (stored) => {
            const value = stored === undefined ? record : mergeGrant(stored, record, before);
            if (value === undefined) return { kind: 'keep', result: undefined };
            const restSeconds = (value.exp ?? 0) - clock.now();
            return { kind: 'write', value, ttlSeconds: Math.max(ttlSeconds, restSeconds), result: undefined };
          },
          { isNew },
        );
        return grantReadings.note(payload);
      }
      if (model !== 'DeviceCode' && model !== 'BackchannelAuthenticationRequest') {
        return store.set(key, record, ttlSeconds);
      }
      // These two are saved again while a client may be polling: a late save must not make a spent one good again (R1).
      await store.update<Stored, void>(key, (stored) => {
        const value = stored?.consumed === undefined ? record : { ...record, consumed: stored.consumed };
        return { kind: 'write', value, ttlSeconds, result: undefined };
      });
    },
    consume: (id) => usedUp.use(consumptionOf(keyOf(id))),
    async destroy(id) {
      if (!POSSIBLE_ID.test(id)) return;
      if (model === 'Grant') return revoke(id);
      if (model === 'Interaction') return usedUp.use(resumptionOf(keyOf(id)));
      if (GRANT_BOUND.has(model)) await revokeGrantOf(keyOf(id));
      await store.delete(keyOf(id));
    },
    async findByUserCode(userCode) {
      if (!POSSIBLE_ID.test(userCode)) return undefined;
      const key = userCodeKeyOf(userCode);
      const sealed = await store.get<string>(key);
      return sealed === undefined ? undefined : find(sealer.openText(sealed, key));
    },
    findByUid: async () => undefined,
    revokeByGrantId: revoke,
  };
}

interface Consumption {
  readonly won: boolean;
  readonly grantId?: string | undefined;
}

/**
 * The library asks `find`, and on nothing found saves: ten requests with one `jti` would all pass (R5). So `find` is the
 * claim: it finds nothing for exactly one caller, and the save only prolongs. If that caller dies in between, its `jti`
 * stays spent without having been used, which costs its client a new one.
 */
function createReplayAdapter({ store }: OidcAdapterOptions): Adapter {
  const keyOf = (id: string) => `oidc:ReplayDetection:${id}`;
  return {
    ...NOTHING,
    async find(id) {
      const isFirst = await store.putIfAbsent(keyOf(id), true, REPLAY_SECONDS);
      // Without `exp`: the library would take an expired one for none.
      return isFirst ? undefined : { jti: id, kind: 'ReplayDetection' };
    },
    async upsert(id, _payload, expiresIn) {
      if (expiresIn !== undefined && expiresIn > REPLAY_SECONDS) await store.set(keyOf(id), true, expiresIn);
    },
  };
}

/** Clients come from the clients file and are handed to the Provider when it is made; none is ever stored. */
function createClientAdapter(): Adapter {
  return NOTHING;
}

const NOTHING: Adapter = {
  find: async () => undefined,
  findByUid: async () => undefined,
  findByUserCode: async () => undefined,
  upsert: async () => {},
  consume: async () => {},
  destroy: async () => {},
  revokeByGrantId: async () => {},
};

/** @returns whole seconds, at least one: a record about to end must not become one that never does */
function lifeOf(seconds: number | undefined, longest: number): number {
  return seconds === undefined || Number.isNaN(seconds) ? longest : Math.max(1, Math.ceil(seconds));
}
