import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  importShared,
  resumeShared,
  type SharedImport,
  type SharedImportParts,
} from '../../src/admin/import-shared.ts';
import { SharedVerificationRefused, StorageUnavailable, VendorUnavailable } from '../../src/core/errors.ts';
import type { Verdict } from '../../src/core/verdict-types.ts';
import { matchOf } from '../../src/login/enrol.ts';
import { createLateVerdicts } from '../../src/login/late.ts';
import { createAttemptStore } from '../../src/storage/attempts.ts';
import { account, jpeg, NOW, openParts, type TestParts } from './support.ts';

const COPY = 'copy-1';
const identity = { fullName: 'Ann Núñez', birthDate: '1990-12-31', documentNumber: 'X1', documentIssuer: 'ESP' };
const order = { identifier: 'ann', shareToken: 'token-1', trustReview: true };

let parts: TestParts;
let shared: SharedImportParts;
let calls: string[];
/** what the vendor says of the copy */
let verdict: Partial<Verdict>;
let subject: string | null;
let failing: Partial<Record<'import' | 'read' | 'delete' | 'forget', Error>>;

beforeEach(async () => {
  parts = await openParts();
  calls = [];
  verdict = {};
  subject = null;
  failing = {};
  const call = async (name: 'import' | 'read' | 'delete' | 'forget', detail: string) => {
    calls.push(`${name} ${detail}`);
    if (failing[name]) throw failing[name];
  };
  shared = {
    ...parts,
    attempts: createAttemptStore(parts),
    rules: {
      workflowId: 'kyc',
      environment: 'live',
      portrait: 'local',
      verdict: { refuseWarnings: ['FACE_IN_BLOCKLIST'] },
    },
    vendor: {
      async importShared(request) {
        await call('import', `${request.shareToken} ${request.workflowId} ${request.trustReview}`);
        subject = request.subject;
        return { verificationId: COPY };
      },
      async readVerification(id) {
        await call('read', id);
        return {
          verificationId: COPY,
          status: 'approved',
          decidedAt: NOW - 5000,
          subject,
          workflowId: 'kyc',
          environment: 'live',
          liveness: [{ status: 'approved', method: 'passive' }],
          faceMatches: [{ status: 'approved' }],
          documents: [{ status: 'approved' }],
          analyses: [],
          warnings: [],
          portraitUrls: ['https://vendor.example/gone', 'https://vendor.example/face'],
          identity,
          complete: true,
          ...verdict,
        };
      },
      deleteVerification: (id) => call('delete', id),
      forgetSubject: (name) => call('forget', name),
      fetchPortrait: async (url) =>
        url.endsWith('face') ? { kind: 'jpeg', bytes: jpeg('ann') } : { kind: 'unusable', reason: 'status-404' },
    },
  };
});

const remembered = () => parts.store.keys('shared-copy:');

