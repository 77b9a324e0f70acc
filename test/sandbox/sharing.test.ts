// Sessions handed to another customer: who may share and import what, for how long, and how often.

import { describe, expect, test } from '@jest/globals';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { JsonObject } from '../../src/sandbox/types.ts';
import { type StandIn, startStandIn, WORKFLOWS } from './stand-in.ts';

function partnerOf(sandbox: Sandbox) {
  const [own, partner] = sandbox.applications();
  if (own === undefined || partner === undefined) throw new Error('there should be two applications');
  return { own, partner, asPartner: { 'x-api-key': partner.apiKey } };
}

/** An approved session of the partner's, made over the API. */
async function atPartner({ sandbox, call }: StandIn, scenario = 'approve'): Promise<string> {
  const { partner, asPartner } = partnerOf(sandbox);
  const body = { workflow_id: partner.workflows.enrol, vendor_data: 'theirs' };
  const made = (await (await call('POST', '/v3/session/', body, asPartner)).json()) as { session_id: string };
  await sandbox.settle(made.session_id, scenario);
  return made.session_id;
}

const importBody = (share_token: string, more: JsonObject = {}) => ({
  share_token,
  workflow_id: WORKFLOWS.enrol,
  vendor_data: 'ours',
  trust_review: true,
  ...more,
});

async function answered(answer: Promise<Response>): Promise<[number, JsonObject]> {
  const { status, json } = await answer.then(async (one) => ({ status: one.status, json: await one.json() }));
  return [status, json as JsonObject];
}

test('a finished session is shared with a token and imported as a copy with an id of its own', async () => {
  const standIn = await startStandIn();
  const { call, sandbox, received } = standIn;
  const { own, asPartner } = partnerOf(sandbox);
  const source = await atPartner(standIn);
  const [status, shared] = await answered(
    call('POST', `/v3/session/${source}/share/`, { for_application_id: own.id }, asPartner),
  );
  expect([status, shared]).toEqual([200, { share_token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/) }]);
  const [made, copy] = await answered(
    call('POST', '/v3/session/import-shared/', importBody(String(shared.share_token))),
  );
  expect(made).toBe(201);
  expect(copy).toMatchObject({ status: 'Approved', vendor_data: 'ours', shared_from_session: source });
  expect(copy.session_id).not.toBe(source);

  const decision = sandbox.decision(String(copy.session_id));
  expect(decision).toMatchObject({ vendor_data: 'ours', workflow_id: WORKFLOWS.enrol, status: 'Approved' });
  expect(decision.id_verifications).toMatchObject([{ document_number: expect.any(String) }]);
  const [liveness] = decision.liveness_checks as JsonObject[];
  expect((await fetch(String(liveness?.reference_image))).status).toBe(200);
  expect(sandbox.session(String(copy.session_id))).toMatchObject({ sharedFrom: source, applicationId: own.id });
  await sandbox.idle();
  expect(received).toEqual([]);
});

test('without trust the copy is in review; with a face of an approved one the next selfie needs no portrait', async () => {
  const { call, create, sandbox } = await startStandIn();
  const importing = async (more: JsonObject) =>
    (
      await answered(call('POST', '/v3/session/import-shared/', importBody((await sandbox.share()).shareToken, more)))
    )[1];
  expect(await importing({ trust_review: false })).toMatchObject({ status: 'In Review' });
  expect(await importing({ trust_review: undefined, vendor_data: 'b' })).toMatchObject({ status: 'In Review' });
  expect(sandbox.users().map(({ hasFace }) => hasFace)).toEqual([false, false]);
  expect(await importing({ vendor_data: 'c' })).toMatchObject({ status: 'Approved' });
  await create({ workflow_id: WORKFLOWS.passive, vendor_data: 'c' });
});

test('a declined one keeps its verdict as well', async () => {
  const { call, sandbox } = await startStandIn();
  const { shareToken } = await sandbox.share({ scenario: 'decline_face_match_low_similarity' });
  const [, copy] = await answered(call('POST', '/v3/session/import-shared/', importBody(shareToken)));
  expect(copy).toMatchObject({ status: 'Declined' });
  expect(sandbox.decision(String(copy.session_id)).face_matches).toMatchObject([{ status: 'Declined', score: 21.37 }]);
});

