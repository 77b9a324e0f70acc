import { expect, test } from '@jest/globals';
import { makePicture } from '../../src/sandbox/pictures.ts';
import { startStandIn, WORKFLOWS } from './stand-in.ts';

const face = makePicture('jpeg', 'a face')?.bytes.toString('base64') ?? '';

test('create answers 201 with the ten documented keys', async () => {
  const { create, sandbox } = await startStandIn();
  const body = await create({ callback: 'https://op.example/return', metadata: { purpose: 'login' }, language: 'de' });
  expect(Object.keys(body).sort()).toEqual([
    'callback',
    'metadata',
    'session_id',
    'session_number',
    'session_token',
    'status',
    'url',
    'vendor_data',
    'workflow_id',
    'workflow_version',
  ]);
  expect(body).toMatchObject({ status: 'Not Started', metadata: { purpose: 'login' }, vendor_data: 'user-42' });
  expect(body.session_token).toMatch(/^[\w-]{12}$/);
  expect(body.url).toBe(`${sandbox.url}/de/session/${String(body.session_token)}`);
});

test('a key without the scope gets null for the hosted address, the seeds call it session_url', async () => {
  const { create, sandbox } = await startStandIn({ settings: { createShape: 'seed' } });
  const seed = await create();
  expect([seed.url, seed.session_url]).toEqual([undefined, expect.stringContaining('/session/')]);
  sandbox.configure({ createShape: 'null' });
  expect(await create({ vendor_data: 'other' })).toMatchObject({ url: null, session_token: null });
});

test('an unfinished session of the same user and workflow is handed out again, callback and metadata overwritten', async () => {
  const { create, sandbox } = await startStandIn();
  const first = await create({ callback: 'https://op.example/one', metadata: { n: 1 } });
  await sandbox.open(first.session_id);
  const second = await create({ callback: 'https://op.example/two', metadata: { n: 2 } });
  expect(second).toMatchObject({
    session_id: first.session_id,
    url: first.url,
    status: 'In Progress',
    callback: 'https://op.example/two',
    metadata: { n: 2 },
  });
});

test('another workflow, a finished session, or no vendor_data makes a new session', async () => {
  const { create, sandbox } = await startStandIn();
  const first = await create();
  const other = await create({ workflow_id: WORKFLOWS.passive, portrait_image: face });
  await sandbox.settle(first.session_id, 'approve');
  const afterwards = await create();
  const nobody = [await create({ vendor_data: null }), await create({ vendor_data: null })];
  const ids = [first, other, afterwards, ...nobody].map(({ session_id }) => session_id);
  expect(new Set(ids).size).toBe(5);
});

test('a selfie workflow needs a portrait or a face stored under vendor_data by an approved session', async () => {
  const { call, create, sandbox } = await startStandIn();
  const passive = { workflow_id: WORKFLOWS.passive, vendor_data: 'user-42' };
  const refused = await call('POST', '/v3/session/', passive);
  expect([refused.status, await refused.json()]).toEqual([
    400,
    { portrait_image: expect.stringMatching(/^No stored face image was found/) },
  ]);
  const nobody = await call('POST', '/v3/session/', { workflow_id: WORKFLOWS.passive });
  expect(await nobody.json()).toEqual({ portrait_image: expect.stringMatching(/^A portrait image is required/) });

  const enrolment = await create();
  await sandbox.settle(enrolment.session_id, 'approve');
  const login = await create(passive);
  await sandbox.settle(login.session_id, 'approve');
  expect(sandbox.decision(login.session_id).face_matches).toMatchObject([
    { status: 'Approved', source_image_session_id: enrolment.session_id },
  ]);
});

test('by the older rule a missing portrait means that liveness runs alone', async () => {
  const { create, sandbox } = await startStandIn({ settings: { missingPortrait: 'liveness_only' } });
  const { session_id } = await create({ workflow_id: WORKFLOWS.passive });
  await sandbox.settle(session_id, 'approve');
  expect(sandbox.decision(session_id)).toMatchObject({ status: 'Approved', face_matches: null });
});

test('a sent portrait is kept as length and hash, and its bytes stay out of the call log', async () => {
  const { create, sandbox } = await startStandIn();
  const { session_id } = await create({ workflow_id: WORKFLOWS.passive, portrait_image: face });
  const portrait = { bytes: Buffer.from(face, 'base64').length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
  expect(sandbox.session(session_id).portrait).toEqual(portrait);
  const [logged] = sandbox.calls();
  expect(logged).toMatchObject({ call: 'create', method: 'POST', status: 201, apiKey: 'right' });
  expect((logged?.body as { portrait_image: unknown }).portrait_image).toEqual({
    ...portrait,
    base64_length: face.length,
  });
});

test.each([
  ['no workflow', { workflow_id: undefined }, { workflow_id: ['This field is required.'] }],
  ['an unknown workflow', { workflow_id: 'wf_reauth' }, { workflow_id: 'Invalid workflow_id.' }],
  ['a callback that is no URL', { callback: 'nowhere' }, { callback: [expect.any(String)] }],
  ['an unknown callback method', { callback_method: 'mine' }, { callback_method: [expect.any(String)] }],
  ['a data URL', { portrait_image: `data:image/jpeg;base64,${face}` }, { portrait_image: [expect.any(String)] }],
  [
    'a portrait above 2 MB',
    { portrait_image: Buffer.alloc(2_200_000, 1).toString('base64') },
    { portrait_image: ['Image size exceeds 2MB.'] },
  ],
  ['an unknown scenario', { sandbox_scenario: 'win' }, { sandbox_scenario: [expect.any(String)] }],
  [
    'an unknown document type',
    { expected_details: { expected_document_types: ['XX'] } },
    { expected_details: [expect.any(String)] },
  ],
])('%s is a 400 keyed by the field', async (_name, change, expected) => {
  const { call } = await startStandIn();
  const answer = await call('POST', '/v3/session/', { workflow_id: WORKFLOWS.enrol, vendor_data: 'u', ...change });
  expect([answer.status, await answer.json()]).toEqual([400, expected]);
});

test('a blocked user is refused, keyed vendor_data, and the block is delivered', async () => {
  const { call, create, received } = await startStandIn();
  await create();
  const blocked = await call('PATCH', '/v3/users/user-42/update-status/', { status: 'BLOCKED' });
  expect(blocked.status).toBe(200);
  const answer = await call('POST', '/v3/session/', { workflow_id: WORKFLOWS.passive, vendor_data: 'user-42' });
  expect([answer.status, await answer.json()]).toEqual([400, { vendor_data: expect.any(String) }]);
  expect(received.map(({ body }) => body)).toMatchObject([
    { webhook_type: 'user.status.updated', status: 'BLOCKED', previous_status: 'ACTIVE', vendor_data: 'user-42' },
  ]);
});

test('sandbox_scenario is refused on live', async () => {
  const { call } = await startStandIn({ environment: 'live' });
  const body = { workflow_id: WORKFLOWS.enrol, sandbox_scenario: 'approve' };
  expect((await call('POST', '/v3/session/', body)).status).toBe(400);
});

test('an unopened session expires, an opened one is abandoned', async () => {
  const { create, sandbox, wait } = await startStandIn();
  const unopened = await create({ vendor_data: 'a' });
  const opened = await create({ vendor_data: 'b' });
  await sandbox.open(opened.session_id);
  wait(604_800);
  expect([unopened, opened].map(({ session_id }) => sandbox.session(session_id).status)).toEqual([
    'Expired',
    'Abandoned',
  ]);
});
