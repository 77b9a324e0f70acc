import { expect, test } from '@jest/globals';
import { findScenario, SCENARIOS } from '../../src/sandbox/scenarios.ts';
import type { JsonObject } from '../../src/sandbox/types.ts';
import { API_KEY, type StandIn, startStandIn, WORKFLOWS } from './stand-in.ts';

async function enrolled(standIn: StandIn): Promise<void> {
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve', { webhook: false });
}

async function decisionOf(standIn: StandIn, id: string, query = ''): Promise<JsonObject> {
  const answer = await standIn.call('GET', `/v3/session/${id}/decision/${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as JsonObject;
}

test('every plural list is null until its feature ran', async () => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  const decision = await decisionOf(standIn, session_id);
  expect(decision).toMatchObject({
    status: 'Not Started',
    liveness_checks: null,
    face_matches: null,
    ip_analyses: null,
  });
  expect(decision).toMatchObject({ id_verifications: null, poa_verifications: null, aml_screenings: null });
});

test('an approved enrolment holds document, liveness and match; the same user is the same person', async () => {
  const standIn = await startStandIn();
  const people: unknown[] = [];
  for (const person of [undefined, undefined, 'somebody else'] as const) {
    const { session_id } = await standIn.create();
    await standIn.sandbox.settle(session_id, 'approve', person === undefined ? {} : { person });
    const decision = await decisionOf(standIn, session_id);
    expect(decision).toMatchObject({
      features: ['ID_VERIFICATION', 'LIVENESS', 'FACE_MATCH', 'IP_ANALYSIS'],
      environment: 'sandbox',
      liveness_checks: [{ status: 'Approved', method: 'PASSIVE', score: 96.5, video_url: null }],
      face_matches: [{ status: 'Approved', score: 95.26, source_image_session_id: null }],
    });
    const [document] = decision.id_verifications as JsonObject[];
    people.push(`${String(document?.full_name)} ${String(document?.document_number)}`);
  }
  expect(people[1]).toBe(people[0]);
  expect(people[2]).not.toBe(people[0]);
});

test('the active workflow shows ACTIVE_3D with a video', async () => {
  const standIn = await startStandIn();
  await enrolled(standIn);
  const { session_id } = await standIn.create({ workflow_id: WORKFLOWS.active });
  await standIn.sandbox.settle(session_id, 'approve');
  const decision = await decisionOf(standIn, session_id);
  expect(decision).toMatchObject({ id_verifications: null, liveness_checks: [{ method: 'ACTIVE_3D' }] });
  expect((decision.liveness_checks as JsonObject[])[0]?.video_url).toMatch(/video\.mp4\?X-Amz/);
});

test.each([
  ['decline_liveness_attack', { status: 'Declined', face_matches: null }],
  ['decline_face_match_low_similarity', { status: 'Declined', face_matches: [{ status: 'Declined' }] }],
  ['review_face_match_borderline', { status: 'In Review', face_matches: [{ status: 'In Review' }] }],
  ['approve_without_face_match', { status: 'Approved', face_matches: null }],
  ['approve_liveness_declined', { status: 'Approved', liveness_checks: [{ status: 'Declined' }] }],
  ['approve_passive', { status: 'Approved', liveness_checks: [{ method: 'PASSIVE', status: 'Approved' }] }],
  ['approve_other_vendor_data', { status: 'Approved', vendor_data: 'somebody-else' }],
  ['approve_other_environment', { status: 'Approved', environment: 'live' }],
  ['approve_face_in_blocklist', { liveness_checks: [{ warnings: [{ risk: 'FACE_IN_BLOCKLIST' }] }] }],
  ['not_finished', { status: 'Not Finished', liveness_checks: null }],
  ['translated_status', { status: '承認済み' }],
])('scenario %s says so in the decision', async (slug, expected) => {
  const standIn = await startStandIn();
  await enrolled(standIn);
  const { session_id } = await standIn.create({ workflow_id: WORKFLOWS.active });
  await standIn.sandbox.settle(session_id, slug);
  expect(await decisionOf(standIn, session_id)).toMatchObject(expected);
});

test('an approval may name no environment, another session, another workflow', async () => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve_without_environment');
  expect(await decisionOf(standIn, session_id)).not.toHaveProperty('environment');
  await standIn.sandbox.settle(session_id, 'approve_other_session');
  expect((await decisionOf(standIn, session_id)).session_id).not.toBe(session_id);
  await standIn.sandbox.settle(session_id, 'approve_other_workflow');
  expect((await decisionOf(standIn, session_id)).workflow_id).not.toBe(WORKFLOWS.enrol);
});

test('every scenario can be settled in every workflow and every shape', async () => {
  const standIn = await startStandIn();
  await enrolled(standIn);
  for (const workflow_id of Object.values(WORKFLOWS)) {
    for (const { slug } of SCENARIOS) {
      const { session_id } = await standIn.create({ workflow_id, vendor_data: 'user-42' });
      await standIn.sandbox.settle(session_id, slug, { webhook: false });
      for (const decisionShape of ['v3', 'v2', 'seed', 'blog'] as const) {
        standIn.sandbox.configure({ decisionShape });
        expect(standIn.sandbox.decision(session_id)).toHaveProperty('status');
      }
    }
  }
  expect(new Set(SCENARIOS.map(({ slug }) => slug)).size).toBe(SCENARIOS.length);
  expect(findScenario('no_such')).toBeUndefined();
});

test('the older shapes: singular objects, and the short body with a similarity from 0 to 1', async () => {
  const standIn = await startStandIn({ settings: { decisionShape: 'v2' } });
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve');
  const singular = await decisionOf(standIn, session_id);
  expect(singular).toMatchObject({
    id_verification: {},
    liveness: { method: 'PASSIVE' },
    face_match: { score: 95.26 },
  });
  expect(singular).not.toHaveProperty('liveness_checks');
  standIn.sandbox.configure({ decisionShape: 'seed' });
  expect(await decisionOf(standIn, session_id)).toEqual({
    session_id,
    vendor_data: 'user-42',
    status: 'Approved',
    liveness: { status: 'Approved', method: 'PASSIVE', score: 96.5 },
    face: { status: 'Approved', similarity_score: 0.9526 },
  });
});

test('a decision can be changed by a function or by paths', async () => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve', { mutate: (decision) => ({ ...decision, status: 'approved' }) });
  expect((await decisionOf(standIn, session_id)).status).toBe('approved');
  const mutate = { 'face_matches.0.score': 1, vendor_data: '$remove' };
  await standIn.sandbox.settle(session_id, 'approve', { mutate });
  const decision = await decisionOf(standIn, session_id);
  expect(decision.face_matches).toMatchObject([{ score: 1 }]);
  expect(decision).not.toHaveProperty('vendor_data');
});

test('include=events adds the history and turns features into objects', async () => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve');
  const decision = await decisionOf(standIn, session_id, '?include=events');
  expect(decision).not.toHaveProperty('session_kind');
  expect(decision).toMatchObject({ workflow_type: 'kyc', session_type: 'API', events: expect.any(Array) });
  expect((decision.features as JsonObject[])[0]).toMatchObject({ feature: 'ID_VERIFICATION' });
});

test('pictures are fetched without the key, differ per session, run out, and die with their session', async () => {
  const standIn = await startStandIn();
  const pictures: string[] = [];
  const hashes: unknown[] = [];
  for (const vendor_data of ['a', 'b']) {
    const { session_id } = await standIn.create({ vendor_data });
    await standIn.sandbox.settle(session_id, 'approve');
    const [check] = (await decisionOf(standIn, session_id)).liveness_checks as JsonObject[];
    pictures.push(String(check?.reference_image));
    hashes.push(standIn.sandbox.session(session_id).pictures.selfie);
  }
  expect(hashes[0]).not.toBe(hashes[1]);
  const [first = '', second = ''] = pictures;
  const answer = await fetch(first);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  expect(
    Buffer.from(await answer.arrayBuffer())
      .subarray(0, 4)
      .toString('hex'),
  ).toBe('ffd8fffe');
  expect((await fetch(first, { headers: { 'x-api-key': API_KEY } })).status).toBe(400);
  expect((await fetch(first.replace(/.$/, 'x'))).status).toBe(403);
  const [session] = standIn.sandbox.sessions();
  await standIn.call('DELETE', `/v3/session/${session?.id}/delete/`);
  expect((await fetch(first)).status).toBe(404);
  standIn.wait(14_400);
  expect((await fetch(second)).status).toBe(403);
});

test.each([
  ['png', 200, 'image/png'],
  ['oversize', 200, 'image/jpeg'],
  ['missing', 404, 'application/xml'],
] as const)('a selfie may be %s', async (picture, status, type) => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve', { picture });
  const [check] = (await decisionOf(standIn, session_id)).liveness_checks as JsonObject[];
  const answer = await fetch(String(check?.reference_image));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, type]);
  if (picture === 'oversize') expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(1024 * 1024);
});

test('a picture may be null although everything passed', async () => {
  const standIn = await startStandIn();
  const { session_id } = await standIn.create();
  await standIn.sandbox.settle(session_id, 'approve', { picture: { selfie: 'null' } });
  const decision = await decisionOf(standIn, session_id);
  expect(decision).toMatchObject({
    liveness_checks: [{ reference_image: null }],
    face_matches: [{ target_image: null }],
  });
  expect((decision.id_verifications as JsonObject[])[0]?.portrait_image).toMatch(/^http/);
});