describe('a verification that was approved elsewhere', () => {
  test('is an account with its face and identity, under a new name at the vendor', async () => {
    const outcome = await importShared(shared, order);
    if (outcome.kind !== 'imported') throw new Error(outcome.kind);
    expect(outcome.account).toEqual({
      id: expect.stringMatching(/^[\w-]{32}$/),
      subject,
      identifier: 'ann',
      createdAt: NOW,
      updatedAt: NOW,
      standing: 'good',
      profile: { name: 'Ann Núñez', birthdate: '1990-12-31' },
      matching: matchOf(parts.sealer, identity),
      portrait: { kind: 'local', ref: expect.any(String), sha256: expect.any(String), pinnedAt: NOW },
      enrolledBy: { verificationId: COPY, at: NOW - 5000, purpose: 'enrol' },
      consent: null,
    });
    expect(subject).toMatch(/^[\w-]{32}$/);
    expect(subject).not.toBe(outcome.account.id);
    expect(calls).toEqual(['import token-1 kyc true', 'read copy-1']);
    expect(await parts.accounts.findByIdentifier('ann')).toEqual(outcome.account);
    parts.move(400 * 86_400);
    if (outcome.account.portrait.kind !== 'local') throw new Error('no face');
    const { ref, sha256 } = outcome.account.portrait;
    expect(await parts.accounts.loadPortrait(ref, sha256)).toBeDefined();
    expect(await remembered()).toEqual([]);
    expect(parts.entries).toEqual([
      {
        event: 'account.imported',
        account: outcome.account.id,
        reasons: ['shared'],
        portrait: 'local',
        verification: COPY,
      },
    ]);
  });

  test('without a picture that can be had is compared with the vendor’s', async () => {
    verdict = { portraitUrls: [] };
    expect(await importShared(shared, order)).toMatchObject({ account: { portrait: { kind: 'vendor' } } });
  });

  test('is taken back by a refusal that comes later, as an enrolment of our own', async () => {
    const outcome = await importShared(shared, order);
    if (outcome.kind !== 'imported') throw new Error(outcome.kind);
    // somebody hears of it, and something stands on it
    expect(await createAttemptStore(parts).ownerOf(COPY)).toBe(`import:${outcome.account.id}`);
    const late = createLateVerdicts({ ...parts, rules: { risk: { oldestSelfieDays: 30 } } } as never);
    expect(await late.isStanding(COPY, 'declined')).toBe(true);
    expect(await late.isStanding('another', 'declined')).toBe(false);
  });

  test('on several accounts is for the operator to look at', async () => {
    verdict = { warnings: ['DUPLICATED_FACE_WARNING'] };
    await importShared(shared, order);
    expect(parts.entries.map(({ event }) => event)).toContain('face.on-several-accounts');
  });
});

test('an identifier that is taken costs no token', async () => {
  await parts.accounts.create(account('x', 'ann'));
  expect(await importShared(shared, order)).toEqual({ kind: 'taken' });
  expect(calls).toEqual([]);
});

test('an identifier that somebody takes meanwhile is theirs; copy and face go', async () => {
  const { readVerification } = shared.vendor;
  const vendor = {
    ...shared.vendor,
    async readVerification(id: string) {
      await parts.accounts.create(account('x', 'ann'));
      return readVerification(id);
    },
  };
  expect(await importShared({ ...shared, vendor }, order)).toEqual({ kind: 'taken' });
  expect(calls.slice(-2)).toEqual(['delete copy-1', `forget ${subject}`]);
  expect(await parts.accounts.list()).toEqual(['x']);
  expect(await parts.store.keys('portrait:')).toEqual([]);
});

test.each<[string, Partial<Verdict>, string[]]>([
  ['declined', { status: 'declined' }, ['status-declined']],
  ['expired', { status: 'kyc-expired' }, ['status-kyc-expired']],
  ['without a document', { documents: [] }, ['document-missing']],
  ['with a document that was refused', { documents: [{ status: 'declined' }] }, ['document-not-approved']],
  ['without a living face', { liveness: [] }, ['liveness-missing']],
  ['without a face match', { faceMatches: [] }, ['face-match-missing']],
  ['under another name', { subject: 'somebody' }, ['subject']],
  ['of the other environment', { environment: 'sandbox' }, ['environment']],
  ['with a warning that refuses', { warnings: ['FACE_IN_BLOCKLIST'] }, ['warning-refused']],
])('a copy %s makes no account, and is deleted', async (_, changes, reasons) => {
  verdict = changes;
  expect(await importShared(shared, order)).toEqual({ kind: 'refused', reasons, isDeleted: true });
  expect(calls.slice(-2)).toEqual(['delete copy-1', `forget ${subject}`]);
  expect(await parts.accounts.list()).toEqual([]);
  expect(await remembered()).toEqual([]);
  expect(parts.entries).toEqual([{ event: 'shared-verification.refused', verification: COPY, reasons }]);
});

test('a copy that cannot be deleted now is remembered, and another run tries again', async () => {
  verdict = { status: 'declined' };
  failing.delete = new VendorUnavailable('down');
  expect(await importShared(shared, order)).toMatchObject({ kind: 'refused', isDeleted: false });
  delete failing.delete;
  const again = await resumeShared(shared, { identifier: 'ann', verificationId: COPY });
  expect(again).toMatchObject({ kind: 'refused', isDeleted: true });
});

