// What a proof allowed and how it is taken back, on a real storage with as much of the library as that touches: noted for as long as it
// can live, found however much was noted, and gone on with where the storage failed half-way.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isLoginProof } from '../../src/login/login-proof.ts';
import type { Store } from '../../src/login/ports.ts';
import { createRevocation, type Revocation } from '../../src/oidc/revocation.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { openBackend } from '../../src/storage/backends.ts';

const DAY = 86_400;
let now: number;
const clock = { now: () => now };
let backend: Backend;
let store: Store;
let grants: Set<string>;
let sessions: Map<string, { uid: string; accountId: string; authorizations: object; destroy(): Promise<void> }>;
/** what sessions were signed in to when they were ended */
let endedWith: Map<string, object>;
/** of each account */
let signOuts: Record<string, number>;
let standing: 'good' | 'must-re-enrol';
let isAllowed: boolean;
let failing: (grantId: string) => boolean;
let provider: object;
let revocation: Revocation;

beforeEach(async () => {
  now = 1_795_000_000;
  backend = await openBackend('memory:', { clock });
  store = backend.store;
  grants = new Set();
  sessions = new Map();
  endedWith = new Map();
  signOuts = { a: 0, b: 0 };
  standing = 'good';
  isAllowed = true;
  failing = () => false;
  const end = async (id: string) => {
    if (failing(id)) throw new Error('the storage is away');
    grants.delete(id);
  };
  provider = {
    AccessToken: { revokeByGrantId: end },
    Grant: { adapter: { destroy: end } },
    Client: { find: async () => undefined },
    Session: {
      findByUid: async (uid: string) => sessions.get(uid),
      adapter: { endedWith: async (uid: string) => endedWith.get(uid) },
    },
  };
  revocation = create();
});
afterEach(() => backend.close());

/** As another process has it. */
function create(): Revocation {
  const logout = { schedule: async () => {} };
  const accounts = {
    find: async (id: string) => (id in signOuts ? { id, standing, signOuts: signOuts[id] } : undefined),
    change: async (id: string, change: (account: { signOuts?: number }) => { signOuts?: number }) => {
      if (id in signOuts) signOuts[id] = change({ signOuts: signOuts[id] ?? 0 }).signOuts ?? 0;
    },
  };
  const consents = { find: async () => (isAllowed ? {} : undefined), takeBack: async () => {} };
  return createRevocation({ provider, accounts, consents, store, logout, clock } as unknown as Parameters<
    typeof createRevocation
  >[0]);
}

/**
 * An answer of the authorization endpoint.
 *
 * @param proofIds of a login that was finished just now; none with a session that goes on
 * @param meanwhile what happens while the code is made
 * @param finishedWith how often everything had been signed out when the login was finished
 */
async function authorize(
  accountId: string,
  session: string,
  grantId: string,
  proofIds?: readonly string[],
  meanwhile: () => Promise<unknown> = async () => {},
  finishedWith = signOuts[accountId],
): Promise<void> {
  grants.add(grantId);
  const destroy = async () => void sessions.delete(session);
  if (!sessions.has(session)) sessions.set(session, { uid: session, accountId, authorizations: {}, destroy });
  const oidc = {
    route: 'resume',
    session: { uid: session, accountId },
    client: { clientId: 'c' },
    entities: { AuthorizationCode: { grantId } },
    ...(proofIds ? { result: { login: { proofIds, signOuts: finishedWith, own: proofIds.find(isLoginProof) } } } : {}),
  };
  await revocation.track({ oidc } as unknown as Parameters<Revocation['track']>[0], async () => {
    await meanwhile();
  });
}

test('T8: a refused proof ends what it allowed, also what came later by its session, and nothing of another', async () => {
  await authorize('a', 's1', 'g1', ['v1', 'login:1']);
  await authorize('a', 's1', 'g2');
  await authorize('a', 's2', 'g3', ['v2', 'login:2']);
  await revocation.revoke('v1');
  expect([...grants]).toEqual(['g3']);
  expect([...sessions.keys()]).toEqual(['s2']);
  await revocation.revokeAccount('a');
  expect([grants.size, sessions.size]).toEqual([0, 0]);
});

test.each([true, false])(
  'T14: a code whose permission is withdrawn meanwhile is good for nothing (just signed in: %s)',
  async (isNew) => {
    const withdraw = async () => {
      isAllowed = false;
    };
    await authorize('a', 's', 'g1', ['v', 'login:1']);
    await authorize('a', 's', 'g2', isNew ? ['v', 'login:2'] : undefined, withdraw);
    expect([...grants]).toEqual(['g1']);
    expect([...sessions.keys()]).toEqual(['s']);
  },
);

test('a code of a session that is ended while the code is made is good for nothing', async () => {
  await authorize('a', 's', 'g1', ['v', 'login:1']);
  await authorize('b', 's2', 'g2', ['v2', 'login:2']);
  await authorize('a', 's', 'g3', undefined, () => revocation.revokeAccount('a'));
  await authorize('b', 's2', 'g4');
  expect([...grants]).toEqual(['g2', 'g4']);
});

