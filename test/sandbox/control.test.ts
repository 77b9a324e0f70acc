import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { API_KEY, SECRET, startStandIn, WORKFLOWS } from './stand-in.ts';

const MAIN = fileURLToPath(new URL('../../src/sandbox/main.ts', import.meta.url));

test('everything can be turned over HTTP as well', async () => {
  const { call, create, received } = await startStandIn();
  const { session_id } = await create();
  const at = `/_control/sessions/${session_id}`;
  const send = async (method: string, path: string, body?: unknown) =>
    (await call(method, path, method === 'GET' ? undefined : (body ?? {}), {})).json();

  expect(await send('POST', `${at}/open`, { userAgent: 'x' })).toMatchObject([{ status: 200 }]);
  const settled = { scenario: 'approve', webhook: 'late', capture: 'phone', mutate: { 'reviews.0': 'seen' } };
  expect(await send('POST', `${at}/settle`, settled)).toEqual([]);
  expect(await send('POST', '/_control/release', { session_id })).toMatchObject([{ status: 200, body: 'thanks' }]);
  expect(await send('POST', `${at}/webhook`, { signature: 'bad', copies: 2 })).toHaveLength(2);
  expect(await send('GET', at)).toMatchObject({ status: 'Approved', vendorData: 'user-42' });
  expect(await send('GET', `${at}/decision`)).toMatchObject({
    reviews: ['seen'],
    ip_analyses: [{}, { platform: 'mobile', ip_address: '203.0.113.77' }],
  });
  expect(await send('GET', '/_control/sessions')).toHaveLength(1);
  expect(await send('GET', '/_control/deliveries')).toHaveLength(received.length);

  await send('POST', '/_control/faults', { call: 'create', status: 503, times: null });
  expect((await call('POST', '/v3/session/', { workflow_id: WORKFLOWS.enrol })).status).toBe(503);
  await send('DELETE', '/_control/faults');
  expect(await send('GET', '/_control/calls')).toHaveLength(2);
  await send('DELETE', '/_control/calls');
  expect(await send('GET', '/_control/calls')).toEqual([]);

  expect(await send('PATCH', '/_control/settings', { createShape: 'seed' })).toMatchObject({
    createShape: 'seed',
    webhookSecret: '[secret]',
  });
  expect(await send('POST', '/_control/users/user-42/status', { status: 'BLOCKED' })).toMatchObject([{ status: 200 }]);
  expect(await send('GET', '/_control/users')).toEqual([{ vendorData: 'user-42', status: 'BLOCKED', hasFace: true }]);
  expect(await send('DELETE', '/_control/users/user-42/face')).toEqual({ done: true });
  expect(await send('POST', `${at}/review`, { status: 'Declined', webhook: 'lost' })).toEqual([]);
  expect(await send('POST', '/_control/share', { ttlSeconds: 60 })).toEqual({
    shareToken: expect.any(String),
    sessionId: expect.any(String),
  });
  expect(await send('GET', '/_control/applications')).toMatchObject([{ name: 'own' }, { name: 'partner' }]);
  expect(await send('GET', '/_control/scenarios')).toMatchObject({ captures: expect.arrayContaining(['vpn']) });
});

test.each([
  ['an unknown session', '/_control/sessions/none/settle', { scenario: 'approve' }],
  ['an unknown setting', '/_control/settings', { nonsense: 1 }],
  ['an unknown sharer', '/_control/share', { from: 'nobody' }],
  ['an unknown verdict', '/_control/sessions/none/review', { status: 'Maybe' }],
  ['no object', '/_control/settings', []],
])('%s is a 400 with a reason', async (_name, path, body) => {
  const { call } = await startStandIn();
  const answer = await call(path.endsWith('settings') ? 'PATCH' : 'POST', path, body);
  expect([answer.status, await answer.json()]).toEqual([400, { error: expect.any(String) }]);
});

test('a form of a foreign page cannot turn the controls', async () => {
  const { sandbox } = await startStandIn();
  const answer = await fetch(`${sandbox.url}/_control/release`, { method: 'POST', body: new URLSearchParams({}) });
  expect(answer.status).toBe(400);
});

test('unknown scenarios and sessions are errors to a programmer', async () => {
  const { create, sandbox } = await startStandIn();
  const { session_id } = await create();
  await expect(sandbox.settle(session_id, 'no_such')).rejects.toThrow('no scenario is called no_such');
  expect(() => sandbox.session('none')).toThrow('no session none');
});

test('it does not start in production', async () => {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    const options = { apiKey: API_KEY, webhookSecrets: [SECRET], workflows: WORKFLOWS };
    await expect(startSandbox(options)).rejects.toMatchObject({ code: 'sandbox_in_production' });
  } finally {
    process.env.NODE_ENV = before;
  }
});

test('the process prints its address, and in production exits with 2', async () => {
  const run = (env: Record<string, string>) => {
    const child = spawn(process.execPath, [MAIN], { env: { ...process.env, DEMO_VENDOR_PORT: '0', ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('webhooks ')) child.kill('SIGTERM');
      });
    }
    return new Promise<[number | null, string]>((resolve) => child.on('exit', (code) => resolve([code, output])));
  };
  const [ended, refused] = await Promise.all([run({ NODE_ENV: 'test' }), run({ NODE_ENV: 'production' })]);
  expect(ended).toEqual([0, expect.stringMatching(/^stand-in http:\/\/localhost:\d+\n/)]);
  expect(refused).toEqual([2, expect.stringContaining('does not run with NODE_ENV=production')]);
});
