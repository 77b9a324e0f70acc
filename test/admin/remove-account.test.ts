import { beforeEach, describe, expect, test } from '@jest/globals';
import { findAccount } from '../../src/admin/find-account.ts';
import { type RemovalParts, removeAccount } from '../../src/admin/remove-account.ts';
import type { Account } from '../../src/core/account.ts';
import { StorageUnavailable, VendorUnavailable } from '../../src/core/errors.ts';
import { createAccountStore, createDeviceStore } from '../../src/storage/accounts.ts';
import { openBackend } from '../../src/storage/backends.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { createLedger } from '../../src/telemetry/ledger.ts';

const NOW = 1_795_000_000;
const clock = { now: () => NOW };

let parts: RemovalParts;
let accounts: ReturnType<typeof createAccountStore>;
let devices: ReturnType<typeof createDeviceStore>;
let store: Awaited<ReturnType<typeof openBackend>>['store'];
let steps: string[];
let deletion: () => Promise<void>;

function account(id: string, identifier: string): Account {
  return {
    id,
    subject: `subject-of-${id}`,
    identifier,
    createdAt: NOW,
    updatedAt: NOW,
    standing: 'good',
    profile: {},
    matching: { document: [], person: [] },
    portrait: { kind: 'vendor' },
    enrolledBy: { verificationId: `enrolment-of-${id}`, at: NOW, purpose: 'enrol' },
    consent: null,
  };
}

beforeEach(async () => {
  ({ store } = await openBackend('memory:', { clock }));
  const sealer = createSealer([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]);
  accounts = createAccountStore({ store, sealer });
  devices = createDeviceStore({ store });
  const ledger = createLedger({ store, clock });
  for (const [id, verificationId] of [
    ['a', 'enrolment-of-a'],
    ['a', 'login-1'],
    ['b', 'login-2'],
  ] as const) {
    await ledger.open({ verificationId, client: 'app', account: sealer.keyedHash(id, 'ledger'), reason: 'login' });
  }
  // opened before the keys were rotated
  const older = sealer.keyedHashes('a', 'ledger')[1] ?? '';
  await ledger.open({ verificationId: 'login-0', client: 'app', account: older, reason: 'login' });
  steps = [];
  deletion = async () => undefined;
  parts = {
    accounts: { remove: (id) => (steps.push('remove'), accounts.remove(id)) },
    devices,
    consents: { forget: async () => 0 },
    ledger,
    sealer,
    clock,
    revoker: {
      revoke: async (verificationId) => {
        steps.push(`revoke ${verificationId}`);
        return { sessions: 1, grants: 2 };
      },
    },
    vendor: { deleteVerification: (verificationId) => (steps.push(`delete ${verificationId}`), deletion()) },
    jobs: {
      schedule: async ({ kind, id, dueAtMs }) => {
        steps.push(`${kind} ${id} after ${dueAtMs - NOW * 1000}`);
      },
    },
    journal: {
      record: async ({ event }) => {
        steps.push(event);
      },
    },
  };
  await accounts.create(account('a', 'alice'));
  await accounts.create(account('b', 'bob'));
});

test('nobody can sign in before anything else is taken back, and other accounts are left alone', async () => {
  await devices.remember('tablet', 'b');
  await devices.remember('tablet', 'a');
  await devices.remember('phone', 'a');
  expect(await removeAccount(parts, 'a')).toEqual({
    sessions: 3,
    grants: 6,
    devices: 2,
    consents: 0,
    vendor: { subject: 'subject-of-a', enrolment: 'deleted', queued: 2 },
  });
  expect(steps[0]).toBe('remove');
  expect(steps.filter((step) => step.startsWith('revoke')).sort()).toEqual([
    'revoke enrolment-of-a',
    'revoke login-0',
    'revoke login-1',
  ]);
  expect(steps.filter((step) => step.startsWith('delete login')).sort()).toEqual([
    expect.stringMatching(/^delete login-0 after (0|1000)$/),
    expect.stringMatching(/^delete login-1 after (0|1000)$/),
  ]);
  expect(steps.at(-1)).toBe('account.removed');
  expect(await devices.accountsOf('tablet')).toEqual(['b']);
  expect(await devices.accountsOf('phone')).toEqual([]);
  expect(await accounts.findByIdentifier('bob')).toMatchObject({ id: 'b' });
});

test('what the vendor does not delete now is left to the provider', async () => {
  deletion = () => Promise.reject(new VendorUnavailable('down'));
  expect((await removeAccount(parts, 'a'))?.vendor).toEqual({
    subject: 'subject-of-a',
    enrolment: 'queued',
    queued: 3,
  });
  expect(steps).toContain('delete enrolment-of-a after 0');
});

test('a storage that fails is no success', async () => {
  deletion = () => Promise.reject(new StorageUnavailable('down'));
  await expect(removeAccount(parts, 'a')).rejects.toThrow(StorageUnavailable);
});

test('the identifier is free afterwards, and removing twice is nothing', async () => {
  await removeAccount(parts, 'a');
  expect(await removeAccount(parts, 'a')).toBeUndefined();
  expect(await accounts.create(account('c', 'alice'))).toBe(true);
});

test('a face of the account goes with it', async () => {
  const face = await accounts.keepPortrait(new Uint8Array([1, 2, 3]));
  await accounts.pinPortrait(face.ref);
  await accounts.change('a', (current) => ({ ...current, portrait: { kind: 'local', ...face, pinnedAt: NOW } }));
  await removeAccount(parts, 'a');
  expect(await store.keys('portrait:')).toEqual([]);
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
    expect((await findAccount({ accounts }, name))?.id).toBe(id);
  });

  test('an identifier that is spelt like an id does not hide the account of that id', async () => {
    await accounts.create(account('c', 'a'));
    expect((await findAccount({ accounts }, 'a'))?.id).toBe('a');
  });
});
