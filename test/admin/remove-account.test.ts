import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type ErasureParts, FORGET, readErasure } from '../../src/admin/erasure.ts';
import { findAccount } from '../../src/admin/find-account.ts';
import { createForgetting } from '../../src/admin/forgetting.ts';
import { removeAccount } from '../../src/admin/remove-account.ts';
import { type AppError, StorageUnavailable, VendorRefused, VendorUnavailable } from '../../src/core/errors.ts';
import { changeFaces } from '../../src/login/faces.ts';
import { createWorker } from '../../src/login/work.ts';
import { createActivityStore } from '../../src/storage/activity.ts';
import { createLedger } from '../../src/telemetry/ledger.ts';
import { account, NOW, openParts, type TestParts } from './support.ts';

let test_: TestParts;
let parts: ErasureParts;
/** what was done, in order */
let steps: string[];
/** what the vendor fails with, by what is asked of it */
let failing: Record<string, AppError>;
let logged: string[];
/** as an account's login does */
let openLedger: (id: string, verificationId: string) => Promise<void>;

/** The provider beside it, as far as it takes jobs. */
function provider() {
  const log = (level: string) => (fields: object) => void logged.push(`${level} ${JSON.stringify(fields)}`);
  return createWorker({
    jobs: test_.jobs,
    handlers: {
      [FORGET]: createForgetting({
        ...parts,
        log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      }),
    },
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    nowMs: () => test_.clock.now() * 1000,
  });
}

/** Lets the provider run for as long as it has something to do, at most this many seconds. */
async function letProviderRun(seconds: number): Promise<void> {
  const worker = provider();
  for (let second = 0; second <= seconds; second += 1) {
    await worker.runDue();
    test_.move(1);
  }
}

/** But for what comes an hour later, when what was on its way has arrived. */
async function expectNothingLeft(): Promise<void> {
  test_.move(3600);
  await letProviderRun(1);
  expect(await test_.jobs.nextDueAtMs()).toBeUndefined();
}

beforeEach(async () => {
  test_ = await openParts();
  const { store, sealer, clock, accounts, jobs } = test_;
  steps = [];
  failing = {};
  logged = [];
  const ledger = createLedger({ store, clock });
  const open = (id: string, verificationId: string) =>
    ledger.open({ verificationId, client: 'app', account: id, reason: 'login' });
  openLedger = (id, verificationId) => open(sealer.keyedHash(id, 'ledger'), verificationId);
  for (const [id, verificationId] of [
    ['a', 'enrolment-of-a'],
    ['a', 'login-1'],
    ['b', 'login-2'],
  ] as const) {
    await openLedger(id, verificationId);
  }
  // opened before the keys were rotated
  await open(sealer.keyedHashes('a', 'ledger')[1] ?? '', 'login-0');
  const ask = async (step: string) => {
    steps.push(step);
    if (failing[step]) throw failing[step];
  };
  parts = {
    ...test_,
    accounts: { ...accounts, remove: (id) => (steps.push('remove'), accounts.remove(id)) },
    devices: { forgetAccount: async (id) => (steps.push(`devices of ${id}`), 2) },
    consents: { forget: async () => 3 },
    activity: { forget: async (id) => void steps.push(`activity of ${id}`) },
    passkeys: { forget: async (id) => void steps.push(`passkeys of ${id}`) },
    recovery: { forget: async (id) => void steps.push(`recovery codes of ${id}`) },
    ledger,
    revoker: {
      revoke: async (verificationId) => (steps.push(`revoke ${verificationId}`), { sessions: 1, grants: 2 }),
      revokeAccount: async (id) => (steps.push(`revoke all of ${id}`), { sessions: 4, grants: 5 }),
    },
    vendor: {
      deleteVerification: (verificationId) => ask(`delete ${verificationId}`),
      forgetSubject: (subject) => ask(`forget ${subject}`),
    },
    jobs,
    journal: {
      record: async (entry) => {
        steps.push(entry.event);
        await test_.journal.record(entry);
      },
    },
  };
  await accounts.create(account('a', 'alice'));
  await accounts.create(account('b', 'bob'));
});

/** What was asked of the vendor. */
const asked = () => steps.filter((step) => /^(delete|forget) /.test(step));

