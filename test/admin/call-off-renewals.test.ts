import { expect, test } from '@jest/globals';
import { callOffRenewals } from '../../src/admin/call-off-renewals.ts';
import { FOREVER } from '../../src/login/ports.ts';
import { account, jpeg, NOW, openParts } from './support.ts';

test('new faces that wait are called off and deleted, once; what nobody can open holds up nothing', async () => {
  const parts = await openParts();
  const { accounts, store } = parts;
  const portrait = { kind: 'local', ...(await accounts.keepPortrait(jpeg('new'))), pinnedAt: NOW } as const;
  const waiting = {
    verificationId: 'v',
    at: NOW,
    dueAt: NOW + 60,
    profile: {},
    matching: { document: [], person: [] },
  };
  await accounts.create(account('a', 'alice', { pending: { ...waiting, portrait } }));
  await accounts.create(account('b', 'bob'));
  await store.set('account:lost', 'v1.00000000.nothing', FOREVER);
  expect(await callOffRenewals(parts)).toEqual({ calledOff: 1, unreadable: 1 });
  expect(await accounts.find('a')).toEqual(account('a', 'alice'));
  expect(await accounts.loadPortrait(portrait.ref, portrait.sha256)).toBeUndefined();
  expect(parts.entries).toEqual([{ event: 're-enrolment.called-off', account: 'a', reasons: ['by-restore'] }]);
  expect(await callOffRenewals(parts)).toEqual({ calledOff: 0, unreadable: 1 });
});
