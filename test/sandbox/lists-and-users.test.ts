// What is there beside single sessions: the list with its filters, verdicts that turn unannounced, user entities.

import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../../src/sandbox/types.ts';
import { startStandIn, WORKFLOWS } from './stand-in.ts';

test.each([
  ['status=Approved', ['c', 'a']],
  ['status=In%20Review', ['b']],
  ['status=Approved,In%20Review', ['c', 'b', 'a']],
  ['status=approved', []],
  ['country=ESP', ['c', 'a']],
  ['country=ESP&vendor_data=a', ['a']],
  [`workflow_id=${WORKFLOWS.passive}`, ['d']],
  ['status=Approved&limit=1&offset=1', ['a']],
  ['limit=nonsense&offset=-1', ['d', 'c', 'b', 'a']],
])('the list is filtered and paged by %s', async (query, expected) => {
  const { call, create, sandbox } = await startStandIn();
  for (const [vendor_data, issuingState] of Object.entries({ a: 'ESP', b: 'JPN', c: 'ESP' })) {
    const { session_id } = await create({ vendor_data });
    await sandbox.settle(session_id, vendor_data === 'b' ? 'in_review' : 'approve', { person: { issuingState } });
  }
  await create({ vendor_data: 'd', workflow_id: WORKFLOWS.passive, portrait_image: jpeg() });
  const list = async () => (await call('GET', `/v3/sessions/?${query}`)).json();
  const { results } = (await list()) as { results: JsonObject[] };
  expect(results.map(({ vendor_data }) => vendor_data)).toEqual(expected);
  sandbox.configure({ listShape: 'bare' });
  expect(await list()).toEqual(results);
});

test('the list needs a key, and meets its own fault', async () => {
  const { call, sandbox } = await startStandIn();
  expect((await call('GET', '/v3/sessions/', undefined, {})).status).toBe(403);
  sandbox.fault('list', { status: 429 });
  expect((await call('GET', '/v3/sessions/')).status).toBe(429);
  expect((await call('GET', '/v3/sessions/')).status).toBe(200);
});

describe('a verdict that turns', () => {
  test('without a word is seen in the list and nowhere else', async () => {
    const { call, create, sandbox, received } = await startStandIn();
    const { session_id } = await create();
    await sandbox.settle(session_id, 'approve');
    expect(await sandbox.review(session_id, 'Declined', 'lost')).toEqual([]);
    await sandbox.idle();
    expect(received.map(({ body }) => body.status)).toEqual(['Approved']);
    const { results } = (await (await call('GET', '/v3/sessions/?status=Declined')).json()) as { results: object[] };
    expect(results).toMatchObject([{ session_id }]);
    expect(sandbox.decision(session_id)).toMatchObject({
      status: 'Declined',
      liveness_checks: [{ status: 'Approved' }],
    });
  });

  test('over the API is lost when webhooks are', async () => {
    const { call, create, sandbox, received } = await startStandIn({ settings: { webhookMode: 'lost' } });
    const { session_id } = await create();
    await sandbox.settle(session_id, 'approve');
    const path = `/v3/session/${session_id}/update-status/`;
    expect((await call('PATCH', path, { new_status: 'Declined' })).status).toBe(200);
    await sandbox.idle();
    expect([received, sandbox.session(session_id).status]).toEqual([[], 'Declined']);
  });

  test('is told otherwise, and only from where the vendor allows it', async () => {
    const { create, sandbox, received } = await startStandIn();
    const { session_id } = await create();
    await expect(sandbox.review(session_id, 'Approved')).rejects.toThrow('Not Started');
    await sandbox.settle(session_id, 'approve');
    expect(await sandbox.review(session_id, 'Declined')).toMatchObject([{ status: 200 }]);
    await expect(sandbox.review(session_id, 'Declined')).rejects.toThrow('already');
    expect(received.map(({ body }) => body.status)).toEqual(['Approved', 'Declined']);
  });
});