test('nobody can sign in before anything else is taken back, and other accounts are left alone', async () => {
  expect(await removeAccount(parts, 'a', 'operator')).toEqual({
    sessions: 7,
    grants: 11,
    devices: 2,
    consents: 3,
    receipt: expect.stringMatching(/^[\w-]{22}$/),
    vendor: { subject: 'subject-of-a', queued: 3 },
  });
  expect(steps.slice(0, 10)).toEqual([
    'remove',
    'revoke enrolment-of-a',
    expect.stringMatching(/^revoke login-[01]$/),
    expect.stringMatching(/^revoke login-[01]$/),
    'revoke all of a',
    'devices of a',
    'activity of a',
    'passkeys of a',
    'recovery codes of a',
    'account.removed',
  ]);
  // the document and the face at once
  expect(steps.slice(10)).toEqual(['delete enrolment-of-a', 'forget subject-of-a']);
  expect(await test_.accounts.findByIdentifier('bob')).toMatchObject({ id: 'b' });
});

test('the provider does the rest, one step a second, and says when it is done', async () => {
  const removal = await removeAccount(parts, 'a', 'operator');
  const receipt = removal?.receipt ?? '';
  expect(await readErasure(parts, receipt)).toEqual({ kind: 'under-way', left: 3 });
  await provider().runDue();
  expect(await readErasure(parts, receipt)).toEqual({ kind: 'under-way', left: 2 });
  await letProviderRun(10);
  expect(asked().slice(2).sort()).toEqual(['delete login-0', 'delete login-1', 'forget subject-of-a']);
  // once more at the end: a session under way may have brought a face back
  expect(asked().at(-1)).toBe('forget subject-of-a');
  expect(await readErasure(parts, receipt)).toEqual({ kind: 'done', at: NOW + 2 });
  expect(test_.entries).toMatchObject([
    { event: 'account.removed', account: 'a', reasons: ['by-operator'], sessions: 7, grants: 11 },
    { event: 'account.erased', account: 'a', reasons: ['by-operator'] },
  ]);
  await expectNothingLeft();
  expect(await readErasure(parts, 'no-such-receipt')).toEqual({ kind: 'unknown' });
});

test('a person who removes their own account does not wait for the vendor', async () => {
  const removal = await removeAccount(parts, 'a', 'person');
  expect(asked()).toEqual([]);
  expect(removal).toMatchObject({ vendor: { queued: 5 } });
  expect(test_.entries).toMatchObject([{ reasons: ['by-person'] }]);
  await letProviderRun(10);
  expect(await readErasure(parts, removal?.receipt ?? '')).toMatchObject({ kind: 'done' });
});

test('a button pressed twice with one receipt is one erasure', async () => {
  const receipt = 'chosen-beforehand-0000';
  await Promise.all([1, 2, 3].map(() => removeAccount(parts, 'a', 'person', receipt)));
  expect(await removeAccount(parts, 'a', 'person', receipt)).toBeUndefined();
  expect(await test_.store.keys('erasure:')).toHaveLength(1);
  await letProviderRun(20);
  expect(await readErasure(parts, receipt)).toMatchObject({ kind: 'done' });
  expect(test_.entries.filter(({ event }) => event === 'account.erased')).toHaveLength(1);
  await expectNothingLeft();
});

test('where there was but the document check, everything is gone at once', async () => {
  const removal = await removeAccount(parts, 'b', 'operator');
  // bob's login-2
  expect(removal).toMatchObject({ vendor: { queued: 2 } });
  await test_.accounts.create(account('c', 'carol'));
  const whole = await removeAccount(parts, 'c', 'operator');
  expect(whole).toMatchObject({ vendor: { queued: 0 } });
  expect(await readErasure(parts, whole?.receipt ?? '')).toEqual({ kind: 'done', at: NOW });
});

test('who was imported has no session of their enrolment at the vendor, and a face all the same', async () => {
  const enrolledBy = { verificationId: 'import:x', at: NOW, purpose: 'enrol' } as const;
  await test_.accounts.create(account('d', 'dora', { enrolledBy }));
  expect(await removeAccount(parts, 'd', 'operator')).toMatchObject({ vendor: { queued: 0 } });
  expect(asked()).toEqual(['forget subject-of-d']);
});

test('a face goes with the account, one that waits to replace it as well, and so does the document check of that', async () => {
  const pin = async (face: number) => {
    const { ref, sha256 } = await test_.accounts.keepPortrait(new Uint8Array([face]));
    await test_.accounts.pinPortrait(ref);
    return { kind: 'local', ref, sha256, pinnedAt: NOW } as const;
  };
  const matching = { document: [], person: [] };
  const due = { verificationId: 'renewal-1', at: NOW, dueAt: NOW + 9, profile: {}, matching };
  const pending = { ...due, portrait: await pin(2) };
  await test_.accounts.create(account('e', 'elsa', { portrait: await pin(1), pending }));
  await removeAccount(parts, 'e', 'operator');
  await letProviderRun(5);
  expect(await test_.store.keys('portrait:')).toEqual([]);
  expect(asked()).toEqual(expect.arrayContaining(['delete enrolment-of-e', 'delete renewal-1', 'forget subject-of-e']));
});

