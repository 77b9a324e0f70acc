import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { signBody } from '../../src/sandbox/signatures.ts';
import { NOW, SECRET, startStandIn } from './stand-in.ts';

const hmac = (text: string, secret = SECRET): string => createHmac('sha256', secret).update(text).digest('hex');

test('a delivery carries the documented headers and envelope, signed in all three ways', async () => {
  const { create, sandbox, received, wait } = await startStandIn();
  const { session_id } = await create({ metadata: { city: '東京' } });
  wait(60);
  const answers = await sandbox.settle(session_id, 'approve');
  expect(answers).toMatchObject([{ status: 200, body: 'thanks', headers: { 'x-receiver': 'yes' } }]);
  const [delivery] = received;
  const text = delivery?.text ?? '';
  expect(delivery?.headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'DiditWebhook/2.0 +https://didit.me',
    'x-timestamp': String(NOW + 60),
    'x-signature': hmac(text),
    'x-signature-simple': hmac(`${NOW + 60}:${session_id}:Approved:status.updated`),
  });
  expect(text).toMatch(/"city":"\\u6771\\u4eac"/);
  expect(delivery?.headers['x-signature-v2']).toBe(signBody(text, SECRET)['X-Signature-V2']);
  expect(delivery?.headers['x-signature-v2']).not.toBe(delivery?.headers['x-signature']);
  expect(delivery?.body).toMatchObject({
    webhook_type: 'status.updated',
    timestamp: NOW + 60,
    created_at: NOW,
    session_id,
    status: 'Approved',
    workflow_version: 1,
    environment: 'sandbox',
    vendor_data: 'user-42',
    metadata: { city: '東京' },
    decision: { session_id, status: 'Approved' },
  });
  expect(delivery?.body.event_id).toMatch(/^[0-9a-f-]{36}$/);
});

test.each([
  ['normal', [200]],
  ['lost', []],
  ['late', []],
  ['duplicate', [200, 200]],
  ['reversed', [200, 200]],
  ['stale', [200]],
  ['badly_signed', [200]],
  ['without_decision', [200]],
] as const)('mode %s can be chosen per settle', async (webhook, statuses) => {
  const { create, sandbox, received } = await startStandIn();
  const { session_id } = await create();
  const answers = await sandbox.settle(session_id, 'approve', { webhook });
  expect(answers.map(({ status }) => status)).toEqual(statuses);
  const [first, second] = received;
  if (webhook === 'duplicate') expect(first?.body.event_id).toBe(second?.body.event_id);
  if (webhook === 'reversed') expect([first?.body.status, second?.body.status]).toEqual(['Approved', 'In Progress']);
  if (webhook === 'stale') expect(first?.body.timestamp).toBe(NOW - 600);
  if (webhook === 'without_decision') expect(first?.body).not.toHaveProperty('decision');
  if (webhook === 'badly_signed') expect(first?.headers['x-signature']).not.toBe(hmac(first?.text ?? ''));
  if (webhook === 'late') {
    expect(await sandbox.release(session_id)).toMatchObject([{ status: 200 }]);
    expect(await sandbox.release()).toEqual([]);
    expect(received.map(({ body }) => body.status)).toEqual(['Approved']);
  }
});

test('a mode may be the rule for all, or the scenario itself', async () => {
  const { create, sandbox, received } = await startStandIn({ settings: { webhookMode: 'lost' } });
  const { session_id } = await create();
  await sandbox.open(session_id);
  await sandbox.settle(session_id, 'approve');
  expect(received).toEqual([]);
  await sandbox.settle(session_id, 'approve_webhook_duplicate');
  expect(received).toHaveLength(2);
});