describe('sharing is refused', () => {
  test.each([
    ['no receiver', {}, 'for_application_id'],
    ['a receiver nobody knows', { for_application_id: '11111111-2222-4333-8444-555555555555' }, 'for_application_id'],
    ['a life that is too short', { for_application_id: 'own', ttl_in_seconds: 59 }, 'ttl_in_seconds'],
    ['a life that is too long', { for_application_id: 'own', ttl_in_seconds: 86_401 }, 'ttl_in_seconds'],
    ['a life that is no number', { for_application_id: 'own', ttl_in_seconds: '3600' }, 'ttl_in_seconds'],
    ['the sender as receiver', { for_application_id: 'self' }, 'for_application_id'],
  ])('for %s', async (_what, given: JsonObject, field) => {
    const standIn = await startStandIn();
    const { own, partner, asPartner } = partnerOf(standIn.sandbox);
    const ids: Record<string, string> = { own: own.id, self: partner.id };
    const receiver = given.for_application_id;
    const body = {
      ...given,
      ...(typeof receiver === 'string' ? { for_application_id: ids[receiver] ?? receiver } : {}),
    };
    const source = await atPartner(standIn);
    const [status, fault] = await answered(standIn.call('POST', `/v3/session/${source}/share/`, body, asPartner));
    expect([status, Object.keys(fault)]).toEqual([400, [field]]);
  });

  test.each(['abandon', 'expire', 'in_progress', 'kyc_expired'])('for one that ended as %s', async (scenario) => {
    const standIn = await startStandIn();
    const { own, asPartner } = partnerOf(standIn.sandbox);
    const source = await atPartner(standIn, scenario);
    const share = standIn.call('POST', `/v3/session/${source}/share/`, { for_application_id: own.id }, asPartner);
    expect(await answered(share)).toEqual([400, { detail: expect.stringContaining('finished') }]);
    await expect(standIn.sandbox.share({ sessionId: source })).rejects.toThrow('cannot be shared');
  });

  test('to whoever does not have it, or no key', async () => {
    const standIn = await startStandIn();
    const { partner } = partnerOf(standIn.sandbox);
    const source = await atPartner(standIn);
    const share = (headers?: Record<string, string>) =>
      answered(standIn.call('POST', `/v3/session/${source}/share/`, { for_application_id: partner.id }, headers));
    expect((await share())[0]).toBe(404);
    expect((await share({}))[0]).toBe(403);
    expect((await share({ 'x-api-key': 'wrong' }))[0]).toBe(403);
  });
});

describe('an import is refused', () => {
  test('for a token that is unknown, too old, meant for another, or used by the same receiver', async () => {
    const { call, sandbox, wait } = await startStandIn({
      otherApplications: [{ name: 'partner' }, { name: 'third' }],
    });
    const importing = (token: string) => answered(call('POST', '/v3/session/import-shared/', importBody(token)));
    expect((await importing('eyJ.x.y'))[0]).toBe(401);

    const [usual, short] = [await sandbox.share(), await sandbox.share({ ttlSeconds: 60 })];
    wait(59);
    const { shareToken: again } = await sandbox.share({ sessionId: short.sessionId });
    expect((await importing(short.shareToken))[0]).toBe(201);
    expect(await importing(short.shareToken)).toEqual([403, { detail: expect.stringContaining('already') }]);
    expect((await importing(again))[0]).toBe(403);
    wait(3540);
    expect((await importing(usual.shareToken))[0]).toBe(201);
    const late = await sandbox.share({ ttlSeconds: 60 });
    wait(60);
    expect(await importing(late.shareToken)).toEqual([401, { detail: expect.stringContaining('expired') }]);

    const { shareToken } = await sandbox.share({ to: 'third' });
    expect(await importing(shareToken)).toEqual([403, { detail: expect.stringContaining('another application') }]);
    expect(sandbox.sessions()).toHaveLength(2);
  });

  test('for a body that lacks something, a workflow that is not ours, a key that is none', async () => {
    const { call, sandbox } = await startStandIn();
    const { shareToken } = await sandbox.share();
    const importing = (body: unknown, headers?: Record<string, string>) =>
      answered(call('POST', '/v3/session/import-shared/', body, headers));
    expect(await importing({})).toEqual([
      400,
      { share_token: [expect.any(String)], workflow_id: [expect.any(String)] },
    ]);
    const { partner } = partnerOf(sandbox);
    const theirs = importBody(shareToken, { workflow_id: partner.workflows.enrol });
    expect(await importing(theirs)).toEqual([400, { workflow_id: expect.any(String) }]);
    expect((await importing(importBody(shareToken, { trust_review: 'yes' })))[0]).toBe(400);
    expect((await importing(importBody(shareToken), {}))[0]).toBe(403);
    expect((await importing(importBody(shareToken), { 'x-api-key': 'wrong' }))[0]).toBe(403);
    expect((await importing(importBody(shareToken)))[0]).toBe(201);
  });

  test('or not, when the source was deleted meanwhile, as it is switched', async () => {
    const { call, sandbox } = await startStandIn();
    const { asPartner } = partnerOf(sandbox);
    const importing = async () => {
      const { shareToken, sessionId } = await sandbox.share();
      await call('DELETE', `/v3/session/${sessionId}/delete/`, undefined, asPartner);
      return answered(call('POST', '/v3/session/import-shared/', importBody(shareToken)));
    };
    const [status, copy] = await importing();
    expect([status, Object.keys(sandbox.session(String(copy.session_id)).pictures)]).toEqual([
      201,
      expect.arrayContaining(['selfie', 'portrait']),
    ]);
    sandbox.configure({ sharedSourceDeleted: 'not_found' });
    expect((await importing())[0]).toBe(404);
  });
});

