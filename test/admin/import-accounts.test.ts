import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { IMPORTED, type ImportedLine } from '../../src/admin/import-account.ts';
import { type ImportOrder, type ImportOutcome, importAccounts } from '../../src/admin/import-accounts.ts';
import { LEASE_SECONDS, takeLease } from '../../src/admin/lease.ts';
import { StorageUnavailable } from '../../src/core/errors.ts';
import { matchOf } from '../../src/login/enrol.ts';
import { createAccountStore } from '../../src/storage/accounts.ts';
import { account, jpeg, NOW, openParts, type TestParts } from './support.ts';

let parts: TestParts;
let folder: string;
let told: ImportedLine[];

beforeEach(async () => {
  parts = await openParts();
  folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-import-'));
  told = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(lines: readonly (object | string)[], order: Partial<ImportOrder> = {}): Promise<ImportOutcome> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const told_ = (line: ImportedLine) => void told.push(line);
  return importAccounts(parts, { text, folder, portrait: 'local', isDryRun: false, told: told_, ...order });
}

/** "2: what is wrong", in order */
async function faults(lines: readonly (object | string)[], order: Partial<ImportOrder> = {}): Promise<string[]> {
  const outcome = await run(lines, order);
  if (outcome.kind !== 'refused') throw new Error(`expected a refusal, got ${JSON.stringify(outcome)}`);
  for (const { fix } of outcome.faults) expect(fix).not.toBe('');
  return outcome.faults.map(({ line, problem }) => `${line}: ${problem}`);
}

const ann = { identifier: 'Ann@Example.org', vendor_data: 'user-1' };
const bob = { identifier: 'bob', vendor_data: 'user-2' };

describe('who is imported', () => {
  test('has an account under the name at the vendor, with claims, face and proven address, and has still to consent', async () => {
    writeFileSync(join(folder, 'ann.jpg'), jpeg('ann'));
    const claims = { name: 'Ann Núñez', given_name: 'Ann', family_name: 'Núñez', birthdate: '1990-12-31', gender: 'F' };
    const outcome = await run([{ ...ann, portrait: 'ann.jpg', claims, email_verified: true }]);
    expect(outcome).toEqual({ kind: 'done', imported: 1, unchanged: 0, unmatchable: 0, late: [], isStopped: false });
    const made = await parts.accounts.findByIdentifier('ann@example.org');
    expect(made).toEqual({
      id: expect.stringMatching(/^[\w-]{32}$/),
      subject: 'user-1',
      identifier: 'ann@example.org',
      createdAt: NOW,
      updatedAt: NOW,
      standing: 'good',
      profile: { ...claims, gender: 'female' },
      matching: matchOf(parts.sealer, { fullName: 'nunez ANN', birthDate: '1990-12-31' }),
      portrait: { kind: 'local', ref: expect.any(String), sha256: expect.any(String), pinnedAt: NOW },
      enrolledBy: { verificationId: expect.stringMatching(/^import:[\w-]{22}$/), at: NOW, purpose: 'enrol' },
      consent: null,
      email: { address: 'ann@example.org', verifiedAt: NOW },
    });
    expect(told).toEqual([{ line: 1, identifier: 'ann@example.org', id: made?.id, result: 'imported' }]);
    // the face stays
    parts.move(400 * 86_400);
    if (made?.portrait.kind !== 'local') throw new Error('no face');
    const face = await parts.accounts.loadPortrait(made.portrait.ref, made.portrait.sha256);
    expect(Buffer.from(face ?? [])).toEqual(jpeg('ann'));
  });

  test('without a picture is compared with the one at the vendor, and proves no address', async () => {
    await run([bob]);
    const made = await parts.accounts.findByIdentifier('bob');
    expect(made).toMatchObject({ portrait: { kind: 'vendor' }, profile: {}, subject: 'user-2' });
    expect(made).not.toHaveProperty('email');
  });

  test('keeps no face here where the policy leaves faces to the vendor', async () => {
    await run([{ ...bob, portrait: 'not-there.jpg' }], { portrait: 'vendor' });
    expect(await parts.accounts.findByIdentifier('bob')).toMatchObject({ portrait: { kind: 'vendor' } });
    expect(await parts.store.keys('portrait:')).toEqual([]);
  });

  test('is told of in the journal by id alone', async () => {
    await run([{ ...ann, claims: { name: 'Ann' } }, bob]);
    const ids = await parts.accounts.list();
    expect(parts.entries).toHaveLength(2);
    for (const entry of parts.entries) {
      expect(entry).toEqual({
        event: 'account.imported',
        account: expect.any(String),
        reasons: ['file'],
        portrait: 'vendor',
      });
      expect(ids).toContain(entry.account);
    }
  });

  test('is counted when no later document can be told to be theirs', async () => {
    const outcome = await run([{ ...ann, claims: { name: 'Ann', birthdate: '1990-12-31' } }, bob]);
    expect(outcome).toMatchObject({ imported: 2, unmatchable: 1 });
  });
});

describe('a fault anywhere, and nothing is imported', () => {
  test('all of them are told, by line', async () => {
    await parts.accounts.create(account('x', 'taken'));
    writeFileSync(join(folder, 'no.jpg'), 'GIF89a');
    writeFileSync(join(folder, 'half.jpg'), jpeg('half').subarray(0, 6));
    writeFileSync(join(folder, 'large.jpg'), jpeg('x'.repeat(750_000)));
    mkdirSync(join(folder, 'folder.jpg'));
    expect(
      await faults([
        { identifier: 'good', vendor_data: 'user-0' },
        '{"identifier":',
        '["good"]',
        { vendor_data: 'user-3', portrait: 'missing.jpg' },
        '',
        { ...ann, vendor_data: 7, vendorData: 'user-1', email_verified: 'yes' },
        { ...bob, claims: { birthdate: '1990-02-30', name: '', nickname: 'b' }, portrait: 'no.jpg' },
        { identifier: 'two words', vendor_data: 'user-4', portrait: 'half.jpg' },
        { identifier: 'dan', vendor_data: 'user-5', email_verified: true },
        { identifier: 'eve', vendor_data: ' padded ', portrait: 'large.jpg' },
        { identifier: 'fay', vendor_data: 'user-6', portrait: 'folder.jpg', claims: [] },
        { identifier: 'TAKEN', vendor_data: 'user-7' },
        { identifier: 'gil', vendor_data: 'subject-of-x' },
        { identifier: 'hal', vendor_data: 'user-\ufffd' },
      ]),
    ).toEqual([
      '2: is not JSON',
      '3: is no object',
      '4: identifier is missing',
      '4: portrait is not there',
      '6: vendor_data is not as it should be',
      '6: email_verified is not as it should be',
      '6: "vendorData" is an unknown name',
      '7: claims.name is not as it should be',
      '7: claims.birthdate is not as it should be',
      '7: "nickname" is an unknown name',
      '7: portrait is no JPEG',
      '8: identifier is none that can be signed in with',
      '8: portrait is no JPEG',
      '9: email_verified is true, and the identifier is no e-mail address',
      '10: vendor_data is not as it should be',
      expect.stringMatching(/^10: portrait has 750006 bytes$/),
      '11: claims is not as it should be',
      '11: portrait is no file',
      '12: identifier is taken by the account x',
      '13: vendor_data is that of the account x',
      '14: is not UTF-8',
    ]);
    expect(await parts.accounts.list()).toEqual(['x']);
    expect(parts.entries).toEqual([]);
    expect(await parts.store.keys('portrait:')).toEqual([]);
  });

  test('two lines are never one person, however they are spelt, also where one has a fault of its own', async () => {
    expect(
      await faults([
        ann,
        { identifier: 'ANN@example.ORG', vendor_data: 'user-3' },
        { identifier: 'cleo', vendor_data: 'USER-1', mistake: 1 },
      ]),
    ).toEqual([
      '2: identifier is that of line 1',
      '3: "mistake" is an unknown name',
      '3: vendor_data is that of line 1',
    ]);
  });

  test('the name of an account at the vendor is nobody else’s, in any letter case, and not for a new identifier', async () => {
    await run([ann]);
    const [made] = await parts.accounts.list();
    expect(await faults([{ ...ann, identifier: 'ann@example.com' }])).toEqual([
      `1: vendor_data is that of the account ${made}`,
    ]);
    expect(await faults([{ ...bob, vendor_data: 'USER-1' }])).toEqual([
      `1: vendor_data is that of the account ${made}`,
    ]);
    expect(await faults([{ ...ann, vendor_data: 'user-9' }])).toEqual([
      `1: identifier is taken by the account ${made}`,
    ]);
  });

  test('no fault repeats what a line says of a person', async () => {
    const secret = 'Zq3-canary';
    const lines = [
      {
        identifier: `${secret} x`,
        vendor_data: ` ${secret}`,
        portrait: secret,
        claims: { name: [secret], birthdate: secret },
      },
      `{"identifier":"${secret}`,
    ];
    expect(JSON.stringify(await run(lines))).not.toContain(secret);
  });

  test('a dry run judges the same, and writes nothing', async () => {
    expect(await faults([bob, bob], { isDryRun: true })).toHaveLength(2);
    await parts.accounts.create(account('x', 'carl', { subject: 'user-3' }));
    const outcome = await run([bob, { identifier: 'carl', vendor_data: 'user-3' }], { isDryRun: true });
    expect(outcome).toMatchObject({ kind: 'done', imported: 1, unchanged: 1 });
    expect(told).toEqual([
      { line: 1, identifier: 'bob', result: 'would-import' },
      { line: 2, identifier: 'carl', id: 'x', result: 'unchanged' },
    ]);
    expect(await parts.accounts.list()).toEqual(['x']);
    expect(await parts.store.keys('import:')).toEqual([]);
  });
});

describe('importing again', () => {
  test('leaves everybody as they are', async () => {
    await run([ann, bob]);
    const before = await parts.accounts.findByIdentifier('bob');
    parts.move(60);
    expect(await run([ann, { ...bob, claims: { name: 'Robert' } }])).toMatchObject({ imported: 0, unchanged: 2 });
    expect(await parts.accounts.findByIdentifier('bob')).toEqual(before);
    expect(parts.entries).toHaveLength(2);
  });

  test('needs no pictures of those who are there', async () => {
    const file = join(folder, 'bob.jpg');
    writeFileSync(file, jpeg('bob'));
    await run([{ ...bob, portrait: 'bob.jpg' }]);
    rmSync(file);
    expect(await run([{ ...bob, portrait: 'bob.jpg' }])).toMatchObject({ kind: 'done', unchanged: 1 });
  });

  /** Every step of the import in turn is the last that happens. */
  test.each([
    ['at once', LEASE_SECONDS],
    ['when a face that nobody pinned is gone', 3 * 3600],
  ])('completes what a crash left undone, wherever it was: %s', async (_, seconds) => {
    writeFileSync(join(folder, 'bob.jpg'), jpeg('bob'));
    const file = [ann, { ...bob, portrait: 'bob.jpg' }];
    let crashes = 0;
    for (let step = 1; ; step += 1) {
      parts = await openParts();
      const real = parts.store;
      let left = step;
      const stumbling = <T extends (...args: never[]) => Promise<unknown>>(work: T) =>
        ((...args: Parameters<T>) => {
          left -= 1;
          return left < 0 ? Promise.reject(new StorageUnavailable('crashed')) : work(...args);
        }) as unknown as T;
      const crashing = {
        ...real,
        set: stumbling(real.set),
        putIfAbsent: stumbling(real.putIfAbsent),
        update: stumbling(real.update),
      };
      const whole = parts;
      parts = { ...whole, store: crashing, accounts: createAccountStore({ store: crashing, sealer: whole.sealer }) };
      const isOver = await run(file).then(
        () => true,
        () => false,
      );
      whole.move(seconds);
      parts = whole;
      expect(await run(file)).toMatchObject({ kind: 'done', late: [] });
      const both = await Promise.all(['ann@example.org', 'bob'].map((name) => parts.accounts.findByIdentifier(name)));
      expect(both.map((each) => each?.subject)).toEqual(['user-1', 'user-2']);
      expect(await parts.accounts.list()).toHaveLength(2);
      const face = both[1]?.portrait;
      parts.move(3 * 3600);
      if (face?.kind !== 'local') throw new Error('no face');
      expect(await parts.accounts.loadPortrait(face.ref, face.sha256)).toBeDefined();
      // and nobody is there of whom the journal does not tell
      const toldOf = parts.entries.map((entry) => entry.account);
      for (const id of await parts.accounts.list()) expect(toldOf).toContain(id);
      if (isOver) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(8);
  });
});

describe('what changes while it is imported', () => {
  test('one import at a time; what a crash left is free again soon', async () => {
    const results = await Promise.all([run([ann]), run([{ ...bob, vendor_data: 'user-1' }])]);
    expect(results.map(({ kind }) => kind)).toEqual(['done', 'busy']);
    await takeLease(parts, 'import:lease');
    parts.move(LEASE_SECONDS - 20);
    expect(await run([bob])).toEqual({ kind: 'busy', seconds: 20 });
    parts.move(20);
    expect(await takeLease(parts, 'import:lease')).toBeDefined();
    await parts.store.delete('import:lease');
    // as a process of the version before has it
    await parts.store.putIfAbsent('import:lease', 'of a crashed one', LEASE_SECONDS);
    expect(await run([bob])).toEqual({ kind: 'busy', seconds: LEASE_SECONDS });
    parts.move(LEASE_SECONDS);
    expect(await run([bob])).toMatchObject({ kind: 'done', imported: 1 });
  });

  test('an import that stood still stops when another has begun', async () => {
    const stops = (line: ImportedLine) => {
      told.push(line);
      parts.move(LEASE_SECONDS + 1);
    };
    const outcome = await run([ann, bob], { told: stops });
    // nobody came in between, but it had stood still for longer than it may
    expect(outcome).toMatchObject({ imported: 1, isStopped: true });
    expect(await parts.accounts.findByIdentifier('bob')).toBeUndefined();
    expect(await run([ann, bob])).toMatchObject({ imported: 1, unchanged: 1, isStopped: false });
  });

  /** Something happens while the first line becomes an account. */
  function whileFirst(happens: () => Promise<unknown>): void {
    const { accounts } = parts;
    let isFirst = true;
    const create: typeof accounts.create = async (made) => {
      if (isFirst) await happens();
      isFirst = false;
      return accounts.create(made);
    };
    parts = { ...parts, accounts: { ...accounts, create } };
  }

  test('an identifier that somebody takes meanwhile is theirs, and is told', async () => {
    const { create } = parts.accounts;
    whileFirst(() => create(account('x', 'bob')));
    const outcome = await run([ann, bob]);
    expect(outcome).toMatchObject({
      imported: 1,
      late: [{ line: 2, problem: 'identifier is taken by another account' }],
    });
    expect(await parts.accounts.findByIdentifier('bob')).toMatchObject({ id: 'x' });
    expect(parts.entries.at(-1)).toMatchObject({ event: 'account.import-refused', reasons: ['identifier-taken'] });
  });

  test('what is removed meanwhile is not brought back', async () => {
    await run([bob]);
    const id = (await parts.accounts.findByIdentifier('bob'))?.id ?? '';
    whileFirst(() => parts.accounts.remove(id));
    const outcome = await run([ann, bob]);
    expect(outcome).toMatchObject({ imported: 1, unchanged: 0, late: [{ line: 2 }] });
    expect(await parts.accounts.find(id)).toBeUndefined();
  });
});

test('a name that stands for an import is none of the vendor’s', () => {
  expect(IMPORTED).not.toMatch(/^[\w-]+$/);
});
