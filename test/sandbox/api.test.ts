import { expect, test } from '@jest/globals';
import { API_KEY, startStandIn, WORKFLOWS } from './stand-in.ts';

const NOBODY = '11111111-2222-4333-8444-555555555555';

test('keys: none is 403, a wrong one 403 or 401 as switched, users without a key 401', async () => {
  const { call, sandbox } = await startStandIn();
  const create = { workflow_id: WORKFLOWS.enrol };
  const statuses = [
    (await call('POST', '/v3/session/', create, {})).status,
    (await call('POST', '/v3/session/', create, { 'X-API-Key': 'wrong' })).status,
    (await call('GET', '/v3/users/', undefined, {})).status,
  ];
  sandbox.configure({ wrongKeyStatus: 401 });
  const wrong = await call('POST', '/v3/session/', create, { 'x-api-key': 'wrong' });
  expect([...statuses, wrong.status]).toEqual([403, 403, 401, 401]);
  expect(await wrong.json()).toEqual({ detail: expect.any(String) });
});

test('an unknown session is 404 even without a key, a malformed id is 404 in HTML', async () => {
  const { call } = await startStandIn();
  const unknown = await call('GET', `/v3/session/${NOBODY}/decision/`, undefined, {});
  expect([unknown.status, await unknown.json()]).toEqual([404, { detail: 'Session not found.' }]);
  const malformed = await call('GET', `/v3/session/${NOBODY.toUpperCase()}X/decision/`);
  expect([malformed.status, malformed.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
});

test('delete answers 200 with its body, then 404; the stored face stays with its user', async () => {
  const { call, create, sandbox } = await startStandIn();
  const { session_id } = await create();
  await sandbox.settle(session_id, 'approve');
  const path = `/v3/session/${session_id}/delete/`;
  const deleted = await call('DELETE', path);
  expect([deleted.status, await deleted.json()]).toEqual([
    200,
    {
      session_id,
      session_number: 1,
      face_retention_outcome: 'retained_with_user',
      biometric_template_uuid: expect.any(String),
    },
  ]);
  expect((await call('DELETE', path)).status).toBe(404);
  expect((await call('GET', `/v3/session/${session_id}/decision/`)).status).toBe(404);
  expect(sandbox.session(session_id).deleted).toBe(true);
  await create({ workflow_id: WORKFLOWS.passive });
  sandbox.configure({ deleteStatus: 204 });
  const other = await create({ vendor_data: 'other' });
  expect((await call('DELETE', `/v3/session/${other.session_id}/delete/`)).status).toBe(204);
});

test('a verdict may be changed from where the vendor allows it, and the change is delivered', async () => {
  const { call, create, sandbox, received } = await startStandIn();
  const { session_id } = await create();
  const patch = (new_status: string) =>
    call('PATCH', `/v3/session/${session_id}/update-status/`, { new_status, comment: 'Too dark.' });
  const early = await patch('Approved');
  expect([early.status, await early.json()]).toEqual([400, { detail: expect.stringContaining('Not Started') }]);
  await sandbox.settle(session_id, 'in_review');
  const changed = await patch('Declined');
  expect([changed.status, await changed.json()]).toEqual([200, { session_id }]);
  expect(await (await patch('Declined')).json()).toEqual([expect.any(String)]);
  expect((await patch('Maybe')).status).toBe(400);
  expect((await patch('Resubmitted')).status).toBe(200);
  await sandbox.idle();
  expect(received.map(({ body }) => body.status)).toEqual(['In Review', 'Declined', 'Resubmitted']);
  expect(received[2]?.body).toMatchObject({ resubmit_info: { reasons: { feature_liveness: 'Too dark.' } } });
});

test('a scenario is armed with the session token while the session has not started', async () => {
  const { call, create, sandbox } = await startStandIn();
  const { session_id, session_token } = await create();
  const arm = (scenario: string, headers: Record<string, string> = { 'Session-Token': String(session_token) }) =>
    call('POST', `/v3/session/${session_id}/sandbox/arm/`, { scenario }, headers);
  expect((await arm('approve', { 'Session-Token': 'wrong' })).status).toBe(403);
  expect(await (await arm('decline_liveness_attack')).json()).toEqual({
    session_id,
    scenario: 'decline_liveness_attack',
    status: 'Not Started',
  });
  expect(await (await arm('win')).json()).toEqual({ scenario: [expect.any(String)] });
  await sandbox.open(session_id);
  const started = await arm('approve');
  expect([started.status, await started.json()]).toEqual([400, [expect.any(String)]]);
  const slugs = (await (await call('GET', '/v1/sandbox/scenarios/')).json()) as { slug: string }[];
  expect(slugs.map(({ slug }) => slug)).toContain('review_face_match_borderline');
});

test('arming is unknown on live', async () => {
  const { call, create } = await startStandIn({ environment: 'live' });
  const { session_id } = await create();
  expect((await call('POST', `/v3/session/${session_id}/sandbox/arm/`, { scenario: 'approve' })).status).toBe(404);
});

test('sessions are listed newest first, filtered and paged', async () => {
  const { call, create, sandbox } = await startStandIn();
  for (const vendor_data of ['a', 'b', 'c']) await create({ vendor_data });
  await sandbox.settle(sandbox.sessions()[0]?.id ?? '', 'approve');
  const list = async (query: string) => (await (await call('GET', `/v3/sessions/${query}`)).json()) as ListBody;
  expect((await list('')).results.map(({ vendor_data }) => vendor_data)).toEqual(['c', 'b', 'a']);
  expect((await list('?status=Approved')).results.map(({ vendor_data }) => vendor_data)).toEqual(['a']);
  const second = await list('?limit=1&offset=1');
  expect(second).toMatchObject({ count: 3, results: [{ vendor_data: 'b' }] });
  expect([second.next, second.previous]).toEqual([
    expect.stringContaining('offset=2'),
    expect.stringContaining('offset=0'),
  ]);
});

interface ListBody {
  results: { vendor_data: string }[];
  next: string | null;
  previous: string | null;
}

test('a configuration check finds workflows, liveness methods and the webhook destination', async () => {
  const { call, sandbox } = await startStandIn();
  const workflows = (await (await call('GET', '/v3/workflows/')).json()) as { results: object[] };
  expect(workflows.results).toMatchObject([
    { uuid: WORKFLOWS.enrol, workflow_type: 'kyc' },
    { uuid: WORKFLOWS.passive, workflow_type: 'biometric_authentication', face_liveness_method: 'passive' },
    { uuid: WORKFLOWS.active, features: [{ config: { face_liveness_method: 'active_3d' } }, {}] },
  ]);
  const one = await call('GET', `/v3/workflows/${WORKFLOWS.active}/`);
  expect(await one.json()).toMatchObject({ face_liveness_method: 'active_3d' });
  const destinations = (await (await call('GET', '/v3/webhook/destinations/')).json()) as object[];
  expect(destinations).toMatchObject([
    { url: sandbox.settings().webhookUrl, webhook_version: 'v3', enabled: true, subscribed_events: expect.any(Array) },
  ]);
  expect(destinations[0]).not.toHaveProperty('secret_shared_key');
});

test('a deleted user loses the stored face; health needs no key', async () => {
  const { call, create, sandbox } = await startStandIn();
  const { session_id } = await create();
  await sandbox.settle(session_id, 'approve');
  const gone = await call('POST', '/v3/users/delete/', { vendor_data_list: ['user-42', 'nobody'] });
  expect(await gone.json()).toEqual({ deleted: 1 });
  const body = { workflow_id: WORKFLOWS.passive, vendor_data: 'user-42' };
  expect((await call('POST', '/v3/session/', body)).status).toBe(400);
  expect(await (await call('GET', '/system/healthcheck', undefined, {})).json()).toMatchObject({ status: 'ok' });
});

test('only loopback names are answered', async () => {
  const { sandbox } = await startStandIn();
  const { request } = await import('node:http');
  const status = await new Promise((resolve, reject) => {
    request(`${sandbox.url}/v3/workflows/`, { headers: { host: 'evil.example', 'x-api-key': API_KEY } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(421);
});