test('applications see nothing of each other, and only ours is told of its sessions', async () => {
  const standIn = await startStandIn();
  const { call, create, sandbox, received } = standIn;
  const { partner, asPartner } = partnerOf(sandbox);
  const theirs = await atPartner(standIn);
  const ours = await create({ vendor_data: 'theirs' });
  await sandbox.settle(ours.session_id, 'approve');
  const paths = (id: string) => [
    ['GET', `/v3/session/${id}/decision/`],
    ['PATCH', `/v3/session/${id}/update-status/`],
    ['DELETE', `/v3/session/${id}/delete/`],
  ];
  for (const [method = '', path = ''] of paths(theirs)) expect((await call(method, path)).status).toBe(404);
  for (const [method = '', path = ''] of paths(ours.session_id)) {
    expect((await call(method, path, undefined, asPartner)).status).toBe(404);
  }
  const listed = async (headers?: Record<string, string>) =>
    (await answered(call('GET', '/v3/sessions/', undefined, headers)))[1].results;
  expect(await listed()).toMatchObject([{ session_id: ours.session_id }]);
  expect(await listed(asPartner)).toMatchObject([{ session_id: theirs }]);
  expect(sandbox.sessions('partner').map(({ id }) => id)).toEqual([theirs]);
  expect(received.map(({ body }) => body.session_id)).toEqual([ours.session_id]);

  const forget = { vendor_data_list: ['theirs'] };
  expect(await answered(call('POST', '/v3/users/delete/', forget, asPartner))).toEqual([200, { deleted: 1 }]);
  expect(sandbox.users()).toEqual([{ vendorData: 'theirs', status: 'ACTIVE', hasFace: true }]);
  const workflow = { workflow_id: partner.workflows.enrol };
  expect((await call('POST', '/v3/session/', workflow)).status).toBe(400);
  const destinations = await (await call('GET', '/v3/webhook/destinations/', undefined, asPartner)).json();
  expect(destinations).toEqual([]);
});

test('the hand refuses what makes no sense', async () => {
  const { create, sandbox } = await startStandIn({ otherApplications: [] });
  await expect(sandbox.share()).rejects.toThrow('without another application');
  const { session_id } = await create();
  await sandbox.settle(session_id, 'approve');
  await expect(sandbox.share({ sessionId: session_id, to: 'own' })).rejects.toThrow('own application');
  await expect(sandbox.share({ sessionId: 'none' })).rejects.toThrow('no session none');
  await expect(sandbox.share({ sessionId: session_id, ttlSeconds: 59 })).rejects.toThrow('59');
  expect(() => sandbox.sessions('nobody')).toThrow('no application nobody');
});