test('R4: what was added to a session while it was being ended is ended with it, once each', async () => {
  await authorize('a', 's', 'g1', ['v', 'login:1']);
  for (const id of ['g2', 'g3']) grants.add(id);
  const session = { uid: 's', accountId: 'a', destroy: async () => {} };
  const before = { one: { sid: '1', grantId: 'g1' } };
  endedWith.set('s', { ...before, other: { sid: '2', grantId: 'g2' } });
  expect(await revocation.endSession({ ...session, authorizations: before }, { everything: true })).toBe(2);
  expect([...grants]).toEqual(['g3']);
});

test('R4: a login that is added to a session while that is ended gives a code that is good for nothing', async () => {
  await authorize('a', 's', 'g1', ['v', 'login:1']);
  await authorize('a', 's', 'g2', ['v2', 'login:2'], async () => void sessions.delete('s'));
  expect([...grants]).toEqual(['g1']);
});

describe('a login that is followed to its end after everything was signed out', () => {
  test('is signed out where it was finished before, whatever the clock of its process said', async () => {
    const before = signOuts.a;
    await revocation.revokeAccount('a');
    now -= 60;
    await authorize('a', 's', 'g', ['v', 'login:1'], undefined, before);
    expect([grants.size, sessions.size]).toEqual([0, 0]);
  });

  test('stays where it was finished after, be it in the same second, or by a clock that is behind', async () => {
    await revocation.revokeAccount('a');
    await authorize('a', 's1', 'g1', ['v1', 'login:1']);
    now -= 60;
    await authorize('a', 's2', 'g2', ['v2', 'login:2']);
    expect([...grants]).toEqual(['g1', 'g2']);
  });

  test('T14: is signed out where its account is to be proven anew', async () => {
    standing = 'must-re-enrol';
    await authorize('a', 's', 'g', ['v', 'login:1']);
    expect([grants.size, sessions.size]).toEqual([0, 0]);
  });

  test('T18: is signed out where its account was removed', async () => {
    const before = signOuts.a;
    delete signOuts.a;
    await revocation.revokeAccount('a');
    await authorize('a', 's', 'g', ['v', 'login:1'], undefined, before);
    expect([grants.size, sessions.size]).toEqual([0, 0]);
  });
});

test('what an earlier version kept in one list is ended as well', async () => {
  await authorize('a', 's', 'g', ['v', 'login:1']);
  for (const key of await store.keys('allowed:')) await store.delete(key);
  await store.set('allowed:v', { sessions: ['s'], grants: ['g'] }, DAY);
  await revocation.revoke('v');
  expect([grants.size, sessions.size]).toEqual([0, 0]);
  expect(await store.keys('allowed:')).toEqual([]);
});

test('a grant that is used again is noted for as long again as its refresh token lives', async () => {
  await authorize('a', 's', 'g', ['v', 'login:1']);
  now += 20 * DAY;
  await authorize('a', 's', 'g');
  sessions.delete('s');
  now += 29 * DAY;
  await revocation.revokeAccount('a');
  expect(grants.size).toBe(0);
});

test('what is noted is not looked up again by the process that knows, and is by another', async () => {
  await authorize('a', 's', 'g', ['v', 'login:1']);
  const looked: string[] = [];
  const read = store.get;
  store.get = (key) => {
    looked.push(key);
    return read(key);
  };
  const notes = () => looked.filter((key) => key.startsWith('allowed:'));
  await authorize('a', 's', 'g');
  expect(notes()).toEqual([]);
  await authorize('a', 's', 'g2');
  expect(notes()).toHaveLength(3);
  expect(await store.keys('allowed:')).toHaveLength(6);
  revocation = create();
  looked.length = 0;
  await authorize('a', 's', 'g');
  expect(notes()).toHaveLength(3);
});

test('of a thousand sign-ins all end, a few at a time, and after a failure the rest of them', async () => {
  for (let login = 0; login < 1_000; login += 1) await store.set(`allowed:account:a:s${login}:g${login}`, now, DAY);
  for (let login = 0; login < 1_000; login += 1) grants.add(`g${login}`);
  let ended = 0;
  failing = () => {
    ended += 1;
    return ended > 600;
  };
  await expect(revocation.revokeAccount('a')).rejects.toThrow('away');
  const left = (await store.keys('allowed:account:a:')).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(800);
  failing = () => false;
  await revocation.revokeAccount('a');
  expect([grants.size, (await store.keys('allowed:account:a:')).length]).toEqual([0, 0]);
});

test('however many sessions have ended since, one that goes on is shown to its person', async () => {
  await authorize('a', 'oldest', 'g0', ['v', 'login:0']);
  for (let login = 1; login <= 250; login += 1) {
    now += 60;
    await authorize('a', `s${login}`, `g${login}`, [`v${login}`, `login:${login}`]);
    if (login < 250) sessions.delete(`s${login}`);
  }
  expect((await revocation.sessionsOf('a')).map(({ uid }) => uid)).toEqual(['s250', 'oldest']);
});
