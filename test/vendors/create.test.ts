// Opening a verification: what is sent, what of the answer is believed, and the table of refusals.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerificationRequest } from '../../src/login/ports.ts';
import { SESSION } from './deliveries.ts';
import { API_KEY, diditAt, type TestVendor, WORKFLOWS } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

let server: LocalServer;
let didit: TestVendor;

beforeAll(async () => {
  server = await startLocalServer();
});
afterAll(() => server.close());
beforeEach(() => {
  didit = diditAt(server.url);
});

const HOSTED = 'https://verify.didit.me/session/abcdefghijkl';
const request: VerificationRequest = {
  workflowId: WORKFLOWS.passive,
  subject: 'user-42',
  returnUrl: 'https://id.example/interaction/u1/return/t1',
  metadata: { purpose: 'login' },
};
const created = {
  session_id: SESSION,
  session_number: 1,
  session_token: 'abcdefghijkl',
  url: HOSTED,
  vendor_data: 'user-42',
  metadata: null,
  status: 'Not Started',
  workflow_id: WORKFLOWS.passive,
  workflow_version: 1,
  callback: null,
};
const ok = { status: 201, body: created };

function open(changes: Partial<VerificationRequest> = {}) {
  return didit.vendor.openVerification({ ...request, ...changes });
}

function sent(back = 1): Record<string, unknown> {
  return JSON.parse(server.asked.at(-back)?.text ?? '{}');
}

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string; retryAfterSeconds?: number }> {
  return promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error) => error,
  );
}

describe('what is sent', () => {
  test('the documented fields, and nothing about the person but our name for them', async () => {
    server.answer(ok);
    await expect(open()).resolves.toEqual({ verificationId: SESSION, url: HOSTED, status: 'not-started' });
    expect(server.asked.at(-1)).toMatchObject({
      method: 'POST',
      path: '/v3/session/',
      headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
    });
    expect(sent()).toEqual({
      workflow_id: WORKFLOWS.passive,
      workflow_type: 'biometric_authentication',
      vendor_data: 'user-42',
      callback: request.returnUrl,
      callback_method: 'completer',
      metadata: { purpose: 'login' },
    });
  });

  test('the document workflow is no biometric authentication; a client’s own workflow is', async () => {
    server.answer({ status: 201, body: { ...created, workflow_id: undefined } });
    await open({ workflowId: WORKFLOWS.enrol });
    expect(sent()).not.toHaveProperty('workflow_type');
    await open({ workflowId: 'wf-of-a-client' });
    expect(sent()).toHaveProperty('workflow_type', 'biometric_authentication');
  });

  test('the type can be switched off', async () => {
    server.answer(ok);
    didit = diditAt(server.url, { sendWorkflowType: false });
    await open();
    expect(sent()).not.toHaveProperty('workflow_type');
  });

  test.each([
    [['de-CH', 'fr'], 'de'],
    [['fil', 'pt-BR'], 'pt'],
    [['ZH-hant-TW'], 'zh'],
    [['fil'], undefined],
    [['english', '', 'x'], undefined],
    [[], undefined],
  ])('the locales %j become %j', async (locales, language) => {
    server.answer(ok);
    await open({ locales });
    expect(sent().language).toBe(language);
  });

  test('a portrait as bare base64', async () => {
    server.answer(ok);
    await open({ portrait: new Uint8Array([0xff, 0xd8, 0xff, 0xd9]) });
    expect(sent().portrait_image).toBe('/9j/2Q==');
  });

  test.each([0, 750_001])('a portrait of %d bytes never leaves', async (size) => {
    const before = server.asked.length;
    await expect(open({ portrait: new Uint8Array(size) })).rejects.toMatchObject({ code: 'vendor_refused' });
    expect(server.asked.length).toBe(before);
  });

  test('the largest portrait is below 1 MB even when encoded', async () => {
    server.answer(ok);
    await open({ portrait: new Uint8Array(750_000) });
    expect(String(sent().portrait_image).length).toBeLessThanOrEqual(1_000_000);
  });
});

