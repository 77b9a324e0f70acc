// A logout that is told again, on a queue in memory with as much of the library as that touches.

import { expect, test } from '@jest/globals';
import { createLogoutDelivery, LOGOUT } from '../../src/oidc/logout.ts';
import { openMemory } from '../../src/storage/memory.ts';

test('R12: a try that took longer than its job was one’s own does not bring back what another process has told since', async () => {
  const { jobs, store } = openMemory({ clock: { now: () => 0 } });
  const claim = (nowMs: number) => jobs.claimDue({ nowMs, limit: 1, leaseMs: 30_000 });
  const client = {
    backchannelLogoutUri: 'https://client.example/logout',
    async backchannelLogout(): Promise<void> {
      throw new Error('busy');
    },
  };
  const Client = { prototype: client, find: async () => client };
  const journal = { record: async () => {} };
  const log = { warn() {}, error() {} };
  const timing = { nowMs: () => 0, poke: () => {} };
  const parts = { provider: { Client, on() {} }, jobs, store, journal, log, ...timing };
  const delivery = createLogoutDelivery(parts as unknown as Parameters<typeof createLogoutDelivery>[0]);
  await delivery.schedule('app', 'a', 'sid');
  const [slow] = await claim(0);
  if (!slow) throw new Error('nothing is due');
  await delivery.deliver(slow);
  expect(await jobs.nextDueAtMs()).toBe(5_000);

  const [first] = await claim(5_000);
  const [second] = await claim(35_000);
  if (!first || !second) throw new Error('not handed out twice');
  await jobs.cancel(LOGOUT, second.id);
  await delivery.deliver(first);
  expect(await jobs.nextDueAtMs()).toBeUndefined();
});
