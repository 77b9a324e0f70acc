// What counts as written in a cluster, without one: a server that answers WAIT as it is told to.

import { expect, test } from '@jest/globals';
import { createConfirm } from '../../src/storage/redis-confirm.ts';
import type { RedisClient } from '../../src/storage/redis-link.ts';

/** @param seen what the cluster says of the server's replicas, one look after the other */
function confirming(seen: readonly (number | undefined)[], acknowledged: number) {
  let look = 0;
  const asked: string[][] = [];
  const client = {
    async sendCommand(command: string[]) {
      asked.push(command);
      return acknowledged;
    },
  } as unknown as RedisClient;
  const replicas = () => seen[Math.min(look++, seen.length - 1)];
  return { asked, confirmed: createConfirm({ replicas, waitMs: 600 })(client) };
}

test('a write is confirmed when every replica has it, and a replica that the cluster gave up meanwhile is not waited for', async () => {
  await expect(confirming([2], 2).confirmed).resolves.toBe(undefined);
  await expect(confirming([2], 1).confirmed).rejects.toThrow('NOREPLICAS');
  await expect(confirming([2, 1], 1).confirmed).resolves.toBe(undefined);
  const alone = confirming([0], 0);
  await alone.confirmed;
  expect(alone.asked).toEqual([]);
});

test('a server whose place was taken meanwhile confirms nothing that its replica had not', async () => {
  await expect(confirming([1, undefined], 0).confirmed).rejects.toThrow('NOREPLICAS');
  await expect(confirming([1, undefined], 1).confirmed).resolves.toBe(undefined);
  await expect(confirming([undefined], 0).confirmed).rejects.toThrow('NOREPLICAS');
});
