import { expect, test } from '@jest/globals';
import type { FaultSpec } from '../../src/sandbox/faults.ts';
import { startStandIn, WORKFLOWS } from './stand-in.ts';

const body = { workflow_id: WORKFLOWS.enrol, vendor_data: 'user-42' };

test.each<[string, FaultSpec, unknown]>([
  ['no stored face', { status: 400, variant: 'portrait_image' }, { portrait_image: expect.any(String) }],
  ['blocked user', { status: 400, variant: 'vendor_data' }, { vendor_data: expect.any(String) }],
  ['workflow', { status: 400, variant: 'workflow_id' }, { workflow_id: 'Invalid workflow_id.' }],
  ['workflow type', { status: 400, variant: 'workflow_type' }, { workflow_type: [expect.any(String)] }],
  ['no credits', { status: 400, variant: 'credits' }, { detail: expect.stringContaining('credits') }],
  ['bare array', { status: 400, variant: 'array' }, [expect.any(String)]],
  ['wrong key', { status: 401 }, { detail: expect.any(String) }],
  ['no balance', { status: 402 }, { detail: expect.any(String) }],
  ['not allowed', { status: 403 }, { detail: 'You do not have permission to perform this action.' }],
  ['own body', { status: 418, body: { tea: true } }, { tea: true }],
])('create can fail with documented bodies: %s', async (_name, spec, expected) => {
  const { call, sandbox } = await startStandIn();
  sandbox.fault('create', spec);
  const answer = await call('POST', '/v3/session/', body);
  expect([answer.status, await answer.json()]).toEqual([spec.status, expected]);
  expect((await call('POST', '/v3/session/', body)).status).toBe(201);
});

test('429 brings Retry-After and rate headers, the daily quota none', async () => {
  const { call, sandbox } = await startStandIn();
  sandbox.fault('create', { status: 429, retryAfterSeconds: 7 });
  sandbox.fault('create', { status: 429, variant: 'quota' });
  const [limited, quota] = [await call('POST', '/v3/session/', body), await call('POST', '/v3/session/', body)];
  expect(['retry-after', 'x-ratelimit-remaining'].map((name) => limited.headers.get(name))).toEqual(['7', '0']);
  expect([quota.status, quota.headers.get('retry-after'), await quota.text()]).toEqual([
    429,
    null,
    expect.stringContaining('500 sessions per 24h'),
  ]);
});

test('5xx and HTML 404 are pages, not JSON', async () => {
  const { call, sandbox } = await startStandIn();
  sandbox.fault('all', { status: 503 });
  sandbox.fault('all', { status: 404, variant: 'html' });
  const answers = [await call('POST', '/v3/session/', body), await call('POST', '/v3/session/', body)];
  expect(answers.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual([
    [503, 'text/html; charset=utf-8'],
    [404, 'text/html; charset=utf-8'],
  ]);
});

test('a lost answer means that the work was done and nobody was told', async () => {
  const { call, create, sandbox } = await startStandIn();
  sandbox.fault('create', { lost: true });
  await expect(call('POST', '/v3/session/', body)).rejects.toThrow();
  expect(sandbox.sessions()).toHaveLength(1);
  expect((await create()).session_id).toBe(sandbox.sessions()[0]?.id);
});

test('a reset connection means that nothing was done', async () => {
  const { call, sandbox } = await startStandIn();
  sandbox.fault('create', { reset: true });
  await expect(call('POST', '/v3/session/', body)).rejects.toThrow();
  expect(sandbox.sessions()).toHaveLength(0);
});

test('a hanging call never answers, until the stand-in closes', async () => {
  const { call, sandbox } = await startStandIn();
  sandbox.fault('create', { hang: true });
  const hanging = call('POST', '/v3/session/', body).then(
    () => 'answered',
    () => 'dropped',
  );
  while (sandbox.calls().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  await sandbox.close();
  expect(await hanging).toBe('dropped');
});

test('malformed JSON, redirects and slowness', async () => {
  const { call, create, sandbox } = await startStandIn();
  sandbox.fault('create', { malformed: true });
  const malformed = await call('POST', '/v3/session/', body);
  expect(malformed.status).toBe(201);
  await expect(malformed.json()).rejects.toThrow('JSON');
  sandbox.fault('create', { redirectTo: 'http://127.0.0.1:1/' });
  expect((await call('POST', '/v3/session/', body)).headers.get('location')).toBe('http://127.0.0.1:1/');
  sandbox.fault('create', { slowMs: 20 });
  const before = performance.now();
  await create();
  expect(performance.now() - before).toBeGreaterThanOrEqual(19);
});

test('a fault lasts for n calls, or until cleared or disarmed', async () => {
  const { call, sandbox } = await startStandIn();
  const statuses = async (n: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < n; i += 1) seen.push((await call('GET', '/v3/workflows/')).status);
    return seen;
  };
  sandbox.fault('other', { status: 500, times: 2 });
  expect(await statuses(3)).toEqual([500, 500, 200]);
  const disarm = sandbox.fault('all', { status: 500, times: null });
  expect(await statuses(3)).toEqual([500, 500, 500]);
  disarm();
  sandbox.fault('all', { status: 502, times: null });
  sandbox.clearFaults();
  expect(await statuses(1)).toEqual([200]);
});

test('rate limits, once switched on, slide over a minute', async () => {
  const { call, create, sandbox, wait } = await startStandIn({ settings: { rateLimits: { decision: 2 } } });
  const { session_id } = await create();
  const ask = () => call('GET', `/v3/session/${session_id}/decision/`);
  expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
  wait(20);
  const over = await ask();
  expect([over.status, over.headers.get('retry-after'), over.headers.get('x-ratelimit-limit')]).toEqual([
    429,
    '40',
    '2',
  ]);
  wait(40);
  const after = await ask();
  expect([after.status, after.headers.get('x-ratelimit-limit')]).toEqual([200, null]);
  sandbox.configure({ rateHeadersAlways: true });
  expect((await ask()).headers.get('x-ratelimit-remaining')).toBe('0');
});