describe('fields the vendor may not take', () => {
  const complaints = [
    ['keyed', { workflow_type: ['Unknown field.'] }],
    ['in a sentence', { detail: 'Unexpected field workflow_type.' }],
    ['in a bare list', ['workflow_type is not allowed.']],
  ] as const;

  test.each(complaints)(
    'a complaint about workflow_type, %s: once more without it, and never again with it',
    async (_how, body) => {
      server.answer({ status: 400, body }, ok);
      await open();
      expect(sent(2)).toHaveProperty('workflow_type');
      expect(sent()).not.toHaveProperty('workflow_type');
      const before = server.asked.length;
      await open();
      expect(server.asked.length).toBe(before + 1);
      expect(sent()).not.toHaveProperty('workflow_type');
    },
  );

  test('a complaint about the language: once more without it, and from then on the next that is wished for', async () => {
    server.answer({ status: 400, body: { language: ['"eo" is not a valid choice.'] } }, ok);
    await open({ locales: ['eo'] });
    expect(sent()).not.toHaveProperty('language');
    await open({ locales: ['eo'] });
    expect(sent()).not.toHaveProperty('language');
    await open({ locales: ['eo', 'de'] });
    expect(sent()).toHaveProperty('language', 'de');
  });

  test.each([
    ['workflow_type', 'language'],
    ['language', 'workflow_type'],
  ])('both, %s first', async (first, second) => {
    server.answer({ status: 400, body: { [first]: ['x'] } }, { status: 400, body: { [second]: ['x'] } }, ok);
    await open({ locales: ['eo'] });
    expect(sent()).not.toHaveProperty('workflow_type');
    expect(sent()).not.toHaveProperty('language');
  });

  test('a complaint that stays is a refusal, not a loop', async () => {
    server.answer({ status: 400, body: { workflow_type: ['x'] } });
    const before = server.asked.length;
    await expect(open()).rejects.toMatchObject({ code: 'vendor_refused' });
    expect(server.asked.length).toBe(before + 2);
  });
});

describe('refusals', () => {
  const portrait = new Uint8Array([0xff, 0xd8, 0xff, 0xd9]);
  test.each<[string, number, unknown, Partial<VerificationRequest>, string]>([
    [
      'no stored face',
      400,
      { portrait_image: 'No stored face image was found for "Ana".' },
      {},
      'vendor_portrait_missing',
    ],
    ['no portrait', 400, { portrait_image: ['A portrait image is required.'] }, {}, 'vendor_portrait_missing'],
    ['any complaint about one we did not send', 400, { portrait_image: ['?'] }, {}, 'vendor_portrait_missing'],
    ['a portrait too large', 400, { portrait_image: ['Image size exceeds 2MB.'] }, { portrait }, 'vendor_refused'],
    ['a blocked person', 400, { vendor_data: 'This user is blocked.' }, {}, 'vendor_subject_blocked'],
    ['a workflow', 400, { workflow_id: 'Invalid workflow_id.' }, {}, 'vendor_refused'],
    ['a workflow and more', 400, { workflow_id: 'x', vendor_data: 'y', portrait_image: 'z' }, {}, 'vendor_refused'],
    ['no credits', 400, { detail: 'You do not have enough credits.' }, {}, 'vendor_refused'],
    ['a bare list', 400, ['The request could not be processed.'], {}, 'vendor_refused'],
    ['text', 400, 'Bad Request', {}, 'vendor_refused'],
    ['a key', 401, { detail: 'Invalid API key.' }, {}, 'vendor_refused'],
    ['credit', 402, '', {}, 'vendor_refused'],
    ['permission', 403, { detail: 'You do not have permission to perform this action.' }, {}, 'vendor_refused'],
    ['an unknown path', 404, '<html><body>Not Found</body></html>', {}, 'vendor_refused'],
    ['a method', 405, { detail: 'x' }, {}, 'vendor_refused'],
  ])('%s (%d)', async (_what, status, body, changes, code) => {
    server.answer({ status, body: body as object });
    const before = server.asked.length;
    const error = await failure(open(changes));
    expect(error.code).toBe(code);
    expect(error.message).toContain(String(status));
    // never retried, and the vendor's words, the key and the person stay out of the error and the log
    expect(server.asked.length).toBe(before + 1);
    const told = `${error.message} ${JSON.stringify(error)} ${didit.logged()}`;
    for (const secret of ['Ana', 'user-42', API_KEY, 'stored', 'permission', 'exceeds', '<html>']) {
      expect(told).not.toContain(secret);
    }
  });

  test('the fields a refusal is about are named', async () => {
    server.answer({ status: 400, body: { workflow_id: 'x', 'user ana@example.com': 'y' } });
    expect((await failure(open())).message).toBe('create: the vendor answered 400 about workflow_id');
  });
});