test('T18: a face that begins to wait while its account is being removed goes as well', async () => {
  const { accounts, store } = test_;
  const beginsToWait = async () => {
    const { ref, sha256 } = await accounts.keepPortrait(new Uint8Array([3]));
    const portrait = { kind: 'local', ref, sha256, pinnedAt: NOW } as const;
    const matching = { document: [], person: [] };
    const pending = { verificationId: 'renewal-2', at: NOW, dueAt: NOW + 9, profile: {}, matching, portrait };
    await changeFaces(accounts, 'a', (current) => ({ ...current, pending }), portrait);
  };
  const remove = async (id: string) => (await beginsToWait(), accounts.remove(id));
  await removeAccount({ ...parts, accounts: { ...accounts, remove } }, 'a', 'operator');
  expect(await store.keys('portrait:')).toEqual([]);
});

test('T18: so does one that begins to wait in the very moment in which the account goes', async () => {
  const { accounts, store } = test_;
  const take = store.take;
  const added: string[] = [];
  jest.spyOn(store, 'take').mockImplementation(async (key) => {
    if (key === 'account:a') {
      const { ref, sha256 } = await accounts.keepPortrait(new Uint8Array([4]));
      const portrait = { kind: 'local', ref, sha256, pinnedAt: NOW } as const;
      added.push(ref);
      await changeFaces(accounts, 'a', (current) => ({ ...current, portrait }), portrait);
    }
    return take(key);
  });
  await removeAccount(parts, 'a', 'operator');
  expect(added).toHaveLength(1);
  expect(await store.keys('portrait:')).toEqual([]);
});

describe('T18: an hour after all is gone', () => {
  /** a sign-in that was on its way when its account went */
  async function noteLate(): Promise<() => Promise<number>> {
    const activity = createActivityStore(test_);
    parts = { ...parts, activity };
    await removeAccount(parts, 'a', 'operator');
    await letProviderRun(10);
    const signIn = {
      at: NOW,
      uid: 'u',
      clientId: 'app',
      acr: 'x',
      browser: 'Firefox',
      address: '192.0.2.1',
      reasons: [],
    };
    await activity.noteSignIn('a', signIn);
    return async () => (await activity.signIns('a')).length;
  }

  test('what was noted meanwhile goes as well', async () => {
    const signIns = await noteLate();
    expect(await signIns()).toBe(1);
    await expectNothingLeft();
    expect(await signIns()).toBe(0);
    expect(steps.filter((step) => step === 'passkeys of a')).toHaveLength(2);
  });

  test('a session that was just being opened at the vendor goes there as well, and is looked after once more', async () => {
    const { receipt } = (await removeAccount(parts, 'a', 'operator')) ?? { receipt: '' };
    await letProviderRun(10);
    await openLedger('a', 'in-flight');
    expect((await readErasure(test_, receipt)).kind).toBe('done');
    const before = asked().length;
    test_.move(3600);
    await letProviderRun(10);
    expect(asked().slice(before)).toEqual(['delete in-flight', 'forget subject-of-a']);
    expect((await readErasure(test_, receipt)).kind).toBe('done');
    await expectNothingLeft();
    expect(asked()).toHaveLength(before + 2);
  });

  test('nobody makes it again meanwhile; one that was put back from a backup keeps what is its own', async () => {
    const signIns = await noteLate();
    // an enrolment that is being finished makes it for nobody any more (T18)
    expect(await test_.accounts.create(account('a', 'alice'))).toBe(false);
    expect(await test_.accounts.find('a')).toBeUndefined();
    test_.move(3600);
    expect(await test_.accounts.create(account('a', 'alice'))).toBe(true);
    await expectNothingLeft();
    expect(await signIns()).toBe(1);
  });
});

