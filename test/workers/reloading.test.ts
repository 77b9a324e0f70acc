// Clients are read once and served by all or by none, whoever comes and goes meanwhile.

import { expect, test } from '@jest/globals';
import type { ClientEntry } from '../../src/config/client-entry.ts';
import type { ClientsRereading } from '../../src/config/reload.ts';
import type { Member } from '../../src/workers/crew.ts';
import type { ToWorker } from '../../src/workers/messages.ts';
import { createReloading } from '../../src/workers/reloading.ts';

type Asked = Extract<ToWorker, { kind: 'serve-clients' }>;
const entry = (client_id: string) => ({ client_id }) as ClientEntry;
const idsOf = ({ clients }: Asked) => clients.map((client) => client.client_id).join();

function reloadingOf(size: number) {
  const asked: (Asked & { readonly member: Member })[] = [];
  const lines: string[] = [];
  const line = (_fields: object, message: string) => void lines.push(message);
  const member = (place: number): Member => {
    const one: Member = {
      place,
      worker: {
        send: (message) => void asked.push({ ...(message as Asked), member: one }),
        release: () => undefined,
        kill: () => undefined,
      },
    };
    return one;
  };
  const at = {
    asked,
    lines,
    members: Array.from({ length: size }, (_, index) => member(index + 1)),
    reading: { ok: true, clients: [entry('new')], warnings: [] } as ClientsRereading,
    member,
    /** asked so far: who, and with what */
    told: () => asked.map((one) => `${one.member.place} ${idsOf(one)}`),
    turn: () => new Promise(setImmediate),
  };
  const reloading = createReloading({
    first: [entry('old')],
    read: async () => at.reading,
    members: () => at.members,
    log: { debug: line, info: line, warn: line, error: line },
  });
  const answer = (place: number, accepted: boolean) => {
    const last = asked.findLast((one) => one.member.place === place) as (typeof asked)[number];
    reloading.answered(last.member, last.version, accepted);
  };
  return { ...at, at, reloading, answer };
}

test('one judges; what it serves all serve, and whoever begins afterwards', async () => {
  const { at, reloading, told, turn, answer } = reloadingOf(3);
  const reload = reloading.reload();
  await turn();
  expect(told()).toEqual(['1 new']);
  answer(1, true);
  await reload;
  expect(told()).toEqual(['1 new', '2 new', '3 new']);
  expect(reloading.begin(4)).toEqual([entry('new')]);
  reloading.joined(at.member(4));
  expect(told()).toHaveLength(3);
});

test('what one refuses nobody else is asked to serve, and nobody begins with it', async () => {
  const { reloading, told, turn, answer } = reloadingOf(3);
  const reload = reloading.reload();
  await turn();
  answer(1, false);
  await reload;
  expect(told()).toEqual(['1 new']);
  expect(reloading.begin(1)).toEqual([entry('old')]);
});

test('faults in the file are told once, and no worker is asked', async () => {
  const { at, reloading, told, lines } = reloadingOf(3);
  const fault = { where: 'clients.yaml:1', problem: 'x', fix: 'y' };
  at.reading = { ok: false, faults: [fault, fault] };
  await reloading.reload();
  expect(told()).toEqual([]);
  expect(lines).toEqual([
    'a fault in the configuration',
    'a fault in the configuration',
    'clients not read again: those before stay in use',
  ]);
});

test('one that ends before it could say is not waited for: the next judges', async () => {
  const { at, reloading, told, turn, answer } = reloadingOf(2);
  const reload = reloading.reload();
  await turn();
  const [gone] = at.members;
  at.members = at.members.slice(1);
  reloading.left(gone as Member);
  await turn();
  answer(2, true);
  await reload;
  expect(told()).toEqual(['1 new', '2 new']);
});

test('one that began before and listens after it is told; its answer is nobody’s verdict on what comes next', async () => {
  const { at, reloading, told, turn, answer } = reloadingOf(1);
  const late = at.member(2);
  reloading.begin(2);
  const reload = reloading.reload();
  await turn();
  answer(1, true);
  await reload;
  reloading.joined(late);
  expect(told()).toEqual(['1 new', '2 new']);
  at.members = [late];
  at.reading = { ok: true, clients: [entry('newer')], warnings: [] };
  const next = reloading.reload();
  await turn();
  // of the one before
  reloading.answered(late, 1, true);
  await turn();
  expect(reloading.begin(3)).toEqual([entry('new')]);
  answer(2, false);
  await next;
  expect(reloading.begin(3)).toEqual([entry('new')]);
});
