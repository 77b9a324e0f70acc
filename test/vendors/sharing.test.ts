// Importing what another customer shared, and forgetting a person: what is sent, whose fault a refusal is, what leaks.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SESSION } from './deliveries.ts';
import { diditAt, type TestVendor, WORKFLOWS } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXNlY3JldC1zZWNyZXQ.share-token-that-must-stay-here';

let server: LocalServer;
let didit: TestVendor;
let before = 0;

beforeAll(async () => {
  server = await startLocalServer();
});
afterAll(() => server.close());
beforeEach(() => {
  didit = diditAt(server.url);
  before = server.asked.length;
});

const asked = () => server.asked.length - before;
const importing = (shareToken = TOKEN, trustReview = true) =>
  didit.vendor.importShared({ shareToken, workflowId: WORKFLOWS.enrol, subject: 'user-42', trustReview });
const failing = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (caught) => caught,
  );
  if (error === undefined) throw new Error('it did not fail');
  return error;
};

describe('an import', () => {
  test.each([true, false])('sends token, trust (%s), workflow and name, and nothing else', async (trust) => {
    server.answer({ status: 201, body: { session_id: SESSION, vendor_data: 'user-42', shared_from_session: 'y' } });
    await expect(importing(TOKEN, trust)).resolves.toEqual({ verificationId: SESSION });
    const last = server.asked.at(-1);
    expect(last).toMatchObject({ method: 'POST', path: '/v3/session/import-shared/' });
    expect(last?.headers['x-api-key']).toBe('key-that-must-stay-here');
    expect(JSON.parse(last?.text ?? '')).toEqual({
      share_token: TOKEN,
      trust_review: trust,
      workflow_id: WORKFLOWS.enrol,
      vendor_data: 'user-42',
    });
  });

  test.each([
    [401, { detail: 'The share token is invalid or has expired.' }],
    [401, { detail: 'Token expired' }],
    [403, { detail: 'This token is not intended for your application.' }],
    [403, { detail: 'The session was already imported.' }],
    [404, { detail: 'Not found.' }],
    [404, '<!doctype html>'],
    [403, ''],
    [400, { share_token: ['This field may not be blank.'] }],
  ])('refused for its token (%d %j) is told apart, without the token or the vendor’s words', async (status, body) => {
    server.answer({ status, body });
    const error = await failing(importing());
    expect(error).toMatchObject({
      code: 'shared_verification_refused',
      message: `import: the vendor does not hand it over (${status})`,
    });
    expect(asked()).toBe(1);
  });

  test.each([
    [401, { detail: 'Invalid API key.' }],
    [401, { detail: 'Authentication credentials were not provided.' }],
    [402, { detail: 'Insufficient balance.' }],
    [403, { detail: 'You do not have permission to perform this action.' }],
    [403, { detail: 'Authentication credentials were not provided or are invalid.' }],
    [403, { error: "You don't have enough credits to perform this request: not enough credits." }],
    [404, { detail: 'Workflow not found.' }],
    [400, { workflow_id: 'Invalid workflow_id.' }],
    [400, { vendor_data: 'This user is blocked.' }],
    [400, ['The request could not be processed.']],
  ])('refused for what is ours to mend (%d %j) is the operator’s', async (status, body) => {
    server.answer({ status, body });
    expect(await failing(importing())).toMatchObject({ code: 'vendor_refused' });
    expect(asked()).toBe(1);
  });

  test.each([
    ['500', { status: 500 }],
    ['503', { status: 503, headers: { 'retry-after': '1' } }],
    ['a dropped connection', 'reset'],
    ['429', { status: 429 }],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example/' } }],
    ['no JSON', { status: 201, body: 'done' }],
    ['no id', { status: 201, body: { status: 'Approved' } }],
    ['an id of another form', { status: 201, body: { session_id: '../x' } }],
    ['another person', { status: 201, body: { session_id: SESSION, vendor_data: 'user-43' } }],
    ['another workflow', { status: 201, body: { session_id: SESSION, workflow_id: 'wf-other' } }],
  ] as const)('answered with %s is unavailable, and not tried twice: a token works once', async (_what, reply) => {
    server.answer(reply);
    expect(await failing(importing())).toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toBe(1);
    expect(didit.timing.slept).toEqual([]);
  });

  test.each(['', 'x'.repeat(8193)])('of what is no token at all does not go out', async (token) => {
    expect(await failing(importing(token))).toMatchObject({ code: 'shared_verification_refused' });
    expect(asked()).toBe(0);
  });

  test('leaves the token in no error, no log and no path, even when the vendor repeats it', async () => {
    const replies = [
      { status: 401, body: { detail: `bad token ${TOKEN}`, [TOKEN]: TOKEN } },
      { status: 400, body: { share_token: [TOKEN], workflow_id: TOKEN } },
      { status: 403, body: { detail: `API key may not import ${TOKEN}` } },
      { status: 201, body: { session_id: TOKEN, vendor_data: TOKEN } },
      { status: 500, body: TOKEN },
      'reset',
    ] as const;
    for (const reply of replies) {
      server.answer(reply);
      const error = await failing(importing());
      const causes = [error, error.cause, error.cause?.cause].map(
        (one) => `${one} ${one?.stack} ${JSON.stringify(one)}`,
      );
      expect(causes.join('\n')).not.toContain('share-token-that-must-stay-here');
    }
    expect(didit.logged()).not.toContain('share-token-that-must-stay-here');
    expect(server.asked.map(({ path }) => path).join()).not.toContain('share-token');
  });
});

describe('forgetting a person', () => {
  const forget = (subject = 'user-42') => didit.vendor.forgetSubject(subject);

  test.each([
    [200, { deleted: 1 }],
    [200, { deleted: 0 }],
    [204, ''],
    [202, 'gone'],
    [404, { detail: 'Not found.' }],
    [404, '<html></html>'],
  ])('answered with %d is done', async (status, body) => {
    server.answer({ status, body });
    await expect(forget()).resolves.toBeUndefined();
    expect(server.asked.at(-1)).toMatchObject({ method: 'POST', path: '/v3/users/delete/' });
  });

  test('names one person and never everybody', async () => {
    server.answer({ body: { deleted: 1 } });
    await forget('ana "x" ü');
    expect(JSON.parse(server.asked.at(-1)?.text ?? '')).toEqual({ vendor_data_list: ['ana "x" ü'] });
    before = server.asked.length;
    await forget('');
    expect(asked()).toBe(0);
  });

  test('is repeated after a failure, and told when it is refused', async () => {
    server.answer({ status: 503 }, 'reset', { status: 200, body: { deleted: 1 } });
    await expect(forget()).resolves.toBeUndefined();
    expect(asked()).toBe(3);
    server.answer({ status: 503 });
    expect(await failing(forget())).toMatchObject({ code: 'vendor_unavailable' });
    for (const status of [400, 401, 402, 403]) {
      server.answer({ status, body: { detail: 'x' } });
      expect(await failing(forget())).toMatchObject({ code: 'vendor_refused' });
    }
  });
});

test('the new calls are counted under names of their own', async () => {
  server.answer({ status: 401, body: { detail: 'expired' } });
  await failing(importing());
  server.answer({ status: 404 });
  await didit.vendor.forgetSubject('x');
  expect(didit.meter.counted).toEqual(['vendor_requests import refused', 'vendor_requests forget not-found']);
});