describe('users', () => {
  test('are made with their first session, listed, and found by name', async () => {
    const { call, create } = await startStandIn();
    await create();
    await create({ vendor_data: null });
    const { results } = (await (await call('GET', '/v3/users/')).json()) as { results: object[] };
    expect(results).toMatchObject([
      { vendor_data: 'user-42', status: 'ACTIVE', didit_internal_id: expect.any(String) },
    ]);
    expect((await call('GET', '/v3/users/user-42/')).status).toBe(200);
    expect((await call('GET', '/v3/users/USER-42/')).status).toBe(404);
  });

  test('are deleted with their face by name or by id, and their sessions stay', async () => {
    const { call, create, sandbox } = await startStandIn();
    const ids: string[] = [];
    for (const vendor_data of ['a', 'b', 'c']) {
      const { session_id } = await create({ vendor_data });
      await sandbox.settle(session_id, 'approve');
      ids.push(session_id);
    }
    const b = (await (await call('GET', '/v3/users/b/')).json()) as JsonObject;
    const body = { vendor_data_list: ['a', 'nobody'], didit_internal_id_list: [b.didit_internal_id] };
    expect(await (await call('POST', '/v3/users/delete/', body)).json()).toEqual({ deleted: 2 });
    expect(sandbox.users()).toEqual([{ vendorData: 'c', status: 'ACTIVE', hasFace: true }]);
    expect((await call('GET', `/v3/session/${ids[0]}/decision/`)).status).toBe(200);
    const again = await call('POST', '/v3/session/', { workflow_id: WORKFLOWS.passive, vendor_data: 'a' });
    expect([again.status, await again.json()]).toEqual([
      400,
      { portrait_image: expect.stringMatching(/^No stored face/) },
    ]);
  });

  test('all go when all are asked for, so that this does not pass unnoticed', async () => {
    const { call, create, sandbox } = await startStandIn();
    for (const vendor_data of ['a', 'b']) await create({ vendor_data });
    const answer = await call('POST', '/v3/users/delete/', { delete_all: true });
    expect([await answer.json(), sandbox.users()]).toEqual([{ deleted: 2 }, []]);
  });

  test.each([{}, { vendor_data_list: 'a' }, { vendor_data_list: [1] }, { didit_internal_id_list: {} }, 'no JSON'])(
    'are not deleted by %j',
    async (body) => {
      const { call, create, sandbox } = await startStandIn();
      await create({ vendor_data: 'a' });
      expect((await call('POST', '/v3/users/delete/', body)).status).toBe(400);
      expect(sandbox.users()).toHaveLength(1);
    },
  );

  test('need a key: 401 without one and with a wrong one; and they meet their own fault', async () => {
    const { call, sandbox } = await startStandIn();
    const body = { vendor_data_list: ['a'] };
    expect((await call('POST', '/v3/users/delete/', body, {})).status).toBe(401);
    expect((await call('POST', '/v3/users/delete/', body, { 'x-api-key': 'wrong' })).status).toBe(401);
    sandbox.fault('deleteUsers', { status: 503 });
    expect((await call('POST', '/v3/users/delete/', body)).status).toBe(503);
  });
});

test.each([
  ['vpn_as_is', { is_vpn_or_tor: true, is_data_center: false }],
  ['data_center_as_is', { is_vpn_or_tor: false, is_data_center: true }],
  ['vpn', { is_vpn_or_tor: true, is_data_center: true, ip_address: '192.0.2.66' }],
])('a capture %s is one device, with what is known of its address', async (capture, expected) => {
  const { create, sandbox } = await startStandIn();
  const { session_id } = await create();
  await sandbox.open(session_id, { address: '198.51.100.7' });
  await sandbox.settle(session_id, 'approve', { capture });
  expect(sandbox.decision(session_id).ip_analyses).toMatchObject([{ ip_address: '198.51.100.7', ...expected }]);
});

function jpeg(): string {
  return Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 0xff, 0xd9]).toString('base64');
}