describe('the answer', () => {
  test('session_url serves as well as url', async () => {
    server.answer({ status: 201, body: { ...created, url: undefined, session_url: HOSTED } });
    expect((await open()).url).toBe(HOSTED);
    server.answer({ status: 201, body: { ...created, url: null, session_url: HOSTED } });
    expect((await open()).url).toBe(HOSTED);
  });

  test('that names no status is new, and one in words that nobody knows is not', async () => {
    server.answer({ status: 201, body: { ...created, status: undefined } });
    expect((await open()).status).toBe('not-started');
    server.answer({ status: 201, body: { ...created, status: 'Begonnen' } });
    expect((await open()).status).not.toBe('not-started');
  });

  test.each([{ url: null }, { url: undefined }, { url: '' }])(
    'without an address (%j) the key lacks a scope',
    async (changes) => {
      server.answer({ status: 201, body: { ...created, ...changes } });
      const error = await failure(open());
      expect(error).toMatchObject({ code: 'vendor_refused' });
      expect(error.message).toContain('scope');
    },
  );

  test.each([
    ['another workflow', { workflow_id: 'wf-other' }, 'vendor_refused'],
    ['another person', { vendor_data: 'user-43' }, 'vendor_unavailable'],
    ['no session id', { session_id: undefined }, 'vendor_unavailable'],
    ['an id in capitals', { session_id: 'AAAAAAAA-2222-4333-8444-555555555555' }, 'vendor_unavailable'],
    ['a path for an id', { session_id: '../../x' }, 'vendor_unavailable'],
    ['http elsewhere', { url: 'http://verify.didit.me/session/x' }, 'vendor_unavailable'],
    ['http on a look-alike', { url: 'http://localhost.evil.example/x' }, 'vendor_unavailable'],
    ['a user that looks like the host', { url: 'https://verify.didit.me@evil.example/x' }, 'vendor_unavailable'],
    ['a script', { url: 'javascript:alert(1)' }, 'vendor_unavailable'],
    ['no address', { url: 'verify' }, 'vendor_unavailable'],
    ['a number', { url: 5 }, 'vendor_unavailable'],
  ])('%s is not taken', async (_what, changes, code) => {
    server.answer({ status: 201, body: { ...created, ...changes } });
    await expect(open()).rejects.toMatchObject({ code });
  });

  test('http on this machine is taken, for a stand-in', async () => {
    server.answer({ status: 201, body: { ...created, url: 'http://localhost:3001/session/x' } });
    expect((await open()).url).toBe('http://localhost:3001/session/x');
  });

  test('one that exists already says how it stands', async () => {
    server.answer({ status: 201, body: { ...created, status: 'In Progress' } });
    expect((await open()).status).toBe('in-progress');
    server.answer({ status: 200, body: { ...created, status: 'Iniciado' } });
    expect((await open()).status).toBe('unknown');
  });

  test.each([
    ['broken JSON', { status: 201, body: '{"session_id": "1111' }],
    ['a repeated key', { status: 201, body: '{"url":"https://a.example","url":"https://b.example"}' }],
    ['a page', { status: 200, body: '<html></html>' }],
    ['nothing', { status: 201 }],
    ['a list', { status: 201, body: [] }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/' } }],
  ])('%s is no answer', async (_what, reply) => {
    server.answer(reply);
    const before = server.asked.length;
    await expect(open()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(server.asked.length).toBe(before + 1);
  });
});