describe('a vendor that does not do as it is asked', () => {
  test('is asked again, later and later, for as long as it takes', async () => {
    failing = {
      'delete enrolment-of-a': new VendorUnavailable('down'),
      'forget subject-of-a': new VendorRefused('key'),
    };
    const removal = await removeAccount(parts, 'a', 'operator');
    expect(removal).toMatchObject({ vendor: { queued: 5 } });
    // no more is tried while somebody waits
    expect(asked()).toEqual(['delete enrolment-of-a']);
    await letProviderRun(2 * 3600);
    expect(await readErasure(parts, removal?.receipt ?? '')).toMatchObject({ kind: 'under-way' });
    // what fails does not hold up the rest
    expect(asked()).toEqual(expect.arrayContaining(['delete login-0', 'delete login-1']));
    expect(asked().length).toBeLessThan(25);
    expect(logged.some((line) => line.startsWith('warn'))).toBe(true);
    failing = {};
    await letProviderRun(5 * 3600);
    expect(asked().at(-1)).toBe('forget subject-of-a');
    expect(await readErasure(parts, removal?.receipt ?? '')).toMatchObject({ kind: 'done' });
  });

  test('a storage that fails is no success, and what was begun is finished', async () => {
    failing = { 'delete enrolment-of-a': new StorageUnavailable('down') };
    await expect(removeAccount(parts, 'a', 'operator')).rejects.toThrow(StorageUnavailable);
    failing = {};
    await letProviderRun(60);
    expect(asked().at(-1)).toBe('forget subject-of-a');
    await expectNothingLeft();
  });
});

test('after a crash at any point the provider finishes what was begun', async () => {
  let crashes = 0;
  for (let step = 0; ; step += 1) {
    test_ = await openParts();
    const { store, accounts, jobs } = test_;
    await accounts.create(account('a', 'alice'));
    steps = [];
    const whole = { ...parts, ...test_, accounts, jobs, ledger: { verificationsOf: async () => ['login-1'] } };
    let left = step;
    const stumbling = <T extends object>(port: T): T =>
      Object.fromEntries(
        Object.entries(port).map(([name, work]) => [
          name,
          (...args: unknown[]) => {
            left -= 1;
            return left < 0 ? Promise.reject(new StorageUnavailable('crashed')) : work(...args);
          },
        ]),
      ) as T;
    parts = {
      ...whole,
      accounts: stumbling(accounts),
      jobs: stumbling(jobs),
      store: stumbling(store),
      journal: stumbling(whole.journal),
      vendor: stumbling(whole.vendor),
      revoker: stumbling(whole.revoker),
    };
    const isOver = await removeAccount(parts, 'a', 'operator').then(
      () => true,
      () => false,
    );
    parts = whole;
    await letProviderRun(60);
    // either nothing was begun, or all of it is done
    if (await accounts.find('a')) {
      expect(asked()).toEqual([]);
      expect(await accounts.findByIdentifier('alice')).toBeDefined();
    } else {
      expect(asked()).toEqual(
        expect.arrayContaining(['delete enrolment-of-a', 'delete login-1', 'forget subject-of-a']),
      );
      expect(steps).toContain('revoke all of a');
      expect(test_.entries.map(({ event }) => event)).toEqual(
        expect.arrayContaining(['account.removed', 'account.erased']),
      );
    }
    await expectNothingLeft();
    if (isOver) break;
    crashes += 1;
  }
  expect(crashes).toBeGreaterThan(10);
});

test('what is remembered meanwhile is sealed, and nothing of it when it is done', async () => {
  await removeAccount(parts, 'a', 'person');
  const [key = ''] = await test_.store.keys('erasure:');
  const kept = JSON.stringify(await test_.store.get(key));
  for (const secret of ['subject-of-a', 'login-1', 'alice']) expect(kept).not.toContain(secret);
  await letProviderRun(10);
  expect(await test_.store.get(key)).toEqual({ doneAt: expect.any(Number), sealed: expect.any(String) });
  await expectNothingLeft();
  expect(await test_.store.get(key)).toEqual({ doneAt: expect.any(Number) });
});

test('the identifier is free afterwards, and removing twice is nothing', async () => {
  await removeAccount(parts, 'a', 'operator');
  expect(await removeAccount(parts, 'a', 'operator')).toBeUndefined();
  expect(await test_.accounts.create(account('c', 'alice'))).toBe(true);
  expect((await findAccount(test_, 'alice'))?.id).toBe('c');
});

describe('findAccount', () => {
  test.each([
    ['a', 'a'],
    ['alice', 'a'],
    [' ALICE ', 'a'],
    ['ｂｏｂ', 'b'],
    ['carol', undefined],
    ['two words', undefined],
  ])('%j is %j', async (name, id) => {
    expect((await findAccount(test_, name))?.id).toBe(id);
  });

  test('an identifier that is spelt like an id does not hide the account of that id', async () => {
    await test_.accounts.create(account('c', 'a'));
    expect((await findAccount(test_, 'a'))?.id).toBe('a');
  });
});