test('a copy under an id that is somebody’s is left alone', async () => {
  await shared.attempts.own(COPY, 'a-login');
  expect(await importShared(shared, order)).toEqual({ kind: 'refused', reasons: ['owned'], isDeleted: false });
  expect(calls.at(-1)).toBe('read copy-1');
  expect(await parts.accounts.list()).toEqual([]);
});

test('a token that the vendor does not take changes nothing', async () => {
  failing.import = new SharedVerificationRefused('used');
  await expect(importShared(shared, order)).rejects.toThrow(SharedVerificationRefused);
  expect(await parts.accounts.list()).toEqual([]);
  expect(await remembered()).toEqual([]);
});

describe('a copy that waits', () => {
  const goOn = (identifier = 'ann', verificationId = COPY): Promise<SharedImport> =>
    resumeShared(shared, { identifier, verificationId });

  test('for a reviewer is gone on with when it was reviewed, without the token', async () => {
    verdict = { status: 'in-review' };
    expect(await importShared(shared, { ...order, trustReview: false })).toEqual({
      kind: 'waiting',
      verificationId: COPY,
      why: 'review',
    });
    expect(calls).toEqual(['import token-1 kyc false', 'read copy-1']);
    expect(await goOn()).toMatchObject({ kind: 'waiting' });
    expect(await parts.accounts.list()).toEqual([]);
    verdict = {};
    expect(await goOn()).toMatchObject({ kind: 'imported', account: { subject, identifier: 'ann' } });
    expect(await goOn()).toEqual({ kind: 'unknown' });
  });

  test('for the vendor to answer is not lost', async () => {
    failing.read = new VendorUnavailable('down');
    expect(await importShared(shared, order)).toMatchObject({ kind: 'waiting', why: 'no-answer' });
    delete failing.read;
    expect(await goOn()).toMatchObject({ kind: 'imported' });
  });

  test('is for its identifier only, and is kept sealed', async () => {
    verdict = { status: 'in-review' };
    await importShared(shared, order);
    expect(await goOn('bob')).toEqual({ kind: 'unknown' });
    expect(await goOn('ann', 'another')).toEqual({ kind: 'unknown' });
    const kept = JSON.stringify(await parts.store.get(`shared-copy:${COPY}`));
    expect(kept).not.toContain('"ann');
    expect(kept).not.toContain(String(subject));
  });

  test.each([0, 3 * 3600])(
    'after a crash anywhere makes one account, with one face, %j seconds later',
    async (seconds) => {
      let crashes = 0;
      for (let step = 0; ; step += 1) {
        parts = await openParts();
        verdict = { status: 'in-review' };
        shared = { ...shared, ...parts, attempts: createAttemptStore(parts) };
        await importShared(shared, order);
        verdict = {};
        let left = step;
        const whole = { ...parts.accounts };
        const stumbling = Object.fromEntries(
          Object.entries(whole).map(([name, work]) => [
            name,
            (...args: never[]) => {
              left -= 1;
              if (left < 0) return Promise.reject(new StorageUnavailable('crashed'));
              return (work as (...args: never[]) => Promise<unknown>)(...args);
            },
          ]),
        ) as unknown as typeof whole;
        const isOver = await resumeShared(
          { ...shared, accounts: stumbling },
          { identifier: 'ann', verificationId: COPY },
        ).then(
          () => true,
          () => false,
        );
        // a face that nobody pinned may be gone by then
        parts.move(seconds);
        if (!isOver) expect(await goOn()).toMatchObject({ kind: 'imported' });
        expect(await parts.accounts.list()).toHaveLength(1);
        parts.move(3 * 3600);
        const face = (await parts.accounts.findByIdentifier('ann'))?.portrait;
        if (face?.kind !== 'local') throw new Error('no face');
        expect(await parts.accounts.loadPortrait(face.ref, face.sha256)).toBeDefined();
        expect(await parts.store.keys('portrait:')).toHaveLength(1);
        if (isOver) break;
        crashes += 1;
      }
      expect(crashes).toBeGreaterThan(3);
    },
  );
});
