// The list of verifications: what is asked, and what is made of answers whose form the vendor does not describe.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerificationStatus } from '../../src/core/verdict-types.ts';
import { diditAt, type TestVendor } from './didit.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

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

const asked = () => server.asked.slice(before).map(({ method, path }) => `${method} ${path}`);
const list = (status: VerificationStatus = 'declined', offset = 0, limit = 2) =>
  didit.vendor.listVerifications({ status, offset, limit });
const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const entry = (n: number, status: unknown = 'Declined') => ({ session_id: idOf(n), session_kind: 'user', status });
const found = (...numbers: number[]) => numbers.map((n) => ({ verificationId: idOf(n), status: 'declined' }));

test.each([
  ['declined', 'Declined'],
  ['in-review', 'In%20Review'],
  ['kyc-expired', 'Kyc%20Expired'],
  ['awaiting-user', 'Awaiting%20User'],
] as const)('%s is asked for as %s, with the key', async (status, word) => {
  server.answer({ body: { results: [] } });
  await expect(list(status, 40, 20)).resolves.toEqual([]);
  expect(asked()).toEqual([`GET /v3/sessions/?status=${word}&offset=40&limit=20`]);
  expect(server.asked.at(-1)?.headers['x-api-key']).toBe('key-that-must-stay-here');
});

test('a status without a word, or no room for an entry, is no question', async () => {
  await expect(list('unknown')).resolves.toEqual([]);
  await expect(list('declined', 0, 0)).resolves.toEqual([]);
  expect(asked()).toEqual([]);
});

describe('an answer', () => {
  test.each([
    ['with its list under `results`', { count: 1, next: null, previous: null, results: [entry(1)] }],
    ['that is a list', [entry(1)]],
  ])('%s is read', async (_what, body) => {
    server.answer({ body });
    await expect(list()).resolves.toEqual(found(1));
  });

  test.each([
    ['an object without `results`', { sessions: [entry(1)] }],
    ['`results` that is no list', { results: { 0: entry(1) } }],
    ['text', '"Declined"'],
    ['a page', '<!doctype html>'],
    ['nothing', ''],
  ])('%s is none', async (_what, body) => {
    server.answer({ body });
    await expect(list()).rejects.toMatchObject({ code: 'vendor_unavailable' });
  });

  test.each([400, 401, 402, 403, 404])('%d is a refusal', async (status) => {
    server.answer({ status, body: { detail: 'x' } });
    await expect(list()).rejects.toMatchObject({ code: 'vendor_refused' });
    expect(asked()).toHaveLength(1);
  });

  test('that fails is asked for once more', async () => {
    server.answer({ status: 500 }, { body: [entry(1)] });
    await expect(list()).resolves.toEqual(found(1));
    server.answer('reset');
    await expect(list()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toHaveLength(4);
  });
});

describe('entries', () => {
  const odd: readonly unknown[] = [
    null,
    'x',
    [],
    {},
    { ...entry(9), session_id: 9 },
    { ...entry(9), session_id: idOf(9).toUpperCase().replace('0000-4', 'AAAA-4') },
    { ...entry(9), session_id: '../../v3/users' },
    entry(9, 'Approved'),
    entry(9, 'declined'),
    entry(9, 'Abgelehnt'),
    entry(9, null),
  ];

  test.each(odd.map((one) => [JSON.stringify(one), one] as const))('%s is left out', async (_text, one) => {
    server.answer({ body: [one] });
    await expect(list()).resolves.toEqual([]);
  });

  test('that are left out do not make a page look like the last one', async () => {
    server.answer({ body: [null, entry(1)] }, { body: [entry(2), entry(3)] });
    await expect(list('declined', 4)).resolves.toEqual(found(1, 2));
    expect(asked().map((one) => one.split('offset=')[1])).toEqual(['4&limit=2', '6&limit=2']);
  });

  test('that fill a last page end it, without a further question when the vendor says so', async () => {
    server.answer({ body: { next: null, results: [entry(1), null] } });
    await expect(list()).resolves.toEqual(found(1));
    expect(asked()).toHaveLength(1);
  });

  test('of a vendor that gives fewer at a time than it was asked for are all found', async () => {
    server.answer(
      { body: { next: 'https://v.example/?offset=2', results: [entry(1), entry(2)] } },
      { body: { next: null, results: [entry(3)] } },
    );
    await expect(list('declined', 0, 50)).resolves.toEqual(found(1, 2, 3));
    expect(asked().map((one) => one.split('offset=')[1])).toEqual(['0&limit=50', '2&limit=50']);
  });

  test('more than were asked for are cut', async () => {
    server.answer({ body: [entry(1), entry(2), entry(3)] });
    await expect(list()).resolves.toEqual(found(1, 2));
  });

  test('that never fit end in a failure, not in an endless walk', async () => {
    server.answer({ body: [entry(9, 'Approved'), entry(8, 'Approved')] });
    await expect(list()).rejects.toMatchObject({ code: 'vendor_unavailable' });
    expect(asked()).toHaveLength(5);
  });
});

test('a sweep uses at most half of the reads, and says when to come back', async () => {
  server.answer({ body: [] });
  for (let i = 0; i < 150; i++) await list();
  const error = await list().catch((caught) => caught);
  expect(error).toMatchObject({ code: 'vendor_unavailable' });
  expect(error.retryAfterSeconds).toBeGreaterThan(0);
  expect(asked()).toHaveLength(150);
  expect(didit.meter.counted.slice(-2)).toEqual(['vendor_requests list ok', 'vendor_requests list over-budget']);
});