test('one delivery can be changed in every part', async () => {
  const { create, sandbox, received } = await startStandIn();
  const { session_id } = await create();
  await sandbox.settle(session_id, 'approve', { webhook: false });
  await sandbox.sendWebhook(session_id, {
    type: 'data.updated',
    timestamp: NOW - 5,
    eventId: null,
    decision: false,
    body: { vendor_data: 'other', 'metadata.deep': 1 },
    headers: { 'X-Timestamp': '1', 'User-Agent': null },
    sign: ['X-Signature-Simple'],
    secret: 'other-secret',
    contentType: 'text/plain',
    test: true,
  });
  const [delivery] = received;
  expect(delivery?.body).toMatchObject({ webhook_type: 'data.updated', timestamp: NOW - 5, vendor_data: 'other' });
  expect(delivery?.body).not.toHaveProperty('event_id');
  expect(delivery?.headers).toMatchObject({
    'content-type': 'text/plain',
    'x-timestamp': '1',
    'x-didit-test-webhook': 'true',
    'x-signature-simple': hmac(`${NOW - 5}:${session_id}:Approved:data.updated`, 'other-secret'),
  });
  expect(delivery?.headers).not.toHaveProperty('x-signature-v2');
  expect(delivery?.headers).not.toHaveProperty('user-agent');
});

test.each([
  ['none', undefined],
  ['empty', ''],
  ['truncated', expect.stringMatching(/^[0-9a-f]{32}$/)],
  ['prefixed', expect.stringMatching(/^sha256=/)],
  ['other_body', hmac('{"other":"body"}')],
] as const)('signatures can be spoiled: %s', async (signature, expected) => {
  const { create, sandbox, received } = await startStandIn();
  const { session_id } = await create();
  await sandbox.sendWebhook(session_id, { signature });
  expect(received[0]?.headers['x-signature-v2']).toEqual(expected);
});

test('the body can be raw, changed after signing, in another form, or sent many times at once', async () => {
  const { create, sandbox, received } = await startStandIn();
  const { session_id } = await create({ metadata: { name: 'José' } });
  await sandbox.sendWebhook(session_id, { raw: '{"a":1,"a":2}' });
  expect([received[0]?.text, received[0]?.headers['x-signature']]).toEqual(['{"a":1,"a":2}', hmac('{"a":1,"a":2}')]);
  await sandbox.sendWebhook(session_id, { bodyAfterSigning: { status: 'Approved' } });
  expect(received[1]?.body.status).toBe('Approved');
  expect(received[1]?.headers['x-signature']).not.toBe(hmac(received[1]?.text ?? ''));
  await sandbox.sendWebhook(session_id, { form: 'unescaped' });
  await sandbox.sendWebhook(session_id, { form: 'unsorted' });
  expect(received.slice(2).map(({ text }) => text.slice(0, 14))).toEqual(['{"application_', '{"event_id": "']);
  expect(await sandbox.sendWebhook(session_id, { copies: 20 })).toHaveLength(20);
  expect(new Set(received.slice(4).map(({ text }) => text)).size).toBe(1);
});

test('5xx and 404 are retried as often as configured, other answers are not', async () => {
  const { create, sandbox, received, answers } = await startStandIn({ settings: { retryDelaysMs: [1, 1] } });
  const { session_id } = await create();
  answers.push(400);
  await sandbox.settle(session_id, 'approve');
  answers.push(503, 404);
  const first = await sandbox.settle(session_id, 'approve');
  expect(first).toMatchObject([{ status: 503 }]);
  while (received.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(received.map(({ body }) => body.event_id).slice(1)).toEqual(Array(3).fill(received[1]?.body.event_id));
});

test('a receiver that is not there is an answer with status 0', async () => {
  const { create, sandbox } = await startStandIn({ webhookUrl: 'http://127.0.0.1:1/' });
  const { session_id } = await create();
  expect(await sandbox.settle(session_id, 'approve')).toMatchObject([{ status: 0, error: expect.any(String) }]);
  expect(sandbox.deliveries()).toHaveLength(1);
});

test('an approval can flip later, by hand or by itself', async () => {
  const { create, sandbox, received } = await startStandIn({ settings: { flipAfterMs: 1 } });
  const { session_id } = await create();
  await sandbox.settle(session_id, 'approve');
  await sandbox.settle(session_id, 'decline_face_match_low_similarity');
  await sandbox.settle(session_id, 'approve_late_flip');
  while (received.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(received.map(({ body }) => body.status)).toEqual(['Approved', 'Declined', 'Approved', 'Declined']);
});
